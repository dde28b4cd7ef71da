"""Query, Scan and batches: order, pages, filters, segments, limits."""

import pytest
from dynamodb_support import create, key, refused


@pytest.fixture
def tab(db):
    create(db)
    for s in range(10):
        db.call("PutItem", {"TableName": "tab", "Item": key("a", s - 5) | {"odd": {"BOOL": s % 2 == 1}}})
    for i in range(20):
        db.call("PutItem", {"TableName": "tab", "Item": key(f"p{i}", 0)})
    return db


def query(db, condition, values, **more):
    return db.call(
        "Query",
        {
            "TableName": "tab",
            "KeyConditionExpression": condition,
            "ExpressionAttributeValues": {
                n: {"S": v} if isinstance(v, str) else {"N": str(v)} for n, v in values.items()
            },
            **more,
        },
    )


def sorts(page):
    return [int(item["s"]["N"]) for item in page["Items"]]


@pytest.mark.parametrize(
    ("condition", "values", "expected"),
    [
        ("p = :p", {}, range(-5, 5)),
        (":p = p", {}, range(-5, 5)),
        ("p = :p AND s = :a", {":a": 2}, [2]),
        ("p = :p AND s < :a", {":a": -2}, range(-5, -2)),
        ("p = :p AND s <= :a", {":a": -2}, range(-5, -1)),
        ("s > :a AND p = :p", {":a": 2}, [3, 4]),
        ("p = :p AND s >= :a", {":a": 2}, [2, 3, 4]),
        ("p = :p AND :a <= s", {":a": 2}, [2, 3, 4]),
        ("(p = :p) AND (s BETWEEN :a AND :b)", {":a": -1, ":b": 1}, [-1, 0, 1]),
    ],
)
def test_key_conditions_both_ways(tab, condition, values, expected):
    values = {":p": "a", **values}
    assert sorts(query(tab, condition, values)) == list(expected)
    assert sorts(query(tab, condition, values, ScanIndexForward=False)) == list(expected)[::-1]


def test_begins_with_and_unicode_order(db):
    create(db, sk="S")
    names = ["", "a", "ab", "abc", "b", "é", "💡", "ab\U0010ffff"]
    for name in names[1:]:
        db.call("PutItem", {"TableName": "tab", "Item": {"p": {"S": "x"}, "s": {"S": name}}})
    page = query(db, "p = :p", {":p": "x"})
    assert [i["s"]["S"] for i in page["Items"]] == sorted(names[1:], key=lambda n: n.encode())
    for forward in (True, False):
        page = query(db, "p = :p AND begins_with(s, :s)", {":p": "x", ":s": "ab"}, ScanIndexForward=forward)
        expected = ["ab", "abc", "ab\U0010ffff"]
        assert [i["s"]["S"] for i in page["Items"]] == (expected if forward else expected[::-1])


@pytest.mark.parametrize("forward", [True, False])
@pytest.mark.parametrize("limit", [1, 3, 10, 11])
def test_pages(tab, forward, limit):
    found, start = [], {}
    while True:
        page = query(tab, "p = :p", {":p": "a"}, Limit=limit, ScanIndexForward=forward, **start)
        found += sorts(page)
        assert page["Count"] <= limit
        if "LastEvaluatedKey" not in page:
            break
        assert page["ScannedCount"] == limit
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
    assert found == (list(range(-5, 5)) if forward else list(range(4, -6, -1)))


def test_filter_counts_before_it_filters(tab):
    page = query(tab, "p = :p", {":p": "a", ":t": "x"}, FilterExpression="contains(odd, :t)", Limit=4)
    assert (page["Count"], page["ScannedCount"], page["Items"]) == (0, 4, [])
    assert "LastEvaluatedKey" in page
    counted = query(tab, "p = :p", {":p": "a"}, Select="COUNT")
    assert counted == {"Count": 10, "ScannedCount": 10}


