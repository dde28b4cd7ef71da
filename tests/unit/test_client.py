"""cloud.client(): boto3's shape without HTTP."""

from __future__ import annotations

import io
import subprocess
import sys

import pytest
from botocore.exceptions import ClientError, ParamValidationError, WaiterError
from botocore.loaders import Loader
from botocore.model import ServiceModel

import cloudcore
from cloudcore.client.names import methods
from cloudcore.client.pages import PAGES
from cloudcore.client.waiters import WAITERS

KEYS = {
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
    "AttributeDefinitions": [
        {"AttributeName": "pk", "AttributeType": "S"},
        {"AttributeName": "sk", "AttributeType": "B"},
    ],
    "BillingMode": "PAY_PER_REQUEST",
}


@pytest.fixture(scope="module")
def cloud():
    with cloudcore.open(":memory:") as one:
        yield one


@pytest.fixture(scope="module")
def db(cloud):
    client = cloud.client("dynamodb")
    client.create_table(TableName="things", **KEYS)
    client.get_waiter("table_exists").wait(TableName="things")
    for number in range(10):
        client.put_item(TableName="things", Item={"pk": {"S": "p"}, "sk": {"B": bytes([number])}})
    return client


@pytest.mark.parametrize("service", ["dynamodb", "lambda", "firehose"])
def test_names_pages_waiters_and_errors_are_boto3s(cloud, service):
    from botocore import xform_name
    from botocore.waiter import WaiterModel

    model = ServiceModel(Loader().load_service_model(service, "service-2"), service)
    assert methods(service) == {xform_name(name): name for name in model.operation_names}
    pages = Loader().load_service_model(service, "paginators-1")["pagination"]
    for operation, ours in PAGES[service].items():
        theirs = pages[operation]
        results = theirs["result_key"] if isinstance(theirs["result_key"], list) else [theirs["result_key"]]
        assert (ours.input_token, ours.output_token, ours.limit, [ours.result, *ours.counts]) == (
            theirs["input_token"], theirs["output_token"], theirs.get("limit_key"), results,
        )  # fmt: skip
    if WAITERS[service]:
        known = {
            xform_name(name)
            for name in WaiterModel(Loader().load_service_model(service, "waiters-2")).waiter_names
        }
        assert set(WAITERS[service]) <= known
    exceptions = cloud.client(service).exceptions
    for shape in model.error_shapes:
        assert issubclass(getattr(exceptions, shape.error_code), ClientError)
    with pytest.raises(AttributeError, match="has no exception Typo"):
        _ = exceptions.Typo


def test_items_go_in_and_out(db):
    db.put_item(TableName="things", Item={"pk": {"S": "a"}, "sk": {"B": b"\0"}, "n": {"N": "1.50"}})
    answer = db.get_item(TableName="things", Key={"pk": {"S": "a"}, "sk": {"B": b"\0"}})
    assert answer["Item"] == {"pk": {"S": "a"}, "sk": {"B": b"\0"}, "n": {"N": "1.5"}}
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert len(answer["ResponseMetadata"]["RequestId"]) == 52


def test_a_refusal_is_botocores(db):
    with pytest.raises(db.exceptions.ResourceNotFoundException) as caught:
        db.get_item(TableName="absent", Key={"pk": {"S": "a"}})
    assert isinstance(caught.value, ClientError)
    assert caught.value.response["Error"]["Code"] == "ResourceNotFoundException"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert caught.value.operation_name == "GetItem"
    with pytest.raises(db.exceptions.ConditionalCheckFailedException) as failed:
        db.put_item(
            TableName="things", Item={"pk": {"S": "p"}, "sk": {"B": b"\1"}}, ConditionExpression="attribute_not_exists(pk)",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )  # fmt: skip
    assert failed.value.response["Item"] == {"pk": {"S": "p"}, "sk": {"B": b"\1"}}
    with pytest.raises(ClientError, match="ValidationException"):
        db.get_item(TableName="things", Key={"pk": {"S": "a"}})


def test_wrong_parameters_never_reach_the_service(db):
    with pytest.raises(ParamValidationError, match='Unknown parameter in input: "Keys"'):
        db.get_item(TableName="things", Key={}, Keys={})
    with pytest.raises(ParamValidationError, match='Missing required parameter in input: "Key"'):
        db.get_item(TableName="things")
    with pytest.raises(AttributeError):
        db.get_items()
    with pytest.raises(TypeError):
        db.get_item("t", {})


