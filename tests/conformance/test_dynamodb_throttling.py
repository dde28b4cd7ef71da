"""Throughput, enforced: 300 seconds of burst per table and index, moved by a clock that stands still."""

import json

import boto3
import pytest
from botocore.config import Config

import cloudcore
from cloudcore.clock import ManualClock
from cloudcore.dynamodb import DynamoDB
from cloudcore.errors import ApiError

TABLE_WORDS = (
    "The level of configured provisioned throughput for the table was exceeded. Consider increasing your provisioning "
    "level with the UpdateTable API."
)
ARN = "arn:aws:dynamodb:us-east-1:000000000000:table/tab"
BURST = 300


@pytest.fixture
def clock():
    return ManualClock(1_700_000_000)


@pytest.fixture
def db(clock):
    with DynamoDB(clock=clock, enforce_throughput=True) as service:
        yield service


def create(db, read=1, write=1, name="tab", **more):
    throughput = {"ReadCapacityUnits": read, "WriteCapacityUnits": write}
    request = {
        "TableName": name,
        "KeySchema": [{"AttributeName": "p", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "p", "AttributeType": "S"}],
        "ProvisionedThroughput": throughput,
    }
    db.call("CreateTable", {k: v for k, v in (request | more).items() if v is not None})


def put(db, key="a", size=0, name="tab", **more):
    item = {"p": {"S": key}} | ({"x": {"S": "x" * size}} if size else {}) | more
    return db.call("PutItem", {"TableName": name, "Item": item})


def get(db, key="a", consistent=True):
    return db.call("GetItem", {"TableName": "tab", "Key": {"p": {"S": key}}, "ConsistentRead": consistent})


def passes(run, at_most=10_000):
    """How many calls pass before one is refused, and the refusal."""
    for count in range(at_most):
        try:
            run()
        except ApiError as error:
            return count, error
    raise AssertionError("never refused")


def test_writes_have_a_burst_and_a_rate(db, clock):
    create(db)
    count, error = passes(lambda: put(db))
    assert count == BURST
    assert (error.code, error.message, error.status) == (
        "ProvisionedThroughputExceededException",
        TABLE_WORDS,
        400,
    )
    reason = {"reason": "TableWriteProvisionedThroughputExceeded", "resource": ARN}
    assert error.fields == {"ThrottlingReasons": [reason]}
    assert get(db)["Item"] == {"p": {"S": "a"}}  # reads have a bucket of their own
    clock.advance(7)
    assert passes(lambda: put(db))[0] == 7
    clock.advance(100 * BURST)
    assert passes(lambda: put(db))[0] == BURST  # no more than that is kept


def test_what_is_taken_beyond_the_rest_is_owed(db, clock):
    create(db)
    put(db, size=350_000)  # 342 units from 300
    assert passes(lambda: put(db, "b"))[0] == 0
    clock.advance(42)
    assert passes(lambda: put(db, "b"))[0] == 0
    clock.advance(1.5)
    assert passes(lambda: put(db, "b"))[0] == 2


def test_a_refused_write_changes_nothing_and_costs_nothing(db, clock):
    create(db)
    passes(lambda: put(db))
    change = {
        "TableName": "tab",
        "Key": {"p": {"S": "a"}},
        "UpdateExpression": "SET n = :n",
        "ExpressionAttributeValues": {":n": {"N": "1"}},
    }
    for operation, request in (
        ("UpdateItem", change),
        ("DeleteItem", {"TableName": "tab", "Key": {"p": {"S": "a"}}}),
        ("ExecuteStatement", {"Statement": "UPDATE tab SET n = 1 WHERE p = 'a'"}),
        ("ExecuteStatement", {"Statement": "INSERT INTO tab VALUE {'p': 'z'}"}),
    ):
        with pytest.raises(ApiError) as caught:
            db.call(operation, request)
        assert caught.value.code == "ProvisionedThroughputExceededException"
    assert db.call("Scan", {"TableName": "tab"})["Items"] == [{"p": {"S": "a"}}]
    failing = {
        "TableName": "tab",
        "Item": {"p": {"S": "a"}},
        "ConditionExpression": "attribute_not_exists(p)",
    }
    with pytest.raises(ApiError) as caught:
        db.call("PutItem", failing)
    assert caught.value.code == "ConditionalCheckFailedException"
    clock.advance(1)
    assert passes(lambda: put(db))[0] == 1


@pytest.mark.parametrize(("consistent", "count"), [(True, BURST), (False, 2 * BURST)])
def test_reads(db, consistent, count):
    create(db)
    put(db)
    passed, error = passes(lambda: get(db, consistent=consistent))
    assert passed == count
    assert error.fields["ThrottlingReasons"] == [
        {"reason": "TableReadProvisionedThroughputExceeded", "resource": ARN}
    ]
    query = {"KeyConditionExpression": "p = :p", "ExpressionAttributeValues": {":p": {"S": "a"}}}
    for operation, request in (
        ("Query", {"TableName": "tab"} | query),
        ("Scan", {"TableName": "tab"}),
        ("ExecuteStatement", {"Statement": "SELECT * FROM tab"}),
        ("ExecuteStatement", {"Statement": "SELECT * FROM tab WHERE p = 'a'"}),
    ):
        with pytest.raises(ApiError) as caught:
            db.call(operation, request)
        assert caught.value.code == "ProvisionedThroughputExceededException"


