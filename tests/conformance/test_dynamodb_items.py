"""Put, get, update, delete: values, limits, return values, words of refusals."""

import json

import pytest
from dynamodb_support import COUNTED, create, key, refused

from cloudcore.errors import ApiError


@pytest.fixture
def tab(db):
    create(db)
    return db


def put(db, item, **more):
    return db.call("PutItem", {"TableName": "tab", "Item": item, **more})


def get(db, k, **more):
    return db.call("GetItem", {"TableName": "tab", "Key": k, **more}).get("Item")


ALL_TYPES = {
    "S": {"S": "naïve \x00 text 💡"},
    "empty": {"S": ""},
    "B": {"B": b"\x00\xff\x01"},
    "N": {"N": "-12.5"},
    "T": {"BOOL": True},
    "F": {"BOOL": False},
    "Z": {"NULL": True},
    "SS": {"SS": ["a", "b"]},
    "NS": {"NS": ["-1", "2"]},
    "BS": {"BS": [b"\x00", b"\x01"]},
    "L": {"L": [{"L": []}, {"M": {"x": {"N": "1"}}}]},
    "M": {"M": {"k": {"M": {}}}},
}


def test_every_type_survives(tab):
    item = key("a", 1) | ALL_TYPES
    put(tab, item)
    assert get(tab, key("a", 1)) == item
    view = tab.tables.get_item_view("tab", key("a", 1))
    assert view.to_dynamodb() == item
    assert len(view) == len(item)
    assert "nothing" not in view
    assert json.loads(tab.tables.get_item_json("tab", key("a", 1)))["N"] == {"N": "-12.5"}


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("0001.500", "1.5"),
        ("-0", "0"),
        ("1e3", "1000"),
        ("+7", "7"),
        ("1E-130", "0." + "0" * 129 + "1"),
        ("9" * 38, "9" * 38),
        ("1e125", "1" + "0" * 125),
    ],
)
def test_numbers_are_normalised(tab, given, kept):
    put(tab, key("a", 1) | {"n": {"N": given}})
    assert get(tab, key("a", 1))["n"] == {"N": kept}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("9" * 39, "Attempting to store more than 38 significant digits in a Number"),
        ("1e126", "Number overflow. Attempting to store a number with magnitude larger than supported range"),
        (
            "1e-131",
            "Number underflow. Attempting to store a number with magnitude smaller than supported range",
        ),
        (
            "1E1000000000",
            "Number overflow. Attempting to store a number with magnitude larger than supported range",
        ),
        ("NaN", "The parameter cannot be converted to a numeric value: NaN"),
        ("0x1", "The parameter cannot be converted to a numeric value: 0x1"),
        (" 1", "The parameter cannot be converted to a numeric value:  1"),
        ("", "The parameter cannot be converted to a numeric value"),
    ],
)
def test_bad_numbers(tab, given, message):
    refused(tab, "PutItem", {"TableName": "tab", "Item": key("a", 1) | {"n": {"N": given}}}, COUNTED + message)
    refused(tab, "GetItem", {"TableName": "tab", "Key": {"p": {"S": "a"}, "s": {"N": given}}}, message)


def test_spelling_of_a_number_key_does_not_matter(tab):
    put(tab, key("a", "1.0"))
    assert get(tab, key("a", "10e-1")) == key("a", "1")
    assert tab.call("Scan", {"TableName": "tab"})["Count"] == 1


def test_arithmetic_is_exact(tab):
    put(tab, key("a", 1) | {"n": {"N": "0.1"}})
    updated = tab.call(
        "UpdateItem",
        {
            "TableName": "tab",
            "Key": key("a", 1),
            "UpdateExpression": "SET n = n + :v",
            "ExpressionAttributeValues": {":v": {"N": "0.2"}},
            "ReturnValues": "UPDATED_NEW",
        },
    )
    assert updated["Attributes"] == {"n": {"N": "0.3"}}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"SS": []}, "One or more parameter values were invalid: An string set  may not be empty"),
        ({"NS": []}, "One or more parameter values were invalid: An number set  may not be empty"),
        (
            {"SS": ["a", "a"]},
            "One or more parameter values were invalid: Input collection [a, a] contains duplicates.",
        ),
        ({"L": [{"NS": ["1", "1.0"]}]}, "Input collection contains duplicates"),
        (
            {"S": "a", "N": "1"},
            "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the "
            "supported "
            "datatypes",
        ),
        (
            {},
            "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes",
        ),
    ],
)
def test_bad_values(tab, value, message):
    refused(tab, "PutItem", {"TableName": "tab", "Item": key("a", 1) | {"v": value}}, message if message.startswith("Supplied") else COUNTED + message)
    refused(tab, "BatchWriteItem", {"RequestItems": {"tab": [{"PutRequest": {"Item": key("a", 1) | {"v": value}}}]}}, message)


