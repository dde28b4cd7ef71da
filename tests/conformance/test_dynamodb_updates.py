"""UpdateExpression: what SET, REMOVE, ADD and DELETE do to an item, what they refuse, and what comes back."""

from __future__ import annotations

import pytest
from dynamodb_support import COUNTED, create, key, refused

INVALID = COUNTED + "Invalid UpdateExpression: "
BAD_PATH = "The document path provided in the update expression is invalid for update"
ABSENT = "The provided expression refers to an attribute that does not exist in the item"
ITEM = {
    "n": {"N": "5"}, "s": {"S": "text"}, "l": {"L": [{"N": "0"}, {"N": "1"}, {"N": "2"}, {"N": "3"}]}, "d": {"M": {"x": {"S": "y"}, "l": {"L": []}}},
    "ss": {"SS": ["a", "b"]}, "ns": {"NS": ["1", "2"]},
}  # fmt: skip
VALUES = {
    ":one": {"N": "1"}, ":x": {"S": "x"}, ":e": {"L": [{"S": "e"}]}, ":none": {"L": []}, ":a": {"SS": ["a"]}, ":ab": {"SS": ["a", "b"]}, ":c": {"SS": ["c"]}, ":n3": {"NS": ["3", "1.0"]},
    ":big": {"N": "9e125"}, ":wide": {"N": "1e40"}, ":half": {"N": "0.5"}, ":map": {"M": {}},
}  # fmt: skip


@pytest.fixture
def tab(db):
    create(db, sk=None)
    return db


def update(db, text, p="a", **more):
    used = {name: value for name, value in VALUES.items() if name in text.replace("(", " ").replace(")", " ").replace(",", " ").split()}
    params = {"TableName": "tab", "Key": {"p": {"S": p}}, "UpdateExpression": text} | more
    return db.call("UpdateItem", params | ({"ExpressionAttributeValues": used} if used else {}))


def numbers(value):
    return [element.get("N", element.get("S")) for element in value["L"]]


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        # every operand is the item as it was
        ("SET a = n, n = :one", {"a": {"N": "5"}, "n": {"N": "1"}}),
        ("SET a = n + :one, b = n - :half, n = :one - n", {"a": {"N": "6"}, "b": {"N": "4.5"}, "n": {"N": "-4"}}),
        ("SET s = d.x, d.x = s", {"s": {"S": "y"}, "d": {"M": {"x": {"S": "text"}, "l": {"L": []}}}}),
        ("SET a = if_not_exists(n, :one), b = if_not_exists(nope, :one), c = if_not_exists(nope, n) + :one", {"a": {"N": "5"}, "b": {"N": "1"}, "c": {"N": "6"}}),
        ("SET d.fresh = :x, d.l = list_append(d.l, :e)", {"d": {"M": {"x": {"S": "y"}, "fresh": {"S": "x"}, "l": {"L": [{"S": "e"}]}}}}),
        ("SET a = list_append(:e, l)", {"a": {"L": [{"S": "e"}, *ITEM["l"]["L"]]}}),
        ("SET a = list_append(if_not_exists(nope, :none), :e)", {"a": {"L": [{"S": "e"}]}}),
        # lists: past the end appends in the order of the indexes, removing goes by the old indexes
        ("SET l[10] = :x, l[7] = :one", {"l": {"L": [*ITEM["l"]["L"], {"N": "1"}, {"S": "x"}]}}),
        ("SET l[1] = :x", {"l": {"L": [{"N": "0"}, {"S": "x"}, {"N": "2"}, {"N": "3"}]}}),
        ("REMOVE l[0], l[2]", {"l": {"L": [{"N": "1"}, {"N": "3"}]}}),
        ("REMOVE l[0] SET l[2] = :x", {"l": {"L": [{"N": "1"}, {"S": "x"}, {"N": "3"}]}}),
        ("REMOVE l[9], nope, d.nope", {}),
        ("REMOVE d.x", {"d": {"M": {"l": {"L": []}}}}),
        # ADD: numbers and sets, made when they are not there
        ("ADD n :one", {"n": {"N": "6"}}),
        ("ADD nope :one, d.q :half", {"nope": {"N": "1"}, "d": {"M": {"x": {"S": "y"}, "l": {"L": []}, "q": {"N": "0.5"}}}}),
        ("ADD ss :c", {"ss": {"SS": ["a", "b", "c"]}}),
        ("ADD ns :n3", {"ns": {"NS": ["1", "2", "3"]}}),
        ("ADD nope :a", {"nope": {"SS": ["a"]}}),
        # DELETE: the last member takes the attribute along
        ("DELETE ss :a", {"ss": {"SS": ["b"]}}),
        ("DELETE ss :ab", {"ss": None}),
        ("DELETE ss :c", {}),
        ("DELETE nope :a", {}),
        ("SET a = :x REMOVE s ADD n :one DELETE ss :a", {"a": {"S": "x"}, "s": None, "n": {"N": "6"}, "ss": {"SS": ["b"]}}),
    ],
)  # fmt: skip
def test_what_becomes_of_an_item(tab, text, changed):
    before = {"p": {"S": "a"}} | ITEM
    tab.call("PutItem", {"TableName": "tab", "Item": before})
    after = update(tab, text, ReturnValues="ALL_NEW")["Attributes"]
    expected = {name: value for name, value in (before | changed).items() if value is not None}
    for item in (after, expected):
        for value in item.values():
            for kind in ("SS", "NS"):
                if kind in value:
                    value[kind] = sorted(value[kind])
    assert after == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        # known from the request
        ("", INVALID + "The expression can not be empty;"),
        ("SET a = :x SET b = :x", INVALID + 'The "SET" section can only be used once in an update expression;'),
        ("SET a = :one + :one + :one", INVALID + 'Syntax error; token: "+", near: ":one + :one"'),
        ("SET a = attribute_exists(p)", INVALID + "Invalid function name; function: attribute_exists"),
        ("SET a = size(p)", INVALID + "Invalid function name; function: size"),
        ("ADD n if_not_exists(n, :one)", INVALID + 'Syntax error; token: "if_not_exists", near: "n if_not_exists("'),
        ("SET a = :x + :one", INVALID + "Incorrect operand type for operator or function; operator or function: +, operand type: S"),
        ("SET a = list_append(l, :one)", INVALID + "Incorrect operand type for operator or function; operator or function: list_append, operand type: N"),
        ("ADD a :x", INVALID + "Incorrect operand type for operator or function; operator: ADD, operand type: STRING, typeSet: ALLOWED_FOR_ADD_OPERAND"),
        ("DELETE ss :one", INVALID + "Incorrect operand type for operator or function; operator: DELETE, operand type: NUMBER, typeSet: ALLOWED_FOR_DELETE_OPERAND"),
        # known from the table
        ("SET p = :x", "One or more parameter values were invalid: Cannot update attribute p. This attribute is part of the key"),
        ("REMOVE p", "One or more parameter values were invalid: Cannot update attribute p. This attribute is part of the key"),
        # known from the item
        ("SET a = nope", ABSENT),
        ("SET a = nope + :one", ABSENT),
        ("SET a = list_append(nope, :e)", ABSENT),
        ("SET s.x = :x", BAD_PATH),
        ("SET nope.x = :x", BAD_PATH),
        ("SET d[0] = :x", BAD_PATH),
        ("SET l.x = :x", BAD_PATH),
        ("REMOVE s.x", BAD_PATH),
        ("REMOVE nope.x", BAD_PATH),
        ("SET a = s + :one", "An operand in the update expression has an incorrect data type"),
        ("SET a = list_append(s, :e)", "An operand in the update expression has an incorrect data type"),
        ("ADD s :one", "An operand in the update expression has an incorrect data type"),
        ("ADD ss :one", "An operand in the update expression has an incorrect data type"),
        ("ADD ss :n3", "An operand in the update expression has an incorrect data type"),
        ("DELETE n :a", "An operand in the update expression has an incorrect data type"),
        ("DELETE ns :a", "An operand in the update expression has an incorrect data type"),
        ("SET n = n + :wide", "Attempting to store more than 38 significant digits in a Number"),
        ("ADD big :big", "Number overflow. Attempting to store a number with magnitude larger than supported range"),
    ],
)  # fmt: skip
def test_what_is_refused(tab, text, message):
    before = {"p": {"S": "a"}, "big": {"N": "9e125"}} | ITEM
    tab.call("PutItem", {"TableName": "tab", "Item": before})
    used = {name: value for name, value in VALUES.items() if name in text.replace("(", " ").replace(")", " ").replace(",", " ").split()}
    params = {"TableName": "tab", "Key": {"p": {"S": "a"}}, "UpdateExpression": text}
    refused(tab, "UpdateItem", params | ({"ExpressionAttributeValues": used} if used else {}), message)
    assert tab.call("GetItem", {"TableName": "tab", "Key": {"p": {"S": "a"}}})["Item"]["n"] == {"N": "5"}, "nothing is done by halves"


