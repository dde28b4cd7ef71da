"""Query and Scan of secondary indexes: order, pages, projections, what is refused and what it costs."""

import json

import pytest
from dynamodb_support import create, key, refused

INVALID = "One or more parameter values were invalid: "


def schema(*keys):
    return [dict(zip(("AttributeName", "KeyType"), (*k.split(":"), "HASH")[:2], strict=True)) for k in keys]


def index(name, *keys, kind="ALL", extra=None):
    projection = {"ProjectionType": kind} | ({"NonKeyAttributes": extra} if extra else {})
    return {"IndexName": name, "KeySchema": schema(*keys), "Projection": projection}


@pytest.fixture
def tab(db):
    """p, s of the table; a (S), b (N) and c (B) in indexes; x, y projected or not."""
    kinds = {"p": "S", "s": "N", "a": "S", "b": "N", "c": "B"}
    db.call(
        "CreateTable",
        {
            "TableName": "tab",
            "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": schema("p", "s:RANGE"),
            "AttributeDefinitions": [{"AttributeName": n, "AttributeType": t} for n, t in kinds.items()],
            "LocalSecondaryIndexes": [
                index("l-all", "p", "a:RANGE"),
                index("l-keys", "p", "b:RANGE", kind="KEYS_ONLY"),
            ],
            "GlobalSecondaryIndexes": [
                index("g-all", "a"),
                index("g-keys", "a", "b:RANGE", kind="KEYS_ONLY"),
                index("g-some", "b", "c:RANGE", kind="INCLUDE", extra=["x"]),
                index("g-many", "a", "p", "b:RANGE", "c:RANGE", "s:RANGE"),
            ],
        },
    )
    return db


def item(p, s, a=None, b=None, c=None, **more):
    result = {"p": {"S": p}, "s": {"N": str(s)}}
    result |= {} if a is None else {"a": {"S": a}}
    result |= {} if b is None else {"b": {"N": str(b)}}
    result |= {} if c is None else {"c": {"B": c}}
    return result | {name: {"S": value} for name, value in more.items()}


def put(db, *args, **more):
    db.call("PutItem", {"TableName": "tab", "Item": item(*args, **more)})


def value_of(value):
    return (
        {"B": value}
        if isinstance(value, bytes)
        else {"S": value}
        if isinstance(value, str)
        else {"N": str(value)}
    )


def query(db, name, condition, values, **more):
    params = {"TableName": "tab", "IndexName": name, "KeyConditionExpression": condition}
    params["ExpressionAttributeValues"] = {f":{n}": value_of(v) for n, v in values.items()}
    return db.call("Query", params | more)


def numbers(page, name="s"):
    return [int(i[name]["N"]) for i in page["Items"]]


def test_sparse_and_moving(tab):
    put(tab, "p", 1, a="x", b=1)
    put(tab, "p", 2, a="x")
    put(tab, "p", 3, b=3)
    assert numbers(query(tab, "g-all", "a = :a", {"a": "x"})) == [1, 2]
    assert numbers(query(tab, "g-keys", "a = :a", {"a": "x"})) == [1]
    key = {"TableName": "tab", "Key": item("p", 2)}
    tab.call(
        "UpdateItem",
        key | {"UpdateExpression": "SET b = :b", "ExpressionAttributeValues": {":b": {"N": "-5"}}},
    )
    assert numbers(query(tab, "g-keys", "a = :a", {"a": "x"})) == [2, 1]
    tab.call("UpdateItem", key | {"UpdateExpression": "REMOVE a"})
    assert numbers(query(tab, "g-all", "a = :a", {"a": "x"})) == [1]
    tab.call("DeleteItem", {"TableName": "tab", "Key": item("p", 1)})
    assert tab.call("Scan", {"TableName": "tab", "IndexName": "g-all"})["Count"] == 0
    assert numbers(query(tab, "l-keys", "p = :p", {"p": "p"})) == [2, 3]


@pytest.mark.parametrize("forward", [True, False])
@pytest.mark.parametrize(
    ("condition", "values", "expected"),
    [
        ("a = :a", {}, [1, 2, 5, 7, 9]),
        ("a = :a AND b = :b", {"b": 5}, [5]),
        ("a = :a AND b > :b", {"b": 2}, [5, 7, 9]),
        ("a = :a AND b >= :b", {"b": 2}, [2, 5, 7, 9]),
        ("a = :a AND b < :b", {"b": 5}, [1, 2]),
        ("a = :a AND b <= :b", {"b": 5}, [1, 2, 5]),
        ("a = :a AND b BETWEEN :b AND :c", {"b": 2, "c": 7}, [2, 5, 7]),
    ],
)
def test_ranges(tab, condition, values, expected, forward):
    for i, b in enumerate((9, 2, 7, 1, 5)):
        put(tab, f"p{i}", i, a="x", b=b)
        put(tab, f"p{i}", i, a="x", b=b, x="again")
        put(tab, f"q{i}", i, a="other", b=b)
    page = query(tab, "g-keys", condition, {"a": "x", **values}, ScanIndexForward=forward)
    assert numbers(page, "b") == (expected if forward else expected[::-1])


