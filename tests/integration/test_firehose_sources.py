"""Streams that a source fills: a Kinesis stream of a moto server; the Feed's one promise; what is refused."""

from __future__ import annotations

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
from cloudcore.firehose.sources.aggregate import records_of
from cloudcore.firehose.sources.feed import Feed, write_atomically
from cloudcore.objects import LocalObjects

ROLE = "arn:aws:iam::000000000000:role/r"
ARN = "arn:aws:kinesis:us-east-1:123456789012:stream/orders"
BUCKET = {"RoleARN": ROLE, "BucketARN": "arn:aws:s3:::lake", "BufferingHints": {"IntervalInSeconds": 0, "SizeInMBs": 1}}
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
        records = [{"Data": b"%d\n" % n, "PartitionKey": str(n)} for n in range(begin, min(last, begin + 400))]
        client.put_records(StreamName="orders", Records=records)


def test_a_kinesis_stream_is_read_once_over_restarts_and_a_split(server: str, kinesis: Any, tmp_path: Path) -> None:
    firehose = service(tmp_path, server)
    stream = create(firehose)
    put(kinesis, 0, 1000)
    until(lambda: stream.last_sequence == 1000)
    firehose.close()
    put(kinesis, 1000, 1500)
    shard = kinesis.list_shards(StreamName="orders")["Shards"][0]
    low, high = (int(shard["HashKeyRange"][k]) for k in ("StartingHashKey", "EndingHashKey"))
    kinesis.split_shard(StreamName="orders", ShardToSplit=shard["ShardId"], NewStartingHashKey=str((low + high) // 2))
    put(kinesis, 1500, 2000)
    firehose = service(tmp_path, server)
    firehose.resume()
    stream = firehose.get("s")
    until(lambda: stream.last_sequence >= 2000)
    assert stream.flush(30) and stream.last_sequence == 2000
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

        def append(records: list[bytes], log: list[bytes] = log) -> None:
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
        log: list[bytes] = []
        steps = 0

        def step(kill_at: int = kill_at) -> None:
            nonlocal steps
            steps += 1
            if steps == kill_at:
                raise Killed
            if steps % 7 == 0:
                raise ApiError("ServiceUnavailableException", "Slow down.", 503)

        def append(records: list[bytes], log: list[bytes] = log) -> None:
            for record in records:
                step()
                log.append(record)
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
                        feed.store(source[shard][at : at + size], {shard: min(20, at + size)})
                    except ApiError:
                        continue
            except Killed:
                continue
        for shard, wanted in source.items():
            assert [each for each in log if each.startswith(shard.encode())] == wanted, (kill_at, shard)


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


def test_aggregates_of_the_producer_library_are_taken_apart(server: str, kinesis: Any, tmp_path: Path) -> None:
    packed = aggregate([b"%d\n" % n for n in range(500)])
    long = aggregate([b" " * 40_000 + b"500\n", b"501\n"])
    broken = packed[:-1] + bytes([packed[-1] ^ 1])
    assert records_of(packed) == [b"%d\n" % n for n in range(500)] and records_of(b"") == [b""]
    assert records_of(broken) == [broken] and records_of(aggregate([])) == []
    for cut in range(len(long)):  # never an error, whatever the bytes
        body = long[4:cut]
        assert records_of(long[:cut]) == [long[:cut]]
        if cut % 997 == 0:
            records_of(long[:4] + body + hashlib.md5(body).digest())
    firehose = service(tmp_path, server)
    stream = create(firehose)
    for data in (packed, long, b"502\n"):
        kinesis.put_record(StreamName="orders", Data=data, PartitionKey="k")
    until(lambda: stream.last_sequence == 503)
    assert stream.flush(30) and delivered(tmp_path) == list(range(503))
    firehose.close()


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
        firehose.call("CreateDeliveryStream", {"DeliveryStreamName": "s", "ExtendedS3DestinationConfiguration": BUCKET, **members})
    assert words in refused.value.message and firehose.names() == []


def test_a_cloud_takes_the_map_of_addresses() -> None:
    with cloudcore.open(":memory:", reach={"https://a": "http://b"}) as cloud:
        assert cloud.firehose.reach == {"https://a": "http://b"}
