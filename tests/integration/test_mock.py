"""cloudcore.mock(): in the place of moto's mock_aws."""

from __future__ import annotations

import asyncio
import os
import unittest

import boto3
import pytest

import cloudcore
from cloudcore.clock import ManualClock
from cloudcore.errors import CloudcoreError

KEY = {
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}
BEFORE = boto3.session.Session().client("dynamodb", region_name="us-east-1")


@cloudcore.mock
def test_a_client_made_inside():
    client = boto3.client("dynamodb", region_name="us-east-1")
    made = client.create_table(TableName="orders", **KEY)
    assert made["TableDescription"]["TableArn"] == "arn:aws:dynamodb:us-east-1:123456789012:table/orders"
    client.put_item(TableName="orders", Item={"id": {"S": "a"}})
    assert client.get_item(TableName="orders", Key={"id": {"S": "a"}})["Item"] == {"id": {"S": "a"}}


@cloudcore.mock()
def test_every_call_begins_with_nothing_and_a_client_made_before_works_too():
    assert BEFORE.list_tables()["TableNames"] == []
    BEFORE.create_table(TableName="orders", **KEY)
    assert boto3.client("dynamodb", region_name="us-east-1").list_tables()["TableNames"] == ["orders"]


def test_regions_are_apart_and_objects_are_not(monkeypatch):
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    with cloudcore.mock() as cloud:
        assert cloud.region == "us-east-1"
        boto3.client("dynamodb", region_name="eu-west-1").create_table(TableName="orders", **KEY)
        assert boto3.client("dynamodb").list_tables()["TableNames"] == []
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket="my-bucket")
        s3.put_object(Bucket="my-bucket", Key="a/b", Body=b"text")
        other = boto3.resource("s3", region_name="eu-west-1")
        assert other.Object("my-bucket", "a/b").get()["Body"].read() == b"text"
        assert [o.key for o in other.Bucket("my-bucket").objects.all()] == ["a/b"]
        assert boto3.client("sts").get_caller_identity()["Account"] == "123456789012"


def test_nested_mocks_share_and_the_environment_comes_back(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "mine")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with cloudcore.mock():
        boto3.client("dynamodb", region_name="us-east-1").create_table(TableName="orders", **KEY)
        with cloudcore.mock() as inner:
            assert inner.dynamodb.tables.names() == ["orders"]
        assert os.environ["AWS_ACCESS_KEY_ID"] == "testing"
        assert boto3.client("dynamodb", region_name="us-east-1").list_tables()["TableNames"] == ["orders"]
    assert os.environ["AWS_ACCESS_KEY_ID"] == "mine"
    assert "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS" not in os.environ


def test_other_services_of_aws_are_refused_and_other_hosts_are_left_alone():
    with cloudcore.open(":memory:") as real, real.serve() as endpoint, cloudcore.mock():
        with pytest.raises(CloudcoreError, match="no such service"):
            boto3.client("sqs", region_name="us-east-1").list_queues()
        client = boto3.client("dynamodb", region_name="us-east-1", endpoint_url=endpoint.url)
        client.create_table(TableName="orders", **KEY)
        assert real.dynamodb.tables.names() == ["orders"]


def test_a_coroutine():
    @cloudcore.mock
    async def run():
        await asyncio.sleep(0)
        return boto3.client("dynamodb", region_name="us-east-1").list_tables()["TableNames"]

    assert asyncio.run(run()) == []


def test_time_stands_still_and_moves():
    clock = ManualClock(1_700_000_000)
    with cloudcore.mock(clock=clock):
        client = boto3.client("dynamodb", region_name="us-east-1")
        made = client.create_table(TableName="orders", **KEY)["TableDescription"]["CreationDateTime"]
        assert made.timestamp() == 1_700_000_000


@cloudcore.mock
class TestClass:
    def test_one(self):
        BEFORE.create_table(TableName="one", **KEY)
        assert BEFORE.list_tables()["TableNames"] == ["one"]

    def test_two(self):
        assert BEFORE.list_tables()["TableNames"] == []


@cloudcore.mock()
class TestWithSetupOfPytest:
    """pytest hands the test's method to a setup_method that takes it, as its own documentation writes it."""

    def setup_method(self, method):
        self.s3 = boto3.client("s3", region_name="us-east-1")
        self.s3.create_bucket(Bucket=method.__name__.replace("_", "-"))

    def teardown_method(self, method):
        assert len(self.s3.list_buckets()["Buckets"]) == 1

    def test_one(self):
        assert self.s3.list_buckets()["Buckets"][0]["Name"] == "test-one"

    def test_two(self):
        assert self.s3.list_buckets()["Buckets"][0]["Name"] == "test-two"


@cloudcore.mock()
class TestWithSetupOfSelfAlone:
    def setup_method(self):
        boto3.client("s3", region_name="us-east-1").create_bucket(Bucket="own")

    def test_it(self):
        assert len(boto3.client("s3", region_name="us-east-1").list_buckets()["Buckets"]) == 1


@cloudcore.mock
class TestWithSetup(unittest.TestCase):
    def setUp(self):
        BEFORE.create_table(TableName="made", **KEY)

    def test_one(self):
        assert BEFORE.list_tables()["TableNames"] == ["made"]
        BEFORE.create_table(TableName="more", **KEY)

    def test_two(self):
        assert BEFORE.list_tables()["TableNames"] == ["made"]
