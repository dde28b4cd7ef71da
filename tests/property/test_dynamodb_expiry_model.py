"""Random writes, sweeps and restarts against a plain dict: what expires goes, nothing else does."""

import random
import threading

import pytest

from cloudcore.clock import ManualClock
from cloudcore.dynamodb import DynamoDB

YEARS = 5 * 365 * 86_400


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
            "AttributeDefinitions": [{"AttributeName": n, "AttributeType": "S"} for n in ("p", "s", "g")],
            "GlobalSecondaryIndexes": [
                {
                    "IndexName": "idx",
                    "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}],
                    "Projection": {"ProjectionType": "KEYS_ONLY"},
                }
            ],
        },
    )
    spec = {"AttributeName": "ttl", "Enabled": True}
    db.call("UpdateTimeToLive", {"TableName": "tab", "TimeToLiveSpecification": spec})


def everything(db, **more):
    found, start = set(), {}
    while True:
        page = db.call("Scan", {"TableName": "tab", **more, **start})
        found |= {(item["p"]["S"], item["s"]["S"]) for item in page["Items"]}
        if "LastEvaluatedKey" not in page:
            return found
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


@pytest.mark.parametrize("seed", range(4))
def test_against_a_dict(tmp_path, seed):
    rng = random.Random(seed)
    clock = ManualClock()
    model: dict[tuple[str, str], float | None] = {}
    db = DynamoDB(tmp_path, clock=clock)
    create(db)
    for _ in range(40):
        for _ in range(rng.randrange(120)):
            key = (f"p{rng.randrange(6)}", f"s{rng.randrange(60)}")
            ttl = rng.choice([None, clock.now() + rng.randint(-30, 30), clock.now() - YEARS - rng.randint(1, 9)])
            item = {"p": {"S": key[0]}, "s": {"S": key[1]}, "g": {"S": "all"}}
            if ttl is not None:
                item["ttl"] = {"N": str(int(ttl))}
            db.call("PutItem", {"TableName": "tab", "Item": item})
            model[key] = None if ttl is None else int(ttl)
        clock.advance(rng.randrange(10))
        if rng.random() < 0.2:
            db.close()
            db = DynamoDB(tmp_path, clock=clock)
        db.expiry.sweep()
        now = int(clock.now())
        model = {k: t for k, t in model.items() if t is None or not now - YEARS <= t < now}
        assert everything(db) == set(model)
        assert everything(db, IndexName="idx") == set(model)
    db.close()


def test_beside_writers():
    """Items put again with a later time survive the sweeps that run meanwhile."""
    clock = ManualClock()
    with DynamoDB(clock=clock) as db:
        create(db)
        past, future = str(int(clock.now()) - 1), str(int(clock.now()) + 1000)
        stop = threading.Event()

        def sweep():
            while not stop.is_set():
                db.expiry.sweep()

        sweeper = threading.Thread(target=sweep)
        sweeper.start()
        for n in range(3000):
            key = {"p": {"S": f"p{n % 7}"}, "s": {"S": str(n)}, "g": {"S": "all"}}
            db.tables.put_item("tab", key | {"ttl": {"N": past}})
            db.tables.put_item("tab", key | {"ttl": {"N": future if n % 3 else past}})
        stop.set()
        sweeper.join()
        db.expiry.sweep()
        expected = {(f"p{n % 7}", str(n)) for n in range(3000) if n % 3}
        assert everything(db) == expected
        assert everything(db, IndexName="idx") == expected
