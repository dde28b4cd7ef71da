"""Streams that a source fills: a Kinesis stream of a moto server; the Feed's one promise; what is refused."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto_support import moto_server

import cloudcore
from cloudcore.errors import ApiError
from cloudcore.firehose import Firehose
from cloudcore.firehose.sources.aggregate import parts_of
from cloudcore.firehose.sources.feed import Feed, write_atomically
from cloudcore.firehose.sources.origins import KINDS, Origins
from cloudcore.objects import LocalObjects

ROLE = "arn:aws:iam::000000000000:role/r"
ARN = "arn:aws:kinesis:us-east-1:123456789012:stream/orders"
BUCKET = {
    "RoleARN": ROLE,
    "BucketARN": "arn:aws:s3:::lake",
    "BufferingHints": {"IntervalInSeconds": 0, "SizeInMBs": 1},
}
KEYS = {"region_name": "us-east-1", "aws_access_key_id": "a", "aws_secret_access_key": "b"}


def until(condition: Callable[[], Any], seconds: float = 60) -> None:
    pause = threading.Event()
    for _ in range(int(seconds / 0.05)):
        if condition():
            return
        pause.wait(0.05)
    raise AssertionError("it did not come")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with moto_server() as url:
        yield url


@pytest.fixture
def kinesis(server: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name, value in (("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b")):
        monkeypatch.setenv(name, value)
    client = boto3.client("kinesis", endpoint_url=server, **KEYS)
    if "orders" in client.list_streams()["StreamNames"]:
        client.delete_stream(StreamName="orders")
    client.create_stream(StreamName="orders", ShardCount=2)
    return client


def service(tmp_path: Path, url: str) -> Firehose:
    return Firehose(tmp_path / "f", objects=LocalObjects(tmp_path / "o"), reach={ARN: url})


def create(firehose: Firehose, **more: Any) -> Any:
    firehose.call("CreateDeliveryStream", {
        "DeliveryStreamName": "s", "DeliveryStreamType": "KinesisStreamAsSource",
        "KinesisStreamSourceConfiguration": {"KinesisStreamARN": ARN, "RoleARN": ROLE},
        "ExtendedS3DestinationConfiguration": BUCKET, **more,
    })  # fmt: skip
    return firehose.get("s")


def delivered(tmp_path: Path) -> list[int]:
    objects = LocalObjects(tmp_path / "o")
    text = b"".join(objects.get("lake", key) for key in objects.list("lake"))
    return sorted(int(line) for line in text.split())


def put(client: Any, first: int, last: int) -> None:
    for begin in range(first, last, 400):
        records = [
            {"Data": b"%d\n" % n, "PartitionKey": str(n)} for n in range(begin, min(last, begin + 400))
        ]
        client.put_records(StreamName="orders", Records=records)


def test_a_kinesis_stream_is_read_once_over_restarts_and_a_split(
    server: str, kinesis: Any, tmp_path: Path
) -> None:
    firehose = service(tmp_path, server)
    stream = create(firehose)
    put(kinesis, 0, 1000)
    until(lambda: stream.last_sequence == 1000)
    firehose.close()
    put(kinesis, 1000, 1500)
    shard = kinesis.list_shards(StreamName="orders")["Shards"][0]
    low, high = (int(shard["HashKeyRange"][k]) for k in ("StartingHashKey", "EndingHashKey"))
    kinesis.split_shard(
        StreamName="orders", ShardToSplit=shard["ShardId"], NewStartingHashKey=str((low + high) // 2)
    )
    put(kinesis, 1500, 2000)
    firehose = service(tmp_path, server)
    firehose.resume()
    stream = firehose.get("s")
    until(lambda: stream.last_sequence >= 2000)
    assert stream.flush(60) and stream.last_sequence == 2000
    assert delivered(tmp_path) == list(range(2000))
    with pytest.raises(ApiError) as refused:
        firehose.call("PutRecord", {"DeliveryStreamName": "s", "Record": {"Data": b"x"}})
    assert refused.value.code == "InvalidSourceException"
    body = json.dumps({"DeliveryStreamName": "s", "Record": {"Data": "eA=="}}).encode()
    assert b"InvalidSourceException" in firehose.call_json("PutRecord", body)[1]
    found = firehose.call("DescribeDeliveryStream", {"DeliveryStreamName": "s"})["DeliveryStreamDescription"]
    assert found["DeliveryStreamType"] == "KinesisStreamAsSource"
    assert found["Source"]["KinesisStreamSourceDescription"]["KinesisStreamARN"] == ARN
    for kind, names in (("KinesisStreamAsSource", ["s"]), ("DirectPut", []), (None, ["s"])):
        given = {} if kind is None else {"DeliveryStreamType": kind}
        assert firehose.call("ListDeliveryStreams", given)["DeliveryStreamNames"] == names
    firehose.close()


def test_a_source_that_is_down_is_asked_again(server: str, kinesis: Any, tmp_path: Path) -> None:
    kinesis.delete_stream(StreamName="orders")
    firehose = service(tmp_path, server)
    stream = create(firehose)
    kinesis.create_stream(StreamName="orders", ShardCount=1)
    put(kinesis, 0, 10)
    until(lambda: stream.last_sequence == 10)
    firehose.close()


class Killed(BaseException):
    pass


def test_a_kill_at_any_step_stores_each_record_once(tmp_path: Path) -> None:
    """The positions' file and the log, killed before and after each of their writes."""
    for kill_at in range(1, 30):
        log: list[bytes] = []
        steps = 0

        def step(kill_at: int = kill_at) -> None:
            nonlocal steps
            steps += 1
            if steps == kill_at:
                raise Killed

        def write(path: str, text: str) -> None:
            step()
            write_atomically(path, text)
            step()

        def append(records: list[bytes], origins: Origins | None, log: list[Any] = log) -> None:
            step()
            log.extend(records)
            step()

        path = str(tmp_path / f"{kill_at}.json")
        source = [b"%d" % n for n in range(30)]
        for _ in range(2):
            feed = Feed("s", path, append, lambda log=log: len(log), write)
            try:
                while (at := feed.positions.get("0", 0)) < len(source):
                    feed.store(source[at : at + 5], {"0": at + 5})
            except Killed:
                continue
        assert log == source, kill_at


