"""TransactWriteItems and TransactGetItems: all or nothing, reasons, tokens, costs, refusals."""

import json

import pytest
from dynamodb_support import create, key, refused

from cloudcore.errors import ApiError

INVALID = "One or more parameter values were invalid: "
FAILED = {"Code": "ConditionalCheckFailed", "Message": "The conditional request failed"}
NONE = {"Code": "None"}


@pytest.fixture
def tab(db):
    create(db)
    create(db, "other", sk=None)
    db.call("PutItem", {"TableName": "tab", "Item": key("a", 1) | {"n": {"N": "1"}}})
    db.call("PutItem", {"TableName": "other", "Item": key("o") | {"v": {"S": "old"}}})
    return db


def put(item, table="tab", **more):
    return {"Put": {"TableName": table, "Item": item, **more}}


def update(k, expression, table="tab", **more):
    return {"Update": {"TableName": table, "Key": k, "UpdateExpression": expression, **more}}


def delete(k, table="tab", **more):
    return {"Delete": {"TableName": table, "Key": k, **more}}


def check(k, condition, table="tab", **more):
    return {"ConditionCheck": {"TableName": table, "Key": k, "ConditionExpression": condition, **more}}


def get(k, table="tab", **more):
    return {"Get": {"TableName": table, "Key": k, **more}}


def write(db, *actions, **more):
    return db.call("TransactWriteItems", {"TransactItems": list(actions), **more})


def items(db, *gets, **more):
    return [
        r.get("Item") for r in db.call("TransactGetItems", {"TransactItems": list(gets), **more})["Responses"]
    ]


def everything(db):
    found = [i for name in ("tab", "other") for i in db.call("Scan", {"TableName": name})["Items"]]
    return sorted(found, key=repr)


def cancelled(db, *actions, reasons, **more):
    """The transaction is refused with these reasons and changes nothing."""
    before = everything(db)
    with pytest.raises(ApiError) as caught:
        write(db, *actions, **more)
    codes = ", ".join(reason["Code"] for reason in reasons)
    assert (caught.value.code, caught.value.message) == (
        "TransactionCanceledException",
        f"Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]",
    )
    assert caught.value.fields == {"CancellationReasons": list(reasons)}
    assert everything(db) == before


def test_all_kinds_over_two_tables(tab):
    tab.call("PutItem", {"TableName": "tab", "Item": key("gone", 1)})
    answer = write(
        tab,
        put(key("new", 1) | {"v": {"S": "x"}}, ConditionExpression="attribute_not_exists(p)"),
        update(key("a", 1), "SET n = n + :one", ExpressionAttributeValues={":one": {"N": "1"}}),
        delete(key("gone", 1)),
        check(key("o"), "#v = :old", "other", ExpressionAttributeNames={"#v": "v"},
              ExpressionAttributeValues={":old": {"S": "old"}}),
        put(key("second"), "other"),
    )  # fmt: skip
    assert answer == {}
    found = items(tab, get(key("new", 1)), get(key("a", 1)), get(key("gone", 1)), get(key("second"), "other"))
    assert found == [key("new", 1) | {"v": {"S": "x"}}, key("a", 1) | {"n": {"N": "2"}}, None, key("second")]


def test_reasons_are_positional_and_nothing_is_written(tab):
    old = key("a", 1) | {"n": {"N": "1"}}
    cancelled(
        tab,
        put(key("new", 1)),
        put(
            key("a", 1),
            ConditionExpression="attribute_not_exists(p)",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        ),
        check(key("none", 1), "attribute_exists(p)", ReturnValuesOnConditionCheckFailure="ALL_OLD"),
        delete(
            key("o"), "other", ConditionExpression="v = :v", ExpressionAttributeValues={":v": {"S": "new"}}
        ),
        update(key("x", 1), "SET n = :n", ExpressionAttributeValues={":n": {"N": "1"}}),
        reasons=[NONE, FAILED | {"Item": old}, FAILED, FAILED, NONE],
    )


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (put({"p": {"N": "1"}, "s": {"N": "1"}}), INVALID + "Type mismatch for key p expected: S actual: N"),
        (put(key("p")), INVALID + "Missing the key s in the item"),
        (delete(key("p")), "The provided key element does not match the schema"),
        (
            update(key("a", 1), "SET n = n + :s", ExpressionAttributeValues={":s": {"S": "x"}}),
            None,
        ),
        (
            update(key("a", 1), "SET s = :s", ExpressionAttributeValues={":s": {"N": "5"}}),
            INVALID + "Cannot update attribute s. This attribute is part of the key",
        ),
        (
            update(key("a", 1), "SET x.y = :s", ExpressionAttributeValues={":s": {"N": "5"}}),
            "The document path provided in the update expression is invalid for update",
        ),
        (put(key("a", 1) | {"b": {"B": b"x" * 410_000}}), "Item size has exceeded the maximum allowed size"),
    ],
)
def test_what_does_not_fit_an_item_is_a_reason(tab, action, message):
    if message is None:  # refused while the expression is bound: nobody looked at an item
        with pytest.raises(ApiError) as caught:
            write(tab, put(key("new", 1)), action)
        assert caught.value.code == "ValidationException"
        return
    cancelled(
        tab, put(key("new", 1)), action, reasons=[NONE, {"Code": "ValidationError", "Message": message}]
    )


