"""The table door and the native Table: threads, forks, status map, conversions."""

import os
import threading
from decimal import Decimal

import pytest

from cloudcore.dynamodb import DynamoDB, Table
from cloudcore.errors import ApiError, ClosedError, ForkedError


def test_native_values():
    with DynamoDB() as db:
        table = Table.create(db, "things", pk="id:S", sk="at:N")
        item = {
            "id": "a",
            "at": 1,
            "price": Decimal("1.5"),
            "raw": b"\x00",
            "tags": {"x", "y"},
            "sizes": {1, 2},
            "deep": {"list": [1, None, True, {"k": "v"}]},
        }
        table.put(item)
        assert table.get("a", 1) == item
        assert table.get({"id": "a", "at": 1}) == item
        assert table.get("a", 2) is None
        with pytest.raises(TypeError, match="Decimal"):
            table.put({"id": "a", "at": 2, "price": 1.5})
        assert table.update("a", 1, update="SET price = price + :p", values={":p": 1})["price"] == Decimal(
            "2.5"
        )
        with table.batch() as batch:
            batch.extend({"id": "b", "at": i, "n": i} for i in range(130))
            batch.put({"id": "b", "at": 0, "n": 1000})
            batch.delete("b", 129)
        found = list(table.query(where="id = :i AND #at < :m", values={":i": "b", ":m": 3}, names={"#at": "at"}))
        assert [f["n"] for f in found] == [1000, 1, 2]
        assert len(list(table.scan())) == 130
        assert len(list(table.scan(limit=7))) == 7
        assert table.delete("a", 1)["raw"] == b"\x00"
        assert table.delete("a", 1) is None


@pytest.mark.parametrize("durability", ["memory", "process", "interval", "commit"])
def test_every_durability_mode(tmp_path, durability):
    with DynamoDB(tmp_path / "store", durability=durability) as db:
        table = Table.create(db, "things", pk="id")
        for i in range(10):
            table.put({"id": str(i)})
        assert len(list(table.scan())) == 10
        assert db.tables.info()["syncs"] >= (10 if durability == "commit" else 0)
    with DynamoDB() as db:
        assert db.tables.info()["disk_bytes"] == 0
    with pytest.raises(ValueError, match="durability"):
        DynamoDB(durability="sometimes")


def test_threads_add_up():
    with DynamoDB() as db:
        table = Table.create(db, "counters", pk="id")

        def work():
            for i in range(500):
                table.update("n", update="ADD hits :one", values={":one": 1})
                db.call("Scan", {"TableName": "counters"})
                db.call_json("GetItem", b'{"TableName":"counters","Key":{"id":{"S":"n"}}}')
                assert table.get("n")["hits"] > i

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert table.get("n")["hits"] == 2000


def test_close_waits_and_then_refuses():
    db = DynamoDB()
    table = Table.create(db, "things", pk="id")
    with table.batch() as batch:
        batch.extend({"id": str(i), "v": "x" * 100} for i in range(2000))
    stopped = []

    def work():
        try:
            while True:
                db.call("Scan", {"TableName": "things"})
        except ClosedError as error:
            stopped.append(error)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    db.close()
    db.close()
    for thread in threads:
        thread.join()
    assert len(stopped) == 3


def test_a_forked_child_is_refused(tmp_path):
    with DynamoDB(tmp_path / "store") as db:
        table = Table.create(db, "things", pk="id")
        table.put({"id": "a"})
        pid = os.fork()
        if pid == 0:
            try:
                table.get("a")
            except ForkedError:
                os._exit(7)
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
        assert table.get("a") == {"id": "a"}


@pytest.mark.parametrize(
    "params",
    [
        {"TableName": 5},
        {"TableName": "things", "Item": []},
        {"TableName": "things", "Item": {"id": "a"}},
        {"TableName": "things", "Item": {"id": {"S": 5}}},
        {"TableName": "things", "Item": {5: {"S": "a"}}},
        {"TableName": "things", "Item": {"id": {"S": "a"}, "v": {"L": {}}}},
        {"TableName": "things", "Item": {"id": {"S": "a"}, "v": {"B": "text"}}},
        {"TableName": "things", "Item": {"id": {"S": "a"}, "v": {"BOOL": 1}}},
        {"TableName": "things", "Item": {"id": {"S": "a"}, "v": {"SS": "ab"}}},
        {"TableName": "things", "Item": {"id": {"S": "a"}, "v": {"NULL": False}}},
        {"TableName": "things", "Item": {"id": {"S": "a"}, "v": {"X": "a"}}},
        {"TableName": "things", "Item": {"id": {"S": "\ud800"}}},
    ],
)
def test_odd_python_values_are_refused_and_store_nothing(params):
    with DynamoDB() as db:
        Table.create(db, "things", pk="id")
        with pytest.raises((ApiError, UnicodeEncodeError)):
            db.call("PutItem", params)
        assert db.call("Scan", {"TableName": "things"})["Count"] == 0