def test_binary_and_text_order(tab):
    parts = [
        b"\0",
        b"\0\0",
        b"\0\x01",
        b"\0\xff",
        b"\x01",
        b"a",
        b"a\0",
        b"a\0b",
        b"ab",
        b"\xff",
        b"\xff\xff",
    ]
    for i, c in enumerate(parts):
        put(tab, f"p{i % 3}", i, b=1, c=c)
    page = query(tab, "g-some", "b = :b", {"b": 1})
    assert [i["c"]["B"] for i in page["Items"]] == sorted(parts)
    for prefix in (b"a", b"\0", b"\xff", b"a\0"):
        expected = [c for c in sorted(parts) if c.startswith(prefix)]
        for forward in (True, False):
            page = query(
                tab,
                "g-some",
                "b = :b AND begins_with(c, :c)",
                {"b": 1, "c": prefix},
                ScanIndexForward=forward,
            )
            assert [i["c"]["B"] for i in page["Items"]] == (expected if forward else expected[::-1])
        page = query(tab, "g-some", "b = :b AND c > :c", {"b": 1, "c": prefix})
        assert [i["c"]["B"] for i in page["Items"]] == [c for c in sorted(parts) if c > prefix]
        page = query(tab, "g-some", "b = :b AND c <= :c", {"b": 1, "c": prefix})
        assert [i["c"]["B"] for i in page["Items"]] == [c for c in sorted(parts) if c <= prefix]


@pytest.mark.parametrize("forward", [True, False])
@pytest.mark.parametrize("name", ["g-all", "l-all"])
def test_pages_over_equal_keys(tab, name, forward):
    for s in range(12):
        put(tab, "p", s, a="same")
    found, start = [], {}
    condition = ("a = :v", "same") if name == "g-all" else ("p = :v", "p")
    while True:
        page = query(tab, name, condition[0], {"v": condition[1]}, Limit=5, ScanIndexForward=forward, **start)
        found += numbers(page)
        if "LastEvaluatedKey" not in page:
            break
        assert set(page["LastEvaluatedKey"]) == {"p", "s", "a"}
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
    assert found == (list(range(12)) if forward else list(range(11, -1, -1)))


def test_scan_pages_and_segments(tab):
    for i in range(60):
        put(tab, f"p{i}", i, a=f"a{i % 17}", b=i)
        put(tab, f"n{i}", i)
    found, start = [], {}
    while True:
        page = tab.call("Scan", {"TableName": "tab", "IndexName": "g-keys", "Limit": 7, **start})
        found += numbers(page)
        if "LastEvaluatedKey" not in page:
            break
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
    assert sorted(found) == list(range(60))
    parts = []
    for segment in range(4):
        params = {"TableName": "tab", "IndexName": "g-keys", "Segment": segment, "TotalSegments": 4}
        parts += numbers(tab.call("Scan", params))
    assert sorted(parts) == list(range(60))


def test_projections(tab):
    put(tab, "p", 1, a="a", b=2, c=b"c", x="x", y="y")
    whole = item("p", 1, "a", 2, b"c", x="x", y="y")

    def only(names):
        return {n: v for n, v in whole.items() if n in names}

    assert query(tab, "g-all", "a = :a", {"a": "a"})["Items"] == [whole]
    assert query(tab, "g-keys", "a = :a", {"a": "a"})["Items"] == [only("psab")]
    assert query(tab, "g-some", "b = :b", {"b": 2})["Items"] == [only("psbcx")]
    assert query(tab, "l-keys", "p = :p", {"p": "p"})["Items"] == [only("psb")]
    more = {"Select": "ALL_PROJECTED_ATTRIBUTES"}
    assert query(tab, "g-some", "b = :b", {"b": 2}, **more)["Items"] == [only("psbcx")]
    more = {"ProjectionExpression": "x, p"}
    assert query(tab, "g-some", "b = :b", {"b": 2}, **more)["Items"] == [only("px")]
    more = {"Select": "COUNT"}
    page = query(tab, "g-some", "b = :b", {"b": 2}, **more)
    assert (page["Count"], "Items" in page) == (1, False)
    # A local index reads what it does not project from its table.
    for more in ({"ProjectionExpression": "y"}, {"Select": "ALL_ATTRIBUTES"}):
        shown = only("y") if "ProjectionExpression" in more else whole
        assert query(tab, "l-keys", "p = :p", {"p": "p"}, **more)["Items"] == [shown]
    # The filter of a global one sees what it projects.
    for name, expected in (("y", 0), ("x", 1)):
        page = query(tab, "g-some", "b = :b", {"b": 2}, FilterExpression=f"attribute_exists({name})")
        assert (page["Count"], page["ScannedCount"]) == (expected, 1)
    page = query(tab, "l-keys", "p = :p", {"p": "p"}, FilterExpression="attribute_exists(y)")
    assert page["Items"] == [whole]


