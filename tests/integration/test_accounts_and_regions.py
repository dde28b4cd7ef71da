"""Accounts and regions are apart, as on AWS: over HTTP, in process, through boto3 without a socket, in mock()."""

from __future__ import annotations

import http.client
import json
import urllib.request

import boto3
import pytest
from botocore.exceptions import ClientError

import cloudcore

ONE, TWO = "111111111111", "222222222222"
TABLE = {
    "TableName": "orders", "BillingMode": "PAY_PER_REQUEST",
    "KeySchema": [{"AttributeName": "k", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "k", "AttributeType": "S"}],
}  # fmt: skip
KEY = {"k": {"S": "1"}}
PLACES = [(ONE, "us-east-1"), (ONE, "eu-west-1"), (TWO, "us-east-1"), ("key", "us-east-1"), ("key", "ap-south-1")]


@pytest.fixture
def cloud():
    with cloudcore.open(":memory:") as made:
        yield made


@pytest.fixture
def endpoint(cloud):
    with cloud.serve() as made:
        yield made


@pytest.fixture
def over_http(endpoint):
    def client(service, account="key", region="us-east-1"):
        return boto3.client(service, endpoint_url=endpoint.url, region_name=region, aws_access_key_id=account,
                            aws_secret_access_key="s")  # fmt: skip

    return client


@pytest.fixture
def without_socket(cloud):
    session = cloud.boto3_session()

    def client(service, account="key", region="us-east-1"):
        return session.client(service, region_name=region, aws_access_key_id=account, aws_secret_access_key="s")

    return client


@pytest.fixture
def mocked():
    with cloudcore.mock(account="000000000000"):

        def client(service, account="key", region="us-east-1"):
            return boto3.client(service, region_name=region, aws_access_key_id=account, aws_secret_access_key="s")

        yield client


def in_process(cloud):
    return lambda service, account="key", region="us-east-1": cloud.client(
        service, region, None if account == "key" else account
    )


@pytest.fixture(params=["over_http", "without_socket", "mocked", "in_process"])
def client(request):
    if request.param == "in_process":
        return in_process(request.getfixturevalue("cloud"))
    return request.getfixturevalue(request.param)


def test_tables_are_apart(client):
    for number, place in enumerate(PLACES):
        dynamodb = client("dynamodb", *place)
        assert dynamodb.list_tables()["TableNames"] == []
        arn = dynamodb.create_table(**TABLE)["TableDescription"]["TableArn"]
        account = "000000000000" if place[0] == "key" else place[0]
        assert arn == f"arn:aws:dynamodb:{place[1]}:{account}:table/orders"
        dynamodb.put_item(TableName="orders", Item={**KEY, "n": {"N": str(number)}})
    for number, place in enumerate(PLACES):
        assert client("dynamodb", *place).get_item(TableName="orders", Key=KEY)["Item"]["n"] == {"N": str(number)}
    client("dynamodb", *PLACES[0]).delete_table(TableName="orders")
    for place in PLACES[1:]:
        assert client("dynamodb", *place).scan(TableName="orders")["Count"] == 1


@pytest.mark.parametrize("client", ["over_http", "without_socket", "mocked"], indirect=True)
def test_streams_functions_and_objects(client):
    destination = {"RoleARN": f"arn:aws:iam::{ONE}:role/r", "BucketARN": "arn:aws:s3:::lake-of-one"}
    client("firehose", ONE).create_delivery_stream(
        DeliveryStreamName="clicks", ExtendedS3DestinationConfiguration=destination
    )
    assert client("firehose", ONE).list_delivery_streams()["DeliveryStreamNames"] == ["clicks"]
    assert client("firehose", ONE, "eu-west-1").list_delivery_streams()["DeliveryStreamNames"] == []
    assert client("firehose", TWO).list_delivery_streams()["DeliveryStreamNames"] == []
    client("s3", ONE).create_bucket(Bucket="only-of-one")
    client("s3", ONE).put_object(Bucket="only-of-one", Key="k", Body=b"1")
    assert client("s3", ONE, "eu-west-1").get_object(Bucket="only-of-one", Key="k")["Body"].read() == b"1"
    with pytest.raises(ClientError, match="NoSuchBucket"):
        client("s3", TWO).get_object(Bucket="only-of-one", Key="k")
    assert client("lambda", ONE).list_functions()["Functions"] == []
    for account, expected in ((ONE, ONE), (TWO, TWO), ("AKIAIOSFODNN7EXAMPLE", "000000000000")):
        assert client("sts", account).get_caller_identity()["Account"] == expected


