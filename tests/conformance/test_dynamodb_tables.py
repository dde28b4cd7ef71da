"""CreateTable, DescribeTable, ListTables, DeleteTable: answers and refusals."""

import datetime
import json

import pytest
from dynamodb_support import create, key, refused

from cloudcore.dynamodb import DynamoDB
from cloudcore.errors import BusyError, ClosedError

BASE = {
    "TableName": "orders",
    "KeySchema": [{"AttributeName": "p", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "p", "AttributeType": "S"}],
    "ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 6},
}
THROUGHPUT = {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}


def test_life_of_a_table(db):
    made = db.call("CreateTable", BASE)["TableDescription"]
    assert made["TableStatus"] == "CREATING"
    assert isinstance(made["CreationDateTime"], datetime.datetime)
    shown = db.call("DescribeTable", {"TableName": "orders"})["Table"]
    assert shown["TableStatus"] == "ACTIVE"
    assert shown["TableArn"] == "arn:aws:dynamodb:us-east-1:000000000000:table/orders"
    assert shown["ProvisionedThroughput"] == {
        "NumberOfDecreasesToday": 0,
        "ReadCapacityUnits": 5,
        "WriteCapacityUnits": 6,
    }
    assert "BillingModeSummary" not in shown
    assert shown["TableId"] == made["TableId"]
    assert shown["ItemCount"] == 0
    gone = db.call("DeleteTable", {"TableName": "orders"})["TableDescription"]
    assert gone["TableStatus"] == "DELETING"
    assert "KeySchema" not in gone
    for operation in ("DescribeTable", "DeleteTable"):
        refused(
            db,
            operation,
            {"TableName": "orders"},
            "Requested resource not found: Table: orders not found",
            "ResourceNotFoundException",
        )


def test_a_name_is_taken_once(db):
    db.call("CreateTable", BASE)
    refused(db, "CreateTable", BASE, "Table already exists: orders", "ResourceInUseException")


def test_list_tables_pages(db):
    names = [f"t-{i:03}" for i in range(105)]
    for name in reversed(names):
        create(db, name)
    first = db.call("ListTables", {})
    assert first["TableNames"] == names[:100]
    rest = db.call("ListTables", {"ExclusiveStartTableName": first["LastEvaluatedTableName"]})
    assert rest == {"TableNames": names[100:]}
    assert db.call("ListTables", {"Limit": 2})["LastEvaluatedTableName"] == "t-001"
    refused(
        db,
        "ListTables",
        {"Limit": 0},
        "1 validation error detected: Value '0' at 'limit' failed to satisfy constraint: Member must have "
        "value greater "
        "than or equal to 1",
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"TableName": None}, "The parameter 'TableName' is required but was not present in the request"),
        (
            {"TableName": "ab"},
            "1 validation error detected: Value 'ab' at 'tableName' failed to satisfy constraint: Member "
            "must have length "
            "greater than or equal to 3",
        ),
        (
            {"KeySchema": [{"AttributeName": "p", "KeyType": "INVALID"}]},
            "1 validation error detected: Value 'INVALID' at 'keySchema.1.member.keyType' failed to "
            "satisfy constraint: "
            "Member must satisfy enum value set: [HASH, RANGE]",
        ),
        (
            {"AttributeDefinitions": [{"AttributeName": "p", "AttributeType": "INVALID"}]},
            "1 validation error detected: Value 'INVALID' at "
            "'attributeDefinitions.1.member.attributeType' failed to "
            "satisfy constraint: Member must satisfy enum value set: [B, N, S]",
        ),
        (
            {
                "KeySchema": [
                    {"AttributeName": "p", "KeyType": "HASH"},
                    {"AttributeName": "p", "KeyType": "RANGE"},
                ]
            },
            "Invalid KeySchema: Some index key attribute have no definition",
        ),
        (
            {"KeySchema": [{"AttributeName": "p", "KeyType": "RANGE"}]},
            "Invalid KeySchema: The first KeySchemaElement is not a HASH key type",
        ),
        (
            {"KeySchema": [{"AttributeName": "q", "KeyType": "HASH"}]},
            "One or more parameter values were invalid: Some index key attributes are not defined in "
            "AttributeDefinitions. Keys: [q], AttributeDefinitions: [p]",
        ),
        (
            {
                "AttributeDefinitions": [
                    {"AttributeName": "p", "AttributeType": "S"},
                    {"AttributeName": "q", "AttributeType": "S"},
                ]
            },
            "One or more parameter values were invalid: Number of attributes in KeySchema does not "
            "exactly match number "
            "of attributes defined in AttributeDefinitions",
        ),
        (
            {"ProvisionedThroughput": None},
            "One or more parameter values were invalid: ReadCapacityUnits and WriteCapacityUnits must "
            "both be specified "
            "when BillingMode is PROVISIONED",
        ),
        (
            {"BillingMode": "PAY_PER_REQUEST"},
            "One or more parameter values were invalid: Neither ReadCapacityUnits nor WriteCapacityUnits "
            "can be specified "
            "when BillingMode is PAY_PER_REQUEST",
        ),
        (
            {"SSESpecification": {"Enabled": True}},
            "One or more parameter values were invalid: SSESpecification is not supported by cloudcore",
        ),
    ],
)
def test_bad_tables(db, change, message):
    refused(db, "CreateTable", BASE | change, message)
    assert db.call("ListTables", {}) == {"TableNames": []}


def test_json_form(db):
    status, body = db.call_json("CreateTable", json.dumps(BASE).encode())
    assert status == 200
    assert isinstance(json.loads(body)["TableDescription"]["CreationDateTime"], float)
    status, body = db.call_json("CreateTable", b'{"TableName": 5}')
    assert json.loads(body) == {
        "__type": "com.amazon.coral.service#SerializationException",
        "Message": "NUMBER_VALUE cannot be converted to String",
    }
    for broken in (b"", b"[1]", b"\xff", b"[" * 100_000):
        assert db.call_json("ListTables", broken)[0] == 400


def test_survives_a_restart_and_has_one_owner(tmp_path):
    with DynamoDB(tmp_path / "store") as db:
        db.call("CreateTable", BASE)
        for i in range(100):
            db.call("PutItem", {"TableName": "orders", "Item": {"p": {"S": f"k{i}"}, "v": {"N": str(i)}}})
        made = db.call("DescribeTable", {"TableName": "orders"})["Table"]
        with pytest.raises(BusyError):
            DynamoDB(tmp_path / "store")
    with pytest.raises(ClosedError):
        db.call("ListTables", {})
    with DynamoDB(tmp_path / "store") as db:
        assert db.call("DescribeTable", {"TableName": "orders"})["Table"] == made
        assert db.tables.get_item("orders", {"p": {"S": "k42"}})["v"] == {"N": "42"}
        assert db.call("Scan", {"TableName": "orders", "Select": "COUNT"})["Count"] == 100


def test_deleting_a_table_forgets_its_items(db):
    create(db)
    db.call("PutItem", {"TableName": "tab", "Item": key("a", 1)})
    db.call("DeleteTable", {"TableName": "tab"})
    create(db, sk=None)
    assert db.call("Scan", {"TableName": "tab"})["Items"] == []