def test_several_key_attributes(tab):
    for s, (b, c) in enumerate([(1, b"a"), (1, b"b"), (2, b"a"), (2, b"a\0"), (2, b"b"), (10, b"")]):
        put(tab, "p", s, a="a", b=b, c=c or b"z")
        put(tab, "q", s, a="a", b=b, c=c or b"z")
    keys = {"a": "a", "p": "p"}
    both = "a = :a AND p = :p"
    assert numbers(query(tab, "g-many", both, keys)) == list(range(6))
    assert numbers(query(tab, "g-many", both + " AND b = :b", keys | {"b": 2})) == [2, 3, 4]
    assert numbers(query(tab, "g-many", both + " AND b > :b", keys | {"b": 1})) == [2, 3, 4, 5]
    more = keys | {"b": 2, "c": b"a"}
    assert numbers(query(tab, "g-many", both + " AND b = :b AND c = :c", more)) == [2]
    assert numbers(query(tab, "g-many", both + " AND b = :b AND c > :c", more)) == [3, 4]
    assert numbers(query(tab, "g-many", both + " AND b = :b AND begins_with(c, :c)", more)) == [2, 3]
    assert numbers(query(tab, "g-many", both + " AND b = :b AND c = :c AND s < :s", more | {"s": 2})) == []
    page = query(tab, "g-many", both + " AND b = :b", keys | {"b": 2}, Limit=2, ScanIndexForward=False)
    assert (numbers(page), set(page["LastEvaluatedKey"])) == ([4, 3], set("apbcs"))
    rest = query(
        tab,
        "g-many",
        both + " AND b = :b",
        keys | {"b": 2},
        ScanIndexForward=False,
        ExclusiveStartKey=page["LastEvaluatedKey"],
    )
    assert numbers(rest) == [2]


