"""Unmodified boto3 against the endpoint, by environment and endpoint_url alone."""

from __future__ import annotations

import base64
import gzip
import json
import socket
import subprocess
import sys
import threading

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

import cloudcore


@pytest.fixture(scope="module")
def endpoint():
    with cloudcore.open(":memory:") as cloud, cloud.serve() as served:
        yield served


def client(endpoint, service, **options):
    return boto3.client(
        service, endpoint_url=endpoint.url, region_name="us-east-1", aws_access_key_id="test",
        aws_secret_access_key="test", config=Config(retries={"total_max_attempts": 1}), **options,
    )  # fmt: skip


@pytest.fixture(scope="module")
def dynamodb(endpoint):
    found = client(endpoint, "dynamodb")
    found.create_table(
        TableName="orders", BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "sk", "AttributeType": "N"},
        ],
    )  # fmt: skip
    found.get_waiter("table_exists").wait(TableName="orders")
    return found


def test_the_control_plane_with_waiters(endpoint):
    dynamodb = client(endpoint, "dynamodb")
    made = dynamodb.create_table(
        TableName="settings", BillingMode="PAY_PER_REQUEST", DeletionProtectionEnabled=True,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        Tags=[{"Key": "env", "Value": "test"}],
    )["TableDescription"]  # fmt: skip
    assert made["TableStatus"] == "CREATING"
    dynamodb.get_waiter("table_exists").wait(
        TableName="settings", WaiterConfig={"Delay": 1, "MaxAttempts": 1}
    )
    arn = made["TableArn"]
    changed = dynamodb.update_table(
        TableName=arn, BillingMode="PROVISIONED",
        ProvisionedThroughput={"ReadCapacityUnits": 2, "WriteCapacityUnits": 2},
    )["TableDescription"]  # fmt: skip
    assert changed["TableStatus"] == "UPDATING"
    shown = dynamodb.describe_table(TableName="settings")["Table"]
    assert (shown["TableStatus"], shown["BillingModeSummary"]["BillingMode"]) == ("ACTIVE", "PROVISIONED")
    dynamodb.tag_resource(ResourceArn=arn, Tags=[{"Key": "team", "Value": "a"}])
    dynamodb.untag_resource(ResourceArn=arn, TagKeys=["env"])
    pages = dynamodb.get_paginator("list_tags_of_resource").paginate(ResourceArn=arn)
    assert [tag for page in pages for tag in page["Tags"]] == [{"Key": "team", "Value": "a"}]
    policy = json.dumps({"Statement": {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": arn}})
    revision = dynamodb.put_resource_policy(ResourceArn=arn, Policy=policy)["RevisionId"]
    assert dynamodb.get_resource_policy(ResourceArn=arn)["Policy"] == policy
    assert dynamodb.delete_resource_policy(ResourceArn=arn)["RevisionId"] == revision
    with pytest.raises(dynamodb.exceptions.PolicyNotFoundException):
        dynamodb.get_resource_policy(ResourceArn=arn)
    assert dynamodb.describe_endpoints()["Endpoints"][0]["Address"] == endpoint.url
    assert dynamodb.describe_limits()["TableMaxReadCapacityUnits"] == 40_000
    with pytest.raises(ClientError, match="protected against deletion"):
        dynamodb.delete_table(TableName="settings")
    dynamodb.update_table(TableName="settings", DeletionProtectionEnabled=False)
    assert dynamodb.delete_table(TableName="settings")["TableDescription"]["TableStatus"] == "DELETING"
    dynamodb.get_waiter("table_not_exists").wait(
        TableName="settings", WaiterConfig={"Delay": 1, "MaxAttempts": 1}
    )


def test_items_round_trip(dynamodb):
    item = {
        "pk": {"S": "a"}, "sk": {"N": "1"}, "b": {"B": b"\0\xff"}, "t": {"BOOL": True}, "n": {"NULL": True},
        "ss": {"SS": ["x", "y"]}, "l": {"L": [{"N": "1.5"}, {"M": {"deep": {"S": "é😀"}}}]},
    }  # fmt: skip
    answer = dynamodb.put_item(TableName="orders", Item=item, ReturnConsumedCapacity="TOTAL")
    assert answer["ConsumedCapacity"]["CapacityUnits"] == 1.0
    assert len(answer["ResponseMetadata"]["RequestId"]) == 52
    key = {"pk": item["pk"], "sk": item["sk"]}
    got = dynamodb.get_item(TableName="orders", Key=key)["Item"]
    got["ss"]["SS"].sort()
    assert got == item
    updated = dynamodb.update_item(
        TableName="orders", Key=key, UpdateExpression="SET #v = :v ADD hits :one REMOVE b",
        ExpressionAttributeNames={"#v": "value"}, ExpressionAttributeValues={":v": {"S": "new"}, ":one": {"N": "2"}},
        ReturnValues="UPDATED_NEW",
    )  # fmt: skip
    assert updated["Attributes"] == {"value": {"S": "new"}, "hits": {"N": "2"}}
    with pytest.raises(dynamodb.exceptions.ConditionalCheckFailedException):
        dynamodb.put_item(TableName="orders", Item=item, ConditionExpression="attribute_not_exists(pk)")
    assert "b" not in dynamodb.delete_item(TableName="orders", Key=key, ReturnValues="ALL_OLD")["Attributes"]
    assert "Item" not in dynamodb.get_item(TableName="orders", Key=key)


def test_query_scan_batch_and_paginators(dynamodb):
    requests = [
        {"PutRequest": {"Item": {"pk": {"S": "q"}, "sk": {"N": str(i)}, "v": {"N": str(i * i)}}}}
        for i in range(100)
    ]
    for start in range(0, 100, 25):
        assert (
            dynamodb.batch_write_item(RequestItems={"orders": requests[start : start + 25]})[
                "UnprocessedItems"
            ]
            == {}
        )
    pages = dynamodb.get_paginator("query").paginate(
        TableName="orders", KeyConditionExpression="pk = :p AND sk BETWEEN :a AND :b", FilterExpression="v > :v",
        ExpressionAttributeValues={":p": {"S": "q"}, ":a": {"N": "10"}, ":b": {"N": "90"}, ":v": {"N": "400"}},
        ScanIndexForward=False, PaginationConfig={"PageSize": 7},
    )  # fmt: skip
    assert [int(i["sk"]["N"]) for page in pages for i in page["Items"]] == list(range(90, 20, -1))
    assert dynamodb.scan(TableName="orders", Select="COUNT")["Count"] >= 100


def test_errors_are_botocores(dynamodb):
    with pytest.raises(dynamodb.exceptions.ResourceNotFoundException):
        dynamodb.get_item(TableName="nowhere", Key={"pk": {"S": "x"}})
    with pytest.raises(ClientError, match="The provided key element does not match the schema"):
        dynamodb.get_item(TableName="orders", Key={"pk": {"S": "x"}})
    with pytest.raises(dynamodb.exceptions.ResourceInUseException):
        dynamodb.create_table(
            TableName="orders", BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        )  # fmt: skip


def test_tables_over_the_wire(dynamodb):
    assert "orders" in dynamodb.list_tables()["TableNames"]
    described = dynamodb.describe_table(TableName="orders")["Table"]
    assert described["TableStatus"] == "ACTIVE" and described["TableArn"].endswith(":table/orders")
    resource = dynamodb  # a table of its own is made and deleted
    resource.create_table(
        TableName="brief", BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "B"}],
    )  # fmt: skip
    dynamodb.delete_table(TableName="brief")
    assert "brief" not in dynamodb.list_tables()["TableNames"]


def test_firehose_over_the_wire(endpoint):
    firehose = client(endpoint, "firehose")
    firehose.create_delivery_stream(
        DeliveryStreamName="clicks",
        ExtendedS3DestinationConfiguration={
            "RoleARN": "arn:aws:iam::000000000000:role/r", "BucketARN": "arn:aws:s3:::lake", "Prefix": "clicks/",
            "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 60},
        },
    )  # fmt: skip
    stream = firehose.describe_delivery_stream(DeliveryStreamName="clicks")["DeliveryStreamDescription"]
    assert stream["DeliveryStreamStatus"] in ("CREATING", "ACTIVE")
    answer = firehose.put_record_batch(
        DeliveryStreamName="clicks", Records=[{"Data": b"a\n"}, {"Data": b"b\n"}]
    )
    assert answer["FailedPutCount"] == 0 and len(answer["RequestResponses"]) == 2
    assert firehose.put_record(DeliveryStreamName="clicks", Record={"Data": b"c\n"})["RecordId"]
    with pytest.raises(firehose.exceptions.ResourceNotFoundException):
        firehose.put_record(DeliveryStreamName="none", Record={"Data": b"x"})
    firehose.delete_delivery_stream(DeliveryStreamName="clicks")


def raw(endpoint, data: bytes, *, then: bytes = b"") -> bytes:
    with socket.create_connection((endpoint.host, endpoint.port), timeout=60) as sock:
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR) if not then else sock.sendall(then)
        out = b""
        while chunk := sock.recv(65536):
            out += chunk
            if then:
                break
        return out


