"""How items are measured: what a value weighs, what reading and writing it costs, and in which order keys lie."""

from __future__ import annotations

import pytest
from dynamodb_support import create, key, refused

LIMIT = 400 * 1024


@pytest.fixture
def tab(db):
    create(db, sk=None)
    return db


def put(db, item, **more):
    return db.call("PutItem", {"TableName": "tab", "Item": item} | more)


@pytest.mark.parametrize(
    ("value", "size"),
    [
        ({"S": ""}, 0), ({"S": "abc"}, 3), ({"S": "ü€"}, 5), ({"B": b"\x00" * 7}, 7), ({"BOOL": True}, 1), ({"NULL": True}, 1),
        # a number: a byte for two digits, zeros at either end left out, and one
        ({"N": "0"}, 1), ({"N": "1"}, 2), ({"N": "12"}, 2), ({"N": "123"}, 3), ({"N": "1200"}, 2), ({"N": "0.0012"}, 2), ({"N": "1" * 38}, 20), ({"N": "-12"}, 3),
        # documents: three bytes, and one for each element
        ({"L": []}, 3), ({"L": [{"S": "ab"}]}, 6), ({"L": [{"S": "ab"}, {"NULL": True}]}, 8), ({"M": {}}, 3), ({"M": {"ab": {"S": "c"}}}, 7), ({"L": [{"M": {"x": {"L": []}}}]}, 12),
        # sets: their members
        ({"SS": ["a", "bc"]}, 3), ({"NS": ["1", "123"]}, 5), ({"BS": [b"a", b"bc"]}, 3),
    ],
)  # fmt: skip
def test_what_a_value_weighs(tab, value, size):
    """Found by filling an item up to the limit: one byte more is refused."""
    rest = LIMIT - len("p" + "a" + "v" + "f") - size
    item = {"p": {"S": "a"}, "v": value, "f": {"S": "x" * rest}}
    put(tab, item)
    item["f"] = {"S": "x" * (rest + 1)}
    refused(tab, "PutItem", {"TableName": "tab", "Item": item}, "Item size has exceeded the maximum allowed size")


def test_names_count_and_updates_are_measured(tab):
    put(tab, {"p": {"S": "a"}, "n" * 1000: {"S": "x" * (LIMIT - 1002)}})
    grow = {
        "TableName": "tab", "Key": {"p": {"S": "a"}}, "UpdateExpression": "SET q = :v",
        "ExpressionAttributeValues": {":v": {"S": ""}},
    }  # fmt: skip
    refused(tab, "UpdateItem", grow, "Item size to update has exceeded the maximum allowed size")


def units(answer):
    return answer["ConsumedCapacity"]["CapacityUnits"]