def params(name, condition, values, **more):
    return {
        "TableName": "tab",
        "IndexName": name,
        "KeyConditionExpression": condition,
        "ExpressionAttributeValues": {f":{n}": value_of(v) for n, v in values.items()},
    } | more


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (params("none", "a = :a", {"a": "a"}), "The table does not have the specified index: none"),
        (
            params("g-all", "a = :a", {"a": "a"}, ConsistentRead=True),
            "Consistent reads are not supported on global secondary indexes",
        ),
        (
            params("g-keys", "a = :a", {"a": "a"}, Select="ALL_ATTRIBUTES"),
            INVALID + "Select type ALL_ATTRIBUTES is not supported for global secondary index g-keys because "
            "its projection type is not ALL",
        ),
        (
            params("g-some", "b = :b", {"b": 1}, ProjectionExpression="x, y.z, w"),
            INVALID + "Global secondary index g-some does not project [y, w]",
        ),
        (params("g-all", "p = :p", {"p": "p"}), "Query condition missed key schema element: a"),
        (
            params("g-keys", "a = :a AND s = :s", {"a": "a", "s": 1}),
            "Query condition missed key schema element: b",
        ),
        (params("g-all", "a = :a AND b = :b", {"a": "a", "b": 1}), "Query key condition not supported"),
        (
            params("g-all", "a = :a", {"a": 1}),
            INVALID + "Condition parameter type does not match schema type",
        ),
        (params("g-many", "a = :a", {"a": "a"}), "Query condition missed key schema element: p"),
        (
            params("g-many", "a = :a AND p = :p AND c = :c", {"a": "a", "p": "p", "c": b"c"}),
            "Query condition missed key schema element: b",
        ),
        (
            params(
                "g-many", "a = :a AND p = :p AND b > :b AND c = :c", {"a": "a", "p": "p", "b": 1, "c": b"c"}
            ),
            "Query key condition not supported",
        ),
        (
            params("g-keys", "a = :a", {"a": "a", "x": "x"}, FilterExpression="b = :x"),
            "Filter Expression can only contain non-primary key attributes: Primary key attribute: b",
        ),
        (
            params("xy", "a = :a", {"a": "a"}),
            "1 validation error detected: Value 'xy' at 'indexName' failed to satisfy constraint: Member must "
            "have length greater than or equal to 3",
        ),
        (
            params("g-keys", "a = :a", {"a": "a"}, ExclusiveStartKey=item("p", 1, a="a")),
            "The provided starting key is invalid",
        ),
        (
            params("g-all", "a = :a", {"a": "a"}, ExclusiveStartKey=item("p", 1) | {"a": {"N": "1"}}),
            "The provided key element does not match the schema",
        ),
        (
            params("g-all", "a = :a", {"a": "a"}, ExclusiveStartKey=item("p", 1, a="a") | {"s": {"S": "x"}}),
            "The provided starting key is invalid: The provided key element does not match the schema",
        ),
        (
            params("g-all", "a = :a", {"a": "a"}, ExclusiveStartKey=item("p", 1, a="b")),
            "The provided starting key is outside query boundaries based on provided conditions",
        ),
        (
            params(
                "g-keys", "a = :a AND b > :b", {"a": "a", "b": 5}, ExclusiveStartKey=item("p", 1, a="a", b=4)
            ),
            "The provided starting key does not match the range key predicate",
        ),
    ],
)
def test_refused(tab, request_, message):
    refused(tab, "Query", request_, message)


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"a": {"N": "1"}}, "Type mismatch for Index Key a Expected: S Actual: N IndexName: l-all"),
        ({"b": {"NULL": True}}, "Type mismatch for Index Key b Expected: N Actual: NULL IndexName: l-keys"),
        ({"c": {"L": []}}, "Type mismatch for Index Key c Expected: B Actual: L IndexName: g-some"),
        (
            {"c": {"B": b"x" * 1025}},
            "Aggregated size of all range keys has exceeded the size limit of 1024 bytes",
        ),
        (
            {"a": {"S": "x" * 1025}},
            "Aggregated size of all range keys has exceeded the size limit of 1024 bytes",
        ),
    ],
)
def test_index_keys_are_checked_on_write(tab, attributes, message):
    written = item("p", 1) | attributes
    refused(tab, "PutItem", {"TableName": "tab", "Item": written}, INVALID + message)
    batch = {"RequestItems": {"tab": [{"PutRequest": {"Item": written}}]}}
    refused(tab, "BatchWriteItem", batch, INVALID + message)
    ((name, value),) = attributes.items()
    change = {
        "TableName": "tab",
        "Key": item("p", 1),
        "UpdateExpression": f"SET {name} = :v",
        "ExpressionAttributeValues": {":v": value},
    }
    refused(tab, "UpdateItem", change, INVALID + message)
    assert tab.call("Scan", {"TableName": "tab"})["Count"] == 0


def test_empty_index_keys(tab):
    refused(
        tab,
        "PutItem",
        {"TableName": "tab", "Item": item("p", 1) | {"a": {"S": ""}}},
        "One or more parameter values are not valid. A value specified for a secondary index key is not "
        "supported. The AttributeValue for a key attribute cannot contain an empty string value. IndexName: "
        "l-all, IndexKey: a",
    )


def cost(db, operation, **params):
    consumed = db.call(operation, {"TableName": "tab", "ReturnConsumedCapacity": "INDEXES", **params})
    result = consumed["ConsumedCapacity"]
    parts = {"table": result["Table"]["CapacityUnits"]}
    for kind in ("LocalSecondaryIndexes", "GlobalSecondaryIndexes"):
        parts |= {name: part["CapacityUnits"] for name, part in result.get(kind, {}).items()}
    assert result["CapacityUnits"] == sum(parts.values())
    return parts


