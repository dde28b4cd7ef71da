"""An endpoint with access keys: real boto3 signs, the guard checks, policies decide; functions sign by themselves."""

from __future__ import annotations

import http.client
import io
import json
import urllib.error
import urllib.request
import zipfile
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

import cloudcore
from cloudcore.lambda_.code import pack

KEYS = """
[[key]]
id = "AKIAALLMIGHTY0000001"
secret = "all"
user = "root"
policies = ["*"]

[[key]]
id = "AKIAREADER0000000001"
secret = "read"
user = "ann"
policies = [{Statement = [
    {Effect = "Allow", Action = ["dynamodb:GetItem", "dynamodb:Query"], Resource = "arn:aws:dynamodb:*:*:table/orders"},
    {Effect = "Deny", Action = "dynamodb:Query", Resource = "*", Condition = {StringEquals = {"dynamodb:Select" = "COUNT"}}},
    {Effect = "Allow", Action = ["s3:GetObject", "cloudcore:ReadConsole"], Resource = "*"},
]}]

[[key]]
id = "AKIAELSEWHERE0000001"
secret = "else"
account = "111122223333"
policies = ["*"]
"""


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[cloudcore.Cloud]:
    (tmp_path / "keys.toml").write_text(KEYS)
    with cloudcore.open(":memory:", auth=tmp_path / "keys.toml") as made:
        yield made


@pytest.fixture
def url(cloud: cloudcore.Cloud) -> str:
    return cloud.serve().url


def client(url: str, service: str, key: str = "AKIAALLMIGHTY0000001", secret: str = "all") -> Any:
    return boto3.client(
        service, endpoint_url=url, region_name="us-east-1", aws_access_key_id=key, aws_secret_access_key=secret,
        config=Config(retries={"max_attempts": 0}, s3={"addressing_style": "path"}),
    )  # fmt: skip


def reader(url: str, service: str) -> Any:
    return client(url, service, "AKIAREADER0000000001", "read")


def refused(call: Any, **params: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as error:
        call(**params)
    return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]


def orders(url: str) -> Any:
    made = client(url, "dynamodb")
    made.create_table(
        TableName="orders", KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}], BillingMode="PAY_PER_REQUEST",
    )  # fmt: skip
    made.put_item(TableName="orders", Item={"id": {"S": "a"}, "n": {"N": "1"}})
    return made


def test_policies_decide_item_by_item(url: str) -> None:
    orders(url)
    ann = reader(url, "dynamodb")
    key = {"id": {"S": "a"}}
    assert ann.get_item(TableName="orders", Key=key)["Item"]["n"] == {"N": "1"}
    code, message = refused(ann.put_item, TableName="orders", Item=key)
    assert code == "AccessDeniedException"
    assert message == (
        "User: arn:aws:iam::000000000000:user/ann is not authorized to perform: dynamodb:PutItem on resource: "
        "arn:aws:dynamodb:us-east-1:000000000000:table/orders because no identity-based policy allows the "
        "dynamodb:PutItem action"
    )
    query = {"TableName": "orders", "KeyConditionExpression": "id = :i", "ExpressionAttributeValues": {":i": {"S": "a"}}}
    assert ann.query(**query)["Count"] == 1
    assert refused(ann.query, Select="COUNT", **query)[1].endswith("with an explicit deny in an identity-based policy")
    assert refused(ann.list_tables)[0] == "AccessDeniedException"
    batch = {"orders": {"Keys": [key]}, "secrets": {"Keys": [key]}}
    assert "dynamodb:BatchGetItem" in refused(ann.batch_get_item, RequestItems=batch)[1]


def test_who_cannot_sign_gets_nothing(url: str) -> None:
    orders(url)
    params: dict[str, Any] = {"TableName": "orders", "Key": {"id": {"S": "a"}}}
    assert refused(client(url, "dynamodb", secret="wrong").get_item, **params)[0] == "InvalidSignatureException"
    assert refused(client(url, "dynamodb", "AKIANOBODY").get_item, **params)[0] == "UnrecognizedClientException"
    assert refused(client(url, "dynamodb", "000000000000").get_item, **params)[0] == "UnrecognizedClientException"
    assert refused(client(url, "lambda", secret="wrong").list_functions)[0] == "InvalidSignatureException"
    assert refused(client(url, "firehose", secret="wrong").list_delivery_streams)[0] == "InvalidSignatureException"
    assert refused(client(url, "s3", secret="wrong").list_buckets)[0] == "SignatureDoesNotMatch"
    assert refused(client(url, "sts", secret="wrong").get_caller_identity)[0] == "InvalidSignatureException"
    host, port = url.removeprefix("http://").split(":")
    plain = http.client.HTTPConnection(host, int(port))
    plain.request("POST", "/", b"{}", {"X-Amz-Target": "DynamoDB_20120810.ListTables"})
    answer = plain.getresponse()
    assert answer.status == 400
    assert json.loads(answer.read())["__type"].endswith("#MissingAuthenticationTokenException")
    plain.request("GET", "/_cloudcore/health")
    assert plain.getresponse().status == 200
    plain.close()