def test_an_arn_of_another_place_is_no_way_in(client):
    for place in PLACES[:3]:
        client("dynamodb", *place).create_table(**TABLE)
    dynamodb = client("dynamodb", *PLACES[0])
    own = f"arn:aws:dynamodb:us-east-1:{ONE}:table/orders"
    other = f"arn:aws:dynamodb:us-east-1:{TWO}:table/orders"
    far = f"arn:aws:dynamodb:eu-west-1:{ONE}:table/orders"
    dynamodb.put_item(TableName=own, Item=KEY)
    assert dynamodb.describe_table(TableName=own)["Table"]["ItemCount"] == 1

    def refusal(call, **params):
        with pytest.raises(ClientError) as caught:
            getattr(dynamodb, call)(**params)
        return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]

    def denied(operation):
        return (
            "AccessDeniedException",
            f"User: arn:aws:iam::{ONE}:root is not authorized to perform: dynamodb:{operation} on resource: {other} "
            f"because no resource-based policy allows the dynamodb:{operation} action",
        )

    invalid = ("ValidationException", f"Invalid TableArn: Invalid ResourceArn provided as input {far}")
    assert refusal("get_item", TableName=other, Key=KEY) == denied("GetItem")
    assert refusal("describe_table", TableName=other) == denied("DescribeTable")
    assert refusal("batch_get_item", RequestItems={other: {"Keys": [KEY]}}) == denied("BatchGetItem")
    write = {"RequestItems": {other: [{"PutRequest": {"Item": KEY}}]}}
    assert refusal("batch_write_item", **write) == denied("BatchWriteItem")
    items = [{"Put": {"TableName": other, "Item": KEY}}]
    assert refusal("transact_write_items", TransactItems=items) == denied("PutItem")
    assert refusal("put_item", TableName=far, Item=KEY) == invalid
    assert refusal("update_table", TableName=far, DeletionProtectionEnabled=True) == invalid


def test_functions_run_where_they_are_and_reach_what_is_there(cloud, endpoint, tmp_path):
    (tmp_path / "put.py").write_text(
        "import boto3, os\n"
        "def handler(event, context):\n"
        "    boto3.client('dynamodb').put_item(TableName='orders', Item={'k': {'S': 'from ' + os.environ['AWS_REGION']}})\n"
        "    return context.invoked_function_arn\n"
    )
    for account, region in PLACES[:3]:
        cloud.client("dynamodb", region, account).create_table(**TABLE)
    there = cloud.at("eu-west-1", ONE)
    function = there.function("put", tmp_path, handler="put.handler", timeout=30)
    assert function.invoke({}) == f"arn:aws:lambda:eu-west-1:{ONE}:function:put"
    assert [i["k"] for i in there.table("orders").scan()] == ["from eu-west-1"]
    assert list(cloud.at("us-east-1", ONE).table("orders").scan()) == []
    lambda_ = boto3.client("lambda", endpoint_url=endpoint.url, region_name="us-east-1", aws_access_key_id=ONE,
                           aws_secret_access_key="s")  # fmt: skip
    with pytest.raises(lambda_.exceptions.ResourceNotFoundException):
        lambda_.invoke(FunctionName="put")
    with pytest.raises(lambda_.exceptions.ResourceNotFoundException):
        lambda_.invoke(FunctionName=f"arn:aws:lambda:eu-west-1:{ONE}:function:put")
    far = there.client("lambda")
    url = far.create_function_url_config(FunctionName="put", AuthType="NONE")["FunctionUrl"]
    far.add_permission(FunctionName="put", StatementId="s", Action="lambda:InvokeFunctionUrl", Principal="*",
                       FunctionUrlAuthType="NONE")  # fmt: skip
    assert ".lambda-url.eu-west-1.localhost" in url
    request = urllib.request.Request(endpoint.url, headers={"Host": url.split("/")[2]})
    assert urllib.request.urlopen(request).read() == f'"arn:aws:lambda:eu-west-1:{ONE}:function:put"'.encode()