HEAD = b"POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: DynamoDB_20120810.ListTables\r\n"


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 200),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505),
        (b"GET /\n\n", 400),
        (HEAD + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", 400),
        (HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}", 400),
        (HEAD + b"Transfer-Encoding: gzip\r\n\r\n", 501),
        (HEAD + b"Content-Length: -1\r\n\r\n", 400),
        (HEAD + b"Content-Length: 99999999999\r\n\r\n", 413),
        (HEAD + b"Bad Header: x\r\n\r\n", 400),
        (HEAD + b" folded: x\r\n\r\n", 400),
        (HEAD + b"A: " + b"x" * 70000 + b"\r\n\r\n", 431),
        (HEAD + b"".join(b"H%d: x\r\n" % i for i in range(200)) + b"\r\n", 431),
        (HEAD + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1;ext=1\r\n}\r\n0\r\n\r\n", 200),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n", 400),
        (HEAD + b"Connection: close\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b"
         % (len(gzip.compress(b"{}")), gzip.compress(b"{}")), 200),
    ],
)  # fmt: skip
def test_http_edges(endpoint, request_bytes, status):
    assert raw(endpoint, request_bytes).split(b" ", 2)[1] == str(status).encode()


def test_pipelining_and_mixed_paths(endpoint, dynamodb):
    body = json.dumps({"TableName": "orders", "Key": {"pk": {"S": "none"}, "sk": {"N": "1"}}}).encode()
    get = (
        b"POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: DynamoDB_20120810.GetItem\r\nContent-Length: %d\r\n\r\n%b"
        % (len(body), body)
    )
    slow = HEAD + b"Content-Length: 2\r\n\r\n{}"
    last = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    out = raw(endpoint, get * 50 + slow + get * 3 + slow * 2 + last)
    assert out.count(b"HTTP/1.1 200 OK") == 57
    assert out.count(b"TableNames") == 3


