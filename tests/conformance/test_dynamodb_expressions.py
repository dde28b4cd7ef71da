"""Expressions: names and values, reserved words, parentheses, operands, functions, limits, and what comes of them."""

from __future__ import annotations

import pytest
from dynamodb_support import COUNTED, create, refused

from cloudcore.errors import ApiError

ONE = {":v": {"S": "x"}}
INVALID = "Invalid ConditionExpression: "


@pytest.fixture
def tab(db):
    create(db, sk=None)
    db.call("PutItem", {"TableName": "tab", "Item": ITEM})
    return db


ITEM = {
    "p": {"S": "a"}, "n": {"N": "5"}, "m": {"N": "5.0"}, "s": {"S": "text"}, "b": {"B": b"\x00\xff"}, "yes": {"BOOL": True}, "nn": {"NULL": True},
    "l": {"L": [{"N": "1"}, {"M": {"x": {"S": "in"}}}]}, "l2": {"L": [{"N": "1.0"}, {"M": {"x": {"S": "in"}}}]}, "doc": {"M": {"q": {"S": "deep"}}},
    "ss": {"SS": ["a", "b"]}, "ss2": {"SS": ["b", "a"]}, "ns": {"NS": ["1", "2"]}, "bs": {"BS": [b"a", b"b"]}, "vv": {"S": ""},
}  # fmt: skip
VALUES = {
    ":a": {"S": "a"}, ":five": {"N": "5"}, ":six": {"N": "6"}, ":minus": {"N": "-1"}, ":te": {"S": "te"}, ":zz": {"S": "zz"}, ":b": {"B": b"\x00"}, ":yes": {"BOOL": True},
    ":no": {"BOOL": False}, ":null": {"NULL": True}, ":ss": {"SS": ["b", "a"]}, ":ns": {"NS": ["2.0", "1"]}, ":S": {"S": "S"}, ":N": {"S": "N"}, ":L": {"S": "L"},
    ":one": {"N": "1"}, ":two": {"N": "2"}, ":in": {"M": {"x": {"S": "in"}}}, ":text5": {"S": "5"},
}  # fmt: skip


def holds(db, text, names=None):
    """Whether a condition is true of ITEM."""
    used = {name: value for name, value in VALUES.items() if name in text.replace("(", " ").replace(")", " ").replace(",", " ").split()}
    params = {"TableName": "tab", "Key": {"p": {"S": "a"}}, "UpdateExpression": "SET touched = p", "ConditionExpression": text}
    if used:
        params["ExpressionAttributeValues"] = used
    if names:
        params["ExpressionAttributeNames"] = names
    try:
        db.call("UpdateItem", params)
        return True
    except ApiError as error:
        if error.code != "ConditionalCheckFailedException":
            raise
        return False


@pytest.mark.parametrize(
    ("text", "true"),
    [
        # equality by value and type; sets without order, documents deep
        ("n = m", True), ("n = :five", True), ("n = :text5", False), ("ss = ss2", True), ("ss = :ss", True), ("ns = :ns", True), ("l = l2", True), ("l <> l2", False),
        ("n <> :text5", True), ("yes = :yes", True), ("yes = :no", False), ("nn = :null", True), ("ss = ns", False), ("l[1] = :in", True),
        # a missing side is no error, and nothing but <> and NOT is true of it
        ("nope = n", False), ("n = nope", False), ("nope < n", False), ("nope = nada", False), ("nope <> n", True), ("NOT nope = n", True), ("nope BETWEEN n AND m", False),
        ("doc.nope.x = n", False), ("l[7] = n", False), ("s.x = n", False),
        # order: numbers by value, text and bytes by bytes, never across types
        ("n < :six", True), ("n > :minus", True), ("n >= :five AND n <= :five", True), ("s < :zz", True), ("s > :five", False), ("b > :b", True), ("n BETWEEN :minus AND :six", True),
        ("p BETWEEN :a AND :zz", True),
        # functions
        ("attribute_exists(doc.q)", True), ("attribute_exists(doc.nope)", False), ("attribute_not_exists(nope)", True), ("attribute_not_exists(l[0])", False), ("attribute_exists(l[2])", False),
        ("attribute_type(s, :S)", True), ("attribute_type(n, :S)", False), ("attribute_type(n, :N)", True), ("attribute_type(l, :L)", True), ("attribute_type(nope, :L)", False),
        ("begins_with(s, :te)", True), ("begins_with(n, :te)", False), ("begins_with(b, :b)", True), ("begins_with(s, :zz)", False),
        ("contains(s, :te)", True), ("contains(ss, :a)", True), ("contains(ns, :one)", True), ("contains(l, :one)", True), ("contains(l, :in)", True), ("contains(l, :two)", False), ("contains(n, :five)", False), ("contains(nope, :a)", False),
        ("size(s) < :five", True), ("size(ss) = :two", True), ("size(l) = :two", True), ("size(doc) = :one", True), ("size(b) = :two", True), ("size(n) = :one", False), ("size(nope) = :one", False), ("size(vv) < :one", True),
        # operators bind as NOT, AND, OR
        ("n = :five OR n = :six AND n = :minus", True), ("(n = :five OR n = :six) AND n = :minus", False), ("NOT n = :six AND n = :five", True), ("n IN (:six, :five)", True), ("n IN (:six, s)", False),
        ("NOT (n = :five OR n = :six)", False), ("attribute_exists(p) AND NOT attribute_exists(nope) OR n = :six", True),
    ],
)  # fmt: skip
def test_what_holds(tab, text, true):
    assert holds(tab, text) is true


