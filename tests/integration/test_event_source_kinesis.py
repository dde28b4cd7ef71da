"""Event source mappings of a Kinesis stream, of a moto server."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto_support import moto_server, wait_for

import cloudcore
from cloudcore import shards
from cloudcore.clock import ManualClock
from cloudcore.lambda_ import Function, Lambda
from cloudcore.lambda_.code import pack

ARN = "arn:aws:kinesis:us-east-1:123456789012:stream/orders"
CODE = b"""import base64, json
def handler(event, context):
    print('SAW' + json.dumps(event))
    if any(base64.b64decode(one['kinesis']['data']) == b'bad' for one in event['Records']):
        raise ValueError('bad')
"""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with moto_server() as url:
        yield url


@pytest.fixture
def kinesis(server: str) -> Any:
    client = boto3.client(
        "kinesis", endpoint_url=server, region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
    )
    if "orders" in client.list_streams()["StreamNames"]:
        client.delete_stream(StreamName="orders")
    client.create_stream(StreamName="orders", ShardCount=2)
    return client


def opened(path: Any, server: str) -> Any:
    cloud = cloudcore.open(path, reach={"arn:aws:kinesis:": server})
    cloud.function("fn", pack({"h.py": CODE}), handler="h.handler", timeout=20)
    return cloud


def connect(cloud: Any, **settings: Any) -> Any:
    return cloud.client("lambda").create_event_source_mapping(
        **{"FunctionName": "fn", "EventSourceArn": ARN, "StartingPosition": "TRIM_HORIZON"} | settings
    )


def put(kinesis: Any, *values: bytes, key: str | None = None) -> None:
    records = [{"Data": one, "PartitionKey": key or one.decode()} for one in values]
    kinesis.put_records(StreamName="orders", Records=records)


def seen(cloud: Any) -> list[dict[str, Any]]:
    log = cloud.lambda_.log("fn").tail().decode()
    return [json.loads(line[3:]) for line in log.splitlines() if line.startswith("SAW")]


def data(cloud: Any) -> list[str]:
    return [base64.b64decode(one["kinesis"]["data"]).decode() for event in seen(cloud) for one in event["Records"]]


def test_a_stream_is_read_once_over_restarts_and_a_split(tmp_path: Any, server: str, kinesis: Any) -> None:
    names = [str(number) for number in range(40)]
    put(kinesis, *(name.encode() for name in names))
    with opened(tmp_path, server) as cloud:
        made = connect(cloud, BatchSize=7, ParallelizationFactor=2)
        assert made["StartingPosition"] == "TRIM_HORIZON"
        wait_for(lambda: len(data(cloud)) >= 40)
        assert sorted(data(cloud)) == sorted(names)
        record = seen(cloud)[0]["Records"][0]
        assert record["eventSource"] == "aws:kinesis" and record["eventSourceARN"] == ARN
        assert record["eventName"] == "aws:kinesis:record" and record["awsRegion"] == "us-east-1"
        told = record["kinesis"]
        assert record["eventID"].endswith(":" + told["sequenceNumber"])
        assert abs(told["approximateArrivalTimestamp"] - time.time()) < 600
        shards = {one["eventID"].partition(":")[0] for event in seen(cloud) for one in event["Records"]}
        assert len(shards) == 2
        for event in seen(cloud):
            assert len(event["Records"]) <= 7
            assert len({one["eventID"].partition(":")[0] for one in event["Records"]}) == 1
        wait_for(lambda: cloud.lambda_.mappings.result(made["UUID"]) == "OK")
    shard = kinesis.list_shards(StreamName="orders")["Shards"][0]
    middle = (int(shard["HashKeyRange"]["EndingHashKey"]) + int(shard["HashKeyRange"]["StartingHashKey"])) // 2
    kinesis.split_shard(StreamName="orders", ShardToSplit=shard["ShardId"], NewStartingHashKey=str(middle))
    more = [str(number) for number in range(100, 140)]
    put(kinesis, *(name.encode() for name in more))
    with opened(tmp_path, server) as cloud:
        cloud.lambda_  # noqa: B018 - its mappings go on
        wait_for(lambda: len(data(cloud)) >= 80)
        assert sorted(data(cloud)) == sorted(names + more)


def test_filters_see_the_data_and_failures_are_told(server: str, kinesis: Any) -> None:
    pattern = json.dumps({"data": {"kind": ["yes"]}, "partitionKey": [{"prefix": "k"}]})
    with opened(":memory:", server) as cloud:
        made = connect(cloud, FilterCriteria={"Filters": [{"Pattern": pattern}, {"Pattern": '{"data": ["bad"]}'}]})
        put(kinesis, b'{"kind": "yes", "n": 1}', b'{"kind": "no"}', b"text", key="k")
        wait_for(lambda: data(cloud) == ['{"kind": "yes", "n": 1}'])
        target = {"OnFailure": {"Destination": "arn:aws:s3:::failed"}}
        cloud.client("lambda").update_event_source_mapping(
            UUID=made["UUID"], MaximumRetryAttempts=0, DestinationConfig=target
        )
        put(kinesis, b"bad", key="k")
        (key,) = wait_for(lambda: list(cloud.objects.list("failed")))
        told = json.loads(cloud.objects.get("failed", key))
        info = told["KinesisBatchInfo"]
        assert info["batchSize"] == 1 and info["streamArn"] == ARN and info["shardId"].startswith("shardId-")
        assert info["startSequenceNumber"] == info["endSequenceNumber"] and "DDBStreamBatchInfo" not in told
        (lost,) = json.loads(told["payload"])["Records"]
        assert base64.b64decode(lost["kinesis"]["data"]) == b"bad"


@pytest.mark.parametrize("position", ["LATEST", "AT_TIMESTAMP"])
def test_where_reading_begins(position: str, server: str, kinesis: Any) -> None:
    put(kinesis, b"before", key="k")
    time.sleep(0.01)
    began = datetime.now(UTC)
    if position == "AT_TIMESTAMP":
        put(kinesis, b"between", key="k")
        time.sleep(0.01)
    with opened(":memory:", server) as cloud:
        with pytest.raises(ClientError, match="goes with"):
            connect(cloud, StartingPosition="AT_TIMESTAMP")
        with pytest.raises(ClientError, match="future"):
            connect(cloud, StartingPosition="AT_TIMESTAMP", StartingPositionTimestamp=time.time() + 60)
        more = {"StartingPositionTimestamp": began} if position == "AT_TIMESTAMP" else {}
        made = connect(cloud, StartingPosition=position, **more)
        assert ("StartingPositionTimestamp" in made) is (position == "AT_TIMESTAMP")
        put(kinesis, b"after", key="k")
        wait_for(lambda: data(cloud)[-1:] == ["after"])
        assert data(cloud) == (["between"] if more else []) + ["after"]


def test_a_server_that_is_away_is_waited_for(server: str, kinesis: Any) -> None:
    with opened(":memory:", server) as cloud:
        made = connect(cloud)
        put(kinesis, b"one", key="k")
        wait_for(lambda: data(cloud) == ["one"])
        kinesis.delete_stream(StreamName="orders")
        wait_for(lambda: "PROBLEM" in cloud.lambda_.mappings.result(made["UUID"]))
        kinesis.create_stream(StreamName="orders", ShardCount=1)
        cloud.client("lambda").delete_event_source_mapping(UUID=made["UUID"])


class Double:
    """A strict double of a Kinesis client: one shard whose reads are scripted, for what moto does not do: reads that find
    nothing before the end of the stream, and shards that expire."""

    def __init__(self, answers: list[dict[str, Any]]):
        self.answers, self.shards, self.asked = answers, ["shardId-000000000000"], 0

    def describe_stream_summary(self, *, StreamName: str) -> dict[str, Any]:
        return {}

    def list_shards(self, *, StreamName: str) -> dict[str, Any]:
        return {"Shards": [{"ShardId": name} for name in self.shards]}

    def get_shard_iterator(self, *, StreamName: str, ShardId: str, ShardIteratorType: str, **_: str) -> dict[str, Any]:
        assert ShardId in self.shards
        return {"ShardIterator": "i"}

    def get_records(self, *, ShardIterator: str, Limit: int) -> dict[str, Any]:
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return {"Records": [], "NextShardIterator": "i", "MillisBehindLatest": 0} | answer


SUM = b"""
def handler(event, context):
    print('SAW', len(event['Records']), event['isFinalInvokeForWindow'])
    return {'state': {}}