def test_an_update_makes_the_item(tab):
    """Of an item that is not there: the keys and what is set; the condition sees an empty item."""
    assert update(tab, "REMOVE nope", "one", ReturnValues="ALL_NEW")["Attributes"] == key("one")
    assert tab.call("UpdateItem", {"TableName": "tab", "Key": key("two"), "ReturnValues": "ALL_NEW"})["Attributes"] == key("two")
    assert tab.call("GetItem", {"TableName": "tab", "Key": key("two")})["Item"] == key("two")
    only_new = {"ConditionExpression": "attribute_not_exists(p)"}
    assert update(tab, "SET a = :x", "three", ReturnValues="ALL_NEW", **only_new)["Attributes"] == key("three") | {"a": {"S": "x"}}
    params = {"TableName": "tab", "Key": key("three"), "UpdateExpression": "REMOVE a"} | only_new
    refused(tab, "UpdateItem", params, "The conditional request failed", "ConditionalCheckFailedException")
    params = {"TableName": "tab", "Key": key("four"), "UpdateExpression": "REMOVE a", "ConditionExpression": "attribute_exists(p)"}
    refused(tab, "UpdateItem", params, "The conditional request failed", "ConditionalCheckFailedException")
    assert tab.call("GetItem", {"TableName": "tab", "Key": key("four")}) == {}


def test_what_comes_back(tab):
    tab.call("PutItem", {"TableName": "tab", "Item": {"p": {"S": "a"}} | ITEM})
    text = "SET d.x = :x, fresh = :one REMOVE s"
    old = update(tab, text, ReturnValues="UPDATED_OLD")["Attributes"]
    assert old == {"d": {"M": {"x": {"S": "y"}}}, "s": {"S": "text"}}
    assert update(tab, "SET d.x = :x, fresh = :half", ReturnValues="UPDATED_NEW")["Attributes"] == {"d": {"M": {"x": {"S": "x"}}}, "fresh": {"N": "0.5"}}
    assert update(tab, "REMOVE fresh", ReturnValues="UPDATED_NEW") == {}
    assert update(tab, "SET a = :one", "fresh", ReturnValues="ALL_OLD") == {}
    assert update(tab, "SET a = :half", "fresh", ReturnValues="ALL_OLD")["Attributes"] == key("fresh") | {"a": {"N": "1"}}
