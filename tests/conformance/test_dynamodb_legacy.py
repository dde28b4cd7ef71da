"""The parameters before expressions: what they do, and every refusal word by word, in both doors."""

import json

import pytest
from dynamodb_support import COUNTED, create, key, refused

from cloudcore.errors import ApiError

INVALID = "One or more parameter values were invalid: "

FROM_THE_TABLE = ("Cannot update attribute", "Type mismatch for attribute to update")
"""What only the key schema or the item can tell is not counted."""


def s(text):
    return {"S": text}


def n(number):
    return {"N": str(number)}


def op(name, *values):
    return {"ComparisonOperator": name} | ({"AttributeValueList": list(values)} if values else {})


@pytest.fixture(params=["dict", "json"])
def run(request, db):
    """call(operation, params) through one of the two doors; binary values are not used here."""
    create(db)

    def call(operation, params):
        params = {"TableName": "tab"} | params
        if request.param == "dict":
            return db.call(operation, params)
        status, body = db.call_json(operation, json.dumps(params).encode())
        answer = json.loads(body)
        if status != 200:
            code = answer["__type"].split("#")[1]
            raise ApiError(code, answer.get("message", answer.get("Message")))
        return answer

    return call


def put(run, p, number, **attributes):
    run("PutItem", {"Item": key(p, number) | attributes})


ITEM = {"a": s("text"), "b": n(5), "c": {"SS": ["x", "y"]}, "d": {"L": [s("x"), n(1)]}, "e": {"BOOL": True}}


@pytest.mark.parametrize(
    ("expected", "holds"),
    [
        ({"a": {"Value": s("text")}}, True),
        ({"a": {"Exists": True, "Value": s("other")}}, False),
        ({"zz": {"Exists": False}}, True),
        ({"a": {"Exists": False}}, False),
        ({"a": {"ComparisonOperator": "EQ", "Value": s("text")}}, True),
        ({"a": op("EQ", s("text"))}, True),
        ({"a": op("NE", s("text"))}, False),
        ({"zz": op("NE", s("text"))}, True),
        ({"b": op("LT", n(6))}, True),
        ({"b": op("LE", n(5))}, True),
        ({"b": op("GT", n(5))}, False),
        ({"b": op("GE", n("5.0"))}, True),
        ({"b": op("BETWEEN", n(1), n(5))}, True),
        ({"b": op("IN", n(1), n(5))}, True),
        ({"b": op("IN", n(1))}, False),
        ({"a": op("BEGINS_WITH", s("te"))}, True),
        ({"a": op("CONTAINS", s("ex"))}, True),
        ({"c": op("CONTAINS", s("x"))}, True),
        ({"d": op("CONTAINS", n(1))}, True),
        ({"c": op("NOT_CONTAINS", s("x"))}, False),
        ({"zz": op("NULL")}, True),
        ({"a": op("NOT_NULL")}, True),
        ({"e": op("EQ", {"BOOL": True})}, True),
        ({"c": op("EQ", {"SS": ["y", "x"]})}, True),
        ({"d": op("EQ", {"L": [s("x"), n(1)]})}, True),
        ({"a": op("EQ", s("text")), "b": op("EQ", n(6))}, False),
    ],
)
def test_expected(run, expected, holds):
    put(run, "k", 1, **ITEM)
    write = {"Item": key("k", 1) | {"new": s("x")}, "Expected": expected, "ReturnValues": "ALL_OLD"}
    if holds:
        assert run("PutItem", write)["Attributes"]["a"] == s("text")
    else:
        with pytest.raises(ApiError, match="ConditionalCheckFailedException"):
            run("PutItem", write)
        with pytest.raises(ApiError, match="ConditionalCheckFailedException"):
            run("DeleteItem", {"Key": key("k", 1), "Expected": expected})