def test_keys_of_an_item(tab):
    for item, message in [
        ({"p": {"S": "a"}}, "One or more parameter values were invalid: Missing the key s in the item"),
        (
            {"p": {"S": "a"}, "s": {"S": "1"}},
            "One or more parameter values were invalid: Type mismatch for key s expected: N actual: S",
        ),
        (
            {"p": {"S": ""}, "s": {"N": "1"}},
            "One or more parameter values are not valid. The AttributeValue for a key attribute cannot "
            "contain "
            "an empty string value. Key: p",
        ),
        (
            key("x" * 2049, 1),
            "One or more parameter values were invalid: Size of hashkey has exceeded the maximum size "
            "limit of2048 "
            "bytes",
        ),
    ]:
        refused(tab, "PutItem", {"TableName": "tab", "Item": item}, message)
    put(tab, key("x" * 2048, 1))
    for bad in ({}, {"p": {"S": "a"}}, key("a", 1) | {"x": {"S": "1"}}, {"p": {"S": "a"}, "s": {"S": "1"}}):
        for operation in ("GetItem", "DeleteItem", "UpdateItem"):
            refused(
                tab,
                operation,
                {"TableName": "tab", "Key": bad},
                "The provided key element does not match the schema",
            )


def test_item_size_limit(tab):
    fits = 409600 - len("ps" + "v") - 1 - 2
    put(tab, key("a", 1) | {"v": {"S": "x" * fits}})
    refused(
        tab,
        "PutItem",
        {"TableName": "tab", "Item": key("a", 1) | {"v": {"S": "x" * (fits + 1)}}},
        "Item size has exceeded the maximum allowed size",
    )
    refused(
        tab,
        "UpdateItem",
        {
            "TableName": "tab",
            "Key": key("a", 1),
            "UpdateExpression": "SET w = :w",
            "ExpressionAttributeValues": {":w": {"S": "xx"}},
        },
        "Item size to update has exceeded the maximum allowed size",
    )


def test_nesting_limit(tab):
    """A value may lie 32 levels deep."""

    def nested(depth, kind="L"):
        value = {"S": "x"}
        for _ in range(depth):
            value = {"L": [value]} if kind == "L" else {"M": {"n": value}}
        return value

    deep = (
        "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond "
        "supported limit"
    )
    for kind in "LM":
        put(tab, key("a", 1) | {"v": nested(31, kind)})
        for depth in (32, 33, 200):
            item = key("a", 1) | {"v": nested(depth, kind)}
            refused(tab, "PutItem", {"TableName": "tab", "Item": item}, COUNTED + deep)
            refused(tab, "BatchWriteItem", {"RequestItems": {"tab": [{"PutRequest": {"Item": item}}]}}, deep)
    under = {
        "TableName": "tab", "Key": key("a", 1), "UpdateExpression": "SET m.d = :d",
        "ExpressionAttributeValues": {":d": nested(31)},
    }  # fmt: skip
    put(tab, key("a", 1) | {"m": {"M": {}}})
    refused(tab, "UpdateItem", under, "Nesting Levels have exceeded supported limits")


