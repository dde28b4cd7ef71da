"""What a table and a function say themselves of who may use them, from where, and over what; real boto3 signs."""

from __future__ import annotations

import json
import ssl
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

import cloudcore
from cloudcore.lambda_.code import pack

ARN = "arn:aws:dynamodb:us-east-1:000000000000:table/orders"
ANN = "arn:aws:iam::000000000000:user/ann"
KEYS = """
[[key]]
id = "AKIAALLMIGHTY0000001"
secret = "all"
user = "root"
policies = ["*"]

[[key]]
id = "AKIAANN0000000000001"
secret = "ann"
user = "ann"

[[key]]
id = "AKIANEAR000000000001"
secret = "near"
user = "near"
policies = [{Statement = {Effect = "Allow", Action = "dynamodb:*", Resource = "*", Condition = {IpAddress = {"aws:SourceIp" = "127.0.0.0/8"}, Bool = {"aws:SecureTransport" = "true"}}}}]
"""


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[cloudcore.Cloud]:
    (tmp_path / "keys.toml").write_text(KEYS)
    with cloudcore.open(tmp_path / "data", auth=tmp_path / "keys.toml") as made:
        made.table("orders", pk="id:S").put({"id": "a", "n": 1})
        yield made


@pytest.fixture
def url(cloud: cloudcore.Cloud) -> str:
    return cloud.serve().url


def client(url: str, service: str, key: str, secret: str, **more: Any) -> Any:
    return boto3.client(
        service, endpoint_url=url, region_name="us-east-1", aws_access_key_id=key, aws_secret_access_key=secret,
        config=Config(retries={"max_attempts": 0}), **more,
    )  # fmt: skip


def root(url: str, service: str = "dynamodb") -> Any:
    return client(url, service, "AKIAALLMIGHTY0000001", "all")


def ann(url: str, service: str = "dynamodb") -> Any:
    return client(url, service, "AKIAANN0000000000001", "ann")


def refused(call: Any, **params: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as error:
        call(**params)
    return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]


def put_policy(url: str, *statements: dict[str, Any], **more: Any) -> None:
    policy = {"Version": "2012-10-17", "Statement": [{"Resource": ARN, **one} for one in statements]}
    root(url).put_resource_policy(ResourceArn=ARN, Policy=json.dumps(policy), **more)


def test_a_table_allows_and_denies(url: str) -> None:
    item = {"TableName": "orders", "Key": {"id": {"S": "a"}}}
    assert refused(ann(url).get_item, **item)[0] == "AccessDeniedException"
    put_policy(url, {"Effect": "Allow", "Principal": {"AWS": ANN}, "Action": "dynamodb:GetItem"})
    assert ann(url).get_item(**item)["Item"]["n"] == {"N": "1"}
    assert refused(ann(url).delete_item, **item)[1].endswith(
        "because no identity-based policy allows the dynamodb:DeleteItem action"
    )
    put_policy(url, {"Effect": "Deny", "Principal": "*", "Action": "dynamodb:GetItem"})
    assert refused(root(url).get_item, **item) == (
        "AccessDeniedException",
        "User: arn:aws:iam::000000000000:user/root is not authorized to perform: dynamodb:GetItem on resource: "
        f"{ARN} with an explicit deny in a resource-based policy",
    )
    root(url).delete_resource_policy(ResourceArn=ARN)
    assert root(url).get_item(**item)["Item"]["n"] == {"N": "1"}
    assert refused(ann(url).get_item, **item)[0] == "AccessDeniedException"


def test_who_would_lock_themselves_out_has_to_mean_it(url: str) -> None:
    never = {"Effect": "Deny", "Principal": "*", "Action": "dynamodb:*ResourcePolicy"}
    with pytest.raises(ClientError, match="ConfirmRemoveSelfResourceAccess"):
        put_policy(url, never)
    put_policy(url, never, ConfirmRemoveSelfResourceAccess=True)
    assert refused(root(url).delete_resource_policy, ResourceArn=ARN)[0] == "AccessDeniedException"


def test_a_policy_that_cannot_be_held_is_refused(url: str) -> None:
    with pytest.raises(ClientError, match="'StringIs' is not known"):
        put_policy(url, {
            "Effect": "Deny", "Principal": "*", "Action": "*", "Condition": {"StringIs": {"aws:username": "ann"}},
        })  # fmt: skip


def test_a_function_lets_a_user_in(url: str) -> None:
    functions = root(url, "lambda")
    functions.create_function(
        FunctionName="double", Runtime="python3.11", Handler="m.handler", Role="arn:aws:iam::000000000000:role/r",
        Code={"ZipFile": pack({"m.py": b"def handler(event, context):\n    return event * 2\n"})},
    )  # fmt: skip
    call = {"FunctionName": "double", "Payload": b"21"}
    assert refused(ann(url, "lambda").invoke, **call)[0] == "AccessDeniedException"
    functions.add_permission(
        FunctionName="double", StatementId="ann", Action="lambda:InvokeFunction", Principal=ANN
    )
    assert ann(url, "lambda").invoke(**call)["Payload"].read() == b"42"
    assert refused(ann(url, "lambda").get_function, FunctionName="double")[0] == "AccessDeniedException"


def test_where_from_and_over_what(cloud: cloudcore.Cloud, url: str) -> None:
    item = {"TableName": "orders", "Key": {"id": {"S": "a"}}}
    near = ("dynamodb", "AKIANEAR000000000001", "near")
    assert refused(client(url, *near).get_item, **item)[0] == "AccessDeniedException"  # no TLS
    secure = cloud.serve(tls=True)
    assert client(secure.url, *near, verify=secure.certificate).get_item(**item)["Item"]["n"] == {"N": "1"}
    put_policy(url, {
        "Effect": "Deny", "Principal": "*", "Action": "dynamodb:GetItem",
        "Condition": {"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}},
    })  # fmt: skip
    assert (
        "resource-based" in refused(client(secure.url, *near, verify=secure.certificate).get_item, **item)[1]
    )
    assert "resource-based" in refused(root(url).get_item, **item)[1]


def test_a_function_url_tells_who_calls(cloud: cloudcore.Cloud) -> None:
    secure = cloud.serve(tls=True)
    functions = cloud.client("lambda")
    functions.create_function(
        FunctionName="echo", Runtime="python3.11", Handler="m.handler", Role="arn:aws:iam::000000000000:role/r",
        Code={"ZipFile": pack({"m.py": b"def handler(event, context):\n    return event\n"})},
    )  # fmt: skip
    made = functions.create_function_url_config(FunctionName="echo", AuthType="NONE")["FunctionUrl"]
    functions.add_permission(
        FunctionName="echo", StatementId="all", Action="lambda:InvokeFunctionUrl", Principal="*",
        FunctionUrlAuthType="NONE",
    )  # fmt: skip
    path = made.split("://")[1].split(".")[0]
    asked = urllib.request.Request(
        f"{secure.url}/lambda-url/{path}/", headers={"X-Forwarded-For": "192.0.2.1"}
    )
    assert secure.certificate is not None
    trusted = ssl.create_default_context(cafile=secure.certificate)
    event = json.loads(urllib.request.urlopen(asked, context=trusted).read())
    assert event["requestContext"]["http"]["sourceIp"] == "127.0.0.1"
    assert (event["headers"]["x-forwarded-for"], event["headers"]["x-forwarded-proto"]) == (
        "127.0.0.1",
        "https",
    )