def test_conditional_operator(run):
    put(run, "k", 1, **ITEM)
    expected = {"a": op("EQ", s("no")), "b": op("EQ", n(5))}
    with pytest.raises(ApiError, match="ConditionalCheckFailedException"):
        run("DeleteItem", {"Key": key("k", 1), "Expected": expected, "ConditionalOperator": "AND"})
    run("DeleteItem", {"Key": key("k", 1), "Expected": expected, "ConditionalOperator": "OR"})


def test_attribute_updates(run):
    put(run, "k", 1, **ITEM)
    updates = {
        "a": {"Value": s("put")},
        "b": {"Action": "ADD", "Value": n(2)},
        "c": {"Action": "DELETE", "Value": {"SS": ["x"]}},
        "d": {"Action": "ADD", "Value": {"L": [s("more")]}},
        "e": {"Action": "DELETE"},
        "f": {"Action": "PUT", "Value": {"M": {"x": n(1)}}},
        "g": {"Action": "ADD", "Value": {"NS": ["3"]}},
        "h": {"Action": "ADD", "Value": {"L": [n(1)]}},
        "size": {"Action": "PUT", "Value": s("a reserved word")},
    }
    answer = run("UpdateItem", {"Key": key("k", 1), "AttributeUpdates": updates, "ReturnValues": "ALL_NEW"})
    assert answer["Attributes"] == key("k", 1) | {
        "a": s("put"),
        "b": n(7),
        "c": {"SS": ["y"]},
        "d": {"L": [s("x"), n(1), s("more")]},
        "f": {"M": {"x": n(1)}},
        "g": {"NS": ["3"]},
        "h": {"L": [n(1)]},
        "size": s("a reserved word"),
    }
    answer = run(
        "UpdateItem",
        {
            "Key": key("k", 1),
            "AttributeUpdates": {"b": {"Action": "ADD", "Value": n(-7)}},
            "Expected": {"b": {"Value": n(7)}},
            "ReturnValues": "UPDATED_NEW",
        },
    )
    assert answer["Attributes"] == {"b": n(0)}
    many = {f"attribute{i}": {"Value": n(i)} for i in range(800)}
    run("UpdateItem", {"Key": key("many", 1), "AttributeUpdates": many})
    assert len(run("GetItem", {"Key": key("many", 1)})["Item"]) == 802


def test_reads(run):
    for i in range(6):
        put(run, "k", i, v=n(i % 3), w=s("x" * i))
    keys = {"p": op("EQ", s("k"))}
    page = run("Query", {"KeyConditions": keys | {"s": op("BETWEEN", n(1), n(4))}})
    assert [i["s"] for i in page["Items"]] == [n(i) for i in range(1, 5)]
    page = run(
        "Query", {"KeyConditions": keys, "QueryFilter": {"v": op("EQ", n(1))}, "AttributesToGet": ["v"]}
    )
    assert (page["Items"], page["ScannedCount"]) == ([{"v": n(1)}] * 2, 6)
    filters = {"v": op("EQ", n(1)), "w": op("EQ", s(""))}
    page = run("Query", {"KeyConditions": keys, "QueryFilter": filters, "ConditionalOperator": "OR"})
    assert page["Count"] == 3
    page = run("Scan", {"ScanFilter": {"w": op("GT", s("xx")), "v": op("IN", n(0), n(1))}})
    assert sorted(i["s"]["N"] for i in page["Items"]) == ["3", "4"]
    # KeyConditions may stand beside expressions.
    page = run(
        "Query",
        {
            "KeyConditions": keys,
            "FilterExpression": "#_0 = :_0",
            "ProjectionExpression": "s",
            "ExpressionAttributeNames": {"#_0": "v"},
            "ExpressionAttributeValues": {":_0": n(2)},
        },
    )
    assert page["Items"] == [{"s": n(2)}, {"s": n(5)}]
    assert run("GetItem", {"Key": key("k", 1), "AttributesToGet": ["w", "none"]}) == {"Item": {"w": s("x")}}
    assert run("GetItem", {"Key": key("none", 1), "AttributesToGet": ["w"]}) == {}