def test_one_megabyte_page(db):
    create(db)
    for s in range(5):
        db.call("PutItem", {"TableName": "tab", "Item": key("a", s) | {"v": {"S": "x" * 300_000}}})
    page = query(db, "p = :p", {":p": "a"}, ReturnConsumedCapacity="TOTAL")
    assert page["Count"] == 4
    assert page["LastEvaluatedKey"] == key("a", 3)
    assert page["ConsumedCapacity"]["CapacityUnits"] == 146.5
    rest = query(db, "p = :p", {":p": "a"}, ExclusiveStartKey=page["LastEvaluatedKey"])
    assert (rest["Count"], "LastEvaluatedKey" in rest) == (1, False)


@pytest.mark.parametrize("segments", [1, 3, 7])
def test_parallel_scan_is_disjoint_and_complete(tab, segments):
    found = []
    for segment in range(segments):
        start = {}
        while True:
            page = tab.call(
                "Scan",
                {"TableName": "tab", "Segment": segment, "TotalSegments": segments, "Limit": 4, **start},
            )
            found += [(i["p"]["S"], i["s"]["N"]) for i in page["Items"]]
            if "LastEvaluatedKey" not in page:
                break
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
    assert len(found) == len(set(found)) == 30


def test_projection(tab):
    page = query(
        tab,
        "p = :p",
        {":p": "a"},
        ProjectionExpression="s, #o",
        ExpressionAttributeNames={"#o": "odd"},
        Limit=1,
    )
    assert page["Items"] == [{"s": {"N": "-5"}, "odd": {"BOOL": False}}]


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("s = :n", "Query condition missed key schema element: p"),
        ("p = :p AND odd = :n", "Query condition missed key schema element: s"),
        ("p > :p", "Query key condition not supported"),
        (
            "p = :n",
            "One or more parameter values were invalid: Condition parameter type does not match schema type",
        ),
        ("p = :p OR s = :n", "Invalid operator used in KeyConditionExpression: OR"),
        ("p = :p AND s <> :n", "Invalid operator used in KeyConditionExpression: <>"),
        ("p = :p AND s.x = :n", "KeyConditionExpressions cannot have conditions on nested attributes"),
        ("p = :p AND p = :p", "KeyConditionExpressions must only contain one condition per key"),
        ("", "Invalid KeyConditionExpression: The expression can not be empty;"),
        ("((p = :p))", "Invalid KeyConditionExpression: The expression has redundant parentheses;"),
    ],
)
def test_bad_key_conditions(tab, condition, message):
    values = {n: v for n, v in {":p": {"S": "a"}, ":n": {"N": "1"}}.items() if n in condition} or {
        ":p": {"S": "a"}
    }
    refused(
        tab,
        "Query",
        {"TableName": "tab", "KeyConditionExpression": condition, "ExpressionAttributeValues": values},
        message,
    )


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (
            {"FilterExpression": "s > :p"},
            "Filter Expression can only contain non-primary key attributes: Primary key attribute: s",
        ),
        (
            {"ExclusiveStartKey": key("b", 1)},
            "The provided starting key is outside query boundaries based on provided conditions",
        ),
        (
            {"ExclusiveStartKey": {"p": {"S": "a"}}},
            "The provided starting key is invalid: The provided key element does not match the schema",
        ),
        (
            {"Limit": 0},
            "1 validation error detected: Value '0' at 'limit' failed to satisfy constraint: Member must "
            "have value "
            "greater than or equal to 1",
        ),
        (
            {"Select": "ALL_PROJECTED_ATTRIBUTES"},
            "One or more parameter values were invalid: ALL_PROJECTED_ATTRIBUTES can be used only when "
            "Querying using "
            "an IndexName",
        ),
        (
            {"Select": "ALL_ATTRIBUTES", "ProjectionExpression": "s"},
            "Cannot specify the ProjectionExpression when choosing to get ALL_ATTRIBUTES",
        ),
        (
            {"ProjectionExpression": "a, a"},
            "Invalid ProjectionExpression: Two document paths overlap with each other; must remove or "
            "rewrite one of "
            "these paths; path one: [a], path two: [a]",
        ),
    ],
)
def test_bad_queries(tab, more, message):
    refused(
        tab,
        "Query",
        {
            "TableName": "tab",
            "KeyConditionExpression": "p = :p",
            "ExpressionAttributeValues": {":p": {"S": "a"}},
            **more,
        },
        message,
    )


