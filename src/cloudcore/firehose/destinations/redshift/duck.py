"""A DuckDB file as the database that is loaded (extra `cloudcore[duckdb]`), open for that time alone."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from cloudcore.firehose.destinations.redshift.encode import Bad, Row, quoted
from cloudcore.firehose.destinations.redshift.loading import ERRORS, LOADS, Column, CopyFailed


class Duck:
    """A Database (loading.py). OSError when the file cannot be opened now."""

    def __init__(self, path: str):
        try:
            import duckdb
        except ImportError:
            raise OSError("a DuckDB file needs duckdb: pip install 'cloudcore[duckdb]'") from None
        self._duckdb = duckdb
        if os.path.dirname(path):
            os.makedirs(os.path.dirname(path), exist_ok=True)
        try:
            self._connection = duckdb.connect(path)
        except duckdb.Error as error:
            raise OSError(f"{path} cannot be opened: {error}") from None

    def columns(self, table: str) -> list[Column]:
        schema, _, name = table.rpartition(".")
        rows = self._connection.execute(
            "select column_name, data_type from information_schema.columns "
            "where lower(table_name) = lower(?) and lower(table_schema) = lower(?) order by ordinal_position",
            [name.strip('"'), schema.strip('"') or "main"],
        ).fetchall()
        return [Column(name, kind) for name, kind in rows]

    def is_loaded(self, copy_id: str) -> bool:
        self._connection.execute(LOADS)
        self._connection.execute(ERRORS)
        found = self._connection.execute("select 1 from cloudcore_loads where manifest = ?", [copy_id])
        return bool(found.fetchall())

    def load(
        self, copy_id: str, table: str, columns: Sequence[Column], rows: list[Row], spare: int
    ) -> list[Bad]:
        import pyarrow as pa

        names = [f"c{at}" for at in range(len(columns))]
        texts = [pa.array([row.values[at] for row in rows], pa.string()) for at in range(len(columns))]
        batch = pa.table([pa.array(range(len(rows)), pa.int64()), *texts], ["row", *names])
        casts = [f"try_cast({n} as {column.type})" for n, column in zip(names, columns, strict=True)]
        wrong = [f"({n} is not null and {cast} is null)" for n, cast in zip(names, casts, strict=True)]
        into = ", ".join(quoted(column.name) for column in columns)
        connection = self._connection
        try:
            connection.register("cloudcore_batch", batch)
            connection.execute("begin")
            found = connection.execute(
                f"select row, {', '.join(wrong)} from cloudcore_batch where {' or '.join(wrong)} order by row"
            ).fetchall()
            bad = [self._bad(rows[line[0]], columns[line[1:].index(True)]) for line in found]
            if len(bad) > spare:
                raise CopyFailed(bad[0].reason, bad)
            connection.execute(
                f"insert into {table} ({into}) select {', '.join(casts)} from cloudcore_batch "
                f"where not ({' or '.join(wrong)}) order by row"
            )
            connection.execute(
                "insert into cloudcore_loads values (?, ?)", [copy_id, datetime.now(UTC).replace(tzinfo=None)]
            )
            connection.execute("commit")
        except self._duckdb.Error as error:
            self._undo()
            raise CopyFailed(str(error)) from None
        except CopyFailed:
            self._undo()
            raise
        finally:
            connection.unregister("cloudcore_batch")
        return bad

    def read(self, table: str, columns: Sequence[Column], last: int | None) -> Any:
        names = ", ".join(quoted(column.name) for column in columns)
        try:
            from_row = 0
            if last is not None:
                ((count,),) = self._connection.execute(f"select count(*) from {table}").fetchall()
                from_row = max(0, count - last)
            return self._connection.sql(f"select {names} from {table} offset {from_row}").to_arrow_table()
        except self._duckdb.Error as error:
            raise OSError(f"{table} cannot be read: {error}") from None

    def tell(self, lines: Sequence[tuple[Any, ...]]) -> None:
        self._connection.executemany("insert into stl_load_errors values (?, ?, ?, ?, ?, ?, ?, ?)", lines)

    def close(self) -> None:
        self._connection.close()

    def _undo(self) -> None:
        with contextlib.suppress(self._duckdb.Error):  # the transaction ended with its error
            self._connection.execute("rollback")

    @staticmethod
    def _bad(row: Row, column: Column) -> Bad:
        return Bad(row.line, row.raw, 1207, f"Invalid value for the type {column.type}", column.name)