@pytest.mark.parametrize(
    ("operation", "params", "message", "code"),
    [
        (
            "TransactWriteItems",
            {"TransactItems": [put(key("a", 1)), delete(key("a", 1))]},
            "Transaction request cannot include multiple operations on one item",
            "ValidationException",
        ),
        (
            "TransactGetItems",
            {"TransactItems": [get(key("a", 1)), get(key("a", 1))]},
            "Transaction request cannot include multiple operations on one item",
            "ValidationException",
        ),
        (
            "TransactWriteItems",
            {"TransactItems": [put(key("a", 1)) | delete(key("b", 1))]},
            "TransactItems can only contain one of Check, Put, Update or Delete",
            "ValidationException",
        ),
        (
            "TransactWriteItems",
            {"TransactItems": [{}]},
            "Invalid Request: TransactWriteRequest should contain Delete or Put or Update request",
            "ValidationException",
        ),
        (
            "TransactWriteItems",
            {"TransactItems": []},
            "1 validation error detected: Value '[]' at 'transactItems' failed to satisfy constraint: Member "
            "must have length greater than or equal to 1",
            "ValidationException",
        ),
        (
            "TransactWriteItems",
            {"TransactItems": [put(key("a", i)) for i in range(101)]},
            "1 validation error detected: Value '[101 TransactItems]' at 'transactItems' failed to satisfy "
            "constraint: Member must have length less than or equal to 100",
            "ValidationException",
        ),
        (
            "TransactWriteItems",
            {"TransactItems": [put(key("a", 1))], "ClientRequestToken": "t" * 37},
            f"1 validation error detected: Value '{'t' * 37}' at 'clientRequestToken' failed to satisfy "
            "constraint: Member must have length less than or equal to 36",
            "ValidationException",
        ),
        (
            "TransactWriteItems",
            {"TransactItems": [{"ConditionCheck": {"TableName": "tab", "Key": key("a", 1)}}]},
            "1 validation error detected: Value null at 'transactItems.1.member.conditionCheck."
            "conditionExpression' failed to satisfy constraint: Member must not be null",
            "ValidationException",
        ),
        (
            "TransactWriteItems",
            {"TransactItems": [put(key("a", 1)), {"Update": {"TableName": "tab", "Key": key("b", 1)}}]},
            "1 validation error detected: Value null at 'transactItems.2.member.update.updateExpression' "
            "failed to satisfy constraint: Member must not be null",
            "ValidationException",
        ),
        (
            "TransactWriteItems",
            {"TransactItems": [put(key("a", 1)), put(key("b", 1), "nowhere")]},
            "Requested resource not found",
            "ResourceNotFoundException",
        ),
        (
            "TransactWriteItems",
            {"TransactItems": [put(key("a", 1), ConditionExpression="attribute_exists(")]},
            None,
            "ValidationException",
        ),
    ],
)
def test_refused_as_a_whole(tab, operation, params, message, code):
    before = everything(tab)
    if message is None:
        with pytest.raises(ApiError, match="Invalid ConditionExpression: Syntax error"):
            tab.call(operation, params)
    else:
        refused(tab, operation, params, message, code)
    assert everything(tab) == before


def test_four_megabytes(tab):
    big = {"b": {"B": b"x" * 400_000}}
    refused(
        tab,
        "TransactWriteItems",
        {"TransactItems": [put(key("a", i) | big) for i in range(11)]},
        "The aggregate size of the items in the transaction exceeds the limit of 4 MB",
    )
    write(tab, *(put(key("a", i) | big) for i in range(10)))
    write(tab, put(key("a", 10) | big))
    refused(
        tab,
        "TransactGetItems",
        {"TransactItems": [get(key("a", i)) for i in range(11)]},
        "The aggregate size of the items in the transaction exceeds the limit of 4 MB",
    )


def test_get_projects(tab):
    found = items(
        tab,
        get(key("a", 1), ProjectionExpression="#n", ExpressionAttributeNames={"#n": "n"}),
        get(key("none", 1)),
        get(key("o"), "other", ProjectionExpression="v"),
    )
    assert found == [{"n": {"N": "1"}}, None, {"v": {"S": "old"}}]
    with pytest.raises(ApiError) as caught:
        items(tab, get(key("a", 1)), get(key("a")))
    assert caught.value.code == "TransactionCanceledException"
    assert caught.value.fields["CancellationReasons"] == [
        NONE,
        {"Code": "ValidationError", "Message": "The provided key element does not match the schema"},
    ]


