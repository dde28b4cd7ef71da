"""PostgreSQL as the database that is loaded (extra `cloudcore[postgres]`): rows go by COPY FROM STDIN."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from cloudcore.firehose.destinations.redshift.encode import Bad, Row, quoted
from cloudcore.firehose.destinations.redshift.loading import ERRORS, LOADS, Column, CopyFailed

_LINE = re.compile(r"COPY .*?, line (\d+)(?:, column ([^:]+))?", re.DOTALL)


class Postgres:
    """A Database (loading.py). OSError when it cannot be reached."""

    def __init__(self, address: str, user: str | None, password: str | None):
        try:
            import psycopg
        except ImportError:
            raise OSError("PostgreSQL needs psycopg: pip install 'cloudcore[postgres]'") from None
        self._psycopg = psycopg
        named = "@" in address or "user=" in address
        given: dict[str, Any] = {} if named else {"user": user, "password": password}
        try:
            self._connection = psycopg.connect(address, autocommit=True, connect_timeout=20, **given)
        except psycopg.OperationalError as error:
            raise OSError(f"PostgreSQL cannot be reached: {error}") from None

    def columns(self, table: str) -> list[Column]:
        schema, _, name = table.rpartition(".")
        rows = self._run(
            "select column_name, data_type, character_maximum_length from information_schema.columns "
            "where table_name = %s and table_schema = any(case when %s = '' then current_schemas(false) "
            "else array[%s::name] end) order by ordinal_position",
            (_unquoted(name), schema, _unquoted(schema)),
        )
        return [Column(*row) for row in rows]

    def is_loaded(self, copy_id: str) -> bool:
        self._run(LOADS)
        self._run(ERRORS)
        found = self._run("select 1 from cloudcore_loads where manifest = %s", (copy_id,))
        return bool(found)

    def load(
        self, copy_id: str, table: str, columns: Sequence[Column], rows: list[Row], spare: int
    ) -> list[Bad]:
        names = ", ".join(quoted(column.name) for column in columns)
        command = f"copy {table} ({names}) from stdin"
        bad: list[Bad] = []
        left = list(rows)
        psycopg = self._psycopg
        try:
            with self._connection.transaction():
                now = datetime.now(UTC).replace(tzinfo=None)
                self._connection.execute("insert into cloudcore_loads values (%s, %s)", (copy_id, now))
                while left:
                    try:
                        with self._connection.transaction(), self._connection.cursor() as cursor:
                            with cursor.copy(command) as stream:
                                for row in left:
                                    stream.write_row(row.values)
                        break
                    except (psycopg.DataError, psycopg.IntegrityError) as error:
                        bad.append(self._which(error, left))
                        if len(bad) > spare:
                            raise CopyFailed(f"{bad[-1].reason}", bad) from None
        except psycopg.OperationalError as error:
            raise OSError(f"PostgreSQL: {error}") from None
        except psycopg.Error as error:
            raise CopyFailed(str(error)) from None
        return bad

    def read(self, table: str, columns: Sequence[Column], last: int | None) -> Any:
        import pyarrow as pa

        from_row = 0
        if last is not None:
            from_row = max(0, self._run(f"select count(*) from {table}")[0][0] - last)
        names = [column.name for column in columns]
        chosen = ", ".join(map(quoted, names))
        rows = self._run(f"select {chosen} from {table} offset {from_row}")
        return pa.table([[row[at] for row in rows] for at in range(len(names))], names)

    def tell(self, lines: Sequence[tuple[Any, ...]]) -> None:
        with self._connection.transaction(), self._connection.cursor() as cursor:
            marks = ", ".join(["%s"] * 8)
            cursor.executemany(f"insert into stl_load_errors values ({marks})", lines)

    def close(self) -> None:
        self._connection.close()

    def _which(self, error: Any, left: list[Row]) -> Bad:
        """The row that COPY stopped at; it is taken out of `left`."""
        match = _LINE.search(error.diag.context or "")
        if match is None:
            raise CopyFailed(str(error)) from None
        row = left.pop(int(match[1]) - 1)
        return Bad(row.line, row.raw, 1207, error.diag.message_primary or str(error), match[2] or "")

    def _run(self, text: str, values: Any = None) -> list[Any]:
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(text, values)
                return cursor.fetchall() if cursor.description else []
        except self._psycopg.OperationalError as error:
            raise OSError(f"PostgreSQL: {error}") from None


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name.lower()
