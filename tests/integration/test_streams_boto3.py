"""Unmodified boto3 reads a table's stream: over HTTP, without a socket, and inside mock()."""

import contextlib

import boto3
import pytest
from botocore.exceptions import ClientError

import cloudcore
from cloudcore.testing import mock

VIEW = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}


@contextlib.contextmanager
def over_http():
    with cloudcore.open(":memory:") as cloud, cloud.serve() as endpoint:
        options = {
            "endpoint_url": endpoint.url, "region_name": "us-east-1", "aws_access_key_id": "x",
            "aws_secret_access_key": "y",
        }  # fmt: skip
        yield boto3.client("dynamodb", **options), boto3.client("dynamodbstreams", **options)


@contextlib.contextmanager
def without_a_socket():
    with cloudcore.open(":memory:") as cloud:
        session = cloud.boto3_session()
        yield session.client("dynamodb"), session.client("dynamodbstreams")


@contextlib.contextmanager
def mocked():
    with mock():
        region = {"region_name": "us-east-1"}
        yield boto3.client("dynamodb", **region), boto3.client("dynamodbstreams", **region)


@contextlib.contextmanager
def own_client():
    with cloudcore.open(":memory:") as cloud:
        yield cloud.client("dynamodb"), cloud.client("dynamodbstreams")


@pytest.mark.parametrize("door", [over_http, without_a_socket, mocked, own_client])
def test_a_stream(door):
    with door() as (dynamodb, streams):
        made = dynamodb.create_table(
            TableName="orders", BillingMode="PAY_PER_REQUEST", StreamSpecification=VIEW,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "N"}],
        )["TableDescription"]  # fmt: skip
        arn = made["LatestStreamArn"]
        assert [s["StreamArn"] for s in streams.list_streams(TableName="orders")["Streams"]] == [arn]
        (shard,) = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
        at = streams.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        assert streams.get_records(ShardIterator=at)["Records"] == []
        for i in range(30):
            dynamodb.put_item(TableName="orders", Item={"id": {"N": str(i % 20)}, "b": {"B": bytes([i])}})
        dynamodb.delete_item(TableName="orders", Key={"id": {"N": "3"}})
        seen = []
        while True:
            page = streams.get_records(ShardIterator=at, Limit=7)
            if not page["Records"]:
                break
            seen += page["Records"]
            at = page["NextShardIterator"]
        assert [r["eventName"] for r in seen] == ["INSERT"] * 20 + ["MODIFY"] * 10 + ["REMOVE"]
        last = seen[-1]["dynamodb"]
        assert last["OldImage"] == {"id": {"N": "3"}, "b": {"B": bytes([23])}}
        assert last["ApproximateCreationDateTime"].tzinfo is not None
        with pytest.raises(streams.exceptions.ResourceNotFoundException):
            streams.describe_stream(StreamArn=arn[:-1] + "x")
        with pytest.raises(ClientError, match="Invalid ShardIterator"):
            streams.get_records(ShardIterator="nonsense")