def test_batch_get(db):
    create(db)
    db.call("PutItem", {"TableName": "tab", "Item": key("k", 1) | {"a.b": s("x"), "c": s("y")}})
    request = {"RequestItems": {"tab": {"Keys": [key("k", 1)], "AttributesToGet": ["a.b"]}}}
    wanted = {"Responses": {"tab": [{"a.b": s("x")}]}, "UnprocessedKeys": {}}
    assert db.call("BatchGetItem", request) == wanted
    assert json.loads(db.call_json("BatchGetItem", json.dumps(request).encode())[1]) == wanted


CASES = [
    ("PutItem", {"Expected": {"a": op("EQ", s("x"), s("y"))}}, "Invalid number of argument(s) for the EQ ComparisonOperator"),
    ("PutItem", {"Expected": {"a": op("BETWEEN", n(1))}}, "Invalid number of argument(s) for the BETWEEN ComparisonOperator"),
    ("PutItem", {"Expected": {"a": op("NULL", n(1))}}, "Invalid number of argument(s) for the NULL ComparisonOperator"),
    ("PutItem", {"Expected": {"a": op("LT", {"BOOL": True})}}, "ComparisonOperator LT is not valid for BOOL AttributeValue type"),
    ("PutItem", {"Expected": {"a": op("BEGINS_WITH", n(1))}}, "ComparisonOperator BEGINS_WITH is not valid for N AttributeValue type"),
    ("PutItem", {"Expected": {"a": op("CONTAINS", {"SS": ["x"]})}}, "ComparisonOperator CONTAINS is not valid for SS AttributeValue type"),
    ("PutItem", {"Expected": {"a": op("IN", n(1), s("x"))}}, "AttributeValues inside AttributeValueList must be of same type"),
    ("PutItem", {"Expected": {"a": {"Exists": True}}}, "Value must be provided when Exists is true for Attribute: a"),
    ("PutItem", {"Expected": {"a": {}}}, "Value must be provided when Exists is null for Attribute: a"),
    ("PutItem", {"Expected": {"a": {"Exists": False, "Value": n(1)}}}, "Value cannot be used when Exists is false for Attribute: a"),
    ("PutItem", {"Expected": {"a": {"Exists": True, **op("EQ", n(1))}}}, "Exists and ComparisonOperator cannot be used together for Attribute: a"),
    ("PutItem", {"Expected": {"a": {"Value": n(1), **op("EQ", n(1))}}}, "Value and AttributeValueList cannot be used together for Attribute: a"),
    ("PutItem", {"Expected": {"a": op("EQ")}}, "Value or AttributeValueList must be used with ComparisonOperator: EQ for Attribute: a"),
    ("PutItem", {"Expected": {"a": {"AttributeValueList": [n(1)]}}}, "AttributeValueList can only be used with a ComparisonOperator for Attribute: a"),
    ("UpdateItem", {"AttributeUpdates": {"a": {}}}, "Only DELETE action is allowed when no attribute value is specified"),
    ("UpdateItem", {"AttributeUpdates": {"a": {"Action": "DELETE", "Value": s("x")}}}, "DELETE action with value is not supported for the type S"),
    ("UpdateItem", {"AttributeUpdates": {"a": {"Action": "ADD", "Value": {"M": {}}}}}, "ADD action is not supported for the type M"),
    ("GetItem", {"AttributesToGet": ["a", "b", "a"]}, "Duplicate value in attribute name: a"),
]  # fmt: skip
WHOLE = [
    (
        "PutItem",
        {"Expected": {"a": op("BETWEEN", n(2), n(1))}},
        "The BETWEEN condition was provided a range where the lower bound is greater than the upper bound",
    ),
    (
        "PutItem",
        {"ConditionalOperator": "OR"},
        "ConditionalOperator cannot be used without Filter or Expected",
    ),
    (
        "PutItem",
        {"ConditionalOperator": "OR", "Expected": {"a": op("NULL")}},
        "ConditionalOperator can only be used when Filter or Expected has two or more elements",
    ),
    (
        "Query",
        {"KeyConditions": {"p": op("NE", s("x"))}},
        "Attempted conditional constraint is not an indexable operation",
    ),
    ("Query", {"KeyConditions": {"p": op("LT", s("x"))}}, "Query key condition not supported"),
    ("Query", {"KeyConditions": {}}, "Conditions can be of length 1 or 2 only"),
    (
        "Query",
        {"KeyConditions": {"s": op("EQ", n(1))}},
        "Query condition missed key schema element: p",
    ),
    (
        "Query",
        {"KeyConditions": {"p": op("EQ", s("x"))}, "QueryFilter": {"s": op("EQ", n(1))}},
        "QueryFilter can only contain non-primary key attributes: Primary key attribute: s",
    ),
    (
        "Query",
        {"KeyConditions": {"p": op("EQ", s("x"))}, "AttributesToGet": ["a"], "Select": "COUNT"},
        "Cannot specify the AttributesToGet when choosing to get only the Count",
    ),
    (
        "Query",
        {"KeyConditions": {"p": op("EQ", s("x"))}, "KeyConditionExpression": "p = :p"},
        "Can not use both expression and non-expression parameters in the same request: Non-expression "
        "parameters: {KeyConditions} Expression parameters: {KeyConditionExpression}",
    ),
    (
        "Scan",
        {"ScanFilter": {"a": op("NULL")}, "ConditionalOperator": "AND", "ProjectionExpression": "a"},
        "Can not use both expression and non-expression parameters in the same request: Non-expression "
        "parameters: {ScanFilter, ConditionalOperator} Expression parameters: {ProjectionExpression}",
    ),
    (
        "Scan",
        {"ScanFilter": {"a": op("LIKE", s("x"))}},
        "1 validation error detected: Value 'LIKE' at 'scanFilter.a.member.comparisonOperator' failed to satisfy "
        "constraint: Member must satisfy enum value set: [IN, NULL, BETWEEN, LT, NOT_CONTAINS, EQ, GT, NOT_NULL, "
        "NE, LE, BEGINS_WITH, GE, CONTAINS]",
    ),
    (
        "Scan",
        {"AttributesToGet": []},
        "1 validation error detected: Value '[]' at 'attributesToGet' failed to satisfy constraint: Member must "
        "have length greater than or equal to 1",
    ),
    (
        "UpdateItem",
        {"AttributeUpdates": {"s": {"Value": n(1)}}},
        INVALID + "Cannot update attribute s. This attribute is part of the key",
    ),
    (
        "UpdateItem",
        {"AttributeUpdates": {"text": {"Action": "ADD", "Value": n(1)}}},
        "Type mismatch for attribute to update",
    ),
]


@pytest.mark.parametrize(
    ("operation", "params", "message"), [(o, p, INVALID + m) for o, p, m in CASES] + WHOLE
)
def test_refused(run, operation, params, message):
    put(run, "k", 1, text=s("x"))
    base = {
        "PutItem": {"Item": key("k", 1)},
        "UpdateItem": {"Key": key("k", 1)},
        "GetItem": {"Key": key("k", 1)},
    }.get(operation, {})
    with pytest.raises(ApiError) as caught:
        run(operation, base | params)
    counts = operation in ("PutItem", "UpdateItem") and not any(words in message for words in FROM_THE_TABLE)
    assert (caught.value.code, caught.value.message) == ("ValidationException", counts * COUNTED + message)


def test_values_are_checked(db):
    create(db)
    bad = {"TableName": "tab", "Item": key("a", 1), "Expected": {"a": {"Value": {"N": "x"}}}}
    refused(db, "PutItem", bad, COUNTED + "The parameter cannot be converted to a numeric value: x")
