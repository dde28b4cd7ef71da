"""INSERT, UPDATE and DELETE, alone, in batches and in transactions."""

import json

import pytest
from partiql_support import WRONG, create, fill, keys, refused, run

from cloudcore.dynamodb import DynamoDB
from cloudcore.errors import ApiError

ONE = " WHERE p = 'a' AND s = 1"


@pytest.fixture
def tab(db):
    create(db)
    fill(db)
    return db


def item(db, p="a", s=1):
    return db.call("GetItem", {"TableName": "tab", "Key": {"p": {"S": p}, "s": {"N": str(s)}}}).get("Item")


def test_every_literal(tab):
    run(
        tab,
        "INSERT INTO \"tab\" VALUE {'p': 'lit', 's': -1.50, 'string': 'it''s \"é💡\"', 'empty': '', 'int': 007, "
        "'point': .5, 'sign': +12, 'dot': 3., 'exp': 1.5e3, 'small': 2E-2, 'yes': TRUE, 'no': false, 'nil': null, "
        "'list': [1, 'two', [], {}], 'map': {'one': 1, 'deep': {'er': [NULL]}}, 'words': <<'b', 'a'>>, "
        "'numbers': <<3, 1e0>>}",
    )
    assert item(tab, "lit", -1.5) == {
        "p": {"S": "lit"},
        "s": {"N": "-1.5"},
        "string": {"S": 'it\'s "é💡"'},
        "empty": {"S": ""},
        "int": {"N": "7"},
        "point": {"N": "0.5"},
        "sign": {"N": "12"},
        "dot": {"N": "3"},
        "exp": {"N": "1500"},
        "small": {"N": "0.02"},
        "yes": {"BOOL": True},
        "no": {"BOOL": False},
        "nil": {"NULL": True},
        "list": {"L": [{"N": "1"}, {"S": "two"}, {"L": []}, {"M": {}}]},
        "map": {"M": {"one": {"N": "1"}, "deep": {"M": {"er": {"L": [{"NULL": True}]}}}}},
        "words": {"SS": ["a", "b"]},
        "numbers": {"NS": ["1", "3"]},
    }


def test_insert_never_replaces(tab):
    before = item(tab)
    statement = "INSERT INTO tab VALUE {'p': 'a', 's': ?, 'new': true}"
    words = "Duplicate primary key exists in table"
    refused(tab, statement, words, {"N": "1"}, code="DuplicateItemException")
    assert item(tab) == before
    assert run(tab, statement, {"N": "9"}) == {"Items": []}
    assert item(tab, "a", 9) == {"p": {"S": "a"}, "s": {"N": "9"}, "new": {"BOOL": True}}


def test_update(tab):
    run(tab, "UPDATE tab SET n = n + 1 SET m.k[1] = 'two', m.fresh = n - ? REMOVE x" + ONE, {"N": "10"})
    found = item(tab)
    assert found["n"] == {"N": "2"} and "x" not in found
    assert found["m"] == {
        "M": {"k": {"L": [{"N": "1"}, {"S": "two"}, {"N": "3"}]}, "fresh": {"N": "-9"}}
    }
    run(tab, "UPDATE tab SET m.k = list_append(m.k, ?) WHERE p = ? AND s = 2",
        {"L": [{"N": "4"}]}, {"S": "a"})  # fmt: skip
    assert item(tab, s=2)["m"] == {"M": {"k": {"L": [{"N": str(i)} for i in range(1, 5)]}}}
    run(tab, "UPDATE tab SET words = set_add(words, <<'c'>>) SET numbers = set_delete(numbers, ?) WHERE p = 'b' AND s = 1",
        {"NS": ["1", "7"]})  # fmt: skip
    assert item(tab, "b")["words"] == {"SS": ["a", "b", "c"]}
    assert item(tab, "b")["numbers"] == {"NS": ["2"]}
    run(tab, "FROM tab WHERE p = 'b' AND s = 1 REMOVE words SET yes = false")
    assert item(tab, "b")["yes"] == {"BOOL": False} and "words" not in item(tab, "b")
    run(tab, "UPDATE tab SET made = set_add(made, <<1>>) WHERE s = 1 AND p = 'b'")
    assert item(tab, "b")["made"] == {"NS": ["1"]}