def test_bytes_one_at_a_time(endpoint):
    request = HEAD + b"Connection: close\r\nContent-Length: 2\r\n\r\n{}"
    with socket.create_connection((endpoint.host, endpoint.port), timeout=60) as sock:
        for at in range(len(request)):
            sock.sendall(request[at : at + 1])
        assert b"TableNames" in sock.recv(65536)


def test_expect_continue(endpoint):
    with socket.create_connection((endpoint.host, endpoint.port), timeout=60) as sock:
        sock.sendall(HEAD + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert sock.recv(1000).startswith(b"HTTP/1.1 100 Continue")
        sock.sendall(b"{}")
        assert b"TableNames" in sock.recv(65536)


def test_many_connections(endpoint):
    held = [socket.create_connection((endpoint.host, endpoint.port), timeout=60) for _ in range(300)]
    failures = []

    def ask(sock: socket.socket) -> None:
        for _ in range(5):
            sock.sendall(HEAD + b"Content-Length: 2\r\n\r\n{}")
            if b"TableNames" not in sock.recv(65536):
                failures.append(sock)

    threads = [threading.Thread(target=lambda part=held[n::4]: [ask(s) for s in part]) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for sock in held:
        sock.close()
    assert failures == []


def test_unknown_things(endpoint):
    out = raw(
        endpoint,
        b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Amz-Target: Nope.Op\r\nContent-Length: 0\r\n\r\n",
    )
    assert b"UnknownOperationException" in out
    body = base64.b64encode(b"x")
    out = raw(
        endpoint,
        HEAD.replace(b"ListTables", b"Sing")
        + b"Connection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body),
    )
    assert b" 400 " in out


@pytest.mark.parametrize(
    ("service", "operation", "params", "words"),
    [
        ("logs", "describe_log_groups", {}, "`cloudcore lambda logs`"),
        ("sqs", "list_queues", {}, "there are dynamodb, "),
        ("events", "put_rule", {"Name": "r", "ScheduleExpression": "rate(1 minute)"}, "`cloudcore schedule`"),
        ("glue", "get_databases", {}, "Firehose.define_table()"),
        ("scheduler", "list_schedules", {}, "`cloudcore schedule`"),
        ("apigateway", "get_rest_apis", {}, "there are dynamodb, "),
        ("iam", "list_roles", {}, "there are dynamodb, "),
        ("sns", "list_topics", {}, "there are dynamodb, "),
        ("cloudwatch", "list_metrics", {}, "there are dynamodb, "),
        ("kinesis", "list_streams", {}, "there are dynamodb, "),
    ],
)
def test_services_that_are_not_here_say_so(endpoint, service, operation, params, words):
    with pytest.raises(ClientError) as refused:
        getattr(client(endpoint, service), operation)(**params)
    error = refused.value.response["Error"]
    signed = {"cloudwatch": "monitoring"}.get(service, service)
    assert error["Code"] == "UnknownOperationException"
    assert error["Message"].startswith(f"there is no {signed} here; ") and words in error["Message"]


def test_only_loopback():
    with cloudcore.open(":memory:") as cloud, pytest.raises(ValueError, match="not loopback"):
        cloud.serve(host="0.0.0.0")


def test_serve_command_keeps_items_over_sigterm(tmp_path):
    def start():
        child = subprocess.Popen(
            [sys.executable, "-m", "cloudcore.cli.main", "serve", "--port", "0", "--data", str(tmp_path / "d")],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        url = child.stdout.readline().split()[1].partition("=")[2]
        found = boto3.client("dynamodb", endpoint_url=url, region_name="us-east-1", aws_access_key_id="test",
                             aws_secret_access_key="test")  # fmt: skip
        return child, found

    for number, kill in enumerate(["terminate", "kill", "terminate"]):
        child, found = start()
        if number == 0:
            found.create_table(
                TableName="kept", BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
            )  # fmt: skip
        assert found.scan(TableName="kept")["Count"] == number
        found.put_item(TableName="kept", Item={"k": {"S": str(number)}})
        getattr(child, kill)()
        assert child.wait(timeout=60) == (0 if kill == "terminate" else -9)
        child.stdout.close()


def test_closing_the_cloud_closes_its_endpoints():
    cloud = cloudcore.open(":memory:")
    endpoint = cloud.serve()
    cloud.close()
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((endpoint.host, endpoint.port), timeout=5)
    endpoint.close()
