"""SELECT: what it finds, in which order, at what cost, and how it goes on."""

import base64

import pytest
from partiql_support import create, fill, keys, refused, run

ALL = "SELECT * FROM tab WHERE "


@pytest.fixture(scope="module")
def tab():
    from cloudcore.dynamodb import DynamoDB

    with DynamoDB() as service:
        create(service)
        fill(service)
        yield service


A = ["a1", "a2", "a3", "a4", "a5"]


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("p = 'a' AND s = 3", ["a3"]),
        ("s = +3 AND \"p\" = 'a'", ["a3"]),
        ("'a' = p AND 3 = s", ["a3"]),
        ("p = 'a' AND s = 9", []),
        ("p = 'a'", A),
        ("p = 'a' AND s > 3", ["a4", "a5"]),
        ("p = 'a' AND 3 < s", ["a4", "a5"]),
        ("p = 'a' AND s >= 2 AND s < 4", ["a2", "a3"]),
        ("p = 'a' AND s BETWEEN 2 AND 3", ["a2", "a3"]),
        ("p = 'a' AND s <> 2", ["a1", "a3", "a4", "a5"]),
        ("p = 'a' AND s != 2", ["a1", "a3", "a4", "a5"]),
        ("p = 'a' AND NOT s = 2", ["a1", "a3", "a4", "a5"]),
        ("p = 'a' AND (s < 2 OR s > 4)", ["a1", "a5"]),
        ("p = 'a' AND (s = 1 OR s = 3)", ["a1", "a3"]),
        ("p = 'a' AND s IN [5, 1]", ["a1", "a5"]),
        ("p IN ['b', 'a'] AND s = 1", ["a1", "b1"]),
        ("p = 'b' OR p = 'a'", [*A, "b1"]),
        ("p = 'a' OR n = 1", A),
        ("p = 'a' AND p = 'b'", []),
        ("p = 'a' AND n BETWEEN 4 AND 16 AND begins_with(x, 'y')", ["a2", "a3", "a4"]),
        ("p = 'a' AND n NOT BETWEEN 4 AND 16", ["a1", "a5"]),
        ("p = 'a' AND n IN (1, 4, 5)", ["a1", "a2"]),
        ("p = 'a' AND n NOT IN (1, 4, 5)", ["a3", "a4", "a5"]),
        ("n = 1.60e1", ["a4"]),
        ("NOT (n > 4 OR n IS MISSING)", ["a1", "a2"]),
        ("x IS MISSING", ["b1"]),
        ("yes IS NOT MISSING", ["b1"]),
        ("nil IS NULL", ["b1"]),
        ("x IS NULL", []),
        ("yes IS BOOLEAN AND text IS STRING AND bin IS BLOB", ["b1"]),
        ("n IS NUMERIC AND m IS STRUCT AND m.k IS LIST AND s = 2", ["a2"]),
        ("m IS TUPLE AND s = 2", ["a2"]),
        ("yes = true", ["b1"]),
        ("yes = false", []),
        ("nil = NULL", ["b1"]),
        ("words = <<'b', 'a'>>", ["b1"]),
        ("numbers = <<2, 1.0>>", ["b1"]),
        ("contains(words, 'a')", ["b1"]),
        ("contains(numbers, 3)", []),
        ("contains(text, 'ell')", ["b1"]),
        ("size(text) = 5", ["b1"]),
        ("size(m.k) >= 3 AND s = 1", ["a1"]),
        ("attribute_type(words, 'SS')", ["b1"]),
        ("attribute_exists(words)", ["b1"]),
        ("attribute_not_exists(words) AND s = 1", ["a1"]),
        ("m.k = [1, 2, 3] AND s = 1", ["a1"]),
        ("m = {'k': [1, 2, 3]} AND s = 1", ["a1"]),
        ("m.k[1] = 2 AND s = 1", ["a1"]),
        ("text = 'it''s'", []),
        ("text > 'h' AND text < 'i'", ["b1"]),
        ("text = n", []),
        ("(n = 4) = true", ["a2"]),
        ("s = 1 /* a comment */ AND -- and one to the end of the line\n p = 'b';", ["b1"]),
    ],
)
def test_where(tab, where, found):
    assert sorted(keys(run(tab, ALL + where))) == sorted(found)
    if where.startswith("p = 'a' AND s"):  # a partition, in the order of its sort key
        assert keys(run(tab, ALL + where)) == found


