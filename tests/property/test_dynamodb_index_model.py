"""Random writes to a table with indexes against plain dicts, indexes coming and going, over restarts."""

import random

import pytest

from cloudcore.dynamodb import DynamoDB

TYPES = {"p": "S", "s": "N", "a": "S", "b": "N", "c": "S"}
LOCAL = {"by-b": ("p", "b", "KEYS_ONLY"), "by-c": ("p", "c", "ALL")}
WIDE = {"a-b": ("a", "b", "ALL"), "b": ("b", None, "INCLUDE"), "c-a": ("c", "a", "KEYS_ONLY")}
LATE = {"late": ("a", "c", "ALL")}


def index(name, hash_, range_, kind):
    schema = [{"AttributeName": hash_, "KeyType": "HASH"}]
    if range_:
        schema.append({"AttributeName": range_, "KeyType": "RANGE"})
    projection = {"ProjectionType": kind} | ({"NonKeyAttributes": ["x"]} if kind == "INCLUDE" else {})
    return {"IndexName": f"i.{name}", "KeySchema": schema, "Projection": projection}


def create(db):
    db.call(
        "CreateTable",
        {
            "TableName": "tab",
            "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": [
                {"AttributeName": "p", "KeyType": "HASH"},
                {"AttributeName": "s", "KeyType": "RANGE"},
            ],
            "AttributeDefinitions": [{"AttributeName": n, "AttributeType": t} for n, t in TYPES.items()],
            "LocalSecondaryIndexes": [index(n, *i) for n, i in LOCAL.items()],
            "GlobalSecondaryIndexes": [index(n, *i) for n, i in WIDE.items()],
        },
    )


def random_item(rng):
    item = {"p": {"S": f"p{rng.randrange(4)}"}, "s": {"N": str(rng.randrange(-15, 15))}}
    if rng.random() < 0.7:
        item["a"] = {"S": rng.choice(["a", "a\0", "a\0b", "é", "\U0001f4a1"])}
    if rng.random() < 0.7:
        item["b"] = {"N": rng.choice(["-1.5", "0", "2", "10", "1e20"])}
    if rng.random() < 0.7:
        item["c"] = {"S": "c" * rng.randrange(1, 4)}
    if rng.random() < 0.5:
        item["x"] = {"S": "x" * rng.randrange(0, 400)}
    if rng.random() < 0.3:
        item["y"] = {"L": [{"N": "1"}]}
    for value in item.values():
        if value.get("N") == "1e20":
            value["N"] = "100000000000000000000"
    return item


def key_of(item):
    return (item["p"]["S"], item["s"]["N"])


def step(rng, db, model):
    action = rng.randrange(10)
    if action < 5:
        item = random_item(rng)
        db.call("PutItem", {"TableName": "tab", "Item": item})
        model[key_of(item)] = item
    elif action == 5:
        items = {key_of(i): i for i in (random_item(rng) for _ in range(8))}
        requests = [
            {"PutRequest": {"Item": i}}
            if rng.random() < 0.6
            else {"DeleteRequest": {"Key": {n: i[n] for n in "ps"}}}
            for i in items.values()
        ]
        db.call("BatchWriteItem", {"RequestItems": {"tab": requests}})
        for k, request in zip(items, requests, strict=True):
            model.pop(k, None)
            if "PutRequest" in request:
                model[k] = items[k]
    else:
        item = random_item(rng)
        key = {n: item.pop(n) for n in "ps"}
        k = (key["p"]["S"], key["s"]["N"])
        if action == 6:
            db.call("DeleteItem", {"TableName": "tab", "Key": key})
            model.pop(k, None)
            return
        gone = [n for n in "abcxy" if n not in item]
        update = " ".join(
            [
                "SET " + ", ".join(f"{n} = :{n}" for n in item) if item else "",
                "REMOVE " + ", ".join(gone) if gone else "",
            ]
        )
        params = {"TableName": "tab", "Key": key, "UpdateExpression": update}
        if item:
            params["ExpressionAttributeValues"] = {f":{n}": v for n, v in item.items()}
        db.call("UpdateItem", params)
        model[k] = key | item


def order(value):
    return float(value["N"]) if "N" in value else value["S"].encode()


