"""cloud.boto3_session(): real boto3, no socket."""

from __future__ import annotations

import io
import json
import socket
import urllib.request

import boto3
import pytest
from boto3.dynamodb.conditions import Key
from botocore.exceptions import ClientError

import cloudcore
from cloudcore.errors import CloudcoreError

TABLE = {
    "TableName": "orders",
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
    "AttributeDefinitions": [
        {"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "sk", "AttributeType": "N"},
    ],
    "BillingMode": "PAY_PER_REQUEST",
}  # fmt: skip


@pytest.fixture
def cloud():
    with cloudcore.open(":memory:") as one:
        yield one


@pytest.fixture
def session(cloud, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    return cloud.boto3_session()


def test_the_resource_its_paginator_and_its_waiter(session):
    table = session.resource("dynamodb").create_table(**TABLE)
    table.wait_until_exists()
    with table.batch_writer() as batch:
        for number in range(60):
            batch.put_item(Item={"pk": "p", "sk": number, "text": "x" * 20})
    found = table.query(KeyConditionExpression=Key("pk").eq("p") & Key("sk").gte(50))
    assert [int(item["sk"]) for item in found["Items"]] == list(range(50, 60))
    client = session.client("dynamodb")
    pages = list(client.get_paginator("scan").paginate(TableName="orders", PaginationConfig={"PageSize": 7}))
    assert len(pages) == 9 and sum(page["Count"] for page in pages) == 60


def test_errors_are_boto3s(session):
    client = session.client("dynamodb")
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.describe_table(TableName="absent")
    with pytest.raises(ClientError, match="NoSuchBucket"):
        session.client("s3").list_objects_v2(Bucket="absent")


def test_functions(session, tmp_path, cloud):
    (tmp_path / "echo.py").write_text("def handler(event, context):\n    return event\n")
    cloud.function("echo", tmp_path, handler="echo.handler")
    answer = session.client("lambda").invoke(FunctionName="echo", Payload=b'{"a": 1}')
    assert json.loads(answer["Payload"].read()) == {"a": 1}
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        session.client("lambda").get_function(FunctionName="absent")


def test_streams_deliver_to_the_s3_of_the_same_session(session, cloud):
    stream = cloud.stream("clicks", bucket="lake", prefix="clicks/")
    session.client("firehose").put_record(DeliveryStreamName="clicks", Record={"Data": b"one\n"})
    stream.flush()
    s3 = session.client("s3")
    (only,) = s3.list_objects_v2(Bucket="lake", Prefix="clicks/")["Contents"]
    assert s3.get_object(Bucket="lake", Key=only["Key"])["Body"].read() == b"one\n"


def test_s3_transfers_files_of_many_parts(session, tmp_path):
    s3 = session.client("s3")
    s3.create_bucket(Bucket="data")
    payload = bytes(range(256)) * 4 * 9216  # 9 MiB: two parts of boto3's default
    s3.upload_fileobj(io.BytesIO(payload), "data", "big", ExtraArgs={"Metadata": {"made": "here"}})
    head = s3.head_object(Bucket="data", Key="big")
    assert head["ContentLength"] == len(payload) and head["ETag"].endswith('-2"') and head["Metadata"] == {"made": "here"}
    s3.download_file("data", "big", str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == payload


def test_whoami_and_what_is_not_there(session, cloud):
    assert session.client("sts").get_caller_identity()["Account"] == cloud.account
    with pytest.raises(CloudcoreError, match="there is no sqs here"):
        session.client("sqs").list_queues()
    with pytest.raises(CloudcoreError, match=r"there is no logs here; .*`cloudcore lambda logs`"):
        session.client("logs").describe_log_groups()


def test_presigned_urls_are_signed_and_work_over_the_wire():
    with cloudcore.open(":memory:") as cloud, cloud.serve() as endpoint:
        s3 = boto3.client(
            "s3", endpoint_url=endpoint.url, region_name="us-east-1", aws_access_key_id="k", aws_secret_access_key="s"
        )
        s3.create_bucket(Bucket="data")
        put = s3.generate_presigned_url("put_object", Params={"Bucket": "data", "Key": "a b/ü"})
        request = urllib.request.Request(put, data=b"hello", method="PUT")
        assert urllib.request.urlopen(request).status == 200
        got = s3.generate_presigned_url("get_object", Params={"Bucket": "data", "Key": "a b/ü"})
        assert urllib.request.urlopen(got).read() == b"hello"
    with cloudcore.open(":memory:") as cloud:
        url = cloud.boto3_session().client("s3").generate_presigned_url("get_object", Params={"Bucket": "b", "Key": "k"})
        assert "X-Amz-Signature=" in url or "Signature=" in url
