"""UpdateTimeToLive, DescribeTimeToLive, and that expired items go."""

import sys
import time

import pytest
from dynamodb_support import create, refused

import cloudcore
from cloudcore.clock import ManualClock
from cloudcore.dynamodb import DynamoDB, expiry


@pytest.fixture
def db(clock):
    with DynamoDB(clock=clock) as service:
        create(service, sk=None)
        yield service


def enable(db, attribute="ttl", enabled=True):
    return db.call(
        "UpdateTimeToLive",
        {"TableName": "tab", "TimeToLiveSpecification": {"AttributeName": attribute, "Enabled": enabled}},
    )


def put(db, key, ttl):
    db.call("PutItem", {"TableName": "tab", "Item": {"p": {"S": key}, "ttl": ttl}})


def keys(db):
    return sorted(item["p"]["S"] for item in db.call("Scan", {"TableName": "tab"})["Items"])


def seconds(clock, offset):
    return {"N": str(int(clock.now()) + offset)}


def test_expired_items_go(db, clock):
    for key, ttl in {
        "past": seconds(clock, -1),
        "now": seconds(clock, 0),
        "soon": seconds(clock, 10),
        "ancient": seconds(clock, -6 * 365 * 86_400),
        "text": {"S": str(int(clock.now()) - 1)},
    }.items():
        put(db, key, ttl)
    assert db.expiry.sweep() == 0  # nobody asked for it yet
    assert enable(db) == {"TimeToLiveSpecification": {"AttributeName": "ttl", "Enabled": True}}
    assert db.call("DescribeTimeToLive", {"TableName": "tab"}) == {
        "TimeToLiveDescription": {"TimeToLiveStatus": "ENABLED", "AttributeName": "ttl"}
    }
    db.expiry.sweep()
    assert keys(db) == ["ancient", "now", "soon", "text"]
    clock.advance(11)
    db.expiry.sweep()
    assert keys(db) == ["ancient", "text"]
    enable(db, enabled=False)
    assert db.call("DescribeTimeToLive", {"TableName": "tab"}) == {
        "TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}
    }
    put(db, "past", seconds(clock, -1))
    assert db.expiry.sweep() == 0


def test_a_key_attribute_may_expire_its_item(clock):
    with DynamoDB(clock=clock) as db:
        create(db, pk="N", sk=None)
        enable(db, "p")
        db.call("PutItem", {"TableName": "tab", "Item": {"p": seconds(clock, -1)}})
        db.expiry.sweep()
        assert db.call("Scan", {"TableName": "tab"})["Count"] == 0


def test_it_happens_by_itself(monkeypatch):
    monkeypatch.setattr(expiry, "PAUSE_SECONDS", 0.01)
    with DynamoDB() as db:
        create(db, sk=None)
        enable(db)
        put(db, "past", {"N": str(int(time.time()) - 5)})
        put(db, "future", {"N": str(int(time.time()) + 1000)})
        until = time.monotonic() + 60
        while len(keys(db)) > 1 and time.monotonic() < until:
            time.sleep(0.01)
        assert keys(db) == ["future"]


def test_it_goes_on_after_a_restart(tmp_path, clock):
    with DynamoDB(tmp_path, clock=clock) as db:
        create(db, sk=None)
        put(db, "past", seconds(clock, -1))
        put(db, "later", seconds(clock, 10))
        enable(db)
        db.expiry.sweep()
        assert keys(db) == ["later"]
    clock.advance(20)
    with DynamoDB(tmp_path, clock=clock) as db:
        db.expiry.sweep()
        assert keys(db) == []


def test_a_new_table_of_the_same_name_does_not_inherit_it(db, clock):
    enable(db)
    db.call("DeleteTable", {"TableName": "tab"})
    create(db, sk=None)
    put(db, "past", seconds(clock, -1))
    assert db.expiry.sweep() == 0
    assert keys(db) == ["past"]


def test_indexes_follow(clock):
    with DynamoDB(clock=clock) as db:
        db.call(
            "CreateTable",
            {
                "TableName": "tab",
                "BillingMode": "PAY_PER_REQUEST",
                "KeySchema": [{"AttributeName": "p", "KeyType": "HASH"}],
                "AttributeDefinitions": [{"AttributeName": n, "AttributeType": "S"} for n in ("p", "g")],
                "GlobalSecondaryIndexes": [
                    {
                        "IndexName": "idx",
                        "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}],
                        "Projection": {"ProjectionType": "ALL"},
                    }
                ],
            },
        )
        for key, offset in (("gone", -1), ("kept", 1)):
            item = {"p": {"S": key}, "g": {"S": "all"}, "ttl": seconds(clock, offset)}
            db.call("PutItem", {"TableName": "tab", "Item": item})
        enable(db)
        db.expiry.sweep()
        found = db.call("Scan", {"TableName": "tab", "IndexName": "idx"})["Items"]
        assert [item["p"]["S"] for item in found] == ["kept"]


@pytest.mark.parametrize(
    ("before", "attribute", "enabled", "message"),
    [
        (None, "ttl", False, "TimeToLive is already disabled"),
        ("ttl", "ttl", True, "TimeToLive is already enabled"),
        (
            "ttl", "other", True,
            "TimeToLive is active on a different AttributeName: current AttributeName is ttl",
        ),
        (
            "ttl", "other", False,
            "TimeToLive is active on a different AttributeName: current AttributeName is ttl",
        ),
        (
            None, "", True,
            "1 validation error detected: Value '' at 'timeToLiveSpecification.attributeName' failed to "
            "satisfy constraint: Member must have length greater than or equal to 1",
        ),
    ],
)  # fmt: skip
def test_refusals(db, before, attribute, enabled, message):
    if before:
        enable(db, before)
    spec = {"AttributeName": attribute, "Enabled": enabled}
    refused(db, "UpdateTimeToLive", {"TableName": "tab", "TimeToLiveSpecification": spec}, message)


def test_what_is_missing(db):
    refused(
        db, "UpdateTimeToLive", {"TableName": "tab", "TimeToLiveSpecification": {}},
        "2 validation errors detected: Value null at 'timeToLiveSpecification.enabled' failed to satisfy "
        "constraint: Member must not be null; Value null at 'timeToLiveSpecification.attributeName' failed "
        "to satisfy constraint: Member must not be null",
    )  # fmt: skip
    refused(
        db, "UpdateTimeToLive",
        {"TableName": "gone", "TimeToLiveSpecification": {"AttributeName": "ttl", "Enabled": True}},
        "Requested resource not found: Table: gone not found", "ResourceNotFoundException",
    )  # fmt: skip


def test_a_clock_that_is_moved_at_once_finds_the_sweeper_waiting():
    """Right after time to live was switched on, however long a thread takes to begin."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(0.5)  # a new thread hardly runs while this one does
    try:
        for _ in range(5):
            with cloudcore.open(":memory:", clock=ManualClock()) as cloud:
                table = cloud.table("tab", pk="id")
                on = {"Enabled": True, "AttributeName": "ends"}
                cloud.dynamodb.call("UpdateTimeToLive", {"TableName": "tab", "TimeToLiveSpecification": on})
                table.put({"id": "a", "ends": int(cloud.clock.now()) + 60})
                cloud.clock.advance(100)
                assert table.get("a") is None
    finally:
        sys.setswitchinterval(interval)