def test_update_and_delete_look_before_they_write(tab):
    failed = "The conditional request failed"
    code = "ConditionalCheckFailedException"
    before = item(tab)
    refused(tab, "UPDATE tab SET n = 0 WHERE p = 'a' AND s = 99", failed, code=code)
    assert item(tab, "a", 99) is None
    refused(tab, "UPDATE tab SET n = 0" + ONE + " AND n > 5", failed, code=code)
    error = refused(tab, "DELETE FROM tab" + ONE + " AND (n > 5 OR x = 'z')", failed, code=code,
                    ReturnValuesOnConditionCheckFailure="ALL_OLD")  # fmt: skip
    assert error.fields == {"Item": before} and item(tab) == before
    assert run(tab, "DELETE FROM tab WHERE p = 'a' AND s = 99 AND n = 5") == {"Items": []}
    assert run(tab, "DELETE FROM tab" + ONE + " AND n = 1 RETURNING ALL OLD *") == {"Items": [before]}
    assert item(tab) is None
    assert run(tab, "DELETE FROM tab" + ONE + " RETURNING ALL OLD *") == {"Items": []}


def test_returning(tab):
    def returned(what, change="SET n = 5 REMOVE x"):
        return run(tab, f"UPDATE tab {change} WHERE p = 'a' AND s = 2 RETURNING {what} *")["Items"]

    before = item(tab, s=2)
    assert returned("ALL OLD") == [before]
    assert returned("ALL NEW") == [item(tab, s=2)]
    assert returned("MODIFIED OLD", "SET n = 6, y = 1") == [{"n": {"N": "5"}}]
    assert returned("MODIFIED NEW", "SET n = 7, m.k[0] = 9") == [{"n": {"N": "7"}, "m": {"M": {"k": {"L": [{"N": "9"}]}}}}]
    assert returned("MODIFIED OLD", "SET z = 1") == []
    assert returned("modified new", "REMOVE z") == []


def test_what_writes_cost(tab):
    def units(statement, *parameters):
        return run(tab, statement, *parameters, ReturnConsumedCapacity="TOTAL")["ConsumedCapacity"]["CapacityUnits"]

    assert units("INSERT INTO tab VALUE {'p': 'c', 's': 1, 'x': ?}", {"S": "x" * 2000}) == 2
    assert units("UPDATE tab SET y = 1 WHERE p = 'c' AND s = 1") == 2
    assert units("DELETE FROM tab WHERE p = 'c' AND s = 1") == 2
    assert units("DELETE FROM tab WHERE p = 'c' AND s = 1") == 1


# ---- batches ----


def batch(db, *statements, **more):
    listed = [one if isinstance(one, dict) else {"Statement": one} for one in statements]
    params = {"Statements": listed, **more}
    return db.call("BatchExecuteStatement", params)