def test_an_append_that_is_cut_off_is_gone_on_with(tmp_path: Path) -> None:
    """A large append is several batches of the log: a kill, or a full disk, between any two of them, while two shards
    are read in turns, in portions that are others the next time."""
    for kill_at in range(1, 60):
        log: list[Any] = []
        steps = 0

        def step(kill_at: int = kill_at) -> None:
            nonlocal steps
            steps += 1
            if steps == kill_at:
                raise Killed
            if steps % 7 == 0:
                raise ApiError("ServiceUnavailableException", "Slow down.", 503)

        def append(records: list[bytes], origins: Origins | None, log: list[Any] = log) -> None:
            for at, record in enumerate(records):
                step()
                assert origins is not None
                log.append((record, json.loads(origins.text(at))))
            step()

        path = str(tmp_path / f"{kill_at}.json")
        source = {shard: [b"%s%d" % (shard.encode(), n) for n in range(20)] for shard in "ab"}
        for life in range(2):
            feed = Feed("s", path, append, lambda log=log: len(log), write_atomically)
            turn = 0
            try:
                while any(feed.positions.get(shard, 0) < 20 for shard in source):
                    turn += 1
                    shard = "ab"[turn % 2]
                    at = feed.positions.get(shard, 0)
                    size = 3 + (turn + life) % 5
                    try:
                        rows = [(str(n), n) for n in range(at, min(20, at + size))]
                        feed.store(
                            source[shard][at : at + size],
                            {shard: min(20, at + size)},
                            Origins("msk", shard, rows),
                        )
                    except ApiError:
                        continue
            except Killed:
                continue
        for shard, wanted in source.items():
            found = [each for each in log if each[0].startswith(shard.encode())]
            assert [record for record, _ in found] == wanted, (kill_at, shard)
            assert [origin for _, origin in found] == [
                {"partitionId": shard, "offset": str(n), "approximateArrivalTimestamp": n} for n in range(20)
            ], (kill_at, shard)


