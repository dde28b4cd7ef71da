"""A Kafka topic as the source, of a real broker (KRaft, one node, jars from Maven Central)."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import socket
import subprocess
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cloudcore.firehose import Firehose
from cloudcore.objects import LocalObjects
from conftest import Java, free_ports

ARN = "arn:aws:kafka:us-east-1:000000000000:cluster/c/1"
ROLE = "arn:aws:iam::000000000000:role/r"


class Broker(Java):
    def __init__(self, home: Path):
        plain, controller = free_ports(2)
        self.address = f"127.0.0.1:{plain}"
        home.mkdir(parents=True, exist_ok=True)
        properties = home / "server.properties"
        properties.write_text(
            f"process.roles=broker,controller\nnode.id=1\ncontroller.quorum.voters=1@127.0.0.1:{controller}\n"
            f"listeners=PLAINTEXT://127.0.0.1:{plain},CONTROLLER://127.0.0.1:{controller}\n"
            f"advertised.listeners=PLAINTEXT://127.0.0.1:{plain}\ncontroller.listener.names=CONTROLLER\n"
            f"log.dirs={home}/logs\noffsets.topic.replication.factor=1\nnum.partitions=3\n"
            "transaction.state.log.replication.factor=1\ntransaction.state.log.min.isr=1\n"
        )
        jars = Path(__file__).parents[2] / "build" / "services" / "kafka"
        if shutil.which("java") and (jars / ".copied").exists():
            subprocess.run(
                ["java", "-cp", str(jars / "*"), "kafka.tools.StorageTool", "format", "-t",
                 "MkU3OEVBNTcwNTJENDM2Qk", "-c", str(properties)], check=True, capture_output=True, cwd=home,
            )  # fmt: skip
        super().__init__("kafka", "kafka.Kafka", home, str(properties))
        self.wait(lambda: socket.create_connection(("127.0.0.1", plain), 2).close())

    def stop(self) -> None:
        self.process.terminate()
        super().stop()


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    home = tmp_path_factory.mktemp("kafka")
    server = Broker(home)
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(home, ignore_errors=True)


def produce(broker: Broker, topic: str, first: int, last: int) -> None:
    from aiokafka import AIOKafkaProducer

    async def send() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=broker.address)
        await producer.start()
        try:
            sent = [await producer.send(topic, b"%d\n" % n, partition=n % 3) for n in range(first, last)]
            await asyncio.gather(*sent)
        finally:
            await producer.stop()

    asyncio.run(send())


def service(tmp_path: Path, broker: Broker) -> Firehose:
    return Firehose(tmp_path / "f", objects=LocalObjects(tmp_path / "o"), reach={ARN: broker.address})


def until(stream: Any, count: int) -> None:
    pause = threading.Event()
    for _ in range(2400):
        if stream.last_sequence >= count:
            return
        pause.wait(0.05)
    raise AssertionError(f"{stream.last_sequence} of {count}")


def test_a_topic_is_read_once_over_restarts(broker: Broker, tmp_path: Path) -> None:
    topic = f"t-{uuid.uuid4().hex[:8]}"
    produce(broker, topic, 0, 500)
    firehose = service(tmp_path, broker)
    firehose.call("CreateDeliveryStream", {
        "DeliveryStreamName": "s", "DeliveryStreamType": "MSKAsSource",
        "MSKSourceConfiguration": {
            "MSKClusterARN": ARN, "TopicName": topic, "ReadFromTimestamp": 0,
            "AuthenticationConfiguration": {"RoleARN": ROLE, "Connectivity": "PUBLIC"}},
        "ExtendedS3DestinationConfiguration": {
            "RoleARN": ROLE, "BucketARN": "arn:aws:s3:::lake", "BufferingHints": {"IntervalInSeconds": 0, "SizeInMBs": 1}},
    })  # fmt: skip
    until(firehose.get("s"), 500)
    produce(broker, topic, 500, 1000)
    firehose.close()
    produce(broker, topic, 1000, 1500)
    firehose = service(tmp_path, broker)
    firehose.resume()
    stream = firehose.get("s")
    until(stream, 1500)
    assert stream.flush(120) and stream.last_sequence == 1500
    objects = LocalObjects(tmp_path / "o")
    text = b"".join(objects.get("lake", key) for key in objects.list("lake"))
    assert sorted(int(line) for line in text.split()) == list(range(1500))
    found = firehose.call("DescribeDeliveryStream", {"DeliveryStreamName": "s"})["DeliveryStreamDescription"]
    assert found["Source"]["MSKSourceDescription"]["TopicName"] == topic
    firehose.close()


def test_a_topic_is_read_once_by_one_node_after_the_other(broker: Broker, server: Any, store: LocalObjects) -> None:
    import cloudcore

    topic = f"t-{uuid.uuid4().hex[:8]}"
    produce(broker, topic, 0, 500)

    def node(name: str) -> Any:
        return cloudcore.open(f"{server.url}/{name}", objects=store, reach={ARN: broker.address})

    def arrived(cloud: Any, count: int) -> list[int]:
        stream = cloud.firehose.get("s")
        until(stream, 1)

        def found() -> list[int]:
            assert stream.flush(120)
            text = b"".join(store.get("cluster-lake", key) for key in store.list("cluster-lake"))
            return sorted(int(line) for line in text.split())

        pause = threading.Event()
        for _ in range(1200):
            if len(lines := found()) >= count:
                return lines
            pause.wait(0.1)
        raise AssertionError(f"{len(lines)} of {count}")

    with node("a") as cloud:
        cloud.client("firehose").create_delivery_stream(
            DeliveryStreamName="s", DeliveryStreamType="MSKAsSource",
            MSKSourceConfiguration={
                "MSKClusterARN": ARN, "TopicName": topic, "ReadFromTimestamp": 0,
                "AuthenticationConfiguration": {"RoleARN": ROLE, "Connectivity": "PUBLIC"}},
            ExtendedS3DestinationConfiguration={
                "RoleARN": ROLE, "BucketARN": "arn:aws:s3:::cluster-lake",
                "BufferingHints": {"IntervalInSeconds": 1, "SizeInMBs": 1}},
        )  # fmt: skip
        assert arrived(cloud, 500) == list(range(500))  # and nothing but the newest batch is in the log any more
    produce(broker, topic, 500, 1000)
    with node("b") as cloud:
        assert arrived(cloud, 1000) == list(range(1000))


class Answer:
    function_error = None

    def __init__(self, payload: bytes):
        self.payload = payload


def test_a_transform_is_told_partition_and_offset(broker: Broker, tmp_path: Path) -> None:
    events: list[Any] = []

    def invoke(_: str, payload: bytes) -> Answer:
        events.append(json.loads(payload))
        told = [{"recordId": r["recordId"], "result": "Ok", "kafkaRecordValue": r["kafkaRecordValue"]}
                for r in events[-1]["records"]]  # fmt: skip
        return Answer(json.dumps({"records": told}).encode())

    topic = f"t-{uuid.uuid4().hex[:8]}"
    produce(broker, topic, 0, 300)
    firehose = Firehose(None, objects=LocalObjects(tmp_path / "o"), invoke=invoke)
    stream = firehose.stream(
        "s", source=f"kafka://{broker.address}/{topic}", bucket="lake", buffer_seconds=0, transform_buffer_seconds=0,
        transform="arn:aws:lambda:us-east-1:000000000000:function:see",
    )  # fmt: skip
    produce(broker, topic, 300, 600)  # from now on is what a source takes; what was there before is not
    until(stream, 300)
    assert stream.flush(120)
    seen = {}
    for event in events:
        assert event["sourceMSKArn"].startswith("arn:aws:kafka:") and "sourceKinesisStreamArn" not in event
        for record in event["records"]:
            of = record["mskRecordMetadata"]
            assert isinstance(of["approximateArrivalTimestamp"], int) and "data" not in record
            seen[int(base64.b64decode(record["kafkaRecordValue"]))] = (of["partitionId"], of["offset"])
    assert seen == {n: (str(n % 3), str(n // 3)) for n in range(300, 600)}
    firehose.close()