def test_bad_scans(tab):
    for more, message in [
        (
            {"Segment": 0},
            "The TotalSegments parameter is required but was not present in the request when Segment "
            "parameter is "
            "present",
        ),
        (
            {"TotalSegments": 4},
            "The Segment parameter is required but was not present in the request when parameter "
            "TotalSegments is "
            "present",
        ),
        (
            {"Segment": 5, "TotalSegments": 5},
            "The Segment parameter is zero-based and must be less than parameter TotalSegments: Segment: "
            "5 is not less "
            "than TotalSegments: 5",
        ),
    ]:
        refused(tab, "Scan", {"TableName": "tab", **more}, message)


def test_batch_write_and_get(tab):
    requests = [{"PutRequest": {"Item": key("b", i)}} for i in range(24)] + [
        {"DeleteRequest": {"Key": key("a", 0)}}
    ]
    reply = tab.call("BatchWriteItem", {"RequestItems": {"tab": requests}, "ReturnConsumedCapacity": "TOTAL"})
    assert reply == {
        "UnprocessedItems": {},
        "ConsumedCapacity": [{"TableName": "tab", "CapacityUnits": 25.0}],
    }
    keys = [key("b", i) for i in range(24)] + [key("a", 0)]
    reply = tab.call("BatchGetItem", {"RequestItems": {"tab": {"Keys": keys, "ProjectionExpression": "s"}}})
    assert sorted(int(i["s"]["N"]) for i in reply["Responses"]["tab"]) == list(range(24))
    assert reply["UnprocessedKeys"] == {}


def test_batch_get_leaves_the_rest_past_16_mb(db):
    create(db)
    for s in range(50):
        db.call("PutItem", {"TableName": "tab", "Item": key("a", s) | {"v": {"S": "x" * 400_000}}})
    wanted, found = {"tab": {"Keys": [key("a", s) for s in range(50)], "ConsistentRead": True}}, []
    rounds = 0
    while wanted:
        reply = db.call("BatchGetItem", {"RequestItems": wanted})
        found += [int(i["s"]["N"]) for i in reply["Responses"]["tab"]]
        wanted = reply["UnprocessedKeys"]
        assert not wanted or wanted["tab"]["ConsistentRead"] is True
        rounds += 1
    assert sorted(found) == list(range(50))
    assert rounds == 2


def test_bad_batches(tab):
    put = {"PutRequest": {"Item": key("a", 1)}}
    for operation, items, message in [
        ("BatchWriteItem", {}, "The requestItems parameter is required for BatchWriteItem"),
        ("BatchWriteItem", {"tab": [put, put]}, "Provided list of item keys contains duplicates"),
        (
            "BatchWriteItem",
            {"tab": [{"PutRequest": {"Item": {"p": {"N": "1"}, "s": {"N": "1"}}}}]},
            "The provided key element does not match the schema",
        ),
        (
            "BatchGetItem",
            {"tab": {"Keys": [key("a", 1), key("a", "1.0")]}},
            "Provided list of item keys contains duplicates",
        ),
        (
            "BatchGetItem",
            {"tab": {"Keys": [key("a", i) for i in range(101)]}},
            "1 validation error detected: Value at 'RequestItems.tab.member.Keys' failed to satisfy "
            "constraint: Member "
            "must have length less than or equal to 100",
        ),
    ]:
        refused(tab, operation, {"RequestItems": items}, message)
    refused(
        tab,
        "BatchWriteItem",
        {"RequestItems": {"nope": [put]}},
        "Requested resource not found",
        "ResourceNotFoundException",
    )