def test_a_key_has_its_account(url: str) -> None:
    orders(url)
    other = client(url, "dynamodb", "AKIAELSEWHERE0000001", "else")
    assert other.list_tables()["TableNames"] == []
    identity = client(url, "sts", "AKIAELSEWHERE0000001", "else").get_caller_identity()
    assert identity["Account"] == "111122223333"
    assert identity["Arn"] == "arn:aws:iam::111122223333:user/AKIAELSEWHERE0000001"


def test_objects_and_presigned_urls(url: str) -> None:
    s3, ann = client(url, "s3"), reader(url, "s3")
    s3.create_bucket(Bucket="lake")
    s3.put_object(Bucket="lake", Key="a b/c", Body=b"data" * 5000)
    assert ann.get_object(Bucket="lake", Key="a b/c")["Body"].read() == b"data" * 5000
    assert refused(ann.put_object, Bucket="lake", Key="x", Body=b"")[0] == "AccessDenied"
    assert refused(ann.list_objects_v2, Bucket="lake")[0] == "AccessDenied"
    signed = ann.generate_presigned_url("get_object", {"Bucket": "lake", "Key": "a b/c"}, ExpiresIn=60)
    with urlopen(signed) as answer:
        assert answer.read() == b"data" * 5000
    with pytest.raises(OSError, match="403"):
        urlopen(signed[:-1] + ("0" if signed[-1] != "0" else "1"))
    put = ann.generate_presigned_url("put_object", {"Bucket": "lake", "Key": "x"}, ExpiresIn=60)
    with pytest.raises(OSError, match="403"):
        urlopen(Request(put, b"data", method="PUT"))


def test_functions_sign_with_a_secret_of_their_own(url: str, cloud: cloudcore.Cloud) -> None:
    orders(url)
    code = (
        "import boto3, json, os, urllib.request\n"
        "def handler(event, context):\n"
        "    found = boto3.client('dynamodb').get_item(TableName='orders', Key={'id': {'S': 'a'}})['Item']\n"
        "    request = urllib.request.Request(os.environ['AWS_ENDPOINT_URL'], b'{}', {'X-Amz-Target': 'DynamoDB_20120810.ListTables'})\n"
        "    try: urllib.request.urlopen(request); unsigned = 'taken'\n"
        "    except urllib.error.HTTPError as error: unsigned = error.code\n"
        "    return {'n': found['n'], 'unsigned': unsigned}\n"
    )
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("app.py", code)
    functions = client(url, "lambda")
    functions.create_function(
        FunctionName="f", Runtime="python3.11", Handler="app.handler", Role="arn:aws:iam::000000000000:role/r",
        Code={"ZipFile": package.getvalue()}, Timeout=30,
    )  # fmt: skip
    answer = json.loads(functions.invoke(FunctionName="f")["Payload"].read())
    assert answer == {"n": {"N": "1"}, "unsigned": 400}
    assert refused(reader(url, "lambda").invoke, FunctionName="f")[0] == "AccessDeniedException"


@pytest.mark.parametrize(
    ("user", "method", "status"),
    [("", "GET", 401), ("AKIAREADER0000000001:wrong", "GET", 401), ("AKIAREADER0000000001:read", "GET", 200),
     ("AKIAREADER0000000001:read", "POST", 401), ("AKIAALLMIGHTY0000001:all", "GET", 200)],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/_cloudcore/", "/_cloudcore/metrics"])
def test_the_console_asks_who_looks(url: str, user: str, method: str, status: int, path: str) -> None:
    host, port = url.removeprefix("http://").split(":")
    browser = http.client.HTTPConnection(host, int(port))
    headers = {"Authorization": "Basic " + b64encode(user.encode()).decode()} if user else {}
    browser.request(method, path, headers=headers)
    assert browser.getresponse().status == status
    browser.close()


def test_only_with_keys_is_a_network_served(cloud: cloudcore.Cloud) -> None:
    with cloudcore.open(":memory:") as open_to_all:
        with pytest.raises(ValueError, match="without access keys"):
            open_to_all.serve(host="0.0.0.0")
    with cloud.serve(host="0.0.0.0") as endpoint:
        host = "127.0.0.1"
        browser = http.client.HTTPConnection(host, endpoint.port)
        basic = b64encode(b"AKIAALLMIGHTY0000001:all").decode()
        browser.request("GET", "/_cloudcore/tables", headers={"Authorization": "Basic " + basic, "Host": "lake.example"})
        answer = browser.getresponse()
        assert answer.status == 200
        assert b"Read-only" in answer.read()
        browser.close()


def test_a_function_url_takes_signatures_of_those_who_may(cloud, url):
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    code = b"def handler(event, context): return event['requestContext']['authorizer']['iam']['userArn']"
    cloud.function("fn", pack({"h.py": code}), handler="h.handler", timeout=20)
    made = client(url, "lambda").create_function_url_config(FunctionName="fn", AuthType="AWS_IAM")["FunctionUrl"]
    target = f"{url}/lambda-url/{made.split('//')[1].split('.')[0]}/a?b=1"

    def send(key, secret):
        request = AWSRequest("GET", target)
        SigV4Auth(Credentials(key, secret), "lambda", "us-east-1").add_auth(request)
        try:
            with urllib.request.urlopen(urllib.request.Request(target, headers=dict(request.headers))) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code

    assert send("AKIAALLMIGHTY0000001", "all") == 200
    assert send("AKIAALLMIGHTY0000001", "wrong") == 403
    assert send("AKIAREADER0000000001", "read") == 403
