"""Table.changes: changes with native values, from any position, waiting for more."""

import threading
from decimal import Decimal

import pytest

import cloudcore
from cloudcore.clock import ManualClock
from cloudcore.dynamodb import DynamoDB, Table
from cloudcore.errors import ApiError, ClosedError


@pytest.fixture
def orders():
    with DynamoDB() as db:
        table = Table.create(db, "orders", pk="customer:S", sk="ts:N")
        table.enable_stream()
        yield table


def test_native_values(orders):
    orders.put({"customer": "ann", "ts": 1, "total": Decimal("9.5"), "tags": {"a", "b"}})
    orders.update("ann", 1, set={"total": 10})
    orders.delete("ann", 1)
    made, changed, removed = orders.changes()
    assert (made.kind, changed.kind, removed.kind) == ("insert", "modify", "remove")
    assert made.key == {"customer": "ann", "ts": 1}
    assert made.new == {"customer": "ann", "ts": 1, "total": Decimal("9.5"), "tags": {"a", "b"}}
    assert made.old is None
    assert changed.old == made.new
    assert changed.new["total"] == 10
    assert removed.new is None
    assert removed.old == changed.new
    assert made.time <= changed.time
    assert made.time.tzinfo is not None
    assert not removed.expired


def test_go_on_behind_any_position(orders):
    for i in range(600):
        orders.put({"customer": "ann", "ts": i})
    everything = list(orders.changes())
    assert [change.key["ts"] for change in everything] == list(range(600))
    for at in (0, 1, 255, 256, 598, 599):
        with orders.changes(after=everything[at].position) as rest:
            assert [change.key["ts"] for change in rest] == list(range(at + 1, 600))
    reading = orders.changes()
    for _ in range(10):
        next(reading)
    assert next(orders.changes(after=reading.position)).key["ts"] == 10
    reading.close()


def test_latest_and_waiting(orders):
    orders.put({"customer": "ann", "ts": 1})
    following = orders.changes(latest=True, wait=60)
    threading.Timer(0.05, orders.put, [{"customer": "ann", "ts": 2}]).start()
    assert next(following).key["ts"] == 2
    following.close()
    assert list(orders.changes(latest=True, wait=0.01)) == []


def test_closing_the_tables_ends_a_wait():
    db = DynamoDB()
    table = Table.create(db, "orders", pk="customer:S")
    table.enable_stream()
    ended = []

    def follow():
        try:
            list(table.changes(wait=None))
        except ClosedError as error:
            ended.append(error)

    thread = threading.Thread(target=follow)
    thread.start()
    table.put({"customer": "x"})
    db.close()
    thread.join(30)
    assert ended


def test_after_a_restart(tmp_path):
    with cloudcore.open(tmp_path) as cloud:
        table = cloud.table("tab", pk="id:S")
        table.enable_stream("KEYS_ONLY")
        table.put({"id": "a"})
        with table.changes() as reading:
            position = next(reading).position
        table.put({"id": "b"})
    with cloudcore.open(tmp_path) as cloud:
        table = cloud.table("tab")
        table.put({"id": "b", "v": 1})
        first, second = table.changes(after=position)
        assert (first.key, second.kind, second.old) == ({"id": "b"}, "modify", None)
        assert second.new == {"id": "b", "v": 1}


def test_streams_before_this_one_belong_to_it(orders):
    orders.put({"customer": "ann", "ts": 1})
    orders.disable_stream()
    orders.put({"customer": "ann", "ts": 2})
    orders.enable_stream()
    orders.put({"customer": "ann", "ts": 3})
    assert [change.key["ts"] for change in orders.changes()] == [1, 3]


def test_refusals(orders):
    with DynamoDB() as db, pytest.raises(ValueError, match="has no stream"):
        Table.create(db, "tab", pk="id:S").changes()
    with pytest.raises(ValueError, match="no position"):
        orders.changes(after="yesterday")
    with pytest.raises(ApiError, match="already has an enabled stream"):
        orders.enable_stream()


def test_what_is_gone():
    clock = ManualClock()
    with DynamoDB(clock=clock) as db:
        table = Table.create(db, "tab", pk="id:S")
        table.enable_stream()
        for name in "abc":
            table.put({"id": name})
        with table.changes() as reading:
            position = next(reading).position
        clock.advance(25 * 3600)
        table.put({"id": "d"})
        assert [change.key["id"] for change in table.changes()] == ["d"]
        with pytest.raises(ApiError, match="has been trimmed"):
            next(table.changes(after=position))


def test_expired_items(orders):
    clock = ManualClock()
    with DynamoDB(clock=clock) as db:
        table = Table.create(db, "tab", pk="id:S")
        table.enable_stream()
        specification = {"AttributeName": "ttl", "Enabled": True}
        db.call("UpdateTimeToLive", {"TableName": "tab", "TimeToLiveSpecification": specification})
        table.put({"id": "a", "ttl": int(clock.now()) + 1})
        clock.advance(5)
        db.expiry.sweep()
        assert [(change.kind, change.expired) for change in table.changes()] == [("insert", False), ("remove", True)]