def test_token(tab):
    add = update(key("a", 1), "ADD n :one", ExpressionAttributeValues={":one": {"N": "1"}})
    for _ in range(3):
        write(tab, add, ClientRequestToken="once")
    assert items(tab, get(key("a", 1)))[0]["n"] == {"N": "2"}
    refused(
        tab,
        "TransactWriteItems",
        {"TransactItems": [add, put(key("b", 1))], "ClientRequestToken": "once"},
        "The request uses the same client token as a previous, but non-identical request. Do not reuse a client "
        "token with different requests, unless the requests are identical",
        "IdempotentParameterMismatchException",
    )
    write(tab, add, ClientRequestToken="twice")
    assert items(tab, get(key("a", 1)))[0]["n"] == {"N": "3"}
    # A cancelled transaction leaves no token.
    never = check(key("none", 1), "attribute_exists(p)")
    cancelled(tab, never, reasons=[FAILED], ClientRequestToken="later")
    write(tab, add, ClientRequestToken="later")
    assert tab.call("ListTables", {})["TableNames"] == ["other", "tab"]


def test_costs(tab):
    answer = write(
        tab,
        put(key("a", 1) | {"b": {"S": "x" * 1500}}),
        check(key("none", 1), "attribute_not_exists(p)"),
        put(key("o"), "other"),
        ReturnConsumedCapacity="TOTAL",
        ClientRequestToken="t",
    )
    assert answer["ConsumedCapacity"] == [
        {"TableName": "tab", "CapacityUnits": 6.0, "WriteCapacityUnits": 6.0},
        {"TableName": "other", "CapacityUnits": 2.0, "WriteCapacityUnits": 2.0},
    ]
    again = write(
        tab,
        put(key("a", 1) | {"b": {"S": "x" * 1500}}),
        check(key("none", 1), "attribute_not_exists(p)"),
        put(key("o"), "other"),
        ReturnConsumedCapacity="INDEXES",
        ClientRequestToken="t",
    )
    part = {"CapacityUnits": 4.0, "ReadCapacityUnits": 4.0}
    assert again["ConsumedCapacity"][0] == {"TableName": "tab", **part, "Table": part}
    found = tab.call(
        "TransactGetItems",
        {"TransactItems": [get(key("a", 1)), get(key("none", 1))], "ReturnConsumedCapacity": "TOTAL"},
    )
    assert found["ConsumedCapacity"] == [{"TableName": "tab", "CapacityUnits": 4.0, "ReadCapacityUnits": 4.0}]


def test_wire_form(tab):
    actions = [
        put(key("n", 1)),
        check(key("a", 1), "attribute_not_exists(p)", ReturnValuesOnConditionCheckFailure="ALL_OLD"),
    ]
    status, body = tab.call_json("TransactWriteItems", json.dumps({"TransactItems": actions}).encode())
    assert (status, json.loads(body)) == (
        400,
        {
            "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
            "Message": "Transaction cancelled, please refer cancellation reasons for specific reasons "
            "[None, ConditionalCheckFailed]",
            "CancellationReasons": [NONE, FAILED | {"Item": key("a", 1) | {"n": {"N": "1"}}}],
        },
    )
    status, body = tab.call_json("TransactWriteItems", json.dumps({"TransactItems": actions[:1]}).encode())
    assert (status, body) == (200, b"{}")
    gets = {"TransactItems": [get(key("n", 1)), get(key("zz", 1))], "ReturnConsumedCapacity": "TOTAL"}
    status, body = tab.call_json("TransactGetItems", json.dumps(gets).encode())
    assert json.loads(body) == {
        "Responses": [{"Item": key("n", 1)}, {}],
        "ConsumedCapacity": [{"TableName": "tab", "CapacityUnits": 4.0, "ReadCapacityUnits": 4.0}],
    }


def test_indexes_follow(db):
    create(db)
    db.call(
        "UpdateTable",
        {
            "TableName": "tab",
            "AttributeDefinitions": [{"AttributeName": "g", "AttributeType": "S"}],
            "GlobalSecondaryIndexUpdates": [
                {
                    "Create": {
                        "IndexName": "gsi",
                        "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}],
                        "Projection": {"ProjectionType": "KEYS_ONLY"},
                    }
                }
            ],
        },
    )
    answer = write(
        db, *(put(key("a", i) | {"g": {"S": "x"}}) for i in range(3)), ReturnConsumedCapacity="INDEXES"
    )
    (part,) = answer["ConsumedCapacity"]
    assert (part["Table"]["CapacityUnits"], part["GlobalSecondaryIndexes"]) == (
        6.0,
        {"gsi": {"CapacityUnits": 3.0}},
    )
    reasons = [
        NONE,
        {
            "Code": "ValidationError",
            "Message": INVALID + "Type mismatch for Index Key g Expected: S Actual: N IndexName: gsi",
        },
    ]
    with pytest.raises(ApiError) as caught:
        write(db, delete(key("a", 1)), put(key("a", 9) | {"g": {"N": "1"}}))
    assert caught.value.fields == {"CancellationReasons": reasons}
    assert db.call("Scan", {"TableName": "tab", "IndexName": "gsi"})["Count"] == 3