def test_pages_cost_what_they_read(db, clock):
    create(db, write=1000)
    for i in range(40):
        put(db, str(i), 40_000)  # 1.6 MB
    scan = {"TableName": "tab", "ConsistentRead": True}
    first = db.call("Scan", scan | {"ReturnConsumedCapacity": "TOTAL"})
    units = first["ConsumedCapacity"]["CapacityUnits"]
    assert units > 250
    second = db.call(
        "Scan", scan | {"ExclusiveStartKey": first["LastEvaluatedKey"]}
    )  # there were 300 - units
    assert second["Count"] > 0
    clock.advance(1)
    with pytest.raises(ApiError):
        db.call("Scan", scan)


def test_every_door_is_throttled():
    clock = ManualClock(1_700_000_000)
    with cloudcore.open(":memory:", clock=clock, enforce_throughput=True) as cloud, cloud.serve() as endpoint:
        create(cloud.dynamodb)
        table = cloud.table("tab")
        table.put({"p": "a"})
        assert passes(lambda: table.get("a"))[0] == 2 * BURST
        assert passes(lambda: table.put({"p": "a"}))[0] == BURST - 1
        with pytest.raises(ApiError, match="ProvisionedThroughputExceeded"):
            cloud.dynamodb.tables.get_item("tab", {"p": {"S": "a"}})
        wire = boto3.client(
            "dynamodb", endpoint_url=endpoint.url, region_name="us-east-1", aws_access_key_id="test",
            aws_secret_access_key="test", config=Config(retries={"total_max_attempts": 1}),
        )  # fmt: skip
        for call, kind in ((wire.get_item, "Read"), (wire.delete_item, "Write")):
            with pytest.raises(wire.exceptions.ProvisionedThroughputExceededException) as caught:
                call(TableName="tab", Key={"p": {"S": "a"}})
            assert caught.value.response["ThrottlingReasons"] == [
                {"reason": f"Table{kind}ProvisionedThroughputExceeded", "resource": ARN}
            ]
        clock.advance(5)
        wire.get_item(TableName="tab", Key={"p": {"S": "a"}})


def test_off_by_default():
    with DynamoDB() as db:
        create(db)
        for _ in range(BURST + 10):
            put(db)


def index(read, write):
    return {
        "IndexName": "gsi",
        "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}],
        "Projection": {"ProjectionType": "ALL"},
        "ProvisionedThroughput": {"ReadCapacityUnits": read, "WriteCapacityUnits": write},
    }


def with_index(db, read, write, **more):
    names = [{"AttributeName": name, "AttributeType": "S"} for name in ("p", "g")]
    create(db, 10, 10, GlobalSecondaryIndexes=[index(read, write)], AttributeDefinitions=names, **more)


def test_an_index_throttles_its_table_s_writes(db, clock):
    with_index(db, 1, 1)
    keys = iter(range(10**6))
    count, error = passes(lambda: put(db, str(next(keys)), g={"S": "x"}))
    assert count == BURST
    assert error.code == "ProvisionedThroughputExceededException"
    assert "global secondary indexes" in error.message
    reason = {"reason": "IndexWriteProvisionedThroughputExceeded", "resource": ARN + "/index/gsi"}
    assert error.fields["ThrottlingReasons"] == [reason]
    put(db, "no index key")
    query = {
        "TableName": "tab",
        "IndexName": "gsi",
        "KeyConditionExpression": "g = :g",
        "ExpressionAttributeValues": {":g": {"S": "x"}},
        "Limit": 1,
    }
    count, error = passes(lambda: db.call("Query", query))
    assert count == 2 * BURST
    assert error.fields["ThrottlingReasons"][0]["reason"] == "IndexReadProvisionedThroughputExceeded"
    assert get(db, "0")["Item"]  # the table's reads are its own


def test_on_demand_maximum(db, clock):
    maxima = {"MaxReadRequestUnits": 2, "MaxWriteRequestUnits": 1}
    create(db, BillingMode="PAY_PER_REQUEST", ProvisionedThroughput=None, OnDemandThroughput=maxima)
    count, error = passes(lambda: put(db))
    assert (count, error.code) == (BURST, "ThrottlingException")
    assert error.message == "Throughput exceeds the maximum OnDemandThroughput configured on table or index"
    reason = {"reason": "TableWriteMaxOnDemandThroughputExceeded", "resource": ARN}
    assert error.fields == {"throttlingReasons": [reason]}
    assert passes(lambda: get(db))[0] == 2 * BURST
    create(db, name="free", BillingMode="PAY_PER_REQUEST", ProvisionedThroughput=None)
    for _ in range(2 * BURST):
        put(db, name="free")