def test_a_batch_of_reads(tab):
    select = "SELECT * FROM tab WHERE p = ? AND s = 1"
    reply = batch(
        tab,
        {"Statement": select, "Parameters": [{"S": "a"}], "ConsistentRead": True},
        {"Statement": select, "Parameters": [{"S": "nobody"}]},
        "SELECT n, m.k[1] FROM tab WHERE p = 'a' AND s = 2",
        "SELECT * FROM tab WHERE p = 'a' AND s = 3 AND n = 0",
        "SELECT * FROM tab WHERE p = 'a'",
        "SELECT * FROM nope WHERE p = 'a' AND s = 1",
        "SELECT * FROM tab WHERE p = 1 AND s = 1",
        "SELECT",
        {"Statement": select},
        ReturnConsumedCapacity="TOTAL",
    )
    whole = "Select statements within BatchExecuteStatement must specify the primary key in the where clause."
    assert reply["Responses"] == [
        {"TableName": "tab", "Item": item(tab)},
        {"TableName": "tab"},
        {"TableName": "tab", "Item": {"n": {"N": "4"}, "k[1]": {"N": "2"}}},
        {"TableName": "tab", "Error": {"Code": "ValidationError", "Message": whole}},
        {"TableName": "tab", "Error": {"Code": "ValidationError", "Message": whole}},
        {"TableName": "nope", "Error": {"Code": "ResourceNotFound", "Message": "Requested resource not found"}},
        {
            "TableName": "tab",
            "Error": {"Code": "ValidationError", "Message": "The provided key element does not match the schema"},
        },
        {"Error": {"Code": "ValidationError", "Message": WRONG + "Unexpected term"}},
        {
            "Error": {
                "Code": "ValidationError",
                "Message": "Number of parameters in request and statement don't match.",
            }
        },
    ]
    assert reply["ConsumedCapacity"] == [{"TableName": "tab", "CapacityUnits": 2.0}]
    body = json.dumps({"Statements": [{"Statement": select, "Parameters": [{"S": "a"}]}, {"Statement": "SELECT"}]})
    status, answer = tab.call_json("BatchExecuteStatement", body.encode())
    assert (status, json.loads(answer)) == (200, {"Responses": [reply["Responses"][0], reply["Responses"][7]]})


def test_a_batch_of_writes(tab):
    reply = batch(
        tab,
        "INSERT INTO tab VALUE {'p': 'new', 's': 1}",
        "INSERT INTO tab VALUE {'p': 'new', 's': 1}",
        "UPDATE tab SET n = 100 WHERE p = 'a' AND s = 1 RETURNING ALL NEW *",
        {"Statement": "UPDATE tab SET n = 0 WHERE p = 'a' AND s = 2 AND n = 5",
         "ReturnValuesOnConditionCheckFailure": "ALL_OLD"},
        "DELETE FROM tab WHERE p = 'a' AND s = 3",
        "UPDATE tab SET n = 0 WHERE p = 'a'",
        "EXISTS(SELECT * FROM tab WHERE p = 'a' AND s = 1 AND n = 1)",
    )  # fmt: skip
    errors = [one.get("Error", {}) for one in reply["Responses"]]
    assert [error.get("Code") for error in errors] == [
        None, "DuplicateItem", None, "ConditionalCheckFailed", None, "ValidationError", "ValidationError",
    ]  # fmt: skip
    assert errors[3] == {
        "Code": "ConditionalCheckFailed",
        "Message": "The conditional request failed",
        "Item": item(tab, s=2),
    }
    assert reply["Responses"][2]["Item"] == item(tab) and item(tab)["n"] == {"N": "100"}
    assert keys(run(tab, "SELECT * FROM tab WHERE p = 'a'")) == ["a1", "a2", "a4", "a5"]
    assert item(tab, "new") is not None


def test_a_batch_reads_or_writes(tab):
    with pytest.raises(ApiError) as caught:
        batch(tab, "SELECT * FROM tab WHERE p = 'a' AND s = 1", "DELETE FROM tab WHERE p = 'a' AND s = 1")
    assert caught.value.message == (
        "BatchExecuteStatement API does not support both read and write operations in the same request."
    )
    assert item(tab) is not None


LIST = "1 validation error detected: Value {} at '{}' failed to satisfy constraint: Member must {}"
LEAST, MOST = "have length greater than or equal to 1", "have length less than or equal to {}"


@pytest.mark.parametrize(
    ("operation", "member", "at", "most"),
    [
        ("BatchExecuteStatement", "Statements", "statements", 25),
        ("ExecuteTransaction", "TransactStatements", "transactStatements", 100),
    ],
)
def test_the_lists(tab, operation, member, at, most):
    def words(params):
        with pytest.raises(ApiError) as caught:
            tab.call(operation, params)
        return caught.value.message

    one = {"Statement": "SELECT * FROM tab WHERE p = 'a' AND s = 1"}
    assert words({}) == LIST.format("null", at, "not be null")
    assert words({member: []}) == LIST.format("'[]'", at, LEAST)
    assert words({member: [one] * (most + 1)}) == LIST.format(
        f"'[{most + 1} {member}]'", at, MOST.format(most)
    )
    assert words({member: [{}]}) == LIST.format("null", at + ".1.member.statement", "not be null")
    assert words({member: [one, {"Statement": ""}]}) == LIST.format("''", at + ".2.member.statement", LEAST)
    assert words({member: [one | {"Parameters": []}]}) == LIST.format("'[]'", at + ".1.member.parameters", LEAST)