def test_costs(tab):
    big = "y" * 3000
    assert cost(tab, "PutItem", Item=item("p", 1)) == {"table": 1.0}
    assert cost(tab, "PutItem", Item=item("p", 1, a="a", y=big)) == {"table": 3.0, "l-all": 3.0, "g-all": 3.0}
    assert cost(tab, "PutItem", Item=item("p", 1, a="a", y=big)) == {"table": 3.0}
    assert cost(tab, "PutItem", Item=item("p", 1, a="b", y=big)) == {"table": 3.0, "l-all": 6.0, "g-all": 6.0}
    assert cost(tab, "PutItem", Item=item("p", 1, a="b", b=1, y=big)) == {
        "table": 3.0, "l-all": 3.0, "l-keys": 1.0, "g-all": 3.0, "g-keys": 1.0,
    }  # fmt: skip
    assert cost(tab, "DeleteItem", Key=item("p", 1)) == {
        "table": 3.0, "l-all": 3.0, "l-keys": 1.0, "g-all": 3.0, "g-keys": 1.0,
    }  # fmt: skip
    for s in range(4):
        put(tab, "p", s, a="a", b=s, y=big)
    condition = {"KeyConditionExpression": "p = :p", "ExpressionAttributeValues": {":p": {"S": "p"}}}
    assert cost(tab, "Query", IndexName="l-keys", **condition) == {"table": 0.0, "l-keys": 0.5}
    assert cost(tab, "Query", IndexName="l-all", ConsistentRead=True, **condition) == {
        "table": 0.0,
        "l-all": 3.0,
    }
    assert cost(tab, "Query", IndexName="l-keys", Select="ALL_ATTRIBUTES", **condition) == {
        "table": 2.0, "l-keys": 0.5,
    }  # fmt: skip
    assert cost(tab, "Scan", IndexName="g-keys") == {"table": 0.0, "g-keys": 0.5}


def test_item_collection_metrics(tab, db):
    asked = {"ReturnItemCollectionMetrics": "SIZE"}
    answer = tab.call("PutItem", {"TableName": "tab", "Item": item("p", 1, a="a"), **asked})
    part = {"ItemCollectionKey": {"p": {"S": "p"}}, "SizeEstimateRangeGB": [0.0, 1.0]}
    assert answer == {"ItemCollectionMetrics": part}
    assert tab.call("PutItem", {"TableName": "tab", "Item": item("p", 1, a="a")}) == {}
    assert tab.call("DeleteItem", {"TableName": "tab", "Key": item("p", 1), **asked}) == answer
    other = part | {"ItemCollectionKey": {"p": {"S": "q"}}}
    puts = [{"PutRequest": {"Item": item(p, s)}} for p, s in (("p", 1), ("q", 1), ("p", 2))]
    answer = tab.call("BatchWriteItem", {"RequestItems": {"tab": puts}, **asked})
    assert answer["ItemCollectionMetrics"] == {"tab": [part, other]}
    actions = [{"Put": {"TableName": "tab", "Item": item("q", s)}} for s in (7, 8)]
    answer = tab.call("TransactWriteItems", {"TransactItems": actions, **asked})
    assert answer == {"ItemCollectionMetrics": {"tab": [other]}}
    body = json.dumps({"TransactItems": actions, **asked}).encode()
    assert json.loads(tab.call_json("TransactWriteItems", body)[1]) == answer
    body = json.dumps({"TableName": "tab", "Item": item("p", 1), **asked}).encode()
    assert json.loads(tab.call_json("PutItem", body)[1]) == {"ItemCollectionMetrics": part}
    # A table without a local index has no item collections.
    create(db, "plain")
    assert db.call("PutItem", {"TableName": "plain", "Item": key("p", 1), **asked}) == {}


SCALARS = "Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: "


@pytest.mark.parametrize(
    ("attribute", "kind"), [("p", "Key"), ("s", "Key"), ("a", "IndexKey"), ("c", "IndexKey")]
)
def test_paths_into_keys(tab, attribute, kind):
    message = f"{SCALARS}{kind}: {attribute}"
    k = {"TableName": "tab", "Key": item("p", 1)}
    condition = {"ConditionExpression": f"attribute_not_exists({attribute}.x)"}
    refused(tab, "PutItem", {"TableName": "tab", "Item": item("p", 1), **condition}, message)
    refused(tab, "DeleteItem", k | condition, message)
    refused(tab, "UpdateItem", k | condition, message)
    refused(tab, "UpdateItem", k | {"UpdateExpression": f"SET y = {attribute}[1]"}, message)
    refused(tab, "GetItem", k | {"ProjectionExpression": f"{attribute}.x"}, message)
    refused(
        tab, "Scan", {"TableName": "tab", "FilterExpression": f"attribute_exists({attribute}[0])"}, message
    )
    keys = {"tab": {"Keys": [item("p", 1)], "ProjectionExpression": f"x, {attribute}.x"}}
    refused(tab, "BatchGetItem", {"RequestItems": keys}, message)
    if kind == "IndexKey":
        refused(tab, "UpdateItem", k | {"UpdateExpression": f"REMOVE {attribute}.x"}, message)
        request = {
            "TableName": "tab",
            "KeyConditionExpression": "p = :p",
            "FilterExpression": f"{attribute}.x = :p",
        }
        refused(tab, "Query", request | {"ExpressionAttributeValues": {":p": {"S": "p"}}}, message)