def aggregate(records: list[bytes]) -> bytes:
    """As the Kinesis Producer Library makes it."""

    def field(number: int, data: bytes) -> bytes:
        size = len(data)
        out = bytes([number << 3 | 2])
        while size > 127:
            out, size = out + bytes([size & 127 | 128]), size >> 7
        return out + bytes([size]) + data

    body = field(1, b"key-one") + field(1, b"key-two")
    for number, record in enumerate(records):
        body += field(3, b"\x08" + bytes([number % 2]) + field(3, record))
    return b"\xf3\x89\x9a\xc2" + body + hashlib.md5(body).digest()


def test_aggregates_of_the_producer_library_are_taken_apart(
    server: str, kinesis: Any, tmp_path: Path
) -> None:
    packed = aggregate([b"%d\n" % n for n in range(500)])
    long = aggregate([b" " * 40_000 + b"500\n", b"501\n"])
    broken = packed[:-1] + bytes([packed[-1] ^ 1])
    keys = ("key-one", "key-two")
    assert parts_of(packed) == [(b"%d\n" % n, keys[n % 2]) for n in range(500)] and parts_of(b"") == [
        (b"", None)
    ]
    assert parts_of(broken) == [(broken, None)] and parts_of(aggregate([])) == []
    for cut in range(len(long)):  # never an error, whatever the bytes
        body = long[4:cut]
        assert parts_of(long[:cut]) == [(long[:cut], None)]
        if cut % 997 == 0:
            parts_of(long[:4] + body + hashlib.md5(body).digest())
    firehose = service(tmp_path, server)
    stream = create(firehose)
    for data in (packed, long, b"502\n"):
        kinesis.put_record(StreamName="orders", Data=data, PartitionKey="k")
    until(lambda: stream.last_sequence == 503)
    assert stream.flush(60) and delivered(tmp_path) == list(range(503))
    firehose.close()


LAMBDA = "arn:aws:lambda:us-east-1:123456789012:function:see"
TRANSFORM = {"Enabled": True, "Processors": [{"Type": "Lambda", "Parameters": [
    {"ParameterName": "LambdaArn", "ParameterValue": LAMBDA}]}]}  # fmt: skip


class Answer:
    function_error = None

    def __init__(self, payload: bytes):
        self.payload = payload


def test_a_transform_is_told_where_records_came_from(server: str, kinesis: Any, tmp_path: Path) -> None:
    """Over a restart that finds them in the log only; with sealed batches too (test_origins_in_the_log)."""
    events: list[Any] = []

    def invoke(_: str, payload: bytes) -> Answer:
        events.append(json.loads(payload))
        told = [{"recordId": r["recordId"], "result": "Ok", "data": r["data"]} for r in events[-1]["records"]]
        return Answer(json.dumps({"records": told}).encode())

    bucket = {**BUCKET, "ProcessingConfiguration": TRANSFORM}
    firehose = service(tmp_path, server)
    firehose.invoke = invoke
    stream = create(firehose, ExtendedS3DestinationConfiguration=bucket)
    placed = {}
    for n in range(20):
        told = kinesis.put_record(StreamName="orders", Data=b"%d\n" % n, PartitionKey=f"key {n}")
        placed[n] = (told["ShardId"], told["SequenceNumber"], f"key {n}", 0)
    told = kinesis.put_record(StreamName="orders", Data=aggregate([b"20\n", b"21\n"]), PartitionKey="packed")
    for part, key in enumerate(("key-one", "key-two")):
        placed[20 + part] = (told["ShardId"], told["SequenceNumber"], key, part)
    until(lambda: stream.last_sequence == 22)
    firehose.close()
    firehose = service(tmp_path, "http://127.0.0.1:1")  # nothing is read again
    firehose.invoke = invoke
    stream = firehose.get("s")
    assert stream.flush(60) and delivered(tmp_path) == list(range(22))
    seen = {}
    for event in events:
        assert event["sourceKinesisStreamArn"] == ARN and event["deliveryStreamArn"] == stream.arn
        for record in event["records"]:
            of = record["kinesisRecordMetadata"]
            assert abs(of["approximateArrivalTimestamp"] - record["approximateArrivalTimestamp"]) < 600_000
            assert set(of) == {"shardId", *KINDS["kinesis"].members}
            number = int(base64.b64decode(record["data"]))
            seen[number] = (of["shardId"], of["sequenceNumber"], of["partitionKey"], of["subsequenceNumber"])
    assert seen == placed
    firehose.close()


