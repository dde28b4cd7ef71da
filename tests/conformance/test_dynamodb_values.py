"""Which expression value is at fault is said by name, in dicts and in JSON alike."""

import json

import pytest
from dynamodb_support import COUNTED, create, key, refused


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"N": "x"}, "The parameter cannot be converted to a numeric value: x"),
        ({"SS": []}, "One or more parameter values were invalid: An string set  may not be empty"),
        ({}, "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"),
    ],
)
def test_bad_expression_value(db, value, message):
    create(db)
    params = {
        "TableName": "tab",
        "Key": key("a", 1),
        "UpdateExpression": "SET a = :good, b = :bad",
        "ExpressionAttributeValues": {":good": {"N": "1"}, ":bad": value},
    }
    expected = f"ExpressionAttributeValues contains invalid value: {message} for key :bad"
    refused(db, "UpdateItem", params, COUNTED + expected)
    status, body = db.call_json("UpdateItem", json.dumps(params).encode())
    assert (status, json.loads(body)["message"]) == (400, COUNTED + expected)
    delete = {"TableName": "tab", "Key": key("a", 1), "ConditionExpression": "a IN (:good, :bad)"}
    delete["ExpressionAttributeValues"] = params["ExpressionAttributeValues"]
    refused(db, "DeleteItem", delete, expected)


def test_null_that_is_false(db):
    """Told without the value's name, whatever member it stands in."""
    create(db)
    told = "One or more parameter values were invalid: Null attribute value types must have the value of true"
    update = {"TableName": "tab", "Key": key("a", 1), "UpdateExpression": "SET a = :n"}
    update["ExpressionAttributeValues"] = {":n": {"NULL": False}}
    refused(db, "UpdateItem", update, COUNTED + told)
    assert json.loads(db.call_json("UpdateItem", json.dumps(update).encode())[1])["message"] == COUNTED + told
    refused(db, "GetItem", {"TableName": "tab", "Key": {"p": {"NULL": False}}}, told)


def test_bad_starting_key(db):
    create(db)
    params = {"TableName": "tab", "ExclusiveStartKey": {"p": {"S": "a"}, "s": {"N": "x"}}}
    expected = "The provided starting key is invalid: The parameter cannot be converted to a numeric value: x"
    refused(db, "Scan", params, expected)
    status, body = db.call_json("Scan", json.dumps(params).encode())
    assert (status, json.loads(body)["message"]) == (400, expected)


@pytest.mark.parametrize(
    "items",
    [
        {"tab": 5},
        {"tab": [5]},
        {"tab": [{"PutRequest": {}}]},
        {"tab": [{"PutRequest": None, "DeleteRequest": None}]},
        {"tab": [{"PutRequest": {"Item": key("a", 1)}, "DeleteRequest": {"Key": key("a", 1)}}]},
    ],
)
def test_odd_batches(db, items):
    create(db)
    from cloudcore.errors import ApiError

    with pytest.raises(ApiError):
        db.call("BatchWriteItem", {"RequestItems": items})
    assert db.call_json("BatchWriteItem", json.dumps({"RequestItems": items}).encode())[0] == 400
    with pytest.raises(ApiError):
        db.call("BatchGetItem", {"RequestItems": {"tab": {"Keys": None}}})


def test_attribute_names(db):
    create(db)
    empty = "One or more parameter values were invalid: An attribute name may not be empty"
    for item in ({"": {"S": "x"}}, {"m": {"M": {"": {"S": "x"}}}}):
        refused(db, "PutItem", {"TableName": "tab", "Item": key("a", 1) | item}, COUNTED + empty)
    long = {"n" * 65_535: {"S": "x"}}
    db.call("PutItem", {"TableName": "tab", "Item": key("a", 1) | long})
    refused(
        db,
        "PutItem",
        {"TableName": "tab", "Item": key("a", 1) | {"n" * 65_536: {"S": "x"}}},
        COUNTED + "Attribute name is too large, must be less than 65536 bytes",
    )
