"""Tables send their changes into a Kinesis data stream of a real server (moto's)."""

from __future__ import annotations

import json

import pytest

import cloudcore
from cloudcore.errors import ApiError


def table_with_stream(cloud, arn):
    table = cloud.table("orders", pk="id:S")
    client = cloud.client("dynamodb")
    client.enable_kinesis_streaming_destination(TableName="orders", StreamArn=arn)
    return table


def read(kinesis, name):
    """Everything in the shards, by shard."""
    found = []
    for shard in kinesis.list_shards(StreamName=name)["Shards"]:
        at = kinesis.get_shard_iterator(
            StreamName=name, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        records = []
        while True:
            page = kinesis.get_records(ShardIterator=at, Limit=1000)
            records += page["Records"]
            if not page["Records"]:
                break
            at = page["NextShardIterator"]
        found.append(records)
    return found


@pytest.fixture
def kinesis(moto):
    return moto.client("kinesis")


def test_changes_arrive_by_item(moto, kinesis, until):
    kinesis.create_stream(StreamName="changes", ShardCount=3)
    arn = kinesis.describe_stream_summary(StreamName="changes")["StreamDescriptionSummary"]["StreamARN"]
    with cloudcore.open(":memory:", reach={"arn:aws:kinesis:": moto.url}) as cloud:
        table = table_with_stream(cloud, arn)
        for i in range(700):
            table.put({"id": f"item-{i % 40}", "n": i})
        until(lambda: sum(map(len, read(kinesis, "changes"))) == 700)
    shards = read(kinesis, "changes")
    assert sum(bool(records) for records in shards) > 1
    seen: dict[str, list[int]] = {}
    where: dict[str, set[int]] = {}
    for number, records in enumerate(shards):
        for record in records:
            data = json.loads(record["Data"])["dynamodb"]
            name = data["Keys"]["id"]["S"]
            seen.setdefault(name, []).append(int(data["NewImage"]["n"]["N"]))
            where.setdefault(name, set()).add(number)
    assert seen == {f"item-{i}": list(range(i, 700, 40)) for i in range(40)}
    assert all(len(places) == 1 for places in where.values())  # an item stays in its shard


def test_named_by_the_environment(moto, kinesis, until, monkeypatch):
    kinesis.create_stream(StreamName="named", ShardCount=1)
    arn = kinesis.describe_stream_summary(StreamName="named")["StreamDescriptionSummary"]["StreamARN"]
    monkeypatch.setenv("AWS_ENDPOINT_URL_KINESIS", moto.url)
    with cloudcore.open(":memory:") as cloud:
        table = table_with_stream(cloud, arn)
        table.put({"id": "a"})
        until(lambda: len(read(kinesis, "named")[0]) == 1)


def test_a_stream_that_is_not_there(moto):
    with cloudcore.open(":memory:", reach={"arn:aws:kinesis:": moto.url}) as cloud:
        cloud.table("orders", pk="id:S")
        arn = "arn:aws:kinesis:us-east-1:123456789012:stream/nowhere"
        with pytest.raises(ApiError, match="ResourceNotFoundException"):
            cloud.dynamodb.call(
                "EnableKinesisStreamingDestination", {"TableName": "orders", "StreamArn": arn}
            )