def test_what_is_kept_is_found_again(tmp_path):
    with cloudcore.open(tmp_path / "d") as cloud:
        for number, (account, region) in enumerate(PLACES):
            place = cloud.at(region, None if account == "key" else account)
            place.table("orders", pk="k").put({"k": "1", "n": number})
        cloud.at("eu-west-1", ONE).stream("clicks", bucket="lake", buffer_seconds=900).put(b"x\n")
    assert (tmp_path / "d" / ONE / "eu-west-1" / "dynamodb").is_dir()
    with cloudcore.open(tmp_path / "d") as cloud, cloud.serve():
        for number, (account, region) in enumerate(PLACES):
            place = cloud.at(region, None if account == "key" else account)
            assert place.table("orders").get("1")["n"] == number
        found = [place for place in cloud.places() if "firehose" in place._services]
        assert [(place.account, place.region) for place in found] == [(ONE, "eu-west-1")], "an endpoint goes on delivering"


def ask(endpoint, operation, body, scope=None):
    connection = http.client.HTTPConnection(endpoint.host, endpoint.port, timeout=60)
    headers = {"X-Amz-Target": f"DynamoDB_20120810.{operation}"}
    if scope is not None:
        headers["Authorization"] = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"
    connection.request("POST", "/", json.dumps(body), headers)
    answer = connection.getresponse()
    found = answer.status, json.loads(answer.read())
    connection.close()
    return found


@pytest.mark.parametrize("region", ["../../etc", "", "a" * 32, "objects", "a%2fb", "é"])
def test_a_region_that_can_be_none_is_refused(endpoint, tmp_path, region):
    status, body = ask(endpoint, "ListTables", {}, f"AKIA/20261124/{region}/dynamodb/aws4_request")
    assert status == 400
    assert body["__type"].endswith("#InvalidSignatureException")
    assert body["message"].startswith("Credential should be scoped to a valid region, not '")


def test_without_credentials_the_default_is_meant(cloud, endpoint):
    cloud.table("orders", pk="k").put({"k": "1"})
    for operation, params in (("GetItem", {"TableName": "orders", "Key": KEY}), ("ListTables", {})):
        bare = ask(endpoint, operation, params)
        assert bare[0] == 200 and bare == ask(endpoint, operation, params, "AKIA/20261124/us-east-1/dynamodb/aws4_request")
        assert bare == ask(endpoint, operation, params, "000000000000/20261125/us-east-1/dynamodb/aws4_request")


@pytest.mark.parametrize("bad", [{"account": "12345"}, {"account": "12345678901x"}, {"region": "a/b"}, {"region": ".."}])
def test_names_that_cannot_be(cloud, bad):
    with pytest.raises(ValueError):
        cloud.at(**bad)
    with pytest.raises(ValueError):
        cloudcore.open(":memory:", **bad)


def test_many_accounts_are_cheap(cloud, endpoint):
    """A suite may take a fresh account for every test."""
    for number in range(300):
        scope = f"{number + 10**11}/20261124/us-east-1/dynamodb/aws4_request"
        assert ask(endpoint, "CreateTable", TABLE, scope)[0] == 200
        assert ask(endpoint, "PutItem", {"TableName": "orders", "Item": KEY}, scope) == (200, {})
        assert ask(endpoint, "Scan", {"TableName": "orders"}, scope)[1]["Count"] == 1
    assert len(cloud.places()) == 301


def test_shared_keeps_them_together():
    with cloudcore.open(":memory:", shared=True) as cloud, cloud.serve() as endpoint:
        cloud.table("orders", pk="k").put({"k": "1"})
        assert cloud.at("eu-west-1", ONE) is cloud
        for account, region in PLACES:
            scope = f"{account}/20261124/{region}/dynamodb/aws4_request"
            assert ask(endpoint, "Scan", {"TableName": "orders"}, scope)[1]["Count"] == 1
            assert ask(endpoint, "ListTables", {}, scope) == (200, {"TableNames": ["orders"]})
