"""Iceberg destinations through pyiceberg's SQLite catalog; the tables are read back with DuckDB."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

import cloudcore
from cloudcore.firehose import to
from cloudcore.firehose.destinations.iceberg import deliver
from cloudcore.firehose.destinations.sending import Batch, Progress

SCHEMA = pa.schema([
    pa.field("id", pa.int64(), nullable=False), pa.field("name", pa.string()), pa.field("seen", pa.timestamp("us")),
    pa.field("price", pa.decimal128(9, 2)), pa.field("tags", pa.list_(pa.string())),
    pa.field("geo", pa.struct([("lat", pa.float64()), ("lon", pa.float64())])),
])  # fmt: skip


def make(cloud: cloudcore.Cloud, name: str = "shop.orders", schema: pa.Schema = SCHEMA) -> Any:
    catalog = cloud.firehose.iceberg()
    catalog.create_namespace_if_not_exists(name.rpartition(".")[0])
    return catalog.create_table(name, schema)


def rows(cloud: cloudcore.Cloud, columns: str = "*", name: str = "shop.orders", order: str = "id") -> list[Any]:
    """What DuckDB reads in the table's own files."""
    table = cloud.firehose.iceberg().load_table(name)
    files = [task.file.file_path.removeprefix("file://") for task in table.scan().plan_files()]
    assert all(not task.delete_files for task in table.scan().plan_files())
    if not files:
        return []
    return duckdb.sql(f"select {columns} from read_parquet({files}) order by {order}").fetchall()


def failures(cloud: cloudcore.Cloud, kind: str = "iceberg-failed") -> list[dict[str, Any]]:
    keys = [key for key in cloud.objects.list("failed") if f"{kind}/" in key]
    return [json.loads(line) for key in keys for line in cloud.objects.get("failed", key).splitlines()]


def test_inserts_and_records_that_do_not_fit(tmp_path: Path) -> None:
    with cloudcore.open(tmp_path / "c") as cloud:
        make(cloud)
        stream = cloud.stream("s", to=to.iceberg("shop.orders"), bucket="failed", buffer_seconds=0)
        stream.put_batch([
            b'{"id": 1, "name": "\xc3\xa4", "seen": "2024-02-03T04:05:06Z", "price": 1.25, "tags": ["a", null], "geo": {"lat": 1.5}}',
            b'{"id": "x"}', b"{broken", b'{"name": "no id"}', b'{"id": 2, "unknown": 1}',
        ])  # fmt: skip
        assert stream.flush(120)
        assert rows(cloud, "id, name, cast(seen as varchar), cast(price as varchar), tags, geo") == [
            (1, "ä", "2024-02-03 04:05:06", "1.25", ["a", None], {"lat": 1.5, "lon": None}), (2, None, None, None, None, None),
        ]  # fmt: skip
        found = failures(cloud)
        assert [base64.b64decode(line["rawData"]) for line in found] == [b'{"id": "x"}', b"{broken", b'{"name": "no id"}']
        assert [line["errorCode"] for line in found] == ["Iceberg.MalformedData", "Iceberg.ParseError", "Iceberg.MalformedData"]
        assert (stream.status()["delivered"], stream.status()["failed"]) == (2, 3)


QUERY = "{destinationDatabaseName: .db, destinationTableName: .table, operation: .op}"


def change(op: str, key: int, name: str = "", table: str = "orders", **more: Any) -> bytes:
    return json.dumps({"db": "shop", "table": table, "op": op, "id": key, "name": name, **more}).encode()


def test_records_are_routed_inserted_updated_and_deleted_in_order(tmp_path: Path) -> None:
    with cloudcore.open(tmp_path / "c") as cloud:
        make(cloud)
        make(cloud, "shop.returns")
        target = to.iceberg("shop.orders", "shop.returns", keys={"shop.orders": ["id"]})
        stream = cloud.stream("s", to=target, query=QUERY, bucket="failed", buffer_seconds=0)
        stream.put_batch([change("insert", n, f"n{n}") for n in range(5)] + [change("insert", 9, "r", "returns")])
        assert stream.flush(120)
        stream.put_batch([
            change("update", 1, "u1"), change("delete", 2), change("insert", 7, "a"), change("update", 7, "b"),
            change("update", 8, "new"), change("delete", 3), change("insert", 3, "again"),
            change("delete", 1, table="returns"), change("replace", 1), b'{"db": "shop"}', b"{}",
        ])  # fmt: skip
        assert stream.flush(120)
        assert rows(cloud, "id, name") == [(0, "n0"), (1, "u1"), (3, "again"), (4, "n4"), (7, "b"), (8, "new")]
        assert rows(cloud, "id, name", "shop.returns") == [(9, "r")]
        assert [line["errorCode"] for line in failures(cloud)] == ["Iceberg.MissingUniqueKeys"]
        assert len(failures(cloud, "processing-failed")) == 3  # an operation that is none, and no table