def test_an_operation_that_is_not_there_says_so(cloud, monkeypatch):
    from cloudcore.dynamodb import service

    monkeypatch.setattr(service, "control", lambda operation: None)
    with pytest.raises(ClientError, match="UnknownOperationException"):
        cloud.client("dynamodb").list_tables()
    with pytest.raises(ValueError, match="no service 'sqs'"):
        cloud.client("sqs")


QUERY = {
    "TableName": "things",
    "KeyConditionExpression": "pk = :p",
    "ExpressionAttributeValues": {":p": {"S": "p"}},
}


@pytest.mark.parametrize("config", [{}, {"PageSize": 3}, {"PageSize": 1}, {"MaxItems": 100, "PageSize": 4}])
def test_pages_hold_everything_once(db, config):
    whole = db.get_paginator("query").paginate(**QUERY, PaginationConfig=config).build_full_result()
    assert [item["sk"]["B"] for item in whole["Items"]] == [bytes([n]) for n in range(10)]
    assert whole["Count"] == 10 and "NextToken" not in whole


@pytest.mark.parametrize("size", [1, 2, 3, 4, 10])
@pytest.mark.parametrize("most", [1, 3, 4, 10])
def test_max_items_can_be_resumed(db, size, most):
    found, token, rounds = [], None, 0
    while rounds == 0 or token:
        config = {"MaxItems": most, "PageSize": size, "StartingToken": token}
        pages = db.get_paginator("query").paginate(**QUERY, PaginationConfig=config)
        found += [item["sk"]["B"][0] for page in pages for item in page["Items"]]
        token, rounds = pages.resume_token, rounds + 1
    assert found == list(range(10)) and rounds in (-(-10 // most), 10 // most + 1)


def test_a_paginator_searches_and_refuses(db):
    found = list(db.get_paginator("query").paginate(**QUERY).search("Items[].sk.B"))
    assert len(found) == 10
    assert db.can_paginate("scan") and not db.can_paginate("get_item")
    with pytest.raises(ValueError, match="has no pages"):
        db.get_paginator("get_item")
    with pytest.raises(ValueError, match="PaginationConfig has no Max"):
        db.get_paginator("query").paginate(PaginationConfig={"Max": 1})
    with pytest.raises(ValueError, match="StartingToken"):
        list(db.get_paginator("query").paginate(**QUERY, PaginationConfig={"StartingToken": "?"}))


def test_waiters(db):
    db.get_waiter("table_not_exists").wait(TableName="absent")
    with pytest.raises(WaiterError, match="Max attempts exceeded"):
        db.get_waiter("table_exists").wait(TableName="absent", WaiterConfig={"Delay": 0, "MaxAttempts": 2})
    with pytest.raises(ValueError, match="no waiter"):
        db.get_waiter("table_is_nice")


def test_functions_take_and_give_payloads(cloud, tmp_path):
    (tmp_path / "echo.py").write_text("def handler(event, context):\n    return event\n")
    cloud.function("echo", tmp_path, handler="echo.handler")
    client = cloud.client("lambda")
    client.get_waiter("function_active_v2").wait(FunctionName="echo")
    answer = client.invoke(FunctionName="echo", Payload=io.BytesIO(b'{"a": [1]}'))
    assert answer["StatusCode"] == answer["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert list(answer["Payload"].iter_chunks(4)) == [b'{"a"', b": [1", b"]}"]


def test_firehose(cloud):
    cloud.stream("s", bucket="b")
    client = cloud.client("firehose")
    answer = client.put_record_batch(DeliveryStreamName="s", Records=[{"Data": b"x"}, {"Data": b"y"}])
    assert answer["FailedPutCount"] == 0 and len(answer["RequestResponses"]) == 2


WITHOUT_BOTOCORE = """
import sys
sys.modules["botocore"] = None
import cloudcore
with cloudcore.open(":memory:") as cloud:
    client = cloud.client("dynamodb")
    try:
        client.describe_table(TableName="absent")
    except client.exceptions.ResourceNotFoundException as error:
        assert isinstance(error, client.exceptions.ClientError)
        assert error.response["Error"]["Code"] == "ResourceNotFoundException", error.response
        assert "when calling the DescribeTable operation" in str(error)
    else:
        raise AssertionError
    try:
        client.get_item(TableName="things")
    except Exception as error:
        assert type(error).__name__ == "OwnParamValidationError", error
"""


def test_botocore_is_neither_needed_nor_imported():
    subprocess.run([sys.executable, "-c", WITHOUT_BOTOCORE], check=True)
    calls = (
        "import cloudcore, sys; c = cloudcore.open(':memory:'); c.client('dynamodb').list_tables(); c.close(); "
        "assert not [m for m in sys.modules if m.startswith('boto')]"
    )
    subprocess.run([sys.executable, "-c", calls], check=True)
