"""The pytest plugin, as a suite that installed cloudcore would meet it: each test here runs pytest on another."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

SUITE = '''
import os
import time
import boto3
import pytest

KEY = dict(KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
           AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}], BillingMode="PAY_PER_REQUEST")

@pytest.mark.parametrize("n", range(3))
def test_each_begins_with_nothing(dynamodb, n):
    assert dynamodb.list_tables()["TableNames"] == []
    dynamodb.create_table(TableName="orders", **KEY)
    dynamodb.put_item(TableName="orders", Item={"id": {"S": "a"}, "n": {"N": str(n)}})
    assert dynamodb.scan(TableName="orders")["Items"] == [{"id": {"S": "a"}, "n": {"N": str(n)}}]

def test_clients_of_the_code_under_test(aws_env, cloudcore):
    cloudcore.table("orders", pk="id:S").put({"id": "b"})
    table = boto3.resource("dynamodb").Table("orders")
    assert table.get_item(Key={"id": "b"})["Item"] == {"id": "b"}
    assert os.environ["AWS_REGION"] == aws_env["AWS_REGION"] == "us-east-1"
    assert ("AWS_ENDPOINT_URL" in aws_env) == WIRE

def test_all_services(s3, firehose, lambda_):
    s3.create_bucket(Bucket="lake")
    firehose.create_delivery_stream(DeliveryStreamName="clicks", S3DestinationConfiguration={
        "RoleARN": "arn:aws:iam::123456789012:role/r", "BucketARN": "arn:aws:s3:::lake"})
    assert firehose.list_delivery_streams()["DeliveryStreamNames"] == ["clicks"]
    assert lambda_.list_functions()["Functions"] == []
    assert [b["Name"] for b in s3.list_buckets()["Buckets"]] == ["lake"]

def test_time_moves_by_hand(cloudcore, cloudcore_clock, dynamodb):
    dynamodb.create_table(TableName="orders", **KEY)
    dynamodb.update_time_to_live(TableName="orders",
                                 TimeToLiveSpecification={"Enabled": True, "AttributeName": "ends"})
    ends = int(cloudcore_clock.now()) + 3600
    dynamodb.put_item(TableName="orders", Item={"id": {"S": "a"}, "ends": {"N": str(ends)}})
    cloudcore_clock.advance(3500)
    assert dynamodb.scan(TableName="orders")["Count"] == 1
    cloudcore_clock.advance(200)
    assert dynamodb.scan(TableName="orders")["Count"] == 0

def test_buffers_deliver_without_sleeping(cloudcore_clock, firehose, s3):
    s3.create_bucket(Bucket="lake")
    firehose.create_delivery_stream(DeliveryStreamName="clicks", ExtendedS3DestinationConfiguration={
        "RoleARN": "arn:aws:iam::123456789012:role/r", "BucketARN": "arn:aws:s3:::lake",
        "BufferingHints": {"IntervalInSeconds": 300, "SizeInMBs": 64}})
    firehose.put_record(DeliveryStreamName="clicks", Record={"Data": b"a"})
    cloudcore_clock.advance(100)
    assert s3.list_objects_v2(Bucket="lake")["KeyCount"] == 0
    cloudcore_clock.advance(201)
    for _ in range(2000):  # the object is on its way, on another thread
        if s3.list_objects_v2(Bucket="lake")["KeyCount"]:
            break
        time.sleep(0.01)
    assert s3.list_objects_v2(Bucket="lake")["KeyCount"] == 1
'''


@pytest.mark.parametrize("arguments", [(), ("--cloudcore-wire",), ("-n", "2")], ids=["process", "wire", "xdist"])
def test_a_suite_of_somebody_elses(pytester: pytest.Pytester, arguments: tuple[str, ...]) -> None:
    pytester.makepyfile(SUITE.replace("WIRE", str("--cloudcore-wire" in arguments)))
    result = pytester.runpytest_subprocess(*arguments)
    result.assert_outcomes(passed=7)


def test_the_fixtures_say_what_they_are(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_subprocess("--fixtures")
    for name in ("cloudcore", "cloudcore_clock", "aws_env", "dynamodb", "lambda_", "firehose", "s3"):
        result.stdout.re_match_lines([rf"{name} -- .*testing/plugin\.py.*"])


def test_the_plugin_loads_nothing_until_it_is_used(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        "import sys\n"
        "def test_light():\n"
        "    assert not [m for m in ('cloudcore.cloud', 'boto3', 'numpy', 'pyarrow') if m in sys.modules]\n"
    )
    pytester.runpytest_subprocess().assert_outcomes(passed=1)
