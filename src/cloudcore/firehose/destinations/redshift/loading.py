"""Loading: our own COPY step. It reads the manifest, streams the objects it names, and loads their rows in
one transaction, which also notes the manifest: a COPY that is repeated finds it and loads nothing again.

Rows that do not load go to the table stl_load_errors, in Redshift's columns, and up to MAXERROR of them are
passed over; with one more the whole COPY is undone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from cloudcore.errors import ApiError
from cloudcore.firehose.destinations.redshift import encode
from cloudcore.firehose.destinations.redshift.copy_options import CopyOptions
from cloudcore.firehose.destinations.redshift.encode import Bad, Row, Unreadable

_RAW_MAX, _REASON_MAX = 1024, 100
LOADS = "create table if not exists cloudcore_loads (manifest varchar(4096) primary key, loaded timestamp)"
ERRORS = (
    "create table if not exists stl_load_errors (starttime timestamp, tbl varchar(256), "
    "filename varchar(256), line_number bigint, colname varchar(127), raw_line varchar(1024), "
    "err_code integer, err_reason varchar(100))"
)


class CopyFailed(Exception):
    """COPY was undone; the text says why."""


@dataclass(frozen=True)
class Column:
    """A column of the table; `type` in the words of information_schema, `length` of a varchar."""

    name: str
    type: str
    length: int | None = None


class Database(Protocol):
    """One connection to a database that is loaded by rows."""

    def columns(self, table: str) -> list[Column]:
        """The table's columns in order; none when there is no such table."""

    def load(
        self, copy_id: str, table: str, columns: Sequence[Column], rows: list[Row], spare: int
    ) -> list[Bad]:
        """Load rows in one transaction that also notes `copy_id`; at most `spare` rows may be bad. Raises
        CopyFailed with those that are in .args[1]."""

    def is_loaded(self, copy_id: str) -> bool: ...

    def read(self, table: str, columns: Sequence[Column], last: int | None) -> Any:
        """The table as Arrow; its last rows alone, as far as the database knows which, if `last` is given."""

    def tell(self, lines: Sequence[tuple[Any, ...]]) -> None:
        """Add lines to stl_load_errors."""

    def close(self) -> None: ...


def copy(database: Database, objects: Any, manifest_url: str, table: str, columns: Sequence[str],
         options: CopyOptions) -> int:  # fmt: skip
    """Run COPY; how many rows were passed over. Raises CopyFailed, OSError."""
    if database.is_loaded(manifest_url):
        return 0
    known = database.columns(table)
    if not known:
        raise CopyFailed(f"the table {table} does not exist")
    chosen = _chosen(known, columns, table)
    try:
        paths = None
        if options.jsonpaths.startswith("s3://"):
            paths = encode.jsonpaths(_get(objects, options.jsonpaths))
            if len(paths) != len(chosen):
                raise Unreadable(f"{len(paths)} JSON paths for {len(chosen)} columns")
        good: list[Row] = []
        bad: list[tuple[str, Bad]] = []
        begin = datetime.now(UTC).replace(tzinfo=None)
        files = []
        for bucket, key in encode.urls_of(_get(objects, manifest_url)):
            url = f"s3://{bucket}/{key}"
            for row in encode.rows(_get(objects, url), options, [c.name for c in chosen], paths):
                row = converted(row, options, chosen) if isinstance(row, Row) else row
                if isinstance(row, Row):
                    good.append(row)
                    files.append(url)
                else:
                    bad.append((url, row))
    except Unreadable as error:
        raise CopyFailed(str(error)) from None
    return _load(database, manifest_url, table, chosen, good, files, bad, options.max_errors, begin)


def _load(
    database: Database, copy_id: str, table: str, chosen: Sequence[Column], good: list[Row], files: list[str],
    bad: list[tuple[str, Bad]], most: int, begin: datetime,
) -> int:  # fmt: skip
    where = {id(row): url for row, url in zip(good, files, strict=True)}
    failed: CopyFailed | None = None
    if len(bad) > most:
        failed = CopyFailed(f"{len(bad)} rows are bad, more than MAXERROR {most}: {bad[0][1].reason}")
    else:
        try:
            found = database.load(copy_id, table, chosen, good, most - len(bad))
        except CopyFailed as error:
            failed = error
            found = error.args[1] if len(error.args) > 1 else []
        by_line = {row.line: where[id(row)] for row in good}
        bad += [(by_line.get(each.line, ""), each) for each in found]
    if bad:
        database.tell([
            (begin, table, url[-256:], each.line, each.column, each.raw[:_RAW_MAX], each.code,
             each.reason[:_REASON_MAX]) for url, each in bad
        ])  # fmt: skip
    if failed is not None:
        raise failed
    return len(bad)


def _chosen(known: Sequence[Column], names: Sequence[str], table: str) -> list[Column]:
    by_name = {column.name: column for column in known}
    missing = [name for name in names if name not in by_name]
    if missing:
        raise CopyFailed(f"the table {table} has no column {missing[0]}")
    return [by_name[name] for name in names] if names else list(known)


def _get(objects: Any, url: str) -> bytes:
    bucket, key = encode.split_url(url)
    try:
        data: bytes = objects.get(bucket, key)
    except ApiError as error:
        raise Unreadable(f"{url}: {error.message}") from None
    return data


_EPOCH = re.compile(r"-?\d+(\.\d+)?")
_TEXTS = ("character", "varchar", "text", "VARCHAR")


def converted(row: Row, options: CopyOptions, columns: Sequence[Column]) -> Row | Bad:
    """Values as Redshift's conversion parameters change them."""
    out: list[str | None] = []
    for value, column in zip(row.values, columns, strict=True):
        if value is not None and column.type.startswith(_TEXTS):
            value = _text(value, options)
        elif value == "" and options.format in ("delimited", "csv"):
            value = None
        elif value is not None and options.time_format.startswith("epoch") and "time" in column.type.lower():
            value = _moment(value, options.time_format)
            if value is None:
                return Bad(row.line, row.raw, 1206, "Invalid timestamp format or value", column.name)
        if value is not None and value == options.null and options.format in ("delimited", "csv"):
            value = None
        if value is not None and column.length is not None and len(value) > column.length:
            if not options.truncate:
                return Bad(row.line, row.raw, 1204, "String length exceeds DDL length", column.name)
            value = value[: column.length]
        out.append(value)
    return Row(row.line, tuple(out), row.raw)


def _text(value: str, options: CopyOptions) -> str | None:
    if options.trim:
        value = value.rstrip(" ")
    empty = (options.empty_as_null and not value) or (options.blanks_as_null and not value.strip())
    return None if empty else value


def _moment(value: str, time_format: str) -> str | None:
    if not _EPOCH.fullmatch(value):
        return None
    try:
        seconds = float(value) / (1000 if time_format == "epochmillisecs" else 1)
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    except (OverflowError, ValueError, OSError):
        return None