def test_return_values(tab):
    assert put(tab, key("a", 1) | {"v": {"N": "1"}}, ReturnValues="ALL_OLD") == {}
    old = put(tab, key("a", 1) | {"v": {"N": "2"}}, ReturnValues="ALL_OLD")["Attributes"]
    assert old["v"] == {"N": "1"}

    def update(wanted):
        return tab.call(
            "UpdateItem",
            {
                "TableName": "tab",
                "Key": key("a", 1),
                "UpdateExpression": "ADD v :one REMOVE w",
                "ExpressionAttributeValues": {":one": {"N": "1"}},
                "ReturnValues": wanted,
            },
        )

    assert update("NONE") == {}
    assert update("ALL_OLD")["Attributes"] == key("a", 1) | {"v": {"N": "3"}}
    assert update("ALL_NEW")["Attributes"] == key("a", 1) | {"v": {"N": "5"}}
    assert update("UPDATED_OLD")["Attributes"] == {"v": {"N": "5"}}
    assert update("UPDATED_NEW")["Attributes"] == {"v": {"N": "7"}}
    deleted = tab.call("DeleteItem", {"TableName": "tab", "Key": key("a", 1), "ReturnValues": "ALL_OLD"})
    assert deleted["Attributes"]["v"] == {"N": "7"}
    assert tab.call("DeleteItem", {"TableName": "tab", "Key": key("a", 1), "ReturnValues": "ALL_OLD"}) == {}
    refused(
        tab,
        "PutItem",
        {"TableName": "tab", "Item": key("a", 1), "ReturnValues": "ALL_NEW"},
        COUNTED + "ReturnValues can only be ALL_OLD or NONE",
    )