# ---- transactions ----


def transact(db, *statements, **more):
    listed = [one if isinstance(one, dict) else {"Statement": one} for one in statements]
    return db.call("ExecuteTransaction", {"TransactStatements": listed, **more})


def cancelled(db, *statements):
    """The reasons of a transaction that must be cancelled: codes, and all of them."""
    with pytest.raises(ApiError) as caught:
        transact(db, *statements)
    assert caught.value.code == "TransactionCanceledException"
    reasons = caught.value.fields["CancellationReasons"]
    codes = [reason["Code"] for reason in reasons]
    assert caught.value.message == (
        f"Transaction cancelled, please refer cancellation reasons for specific reasons [{', '.join(codes)}]"
    )
    return codes, reasons


def test_a_transaction_of_writes(tab):
    reply = transact(
        tab,
        "INSERT INTO tab VALUE {'p': 'new', 's': 1}",
        {"Statement": "UPDATE tab SET n = n + ? WHERE p = 'a' AND s = 1", "Parameters": [{"N": "5"}]},
        "DELETE FROM tab WHERE p = 'a' AND s = 2 AND n = 4",
        "EXISTS(SELECT * FROM tab WHERE p = 'a' AND s = 3 AND n = 9)",
        ReturnConsumedCapacity="TOTAL",
    )
    units = 4 * 2 + 1 + 2  # n and the deleted item are in the indexes too
    assert reply == {
        "Responses": [{}, {}, {}, {}],
        "ConsumedCapacity": [{"TableName": "tab", "CapacityUnits": units, "WriteCapacityUnits": units}],
    }
    assert item(tab, "new") and item(tab)["n"] == {"N": "6"} and item(tab, s=2) is None


def test_all_or_nothing(tab):
    before = run(tab, "SELECT * FROM tab")
    codes, reasons = cancelled(
        tab,
        "UPDATE tab SET n = 0 WHERE p = 'a' AND s = 1",
        "INSERT INTO tab VALUE {'p': 'a', 's': 2}",
        {"Statement": "DELETE FROM tab WHERE p = 'a' AND s = 3 AND n = 5",
         "ReturnValuesOnConditionCheckFailure": "ALL_OLD"},
        "UPDATE tab SET n = 0 WHERE p = 'a' AND s = 77",
        "EXISTS(SELECT * FROM tab WHERE p = 'a' AND s = 4 AND n = 5)",
        "INSERT INTO nope VALUE {'p': 'a'}",
        "INSERT INTO tab VALUE {'p': 'a', 's': 'x'}",
        "UPDATE tab SET n = 0 WHERE p = 'a' AND s = 'x'",
    )  # fmt: skip
    assert codes == [
        "None", "DuplicateItem", "ConditionalCheckFailed", "ConditionalCheckFailed", "ConditionalCheckFailed",
        "ResourceNotFound", "ValidationError", "ValidationError",
    ]  # fmt: skip
    assert reasons[2]["Item"] == item(tab, s=3)
    assert reasons[7]["Message"] == "The provided key element does not match the schema"
    assert run(tab, "SELECT * FROM tab") == before


def test_a_transaction_of_reads(tab):
    select = "SELECT * FROM tab WHERE p = 'a' AND s = "
    reply = transact(tab, select + "1", select + "99", "SELECT n FROM tab WHERE p = 'a' AND s = 2",
                     ReturnConsumedCapacity="INDEXES")  # fmt: skip
    assert reply["Responses"] == [{"Item": item(tab)}, {}, {"Item": {"n": {"N": "4"}}}]
    assert reply["ConsumedCapacity"] == [
        {
            "TableName": "tab",
            "CapacityUnits": 6.0,
            "ReadCapacityUnits": 6.0,
            "Table": {"CapacityUnits": 6.0, "ReadCapacityUnits": 6.0},
        }
    ]
    codes, _ = cancelled(tab, select + "1", "SELECT * FROM nope WHERE p = 'a' AND s = 1")
    assert codes == ["None", "ResourceNotFound"]