@pytest.mark.parametrize(
    ("text", "values", "message"),
    [
        # names and values (20)
        ("#u = :v", ONE, INVALID + "An expression attribute name used in the document path is not defined; attribute name: #u"),
        ("p = :w", None, INVALID + "An expression attribute value used in expression is not defined; attribute value: :w"),
        ("attribute_exists(p)", ONE, "Value provided in ExpressionAttributeValues unused in expressions: keys: {:v}"),
        # reserved words (21)
        ("name = :v", ONE, INVALID + "Attribute name is a reserved keyword; reserved keyword: name"),
        ("NAME = :v", ONE, INVALID + "Attribute name is a reserved keyword; reserved keyword: NAME"),
        ("a.status = :v", ONE, INVALID + "Attribute name is a reserved keyword; reserved keyword: status"),
        # parentheses (22)
        ("((p = :v))", ONE, INVALID + "The expression has redundant parentheses;"),
        ("((p)) = :v", ONE, INVALID + "The expression has redundant parentheses;"),
        ("NOT ((p = :v))", ONE, INVALID + "The expression has redundant parentheses;"),
        # operands (26, 27)
        ("p = p", None, INVALID + "The first operand must be distinct from the remaining operands for this operator or function; operator: =, first operand: [p]"),
        ("contains(p, p)", None, INVALID + "The first operand must be distinct from the remaining operands for this operator or function; operator: contains, first operand: [p]"),
        ("p < :v", {":v": {"BOOL": True}}, INVALID + "Incorrect operand type for operator or function; operator or function: <, operand type: BOOL"),
        ("p >= :v", {":v": {"SS": ["a"]}}, INVALID + "Incorrect operand type for operator or function; operator or function: >=, operand type: SS"),
        ("p >= :v", {":v": {"NULL": True}}, INVALID + "Incorrect operand type for operator or function; operator or function: >=, operand type: NULL"),
        ("begins_with(p, :v)", {":v": {"N": "1"}}, INVALID + "Incorrect operand type for operator or function; operator or function: begins_with, operand type: N"),
        ("size(:v) = :v", {":v": {"N": "1"}}, INVALID + "Incorrect operand type for operator or function; operator or function: size, operand type: N"),
        ("attribute_type(p, :v)", {":v": {"S": "Q"}}, INVALID + "Invalid attribute type name found; type: Q, valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}"),
        ("attribute_type(p, :v)", {":v": {"N": "1"}}, INVALID + "Incorrect operand type for operator or function; operator or function: attribute_type, operand type: N"),
        ("attribute_exists(:v)", ONE, INVALID + "Operator or function requires a document path; operator or function: attribute_exists"),
        ("attribute_exists(p, q)", None, INVALID + "Incorrect number of operands for operator or function; operator or function: attribute_exists, number of operands: 2"),
        ("contains(p)", None, INVALID + "Incorrect number of operands for operator or function; operator or function: contains, number of operands: 1"),
        ("p BETWEEN :z AND :a", {":z": {"S": "z"}, ":a": {"S": "a"}}, INVALID + "The BETWEEN operator requires upper bound to be greater than or equal to lower bound; lower bound operand: AttributeValue: {S:z}, upper bound operand: AttributeValue: {S:a}"),
        ("p BETWEEN :n AND :a", {":n": {"N": "1"}, ":a": {"S": "a"}}, INVALID + "The BETWEEN operator requires same data type for lower and upper bounds; lower bound operand: AttributeValue: {N:1}, upper bound operand: AttributeValue: {S:a}"),
        # functions
        ("foo(p)", None, INVALID + "Invalid function name; function: foo"),
        ("Attribute_exists(p)", None, INVALID + "Invalid function name; function: Attribute_exists"),
        ("size(p)", None, INVALID + "The function is not allowed to be used this way in an expression; function: size"),
        ("p = attribute_exists(q)", None, INVALID + "The function is not allowed to be used this way in an expression; function: attribute_exists"),
        ("if_not_exists(p, q) = :v", ONE, INVALID + "Invalid function name; function: if_not_exists"),
        # syntax
        ("", None, INVALID + "The expression can not be empty;"),
        ("p =", None, INVALID + 'Syntax error; token: "<EOF>", near: "="'),
        ("p = :v AND", ONE, INVALID + 'Syntax error; token: "<EOF>", near: "AND"'),
        ("= :v", ONE, INVALID + 'Syntax error; token: "=", near: "= :v"'),
        ("p != :v", ONE, INVALID + 'Syntax error; token: "!", near: "p !="'),
        ("p IN ()", None, INVALID + 'Syntax error; token: ")", near: "()"'),
        ("l[a] = :v", ONE, INVALID + 'Syntax error; token: "a", near: "[a]"'),
        # limits (12, 13)
        (" OR ".join(["p = :v"] * 302), ONE, INVALID + "The expression contains too many operators; operator count: 303"),
        ("a." * 32 + "b = :v", ONE, INVALID + "The document path has too many nesting elements; nesting levels: 33"),
        ("l[99999999999] = :v", ONE, INVALID + "List index is not within the allowable range; index: [99999999999]"),
        ("p = :v" + " " * 4091, ONE, INVALID + "Expression size has exceeded the maximum allowed size;"),
    ],
)  # fmt: skip
def test_what_is_refused(tab, text, values, message):
    params = {"TableName": "tab", "Item": {"p": {"S": "a"}}, "ConditionExpression": text}
    refused(tab, "PutItem", params | ({"ExpressionAttributeValues": values} if values else {}), COUNTED + message)