def test_parameters_stand_for_values(tab):
    assert keys(run(tab, ALL + "p = ? AND s > ?", {"S": "a"}, {"N": "4"})) == ["a5"]
    assert keys(run(tab, ALL + "p IN (?, ?) AND s = ?", {"S": "a"}, {"S": "b"}, {"N": "1"})) == ["a1", "b1"]
    assert keys(run(tab, ALL + "bin = ?", {"B": b"\x00\x01"})) == ["b1"]
    assert keys(run(tab, ALL + "bins = ?", {"BS": [b"q"]})) == ["b1"]
    assert keys(run(tab, ALL + "m = ? AND s = 2", {"M": {"k": {"L": [{"N": "1"}, {"N": "2"}, {"N": "3"}]}}})) == ["a2"]  # fmt: skip
    assert keys(run(tab, ALL + "p = 'a' AND ? = n", {"N": "9"})) == ["a3"]
    assert keys(run(tab, ALL + "text = ? OR text = ?", {"S": "no"}, {"S": "hello"})) == ["b1"]


def test_columns_are_named_by_their_last_part(tab):
    one = "FROM tab WHERE p = 'a' AND s = 1"
    assert run(tab, f"SELECT p, m.k[0], q {one}")["Items"] == [{"p": {"S": "a"}, "k[0]": {"N": "1"}}]
    assert run(tab, f'SELECT "m"."k", n {one}')["Items"] == [
        {"k": {"L": [{"N": "1"}, {"N": "2"}, {"N": "3"}]}, "n": {"N": "1"}}
    ]
    assert run(tab, f"SELECT q {one}")["Items"] == [{}]
    assert run(tab, f"SELECT ALL n {one}")["Items"] == [{"n": {"N": "1"}}]


@pytest.mark.parametrize(
    ("where", "order"),
    [
        ("p = 'a' ORDER BY s", A),
        ("p = 'a' ORDER BY s ASC", A),
        ("p = 'a' ORDER BY s DESC", A[::-1]),
        ("p = 'a' ORDER BY p, s DESC", A[::-1]),
        ("p = 'a' AND s > 2 ORDER BY s DESC", ["a5", "a4", "a3"]),
        ("p IN ['b', 'a'] ORDER BY p DESC, s DESC", ["b1", *A[::-1]]),
        ("p IN ['b', 'a'] ORDER BY p, s", [*A, "b1"]),
        ("p = 'a' AND s IN [1, 5, 3] ORDER BY s DESC", ["a5", "a3", "a1"]),
    ],
)
def test_order(tab, where, order):
    assert keys(run(tab, ALL + where)) == order


def cost(tab, statement, **more):
    return run(tab, statement, ReturnConsumedCapacity="INDEXES", **more)["ConsumedCapacity"]


def test_a_key_is_a_query_and_the_rest_a_scan():
    from cloudcore.dynamodb import DynamoDB

    with DynamoDB() as db:
        create(db)
        for p in "abc":
            for s in range(4):
                run(db, "INSERT INTO tab VALUE {'p': ?, 's': ?, 'x': ?}", {"S": p}, {"N": str(s)}, {"S": "x" * 4000})
        assert cost(db, ALL + "p = 'a' AND s = 1")["CapacityUnits"] == 0.5
        assert cost(db, ALL + "p = 'a' AND s = 1", ConsistentRead=True)["CapacityUnits"] == 1
        assert cost(db, ALL + "p = 'a'")["CapacityUnits"] == 2
        assert cost(db, ALL + "p = 'a' AND s >= 2")["CapacityUnits"] == 1
        assert cost(db, ALL + "p = 'a' AND s IN [0, 1]")["CapacityUnits"] == 1
        assert cost(db, ALL + "p = 'a' OR p = 'b'")["CapacityUnits"] == 4
        assert cost(db, ALL + "p > 'a'")["CapacityUnits"] == 6
        assert cost(db, ALL + "p = 'a' OR s = 1")["CapacityUnits"] == 6
        assert cost(db, ALL + "x = 'y'")["CapacityUnits"] == 6
        assert cost(db, "SELECT * FROM tab", Limit=2)["CapacityUnits"] == 1