def test_origins_in_the_log(tmp_path: Path) -> None:
    """Each record keeps its own, whatever the log cuts a large append into, sealed or not."""
    from cloudcore._log import Log
    from cloudcore.firehose.records import split
    from cloudcore.firehose.sealed import SealedLog, Sealer

    records = [b"%d" % n + b"x" * (n % 9000) for n in range(4000)]
    rows = [("k" * (n % 300), n, str(n), 0) for n in range(4000)]
    for current in (None, 1):
        log = SealedLog(Log(None), "source", Sealer("s", {1: b"k" * 32}, current))
        first, last = log.append_records(records, origins=Origins("kinesis", "shard-1", rows))
        log.append_records([b"plain"])
        assert (first, last) == (1, 4000)
        found, batches = [], 0
        for batch in log.read(1):
            batches += 1
            assert batch.type == 1
            origins = getattr(batch, "origins", None)
            for at, data in enumerate(split(batch.payload)):
                found.append((bytes(data), origins and json.loads(origins.text(at))))
        assert batches > 5 and found.pop() == (b"plain", None)
        assert [data for data, _ in found] == records
        assert [tuple(told[name] for name in KINDS["kinesis"].members) for _, told in found] == rows
        log.close()


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"DeliveryStreamType": "DatabaseAsSource"}, "DatabaseAsSource is not supported"),
        ({"DeliveryStreamType": "KinesisStreamAsSource"}, "KinesisStreamSourceConfiguration is required"),
        ({"KinesisStreamSourceConfiguration": {"KinesisStreamARN": ARN, "RoleARN": ROLE}}, "does not go with"),
        ({"DeliveryStreamType": "MSKAsSource", "MSKSourceConfiguration": {
            "MSKClusterARN": "arn:aws:kafka:us-east-1:1:cluster/c", "TopicName": "t",
            "AuthenticationConfiguration": {"RoleARN": ROLE, "Connectivity": "PUBLIC"}}}, "say its brokers"),
        ({"DeliveryStreamType": "KinesisStreamAsSource",
          "KinesisStreamSourceConfiguration": {"KinesisStreamARN": ARN, "RoleARN": ROLE},
          "DeliveryStreamEncryptionConfigurationInput": {"KeyType": "AWS_OWNED_CMK"}}, "DirectPut streams only"),
    ],
)  # fmt: skip
def test_what_is_refused(tmp_path: Path, members: dict[str, Any], words: str) -> None:
    firehose = service(tmp_path, "http://127.0.0.1:1")
    with pytest.raises(ApiError) as refused:
        firehose.call(
            "CreateDeliveryStream",
            {"DeliveryStreamName": "s", "ExtendedS3DestinationConfiguration": BUCKET, **members},
        )
    assert words in refused.value.message and firehose.names() == []


def test_a_cloud_takes_the_map_of_addresses() -> None:
    with cloudcore.open(":memory:", reach={"https://a": "http://b"}) as cloud:
        assert cloud.firehose.reach == {"https://a": "http://b"}