def test_another_rate(db, clock):
    create(db)
    passes(lambda: put(db))
    throughput = {"ReadCapacityUnits": 1, "WriteCapacityUnits": 10}
    db.call("UpdateTable", {"TableName": "tab", "ProvisionedThroughput": throughput})
    assert passes(lambda: put(db))[0] == 0
    clock.advance(2)
    assert passes(lambda: put(db))[0] == 20
    db.call("UpdateTable", {"TableName": "tab", "BillingMode": "PAY_PER_REQUEST"})
    for _ in range(50):
        put(db)


def test_batches_leave_the_rest(db, clock):
    create(db)
    create(db, 1000, 1000, name="other")
    for _ in range(BURST - 2):
        put(db)
    entries = [{"PutRequest": {"Item": {"p": {"S": str(i)}}}} for i in range(5)]
    entries.append({"DeleteRequest": {"Key": {"p": {"S": "a"}}}})
    request = {"RequestItems": {"tab": entries, "other": entries[:1]}}
    reply = db.call("BatchWriteItem", request)
    assert reply["UnprocessedItems"] == {"tab": entries[2:]}
    rest = {"RequestItems": reply["UnprocessedItems"]}
    with pytest.raises(ApiError) as caught:
        db.call("BatchWriteItem", rest)
    assert caught.value.code == "ProvisionedThroughputExceededException"
    assert len(caught.value.fields["ThrottlingReasons"]) == 1
    clock.advance(3)
    status, body = db.call_json("BatchWriteItem", json.dumps(rest).encode())
    assert (status, json.loads(body)["UnprocessedItems"]) == (200, {"tab": entries[5:]})
    clock.advance(1)
    assert db.call("BatchWriteItem", {"RequestItems": {"tab": entries[5:]}})["UnprocessedItems"] == {}
    assert {item["p"]["S"] for item in db.call("Scan", {"TableName": "tab"})["Items"]} == set("01234")

    for _ in range(BURST - 2):
        get(db, "0")
    keys = [{"p": {"S": str(i)}} for i in range(5)]
    asked = {"tab": {"Keys": keys, "ConsistentRead": True}}
    reply = db.call("BatchGetItem", {"RequestItems": asked})
    assert sorted(item["p"]["S"] for item in reply["Responses"]["tab"]) == ["0", "1"]
    assert reply["UnprocessedKeys"] == {"tab": {"Keys": keys[2:], "ConsistentRead": True}}
    with pytest.raises(ApiError) as caught:
        db.call("BatchGetItem", {"RequestItems": reply["UnprocessedKeys"]})
    assert caught.value.fields["ThrottlingReasons"][0]["reason"] == "TableReadProvisionedThroughputExceeded"


def test_transactions_are_cancelled_whole(db, clock):
    create(db)
    create(db, 1000, 1000, name="other")
    for _ in range(BURST - 2):
        put(db)

    def transact(*keys):
        actions = [{"Put": {"TableName": "tab", "Item": {"p": {"S": key}}}} for key in keys]
        actions.append({"Put": {"TableName": "other", "Item": {"p": {"S": "z"}}}})
        return db.call("TransactWriteItems", {"TransactItems": actions})

    with pytest.raises(ApiError) as caught:
        transact("b", "c")  # two units each, and two are left
    assert caught.value.code == "TransactionCanceledException"
    assert caught.value.fields["CancellationReasons"] == [
        {"Code": "None"},
        {"Code": "ProvisionedThroughputExceeded", "Message": TABLE_WORDS},
        {"Code": "None"},
    ]
    assert db.call("Scan", {"TableName": "other"})["Count"] == 0
    transact("b")  # nothing was spent by the one that was cancelled
    assert passes(lambda: put(db))[0] == 0

    reads = [{"Get": {"TableName": "tab", "Key": {"p": {"S": "b"}}}}]
    count, error = passes(lambda: db.call("TransactGetItems", {"TransactItems": reads}))
    assert (count, error.code) == (BURST // 2, "TransactionCanceledException")
    assert error.fields["CancellationReasons"][0]["Code"] == "ProvisionedThroughputExceeded"


def test_statements_of_a_batch(db):
    create(db)
    passes(lambda: put(db))
    statements = [
        {"Statement": "INSERT INTO tab VALUE {'p': 'b'}"},
        {"Statement": "INSERT INTO tab VALUE {'p': 'c'}"},
    ]
    replies = db.call("BatchExecuteStatement", {"Statements": statements})["Responses"]
    assert [reply["Error"]["Code"] for reply in replies] == ["ProvisionedThroughputExceeded"] * 2
    read = [{"Statement": "SELECT * FROM tab WHERE p = 'a'"}]
    assert db.call("BatchExecuteStatement", {"Statements": read})["Responses"][0]["Item"] == {"p": {"S": "a"}}