def test_indexes(tab):
    wide = "SELECT * FROM tab.wide WHERE g = 'g1'"
    found = run(tab, wide)["Items"]
    assert [sorted(item) for item in found] == [["g", "n", "p", "s"]] * 3
    assert keys(run(tab, wide + " ORDER BY s DESC")) == ["a5", "a3", "a1"]
    assert keys(run(tab, 'SELECT p, s FROM "tab"."wide" WHERE g = \'g1\' AND s > 1 AND n = 25')) == ["a5"]
    assert keys(run(tab, "SELECT * FROM tab.wide WHERE n = 4")) == ["a2"]
    assert cost(tab, wide) == {
        "TableName": "tab",
        "CapacityUnits": 0.5,
        "Table": {"CapacityUnits": 0.0},
        "GlobalSecondaryIndexes": {"wide": {"CapacityUnits": 0.5}},
    }
    near = "FROM tab.near WHERE p = 'a' AND l < 7"
    assert keys(run(tab, f"SELECT * {near}")) == ["a5", "a4"]
    assert [sorted(item) for item in run(tab, f"SELECT * {near}")["Items"]] == [["l", "p", "s"]] * 2
    fetched = run(tab, f"SELECT n, l {near}", ReturnConsumedCapacity="INDEXES")
    assert fetched["Items"] == [{"n": {"N": "25"}, "l": {"N": "5"}}, {"n": {"N": "16"}, "l": {"N": "6"}}]
    assert fetched["ConsumedCapacity"]["Table"] == {"CapacityUnits": 1.0}
    assert keys(run(tab, f"SELECT * {near}", ConsistentRead=True)) == ["a5", "a4"]


@pytest.mark.parametrize("limit", [1, 2, 3, 10])
@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM tab",
        ALL + "p = 'a'",
        ALL + "p = 'a' ORDER BY s DESC",
        ALL + "p IN ['b', 'a'] ORDER BY p DESC, s",
        ALL + "p = 'a' AND (s < 3 OR s > 3)",
        ALL + "n > 1",
        "SELECT p, s FROM tab.wide WHERE g = 'g1'",
        "SELECT p, s, n FROM tab.near WHERE p = 'a'",
    ],
)
def test_pages(tab, statement, limit):
    whole, found, token = keys(run(tab, statement)), [], {}
    for _ in range(20):
        page = run(tab, statement, Limit=limit, **token)
        found += keys(page)
        assert ("NextToken" in page) == ("LastEvaluatedKey" in page)
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    assert found == whole


def test_a_page_ends_at_a_megabyte():
    from cloudcore.dynamodb import DynamoDB

    with DynamoDB() as db:
        create(db)
        for s in range(30):
            db.call("PutItem", {"TableName": "tab", "Item": {
                "p": {"S": "a" if s % 2 else "b"}, "s": {"N": str(s)}, "x": {"S": "x" * 100_000},
            }})  # fmt: skip
        for statement in ("SELECT * FROM tab", ALL + "p = 'a' OR p = 'b'"):
            page = run(db, statement)
            assert len(page["Items"]) == 11
            rest = run(db, statement, NextToken=page["NextToken"])
            assert len(rest["Items"]) == 11
            last = run(db, statement, NextToken=rest["NextToken"])
            assert len(last["Items"]) == 8 and "NextToken" not in last
            assert len(set(keys(page) + keys(rest) + keys(last))) == 30


def test_a_token_is_the_statement_s_own_and_cannot_be_changed(tab):
    statement = ALL + "p = ?"
    token = run(tab, statement, {"S": "a"}, Limit=2)["NextToken"]
    assert keys(run(tab, statement, {"S": "a"}, NextToken=token)) == ["a3", "a4", "a5"]
    mismatch = "NextToken does not match request"
    refused(tab, statement, mismatch, {"S": "b"}, NextToken=token)
    refused(tab, ALL + "p = 'a'", mismatch, NextToken=token)
    raw = base64.b64decode(token)
    for i in range(len(raw)):
        changed = base64.b64encode(raw[:i] + bytes([raw[i] ^ 1]) + raw[i + 1 :]).decode()
        refused(tab, statement, "Invalid NextToken", {"S": "a"}, NextToken=changed)
    for i in range(1, len(token)):
        refused(tab, statement, "Invalid NextToken", {"S": "a"}, NextToken=token[:i])
    refused(tab, statement, "Invalid NextToken", {"S": "a"}, NextToken="hello")


def test_a_token_outlives_the_process_but_not_the_store(tmp_path):
    from cloudcore.dynamodb import DynamoDB

    with DynamoDB(tmp_path / "one") as db:
        create(db)
        fill(db)
        token = run(db, "SELECT * FROM tab", Limit=2)["NextToken"]
    with DynamoDB(tmp_path / "one") as db:
        assert len(run(db, "SELECT * FROM tab", NextToken=token)["Items"]) == 4
    with DynamoDB(tmp_path / "other") as db:
        create(db)
        refused(db, "SELECT * FROM tab", "Invalid NextToken", NextToken=token)
