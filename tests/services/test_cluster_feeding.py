"""A Kinesis stream (of a moto server) and a Kafka topic (of a real broker) as sources of delivery streams on a cluster: whichever
node reads them, and whatever is killed, each record is in the objects once."""

from __future__ import annotations

import itertools
import json
import signal
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from cluster_producers import s3 as s3_of
from cluster_support import Nodes, Servers, stream_to, until, zipped

import cloudcore
from cloudcore.cluster.leases import Leases
from cloudcore.cluster.link import Link
from cloudcore.objects import LocalObjects
from conftest import Moto

ROLE = "arn:aws:iam::000000000000:role/r"
TELLS = """
import base64, json
def handler(event, context):
    told = lambda one: {"data": base64.b64decode(one["data"]).decode(), "from": event["sourceKinesisStreamArn"],
                        "key": one["kinesisRecordMetadata"]["partitionKey"]}
    return {"records": [{"recordId": one["recordId"], "result": "Ok",
                         "data": base64.b64encode(json.dumps(told(one)).encode() + b"\\n").decode()} for one in event["records"]]}
"""


def _source(moto: Moto, name: str, shards: int) -> str:
    kinesis = moto.client("kinesis")
    kinesis.create_stream(StreamName=name, ShardCount=shards)
    found: str = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamARN"]
    return found


def _feeder(link: Link) -> str | None:
    """The node that reads the one source there is."""

    async def read() -> Any:
        leases = Leases(link)
        await leases.open()
        return await leases.read()

    found = [told["node"] for key, told in link.run(read()).items() if key.startswith("feed.")]
    return found[0] if found else None


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "y")


@pytest.mark.usefixtures("credentials")
def test_a_function_is_told_where_records_came_from(server: Servers, store: LocalObjects, moto: Moto) -> None:
    arn = _source(moto, "told", 2)
    with (
        cloudcore.open(f"{server.url}/a", objects=store, reach={arn: moto.url}) as a,
        cloudcore.open(f"{server.url}/b", objects=store, reach={arn: moto.url}) as b,
    ):
        a.client("lambda").create_function(FunctionName="tells", Runtime="python3.11", Role=ROLE, Handler="index.handler",
                                           Timeout=30, Code={"ZipFile": zipped(TELLS)})  # fmt: skip
        function = a.client("lambda").get_function_configuration(FunctionName="tells")["FunctionArn"]
        to = stream_to("told", ProcessingConfiguration={"Enabled": True, "Processors": [
            {"Type": "Lambda", "Parameters": [{"ParameterName": "LambdaArn", "ParameterValue": function}]}]})  # fmt: skip
        client = b.client("firehose")
        client.create_delivery_stream(
            DeliveryStreamName="told", DeliveryStreamType="KinesisStreamAsSource", ExtendedS3DestinationConfiguration=to,
            KinesisStreamSourceConfiguration={"KinesisStreamARN": arn, "RoleARN": ROLE},
        )  # fmt: skip
        described = a.client("firehose").describe_delivery_stream(DeliveryStreamName="told")["DeliveryStreamDescription"]
        assert described["Source"]["KinesisStreamSourceDescription"]["KinesisStreamARN"] == arn
        with pytest.raises(client.exceptions.InvalidSourceException):
            client.put_record(DeliveryStreamName="told", Record={"Data": b"x"})
        kinesis = moto.client("kinesis")
        for number in range(40):
            kinesis.put_record(StreamName="told", Data=f"r{number}".encode(), PartitionKey=f"p{number}")

        def lines() -> list[Any]:
            keys = [key for key in store.list("told") if key.startswith("data/")]
            return [json.loads(line) for key in keys for line in store.get("told", key).splitlines()]

        until("all is delivered", lambda: len(lines()) == 40)
        found = sorted(lines(), key=lambda line: int(line["data"][1:]))
        assert found == [{"data": f"r{number}", "from": arn, "key": f"p{number}"} for number in range(40)]
        assert sum(1 for _ in b.firehose.get("told").records(1, 100)) <= 40  # the newest batch stays in the log
        client.delete_delivery_stream(DeliveryStreamName="told")


class Producer(threading.Thread):
    """Puts numbered records into a Kinesis stream until it is stopped."""

    def __init__(self, moto: Moto, name: str):
        super().__init__(daemon=True)
        self._kinesis, self._name = moto.client("kinesis"), name
        self.count = 0
        self.stop = False

    def run(self) -> None:
        for turn in itertools.count():
            if self.stop:
                return
            records = [{"Data": f"{turn * 50 + each}\n".encode(), "PartitionKey": str(each)} for each in range(50)]
            told = self._kinesis.put_records(StreamName=self._name, Records=records)
            assert told["FailedRecordCount"] == 0
            self.count = (turn + 1) * 50
            time.sleep(0.05)


def test_each_record_once_whatever_is_killed(weed: Any, moto: Moto, tmp_path: Path) -> None:
    """The node that reads the source is killed, the next one stands still for longer than its lease and wakes up."""
    arn = _source(moto, "killed", 4)
    servers, nodes = Servers(tmp_path / "nats", 1), None
    producer = Producer(moto, "killed")
    try:
        nodes = Nodes(tmp_path / "nodes", servers.url, weed.url, options=("--reach", f"{arn}={moto.url}"))
        for name in ("n0", "n1", "n2"):
            nodes.start(name)
        for name in ("n0", "n1", "n2"):
            nodes.wait(name)
        s3 = s3_of(weed.url)
        s3.create_bucket(Bucket="fed")
        nodes.client("n0").create_delivery_stream(
            DeliveryStreamName="killed", DeliveryStreamType="KinesisStreamAsSource",
            KinesisStreamSourceConfiguration={"KinesisStreamARN": arn, "RoleARN": ROLE},
            ExtendedS3DestinationConfiguration=stream_to("fed", CompressionFormat="UNCOMPRESSED"),
        )  # fmt: skip
        producer.start()
        link = Link([f"nats://127.0.0.1:{servers.ports[0]}"], "")
        try:
            until("something is delivered", lambda: _delivered(s3))
            first = until("somebody reads", lambda: _feeder(link))
            nodes.signal(first)
            second = until("another reads", lambda: (found := _feeder(link)) != first and found)
            before = sum(_delivered(s3).values())
            until("it is delivered", lambda: sum(_delivered(s3).values()) > before + 500)
            nodes.signal(second, signal.SIGSTOP)
            third = until("another reads", lambda: (found := _feeder(link)) not in (first, second) and found)
            before = sum(_delivered(s3).values())
            until("it is delivered", lambda: sum(_delivered(s3).values()) > before + 500)
            nodes.signal(second, signal.SIGCONT)
            producer.stop = True
            producer.join(60)
            until("all is delivered", lambda: len(_delivered(s3)) >= producer.count)
            found = _delivered(s3)
            assert set(found) == set(range(producer.count)) and set(found.values()) == {1}
            assert third not in (first, second)
            print(f"{producer.count} records of 4 shards, read by {first}, {second} and {third}: each once")
        finally:
            link.close()
    finally:
        producer.stop = True
        if nodes is not None:
            nodes.stop()
        servers.stop()


def _delivered(s3: Any) -> Counter[int]:
    """Every number in the objects, and how often."""
    found: Counter[int] = Counter()
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket="fed", Prefix="data/"):
        for each in page.get("Contents", ()):
            found.update(int(line) for line in s3.get_object(Bucket="fed", Key=each["Key"])["Body"].read().split())
    return found