@pytest.mark.parametrize(("size", "strong", "write"), [(100, 1, 1), (1024, 1, 1), (1025, 1, 2), (4096, 1, 4), (4097, 2, 5), (LIMIT, 100, 400)])
def test_units(tab, size, strong, write):
    """Reading: 4 KB a unit, half of it when it need not be consistent. Writing: 1 KB a unit, of the larger item."""
    item = {"p": {"S": "a"}, "v": {"S": "x" * (size - 3)}}
    small, one = {"p": {"S": "a"}}, {"TableName": "tab", "Key": {"p": {"S": "a"}}, "ReturnConsumedCapacity": "TOTAL"}
    assert units(put(tab, item, ReturnConsumedCapacity="TOTAL")) == write
    assert units(tab.call("GetItem", one | {"ConsistentRead": True})) == strong
    assert units(tab.call("GetItem", one)) == strong / 2
    query = {"TableName": "tab", "KeyConditionExpression": "p = :p", "ExpressionAttributeValues": {":p": {"S": "a"}}}
    assert units(tab.call("Query", query | {"ReturnConsumedCapacity": "TOTAL", "Select": "COUNT"})) == strong / 2
    update = {"UpdateExpression": "SET q = :q", "ExpressionAttributeValues": {":q": {"S": ""}}}
    if size < LIMIT - 1:
        assert units(tab.call("UpdateItem", one | update)) == -(-(size + 1) // 1024)
    assert units(put(tab, small, ReturnConsumedCapacity="TOTAL")) >= write, "the larger of the two items"
    put(tab, item)
    assert units(tab.call("DeleteItem", one)) == write
    assert units(tab.call("DeleteItem", one)) == 1, "nothing there costs a unit"


def test_query_and_scan_add_up_before_they_round(db):
    create(db)
    for n in range(8):
        put(db, key("a", n) | {"v": {"S": "x" * 600}})
    query = {"TableName": "tab", "KeyConditionExpression": "p = :p", "ExpressionAttributeValues": {":p": {"S": "a"}}}
    for operation, params in (("Query", query), ("Scan", {"TableName": "tab"})):
        found = db.call(operation, params | {"ConsistentRead": True, "ReturnConsumedCapacity": "INDEXES"})
        assert found["ConsumedCapacity"] == {"TableName": "tab", "CapacityUnits": 2.0, "Table": {"CapacityUnits": 2.0}}, "8 x 606 bytes are 4,848"
    filtered = {"FilterExpression": "attribute_exists(nope)", "ReturnConsumedCapacity": "TOTAL"}
    found = db.call("Scan", {"TableName": "tab"} | filtered)
    assert (found["Count"], found["ScannedCount"], units(found)) == (0, 8, 1.0)


def test_batches_and_transactions_cost_as_their_items(tab):
    create(tab, "other", sk=None)
    puts = {name: [{"PutRequest": {"Item": {"p": {"S": str(n)}, "v": {"S": "x" * 1500}}}} for n in range(3)] for name in ("tab", "other")}
    costs = tab.call("BatchWriteItem", {"RequestItems": puts, "ReturnConsumedCapacity": "INDEXES"})["ConsumedCapacity"]
    assert sorted((c["TableName"], c["CapacityUnits"], c["Table"]["CapacityUnits"]) for c in costs) == [("other", 6.0, 6.0), ("tab", 6.0, 6.0)]
    reads = {"tab": {"Keys": [{"p": {"S": str(n)}} for n in range(5)], "ConsistentRead": True}}
    (cost,) = tab.call("BatchGetItem", {"RequestItems": reads, "ReturnConsumedCapacity": "TOTAL"})["ConsumedCapacity"]
    assert cost == {"TableName": "tab", "CapacityUnits": 5.0}, "what is not there costs a unit as well"
    gets = [{"Get": {"TableName": "tab", "Key": {"p": {"S": str(n)}}}} for n in range(5)]
    (cost,) = tab.call("TransactGetItems", {"TransactItems": gets, "ReturnConsumedCapacity": "TOTAL"})["ConsumedCapacity"]
    assert cost["CapacityUnits"] == 10.0, "twice"
    write = [{"Put": {"TableName": "tab", "Item": {"p": {"S": "0"}}}}, {"Delete": {"TableName": "tab", "Key": {"p": {"S": "9"}}}}]
    (cost,) = tab.call("TransactWriteItems", {"TransactItems": write, "ReturnConsumedCapacity": "TOTAL"})["ConsumedCapacity"]
    assert cost["CapacityUnits"] == 6.0, "two for the larger of the old and the new item, one for nothing, twice"


NUMBERS = ["-9.9e125", "-1e38", "-100", "-99.9", "-2", "-1", "-1e-130", "0", "1e-130", "2e-5", "0.1", "0.5", "1", "1.5", "9", "10", "99.9", "1e38", "9.9e125"]  # fmt: skip
TEXTS = ["", "\x00", "A", "Z", "a", "a\x00", "aa", "z", "é", "€", "\uffff", "\U0001f600"]
BYTES = [b"\x00", b"\x00\x00", b"\x00\x01", b"\x7f", b"\x80", b"\xff", b"\xff\x00"]


@pytest.mark.parametrize(
    ("kind", "values"),
    [("N", NUMBERS), ("S", TEXTS[1:]), ("B", BYTES)],
)
def test_the_order_of_sort_keys(db, kind, values):
    db.call("CreateTable", {
        "TableName": "sorted", "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [{"AttributeName": "p", "KeyType": "HASH"}, {"AttributeName": "s", "KeyType": "RANGE"}],
        "AttributeDefinitions": [{"AttributeName": "p", "AttributeType": "S"}, {"AttributeName": "s", "AttributeType": kind}],
    })  # fmt: skip
    for at, value in sorted(enumerate(values), key=lambda pair: hash(str(pair[1]))):
        db.call("PutItem", {"TableName": "sorted", "Item": {"p": {"S": "a"}, "s": {kind: value}, "at": {"N": str(at)}}})
    query = {"TableName": "sorted", "KeyConditionExpression": "p = :p", "ExpressionAttributeValues": {":p": {"S": "a"}}}
    order = [int(item["at"]["N"]) for item in db.call("Query", query)["Items"]]
    assert order == list(range(len(values)))
    back = [int(item["at"]["N"]) for item in db.call("Query", query | {"ScanIndexForward": False})["Items"]]
    assert back == order[::-1]
    if kind != "N":
        between = query | {"KeyConditionExpression": "p = :p AND begins_with(s, :s)"}
        between["ExpressionAttributeValues"] = query["ExpressionAttributeValues"] | {":s": {kind: values[0]}}
        assert db.call("Query", between)["Count"] == sum(value.startswith(values[0]) for value in values)