"""


def scripted(tmp_path: Any, double: Double, clock: ManualClock) -> Lambda:
    service = Lambda(tmp_path, clock=clock, remote=lambda arn: double)
    Function(service, "fn", handler="h.handler", timeout=20).deploy(pack({"h.py": SUM}))
    return service


def test_a_window_is_open_while_reads_that_find_nothing_are_behind(tmp_path: Any) -> None:
    start = 1_700_000_040.0
    clock = ManualClock(start + 200)  # its window has long ended

    def record(number: int) -> dict[str, Any]:
        at = datetime.fromtimestamp(start + number, UTC)
        return {"Records": [{"Data": b"x", "SequenceNumber": str(number), "PartitionKey": "k", "ApproximateArrivalTimestamp": at}]}

    late = {"MillisBehindLatest": 170_000}
    double = Double([record(1) | late, late, late, late, record(2) | late, late, {}])
    with scripted(tmp_path, double, clock) as service:
        service.call("CreateEventSourceMapping", {
            "FunctionName": "fn", "EventSourceArn": ARN, "StartingPosition": "TRIM_HORIZON", "TumblingWindowInSeconds": 60,
            "BatchSize": 1,
        })  # fmt: skip
        wait_for(lambda: "True" in service.log("fn").tail().decode())
        saw = [line.split()[1:] for line in service.log("fn").tail().decode().splitlines() if line.startswith("SAW")]
        assert saw == [["1", "False"], ["1", "False"], ["0", "True"]]


def test_a_shard_that_is_done_and_has_expired_is_forgotten(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "LOOK_S", 0.0)
    double = Double([{"NextShardIterator": None}, {}])
    with scripted(tmp_path, double, ManualClock()) as service:
        made = service.call("CreateEventSourceMapping", {
            "FunctionName": "fn", "EventSourceArn": ARN, "StartingPosition": "TRIM_HORIZON",
        })  # fmt: skip
        path = tmp_path / "event-source-places" / f"{made['UUID']}.json"
        wait_for(lambda: json.loads(path.read_text())["shards"] == {"shardId-000000000000": "END"})
        asked = double.asked
        double.shards = ["shardId-000000000001"]
        service.mappings._pollers[made["UUID"]].look()
        wait_for(lambda: json.loads(path.read_text())["shards"] == {})
        wait_for(lambda: double.asked > asked)  # and goes on
