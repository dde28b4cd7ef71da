"""Deliver: a plan is one commit to its table. The snapshot names the plan, so a redelivery finds it there and
commits nothing again: each record is in the table once. A commit is of the table as it was looked at: another
one in between, which may be the same plan's by another node of a cluster, makes it fail, and then the table
is looked at again.
"""

from __future__ import annotations

import contextlib
import os
import threading
from functools import reduce
from typing import Any

from cloudcore.firehose.destinations.iceberg import encode
from cloudcore.firehose.destinations.iceberg.config import Iceberg
from cloudcore.firehose.destinations.iceberg.routing import table_of
from cloudcore.firehose.destinations.sending import Around, Batch, Failure, Later, Record, failure_line

PLAN = "cloudcore.plan"
_RETRIES = "commit.retry.num-retries"
_lock = threading.Lock()


def local_catalog(directory: str) -> Any:
    """The catalog of a directory: a SQLite file, and the tables beside it (extra `cloudcore[iceberg]`)."""
    from pyiceberg.catalog.sql import SqlCatalog

    home = os.path.join(directory, "@iceberg")
    with _lock:
        os.makedirs(os.path.join(home, "warehouse"), exist_ok=True)
        uri = f"sqlite:///{home}/catalog.db"
        return SqlCatalog("cloudcore", uri=uri, warehouse=f"file://{home}/warehouse")


def open_catalog(settings: Iceberg, around: Around) -> Any:
    """The catalog of a destination: the REST one that `reach` names, or the local one."""
    where = around.address(settings.catalog)
    if where == settings.catalog and not where.startswith(("http://", "https://")):
        return local_catalog(around.home.path())
    from pyiceberg.catalog import load_catalog

    given = {"warehouse": settings.warehouse} if settings.warehouse else {}
    return load_catalog("rest", type="rest", uri=where, **given)


def read(settings: Iceberg, around: Around, name: str, most: int | None) -> Any:
    """A table as Arrow, or some rows: it has no order. ValueError where it is not there."""
    from pyiceberg.exceptions import NoSuchTableError

    try:
        table = open_catalog(settings, around).load_table(name)
    except NoSuchTableError as error:
        raise ValueError(f"{name}: {error}") from None
    return table.scan(limit=most).to_arrow()


class IcebergSender:
    """A Sender (sending.py)."""

    def __init__(self, settings: Iceberg, around: Around):
        self._settings, self._around = settings, around
        self._catalog: Any = None

    def send(self, batch: Batch) -> None:
        """Commit what is left of the batch. Raises Later."""
        left = batch.left()
        if not left:
            return
        target = table_of(self._settings, batch.plan.lane)
        try:
            table = self._open().load_table((*target.database.split("."), target.name))
            self._commit(table, target.keys, batch, left)
        except Later:
            raise
        except Exception as error:  # of a catalog, a file system, a server: whatever it is, it may pass
            told = f"{target.database}.{target.name}: {error}"
            raise Later(f"Iceberg.{type(error).__name__}", told) from None

    def line(self, record: Record, failure: Failure) -> dict[str, Any]:
        if self._settings.routed:
            record = Record(record.sequence, record.part, record.arrival_ms, record.data[1:])
        return failure_line(record, failure)

    def close(self) -> None:
        self._catalog = None

    def _open(self) -> Any:
        if self._catalog is None:
            self._catalog = open_catalog(self._settings, self._around)
        return self._catalog

    def _commit(self, table: Any, keys: tuple[str, ...], batch: Batch, left: list[int]) -> None:
        from pyiceberg.io.pyarrow import schema_to_pyarrow

        routed = self._settings.routed
        data = [batch.records[at].data for at in left]
        operations = [record[:1] for record in data] if routed else [b"i"] * len(data)
        texts = [record[1:] for record in data] if routed else data
        names = list(keys) or sorted(table.schema().identifier_field_names())
        schema = schema_to_pyarrow(table.schema(), include_field_ids=False)
        missing = [name for name in names if name not in schema.names]
        if missing:
            raise Later("Iceberg.MissingUniqueKeys", f"the table has no column {missing[0]}")
        rows = encode.rows_of(left, texts, operations, schema, names)
        if not _is_there(table, batch):
            _write(table, rows, names, {PLAN: batch.id})
        now = self._around.clock.now_ms()
        for at in left:
            if at in rows.bad:
                batch.fail(at, *rows.bad[at], now)
            else:
                batch.progress.taken.add(at)


def _is_there(table: Any, batch: Batch) -> bool:
    """Whether a snapshot holds the plan already; none that is older than the plan can."""
    for snapshot in reversed(table.snapshots()):
        if snapshot.summary is not None and snapshot.summary.get(PLAN) == batch.id:
            return True
        if snapshot.timestamp_ms < batch.plan.planned_ms - 3_600_000:
            return False
    return False


def _write(table: Any, rows: encode.Rows, names: list[str], properties: dict[str, str]) -> None:
    if rows.table is None and not rows.keys:
        return
    table.metadata.properties[_RETRIES] = "0"  # of this copy: it would commit behind whatever came in between
    with table.transaction() as transaction:
        if rows.keys:
            import warnings

            with warnings.catch_warnings(), contextlib.suppress(StopIteration):
                warnings.simplefilter("ignore")  # a key that is not there is no surprise
                transaction.delete(_filter(names, rows.keys), snapshot_properties=properties)
        if rows.table is not None:
            transaction.append(rows.table, snapshot_properties=properties)


def _filter(names: list[str], keys: list[tuple[Any, ...]]) -> Any:
    from pyiceberg import expressions

    e: Any = expressions

    if len(names) == 1:
        return e.In(names[0], {key[0] for key in keys})
    each = [reduce(e.And, [e.EqualTo(n, v) for n, v in zip(names, key, strict=True)]) for key in keys]
    return reduce(e.Or, each)