IN_FIRST = "Validation failed in TransactStatements[0]: "


@pytest.mark.parametrize(
    ("statements", "message"),
    [
        (["SELECT"], IN_FIRST + WRONG + "Unexpected term"),
        (
            ["DELETE FROM tab WHERE p = 'a' AND s = 1", "DELETE FROM tab WHERE p = 'a' AND s = ?"],
            "Validation failed in TransactStatements[1]: Number of parameters in request and statement don't "
            "match.",
        ),
        (
            ["SELECT * FROM tab WHERE p = 'a'"],
            IN_FIRST
            + "Select statements within ExecuteTransaction must specify the primary key in the where clause.",
        ),
        (
            ["SELECT * FROM tab.wide WHERE g = 'g1' AND s = 1"],
            IN_FIRST + "Reads on indices are not supported within transactions.",
        ),
        (
            ["UPDATE tab SET n = 1 WHERE p = 'a' AND s = 1 RETURNING ALL NEW *"],
            IN_FIRST + "RETURNING clause is not supported in ExecuteTransaction.",
        ),
        (
            ["EXISTS(SELECT * FROM tab WHERE p = 'a' AND s = 1)"],
            IN_FIRST + "EXISTS() must contain a single item read with additional condition",
        ),
        (
            ["EXISTS(SELECT * FROM tab WHERE p = 'a' AND n = 1)"],
            IN_FIRST + "EXISTS() must contain a single item read with additional condition",
        ),
        (
            ["SELECT * FROM tab WHERE p = 'a' AND s = 1", "DELETE FROM tab WHERE p = 'a' AND s = 2"],
            "ExecuteTransaction API does not support both read and write operations in the same request.",
        ),
        (
            ["DELETE FROM tab WHERE p = 'a' AND s = 1", "UPDATE tab SET n = 1 WHERE p = 'a' AND s = 1"],
            "Transaction request cannot include multiple operations on one item",
        ),
    ],
)
def test_transactions_that_are_refused(tab, statements, message):
    before = run(tab, "SELECT * FROM tab")
    with pytest.raises(ApiError) as caught:
        transact(tab, *statements)
    assert (caught.value.code, caught.value.message) == ("ValidationException", message)
    assert run(tab, "SELECT * FROM tab") == before


def test_a_token_makes_a_transaction_happen_once(tab):
    add = {"Statement": "UPDATE tab SET n = n + ? WHERE p = 'a' AND s = 1", "Parameters": [{"N": "5"}]}
    first = transact(tab, add, ClientRequestToken="one", ReturnConsumedCapacity="TOTAL")
    again = transact(tab, add, ClientRequestToken="one", ReturnConsumedCapacity="TOTAL")
    assert item(tab)["n"] == {"N": "6"}
    assert first["ConsumedCapacity"][0]["WriteCapacityUnits"] == 3
    assert again["ConsumedCapacity"][0]["ReadCapacityUnits"] == 2
    assert first["Responses"] == again["Responses"] == [{}]
    with pytest.raises(ApiError) as caught:
        transact(tab, add | {"Parameters": [{"N": "6"}]}, ClientRequestToken="one")
    assert caught.value.code == "IdempotentParameterMismatchException"
    transact(tab, add, ClientRequestToken="two")
    assert item(tab)["n"] == {"N": "11"}


def test_a_token_is_remembered_over_a_restart(tmp_path):
    add = "UPDATE tab SET n = n + 1 WHERE p = 'a' AND s = 1"
    with DynamoDB(tmp_path) as db:
        create(db)
        fill(db)
        transact(db, add, ClientRequestToken="one")
    with DynamoDB(tmp_path) as db:
        transact(db, add, ClientRequestToken="one")
        assert item(db)["n"] == {"N": "2"}