@pytest.mark.parametrize(
    ("operation", "member", "text"),
    [
        ("UpdateItem", "UpdateExpression", "SET {0} = :v"),
        ("UpdateItem", "UpdateExpression", "REMOVE {0}"),
        ("DeleteItem", "ConditionExpression", "attribute_not_exists({0})"),
        ("GetItem", "ProjectionExpression", "p, {0}"),
        ("Scan", "FilterExpression", "{0} = :v"),
        ("Query", "KeyConditionExpression", "{0} = :v"),
        ("Query", "FilterExpression", "attribute_exists({0}.a)"),
    ],
)
def test_reserved_words_in_every_kind(tab, operation, member, text):
    params = {"TableName": "tab"} | ({} if operation in ("Scan", "Query") else {"Key": {"p": {"S": "a"}}})
    values = {":p": {"S": "a"}} if operation == "Query" and member == "FilterExpression" else {}
    if values:
        params["KeyConditionExpression"] = "p = :p"
    if ":v" in text:
        values[":v"] = {"S": "a"}
    if values:
        params["ExpressionAttributeValues"] = values
    for word in ("status", "COUNT", "Timestamp"):
        message = f"Invalid {member}: Attribute name is a reserved keyword; reserved keyword: {word}"
        counted = COUNTED if operation == "UpdateItem" else ""
        refused(tab, operation, params | {member: text.format(word)}, counted + message)
        if member != "KeyConditionExpression":
            tab.call(operation, params | {member: text.format("#x"), "ExpressionAttributeNames": {"#x": word}})


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        ("m, m.q", "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [m], path two: [m, q]"),
        ("m, m", "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [m], path two: [m]"),
        ("m.q, m[0]", "Two document paths conflict with each other; must remove or rewrite one of these paths; path one: [m, q], path two: [m, [0]]"),
    ],
)  # fmt: skip
def test_paths_that_overlap(tab, paths, message):
    get = {"TableName": "tab", "Key": {"p": {"S": "a"}}, "ProjectionExpression": paths}
    refused(tab, "GetItem", get, f"Invalid ProjectionExpression: {message}")
    one, two = paths.split(", ")
    update = {"TableName": "tab", "Key": {"p": {"S": "a"}}, "ExpressionAttributeValues": ONE}
    for text in (f"SET {one} = :v, {two} = :v", f"SET {one} = :v REMOVE {two}"):
        refused(tab, "UpdateItem", update | {"UpdateExpression": text}, f"{COUNTED}Invalid UpdateExpression: {message}")


def test_names_stand_for_one_element_of_a_path(tab):
    assert holds(tab, "attribute_exists(#a.#b)", {"#a": "doc", "#b": "q"})
    assert not holds(tab, "attribute_exists(#a)", {"#a": "doc.q"})