def test_the_tables_are_read_back(tmp_path: Path) -> None:
    with cloudcore.open(tmp_path / "c") as cloud:
        stream = cloud.stream("one", to=to.iceberg("shop.orders"), bucket="failed", buffer_seconds=0)
        with pytest.raises(ValueError, match=r"shop\.orders"):
            stream.read()
        make(cloud)
        make(cloud, "shop.returns")
        assert stream.read() is None and stream.preview() is None and stream.delivered_keys() == []
        for turn in range(2):
            stream.put_batch([b'{"id": %d, "price": 1.25}' % (turn * 10 + n) for n in range(10)])
            assert stream.flush(120)
        assert sorted(stream.read().column("id").to_pylist()) == list(range(20))
        assert stream.preview(5).num_rows == 5 and set(stream.preview(5).column("id").to_pylist()) < set(range(20))
        target = to.iceberg("shop.orders", "shop.returns", keys={"shop.orders": ["id"]})
        both = cloud.stream("both", to=target, query=QUERY, bucket="failed", buffer_seconds=0)
        both.put_batch([change("delete", 3), change("insert", 7, "r", "returns")])
        assert both.flush(120)
        with pytest.raises(ValueError, match=r"table= names which: shop\.orders, shop\.returns"):
            both.read()
        assert both.read(table="shop.returns").column("name").to_pylist() == ["r"]
        assert sorted(both.read(table="shop.orders").column("id").to_pylist()) == [n for n in range(20) if n != 3]
        plain = cloud.stream("plain", bucket="failed")
        with pytest.raises(ValueError, match="delivers to no table"):
            plain.read(table="shop.orders")


def test_a_table_that_is_not_there_in_time(tmp_path: Path) -> None:
    with cloudcore.open(tmp_path / "c") as cloud:
        stream = cloud.stream("s", to=to.iceberg("a.b", retry_seconds=0), bucket="failed", buffer_seconds=0)
        stream.put(b"{}")
        assert stream.flush(120)
        (line,) = failures(cloud)
        assert line["errorCode"].startswith("Iceberg.NoSuch") and base64.b64decode(line["rawData"]) == b"{}"


def test_a_commit_that_is_repeated_is_there_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill between the commit and its note in the journal: the plan is delivered again, the rows are not."""
    real = deliver.IcebergSender.send
    commits: list[str] = []

    def twice(self: Any, batch: Any) -> None:
        real(self, batch)
        batch.progress.taken.clear()
        real(self, batch)
        commits.append(batch.id)

    monkeypatch.setattr(deliver.IcebergSender, "send", twice)
    with cloudcore.open(tmp_path / "c") as cloud:
        table = make(cloud)
        target = to.iceberg("shop.orders", keys={"shop.orders": ["id"]})
        stream = cloud.stream("s", to=target, bucket="failed", buffer_seconds=0)
        for n in range(3):
            stream.put_batch([b'{"id": %d}' % (n * 10 + k) for k in range(10)])
            assert stream.flush(120)
        assert [row[0] for row in rows(cloud, "id")] == list(range(30))
        found = [snapshot.summary[deliver.PLAN] for snapshot in table.refresh().snapshots()]
        assert found == commits and len(set(found)) == len(found)


def test_a_plan_that_is_committed_in_between_is_not_committed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As by two nodes of a cluster: the one that looked first, and found nothing, commits last."""
    with cloudcore.open(tmp_path / "c") as cloud:
        make(cloud)
        stream = cloud.stream("s", to=to.iceberg("shop.orders"), bucket="failed", buffer_seconds=900)
        looked, asked = deliver._is_there, []

        def slow(table: Any, batch: Any) -> bool:
            found = looked(table, batch)
            asked.append(found)
            if len(asked) == 1:
                other = deliver.IcebergSender(stream.config.endpoint, stream._around)
                other.send(Batch(batch.plan, batch.records, Progress()))
            return found

        monkeypatch.setattr(deliver, "_is_there", slow)
        stream.put_batch([b'{"id": %d}' % number for number in range(5)])
        assert stream.flush(120)
        assert asked == [False, False, True]  # the first one's, the other one's, the first one's again
        assert rows(cloud, "id") == [(number,) for number in range(5)]