def test_conditions(tab):
    put(tab, key("a", 1) | {"v": {"N": "1"}})
    params = {
        "TableName": "tab",
        "Item": key("a", 1),
        "ConditionExpression": "attribute_not_exists(p)",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    error = refused(
        tab, "PutItem", params, "The conditional request failed", "ConditionalCheckFailedException"
    )
    assert error.fields["Item"]["v"] == {"N": "1"}
    put(tab, key("a", 2), ConditionExpression="attribute_not_exists(p)")
    # The condition of an update on a missing item sees an empty item.
    with pytest.raises(ApiError):
        tab.call(
            "UpdateItem",
            {"TableName": "tab", "Key": key("b", 1), "ConditionExpression": "attribute_exists(p)"},
        )
    assert get(tab, key("b", 1)) is None


def test_capacity(tab):
    big = key("a", 1) | {"v": {"S": "x" * 5000}}
    units = put(tab, big, ReturnConsumedCapacity="TOTAL")["ConsumedCapacity"]
    assert units == {"TableName": "tab", "CapacityUnits": 5.0}
    units = put(tab, key("a", 1), ReturnConsumedCapacity="INDEXES")["ConsumedCapacity"]
    assert units == {"TableName": "tab", "CapacityUnits": 5.0, "Table": {"CapacityUnits": 5.0}}
    put(tab, big)
    for consistent, expected in ((False, 1.0), (True, 2.0)):
        reply = tab.call(
            "GetItem",
            {
                "TableName": "tab",
                "Key": key("a", 1),
                "ConsistentRead": consistent,
                "ReturnConsumedCapacity": "TOTAL",
            },
        )
        assert reply["ConsumedCapacity"]["CapacityUnits"] == expected


def test_expression_hygiene(tab):
    base = {"TableName": "tab", "Item": key("a", 1)}
    one = {":v": {"N": "1"}}
    for more, message in [
        (
            {"ExpressionAttributeNames": {"#a": "a"}},
            "ExpressionAttributeNames can only be specified when using expressions",
        ),
        (
            {"ExpressionAttributeValues": one},
            "ExpressionAttributeValues can only be specified when using expressions: ConditionExpression "
            "is null",
        ),
        (
            {"ConditionExpression": "a = :v", "ExpressionAttributeValues": {}},
            "ExpressionAttributeValues must not be empty",
        ),
        (
            {"ConditionExpression": "a = :v", "ExpressionAttributeValues": {"v": {"N": "1"}}},
            'ExpressionAttributeValues contains invalid key: Syntax error; key: "v"',
        ),
        (
            {
                "ConditionExpression": "#a = :v",
                "ExpressionAttributeNames": {"a": "x"},
                "ExpressionAttributeValues": one,
            },
            'ExpressionAttributeNames contains invalid key: Syntax error; key: "a"',
        ),
        (
            {"ConditionExpression": "a = :v", "ExpressionAttributeValues": one | {":w": {"N": "1"}}},
            "Value provided in ExpressionAttributeValues unused in expressions: keys: {:w}",
        ),
        (
            {
                "ConditionExpression": "a = :v",
                "ExpressionAttributeValues": one,
                "ExpressionAttributeNames": {"#u": "u"},
            },
            "Value provided in ExpressionAttributeNames unused in expressions: keys: {#u}",
        ),
        (
            {"ConditionExpression": ""},
            "Invalid ConditionExpression: The expression can not be empty;",
        ),
    ]:
        refused(tab, "PutItem", base | more, COUNTED + message)


def test_legacy_members_and_expressions_do_not_mix(tab):
    base = {"TableName": "tab", "Item": key("a", 1), "Expected": {"p": {"Exists": False}}}
    refused(
        tab,
        "PutItem",
        base | {"ConditionExpression": "attribute_exists(p)"},
        COUNTED + "Can not use both expression and non-expression parameters in the same request: Non-expression "
        "parameters: {Expected} Expression parameters: {ConditionExpression}",
    )
    refused(
        tab,
        "Scan",
        {"TableName": "tab", "IndexName": "idx"},
        "The table does not have the specified index: idx",
    )


def test_constraint_violations_are_listed_together(tab):
    refused(
        tab,
        "PutItem",
        {
            "TableName": "tab",
            "Item": key("a", 1),
            "ReturnValues": "INVALID",
            "ReturnConsumedCapacity": "INVALID",
            "ReturnItemCollectionMetrics": "INVALID",
        },
        "3 validation errors detected: Value 'INVALID' at 'returnValues' failed to satisfy constraint: "
        "Member must "
        "satisfy enum value set: [ALL_NEW, UPDATED_OLD, ALL_OLD, NONE, UPDATED_NEW]; Value 'INVALID' at "
        "'returnConsumedCapacity' failed to satisfy constraint: Member must satisfy enum value set: "
        "[INDEXES, TOTAL, "
        "NONE]; Value 'INVALID' at 'returnItemCollectionMetrics' failed to satisfy constraint: Member "
        "must satisfy "
        "enum value set: [SIZE, NONE]",
    )
    refused(
        tab,
        "PutItem",
        {"Item": key("a", 1)},
        "1 validation error detected: Value null at 'tableName' failed to satisfy constraint: Member must "
        "not be null",
    )
    refused(
        tab,
        "GetItem",
        {"TableName": "bad table!@#", "Key": key("a", 1)},
        "1 validation error detected: Value 'bad table!@#' at 'tableName' failed to satisfy constraint: "
        "Member must "
        "satisfy regular expression pattern: [a-zA-Z0-9_.-]+",
    )


def test_a_table_is_found_by_its_arn(tab):
    arn = tab.call("DescribeTable", {"TableName": "tab"})["Table"]["TableArn"]
    tab.call("PutItem", {"TableName": arn, "Item": key("a", 1)})
    assert get(tab, key("a", 1)) == key("a", 1)
    assert tab.call("DescribeTable", {"TableName": arn})["Table"]["TableName"] == "tab"


def test_json_form(tab):
    def call(operation, body):
        status, reply = tab.call_json(
            operation, body if isinstance(body, bytes) else json.dumps(body).encode()
        )
        return status, json.loads(reply)

    item = key("a", 1) | {"b": {"B": "AAE="}}
    assert call("PutItem", {"TableName": "tab", "Item": item, "FutureMember": [1, {"x": None}]}) == (200, {})
    assert call("GetItem", {"TableName": "tab", "Key": key("a", 1), "ProjectionExpression": None}) == (
        200,
        {"Item": item},
    )
    status, body = call("PutItem", {"TableName": 5, "Item": {}})
    assert (status, body["__type"]) == (400, "com.amazon.coral.service#SerializationException")
    assert body["Message"] == "NUMBER_VALUE cannot be converted to String"
    for broken in (b"", b"[]", b"{", b'{"TableName"', b'{"TableName":"tab","Item":{"p":{"N":1}}}'):
        status, body = call("PutItem", broken)
        assert (status, body["__type"]) == (400, "com.amazon.coral.service#SerializationException")
    status, body = call("GetItem", {"TableName": "gone", "Key": {}})
    assert body == {
        "__type": "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException",
        "message": "Requested resource not found",
    }
    assert call("Nonsense", {}) == (400, {"__type": "com.amazon.coral.service#UnknownOperationException"})