def shown(item, hash_, range_, kind):
    if kind == "ALL":
        return item
    names = {"p", "s", hash_, range_} | ({"x"} if kind == "INCLUDE" else set())
    return {n: v for n, v in item.items() if n in names}


def pages(db, operation, params, rng):
    params = {"TableName": "tab", "Limit": rng.choice([2, 5, 1000]), **params}
    while True:
        page = db.call(operation, params)
        yield from page["Items"]
        if "LastEvaluatedKey" not in page:
            return
        params["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def check_index(db, model, rng, name, hash_, range_, kind):
    inside = [i for i in model.values() if hash_ in i and (range_ is None or range_ in i)]
    scanned = list(pages(db, "Scan", {"IndexName": f"i.{name}"}, rng))
    assert {key_of(i): i for i in scanned} == {key_of(i): shown(i, hash_, range_, kind) for i in inside}
    assert len(scanned) == len(inside)
    for partition in [dict(t) for t in {tuple(i[hash_].items()) for i in inside}]:
        forward = rng.random() < 0.5
        params = {
            "IndexName": f"i.{name}",
            "KeyConditionExpression": "#h = :h",
            "ExpressionAttributeNames": {"#h": hash_},
            "ExpressionAttributeValues": {":h": partition},
            "ScanIndexForward": forward,
        }
        wanted = [i for i in inside if i[hash_] == partition]
        if range_ and rng.random() < 0.7:
            low, high = sorted((rng.choice(wanted)[range_], rng.choice(wanted)[range_]), key=order)
            params["KeyConditionExpression"] += " AND #r BETWEEN :l AND :u"
            params["ExpressionAttributeNames"]["#r"] = range_
            params["ExpressionAttributeValues"] |= {":l": low, ":u": high}
            wanted = [i for i in wanted if order(low) <= order(i[range_]) <= order(high)]
        found = list(pages(db, "Query", params, rng))
        if range_:
            sorts = [order(i[range_]) for i in found]
            assert sorts == sorted(sorts, reverse=not forward)
        assert {key_of(i): i for i in found} == {key_of(i): shown(i, hash_, range_, kind) for i in wanted}
        assert len(found) == len(wanted)


def check_all(db, model, rng, indexes):
    for name, keys in indexes.items():
        check_index(db, model, rng, name, *keys)
    table = db.call("DescribeTable", {"TableName": "tab"})["Table"]
    counts = {i["IndexName"]: i["ItemCount"] for i in table["GlobalSecondaryIndexes"]}
    counts |= {i["IndexName"]: i["ItemCount"] for i in table["LocalSecondaryIndexes"]}
    assert counts == {
        f"i.{name}": sum(h in i and (r is None or r in i) for i in model.values())
        for name, (h, r, _) in indexes.items()
    }


@pytest.mark.parametrize("seed", range(3))
def test_memory(seed):
    rng, model, indexes = random.Random(seed), {}, LOCAL | WIDE
    with DynamoDB() as db:
        create(db)
        for turn in range(40):
            for _ in range(40):
                step(rng, db, model)
            if turn == 15:
                update = {"Create": index("late", *LATE["late"])}
                db.call("UpdateTable", {"TableName": "tab", "GlobalSecondaryIndexUpdates": [update]})
                indexes |= LATE
            if turn == 30:
                update = {"Delete": {"IndexName": "i.b"}}
                db.call("UpdateTable", {"TableName": "tab", "GlobalSecondaryIndexUpdates": [update]})
                indexes = {name: keys for name, keys in indexes.items() if name != "b"}
            check_all(db, model, rng, indexes)


def test_over_restarts(tmp_path):
    rng, model, indexes = random.Random(7), {}, LOCAL | WIDE
    for turn in range(6):
        with DynamoDB(tmp_path / "store") as db:
            if turn == 0:
                create(db)
            check_all(db, model, rng, indexes)
            for _ in range(200):
                step(rng, db, model)
            if turn == 3:
                update = {"Create": index("late", *LATE["late"])}
                db.call("UpdateTable", {"TableName": "tab", "GlobalSecondaryIndexUpdates": [update]})
                indexes |= LATE
            check_all(db, model, rng, indexes)
