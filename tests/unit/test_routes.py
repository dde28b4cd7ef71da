"""Where the keys of a request lie, the order of items, and tables that hold a part of the partition hashes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cloudcore._table import Snapshot, Tables, load, place, prune, route, set_bounds
from cloudcore.errors import ApiError

_NAMES = {"id": "S", "n": "N", "kind": "S", "at": "N"}
_DESCRIPTION = json.dumps({
    "TableName": "items",
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "n", "KeyType": "RANGE"}],
    "AttributeDefinitions": [{"AttributeName": name, "AttributeType": kind} for name, kind in _NAMES.items()],
    "GlobalSecondaryIndexes": [{
        "IndexName": "by-kind", "Projection": {"ProjectionType": "ALL"},
        "KeySchema": [{"AttributeName": "kind", "KeyType": "HASH"}, {"AttributeName": "at", "KeyType": "RANGE"}]}],
    "LocalSecondaryIndexes": [{
        "IndexName": "by-time", "Projection": {"ProjectionType": "ALL"},
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "at", "KeyType": "RANGE"}]}],
}).encode()  # fmt: skip
_COUNT, _LAST = 600, (1 << 64) - 1


def _item(number: int) -> dict[str, Any]:
    return {"id": {"S": f"i{number}"}, "n": {"N": "1"}, "kind": {"S": f"k{number % 3}"}, "at": {"N": str(number % 50)}}


def _key(number: int) -> dict[str, Any]:
    return {"id": {"S": f"i{number}"}, "n": {"N": "1"}}


def _call(tables: Tables, operation: str, **request: Any) -> dict[str, Any]:
    status, body = tables.call_json(operation, json.dumps(request).encode())
    assert status == 200, body
    found: dict[str, Any] = json.loads(body)
    return found


def _made(items: bool = True) -> Tables:
    tables = Tables(None, seed=77)
    tables.create("items", _DESCRIPTION)
    for number in range(_COUNT if items else 0):
        _call(tables, "PutItem", TableName="items", Item=_item(number))
    return tables


def _route(tables: Tables, operation: str, **request: Any) -> tuple[str, list[int], int | None]:
    return route(tables, operation, json.dumps(request).encode())


def _hash(number: int) -> int:
    with _made(False) as tables:
        return place(tables, "items", _key(number))[0]


def test_where_requests_go() -> None:
    one, two = _hash(1), _hash(2)
    name: Any = {"TableName": "items"}
    of_one = {":v": {"S": "i1"}, ":k": {"S": "k1"}}
    both = {"items": [{"PutRequest": {"Item": _item(1)}}, {"DeleteRequest": {"Key": _key(2)}}]}
    query: Any = {**name, "KeyConditionExpression": "id = :v", "ExpressionAttributeValues": {":v": of_one[":v"]}}
    with _made() as tables:
        for operation, request, expected in (
            ("PutItem", {**name, "Item": _item(1)}, [one]), ("GetItem", {**name, "Key": _key(2)}, [two]),
            ("DeleteItem", {**name, "Key": _key(2)}, [two]), ("Query", query, [one]),
            ("UpdateItem", {**name, "Key": _key(1), "UpdateExpression": "REMOVE x"}, [one]),
            ("Query", {**query, "IndexName": "by-time"}, [one]), ("BatchWriteItem", {"RequestItems": both}, [one, two]),
            ("BatchGetItem", {"RequestItems": {"items": {"Keys": [_key(2), _key(1)]}}}, [two, one]),
            ("TransactGetItems", {"TransactItems": [{"Get": {**name, "Key": _key(1)}}]}, [one]),
            ("TransactWriteItems", {"TransactItems": [{"Put": {**name, "Item": _item(2)}}, {"ConditionCheck": {
                **name, "Key": _key(1), "ConditionExpression": "attribute_exists(id)"}}]}, [two, one]),
            ("ExecuteStatement", {"Statement": "SELECT * FROM items WHERE id = 'i1'"}, [one]),
            ("ExecuteStatement", {"Statement": "SELECT * FROM items WHERE id IN ['i1', 'i2']"}, [one, two]),
            ("ExecuteStatement", {"Statement": "INSERT INTO items VALUE {'id': ?, 'n': 1}", "Parameters": [{"S": "i2"}]}, [two]),
            ("ExecuteStatement", {"Statement": "UPDATE items SET x = 1 WHERE id = 'i1' AND n = 1"}, [one]),
            ("ExecuteStatement", {"Statement": "DELETE FROM items WHERE n = 1 AND id = 'i2'"}, [two]),
            ("ExecuteTransaction", {"TransactStatements": [{"Statement": "SELECT * FROM items WHERE id = 'i1' AND n = 1"}]}, [one]),
            ("BatchExecuteStatement", {"Statements": [{"Statement": "rubbish"}, {
                "Statement": "SELECT * FROM items WHERE id = 'i1' AND n = 1"}]}, [one]),
        ):  # fmt: skip
            assert _route(tables, operation, **request) == ("keys", expected, None), operation
        assert _route(tables, "Scan", **name) == ("walk", [], None)
        assert _route(tables, "Scan", **name, ExclusiveStartKey=_key(1)) == ("walk", [], one)
        assert _route(tables, "Scan", **name, IndexName="by-kind")[0] == "index"
        of_kind = {":k": of_one[":k"]}
        assert _route(tables, "Query", **name, IndexName="by-kind", KeyConditionExpression="kind = :k",
                      ExpressionAttributeValues=of_kind)[0] == "index"  # fmt: skip
        page = _call(tables, "ExecuteStatement", Statement="SELECT * FROM items", Limit=3)
        last = place(tables, "items", page["Items"][-1])[0]
        assert _route(tables, "ExecuteStatement", Statement="SELECT * FROM items", Limit=3,
                      NextToken=page["NextToken"]) == ("walk", [], last)  # fmt: skip
        for operation, request in (
            ("PutItem", {**name, "Item": {"id": {"S": "i1"}}}), ("GetItem", {"TableName": "none", "Key": _key(1)}),
            ("Query", {**name, "KeyConditionExpression": "id > :v", "ExpressionAttributeValues": {":v": {"S": "x"}}}),
            ("ExecuteStatement", {"Statement": "rubbish"}), ("BatchWriteItem", {"RequestItems": {}}), ("Scan", {}),
        ):  # fmt: skip
            assert _route(tables, operation, **request) == ("nowhere", [], None)


def test_statements_and_batches_of_many_keys() -> None:
    some = list(range(6))
    hashes = [_hash(number) for number in some]
    words = ", ".join(f"'i{number}'" for number in some)
    with _made() as tables:
        keys = {"RequestItems": {"items": {"Keys": [_key(number) for number in some]}}}
        assert _route(tables, "BatchGetItem", **keys) == ("keys", hashes, None)
        for statement, expected in (
            (f"SELECT * FROM items WHERE id IN [{words}]", ("keys", hashes, None)),
            ("SELECT * FROM items.\"by-time\" WHERE id = 'i1'", ("keys", hashes[1:2], None)),
            ("SELECT * FROM items.\"by-kind\" WHERE kind = 'k1'", ("index", [], None)),
            ("SELECT * FROM items.\"by-time\"", ("walk", [], None)),
            ("SELECT * FROM items WHERE n = 1", ("walk", [], None)),
        ):
            assert _route(tables, "ExecuteStatement", Statement=statement) == expected, statement
        assert _route(tables, "Scan", TableName="items", IndexName="by-time") == ("walk", [], None)
        near: Any = {"TableName": "items", "IndexName": "near", "SearchVector": [{"N": "1"}], "TopK": 3}
        assert _route(tables, "SearchVectors", **near) == ("index", [], None)


@pytest.mark.parametrize(
    ("operation", "request_"),
    [
        ("PutItem", {"TableName": "none", "Item": _item(1)}),
        ("BatchWriteItem", {"RequestItems": {"none": [{"PutRequest": {"Item": _item(1)}}]}}),
        ("BatchWriteItem", {"RequestItems": {"items": [{"PutRequest": {"Item": {"id": {"S": "a"}}}}]}}),
        ("BatchGetItem", {"RequestItems": {"items": {"Keys": [_item(1)]}}}),
        ("TransactGetItems", {"TransactItems": [{"Get": {"TableName": "none", "Key": _key(1)}}]}),
        ("TransactGetItems", {"TransactItems": [{"Get": {"TableName": "items", "Key": _item(1)}}]}),
        ("Query", {"TableName": "items", "IndexName": "none", "KeyConditionExpression": "id = :v",
                   "ExpressionAttributeValues": {":v": {"S": "i1"}}}),
        ("Query", {"TableName": "items", "KeyConditionExpression": "id = :v",
                   "ExpressionAttributeValues": {":v": {"N": "1"}}}),
        ("Query", {"TableName": "items", "KeyConditionExpression": "id = :v AND n = :w",
                   "ExpressionAttributeValues": {":v": {"S": "i1"}, ":w": {"S": "1"}}}),
        ("Scan", {"TableName": "items", "IndexName": "none"}),
        ("Scan", {"TableName": "items", "ExclusiveStartKey": {"id": {"S": "a"}}}),
        ("ExecuteStatement", {"Statement": "SELECT * FROM none WHERE id = 'i1'"}),
        ("ExecuteStatement", {"Statement": "SELECT * FROM items.none WHERE id = 'i1'"}),
        ("ExecuteStatement", {"Statement": "SELECT * FROM items WHERE id = 1"}),
        ("ExecuteStatement", {"Statement": "SELECT * FROM items", "NextToken": "rubbish"}),
        ("ExecuteStatement", {"Statement": "UPDATE items SET x = 1 WHERE n = 1"}),
        ("ExecuteStatement", {"Statement": "UPDATE items SET x = 1 WHERE id = 5 AND n = 1"}),
        ("ExecuteStatement", {"Statement": "INSERT INTO items VALUE {'id': 'a'}"}),
        ("BatchExecuteStatement", {"Statements": [{"Statement": "SELECT * FROM none WHERE id = 'i1'"}]}),
    ],
)  # fmt: skip
def test_what_no_tables_need_to_be_asked(operation: str, request_: dict[str, Any]) -> None:
    with _made(False) as tables:
        assert _route(tables, operation, **request_) == ("nowhere", [], None)


def test_places_and_prunes_that_there_are_none_of() -> None:
    with _made(False) as tables:
        with pytest.raises(ApiError, match="does not have the specified index: none"):
            place(tables, "items", _key(1), "none")
        with pytest.raises(ApiError):
            place(tables, "none", _key(1))
        with pytest.raises(ApiError):
            prune(tables, "none", 1, 2)
        assert prune(tables, "items", 0, _LAST) == 0


@pytest.mark.parametrize("share", [(1, 2), (0, 4), (3, 4)])
def test_a_part_in_the_middle_is_what_stays(share: tuple[int, int]) -> None:
    first, last = (share[0] << 62) + 1, min((share[1] << 62) - 1, _LAST)
    with _made() as tables:
        inside = {n for n in range(_COUNT) if first <= place(tables, "items", _key(n))[0] <= last}
        while prune(tables, "items", first, last):
            pass
        left = _call(tables, "Scan", TableName="items")["Items"]
        assert {int(item["id"]["S"][1:]) for item in left} == inside and 0 < len(inside) <= _COUNT


def test_places_compare_as_tables_and_indexes_are_ordered() -> None:
    with _made() as tables:
        scanned = _call(tables, "Scan", TableName="items")["Items"]
        assert scanned == sorted(scanned, key=lambda item: place(tables, "items", item))
        scanned = _call(tables, "Scan", TableName="items", IndexName="by-kind")["Items"]
        assert scanned == sorted(scanned, key=lambda item: place(tables, "items", item, "by-kind"))
        with pytest.raises(ApiError):
            place(tables, "items", {"id": {"S": "a"}})
        with pytest.raises(ApiError):
            place(tables, "items", _key(1), "by-kind")


@pytest.mark.parametrize("at", [1, 1 << 62, 1 << 63, _LAST])
def test_tables_that_hold_a_part(at: int) -> None:
    """A walk within bounds, a copy of a part, and what is left of it make one whole."""
    with _made() as lower, _made(False) as upper:
        every = {json.dumps(_key(number)) for number in range(_COUNT)}

        def seen(tables: Tables, **more: Any) -> set[str]:
            found = _call(tables, "Scan", TableName="items", **more)["Items"]
            return {json.dumps({name: item[name] for name in ("id", "n")}) for item in found}

        above = {key for key in every if place(lower, "items", json.loads(key))[0] >= at}
        set_bounds(lower, 0, at - 1)
        assert seen(lower) == seen(lower, IndexName="by-kind") == seen(lower, IndexName="by-time") == every - above
        assert seen(lower, Segment=0, TotalSegments=2) | seen(lower, Segment=1, TotalSegments=2) == every - above
        set_bounds(upper, at, _LAST)
        with Snapshot(lower, "items") as snapshot:
            while (read := snapshot.read())[1]:
                load(upper, "items", read[0])
        set_bounds(upper, 0, _LAST)
        assert seen(upper) == seen(upper, IndexName="by-kind") == above
        assert prune(lower, "items", 0, at - 1) == len(above)
        set_bounds(lower, 0, _LAST)
        assert seen(lower) == seen(lower, IndexName="by-kind") == every - above
        assert prune(lower, "items", 0, at - 1) == 0 == prune(upper, "items", at, _LAST)


@pytest.mark.parametrize("distance", ["COSINE", "EUCLIDEAN", "DOT_PRODUCT"])
def test_a_search_within_bounds(distance: str) -> None:
    """The nearest of those within, however many nearer ones are outside."""
    with Tables(None, seed=77) as tables:
        key = [{"AttributeName": "id", "KeyType": "HASH"}]
        tables.create("items", json.dumps({
            "TableName": "items", "KeySchema": key, "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
            "VectorIndexes": [{"IndexName": "near", "VectorAttribute": {"AttributeName": "v"}, "Dimensions": 2,
                               "DistanceFunction": distance, "Projection": {"ProjectionType": "KEYS_ONLY"}}],
        }).encode())  # fmt: skip
        for number in range(100):
            vector = [{"N": str(number + 1)}, {"N": "1"}]
            _call(tables, "PutItem", TableName="items", Item={"id": {"S": f"i{number}"}, "v": {"L": vector}})

        def found(top: int) -> list[str]:
            told = _call(tables, "SearchVectors", TableName="items", IndexName="near", TopK=top,
                         SearchVector=[{"N": "500"}, {"N": "1"}])  # fmt: skip
            return [each["Item"]["id"]["S"] for each in told["SearchResults"]]

        ordered = found(100)
        assert len(ordered) == 100
        for first, last in ((0, 1 << 62), (1 << 63, _LAST), (1 << 61, 1 << 63)):
            set_bounds(tables, first, last)
            within = [each for each in ordered if first <= place(tables, "items", {"id": {"S": each}})[0] <= last]
            assert 0 < len(within) < 100 and found(100) == within and found(7) == within[:7]
        set_bounds(tables, 1, 2)
        assert found(5) == []
