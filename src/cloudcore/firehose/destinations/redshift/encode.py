"""Encode: the manifest and the COPY statement, and for our own COPY step the rows of an object.

Source: AWS, "Using a manifest to specify data files", "COPY from JSON format", "Data conversion parameters".
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from cloudcore.firehose.destinations.redshift.copy_options import CopyOptions

_STEP = re.compile(r"\.([A-Za-z_][\w$]*)|\[(?:'([^']*)'|\"([^\"]*)\"|(\d+))\]")


class Unreadable(ValueError):
    """An object, a manifest or a JSONPaths file is not what COPY was told."""


@dataclass(frozen=True)
class Row:
    """One row to load: `values` by column, None for NULL; `line` from 1; `raw` is what it was made of."""

    line: int
    values: tuple[str | None, ...]
    raw: str


@dataclass(frozen=True)
class Bad:
    """A row that is none."""

    line: int
    raw: str
    code: int
    reason: str
    column: str = ""


def manifest(urls: Sequence[str], sizes: Sequence[int] | None = None) -> bytes:
    """A manifest of mandatory objects; `sizes`, which columnar formats need, as their meta."""
    entries: list[dict[str, Any]] = [{"url": url, "mandatory": True} for url in urls]
    for entry, size in zip(entries, sizes or (), strict=sizes is not None):
        entry["meta"] = {"content_length": size}
    return orjson.dumps({"entries": entries})


def urls_of(text: bytes) -> list[tuple[str, str]]:
    """(bucket, key) of a manifest's entries. Raises Unreadable."""
    try:
        urls = [entry["url"] for entry in json.loads(text)["entries"]]
        return [split_url(url) for url in urls]
    except (ValueError, KeyError, TypeError) as error:
        raise Unreadable(f"the manifest cannot be read: {error}") from None


def split_url(url: str) -> tuple[str, str]:
    """Bucket and key of an s3:// address. Raises Unreadable."""
    bucket, found, key = url.removeprefix("s3://").partition("/")
    if not url.startswith("s3://") or not found or not bucket:
        raise Unreadable(f"no address of an object: {url}")
    return bucket, key


def statement(table: str, columns: Sequence[str], manifest_url: str, role: str, options: str) -> str:
    """The COPY statement for Redshift itself."""
    named = f"({', '.join(quoted(each) for each in columns)})" if columns else ""
    where = manifest_url.replace("'", "''")
    text = f"COPY {table}{named} FROM '{where}' CREDENTIALS 'aws_iam_role={role}' MANIFEST {options}"
    return text.rstrip().rstrip(";") + ";"


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def rows(
    data: bytes, options: CopyOptions, columns: Sequence[str], paths: Sequence[Any] | None
) -> Iterator[Row | Bad]:
    """The rows of an object, column by column as text. Raises Unreadable."""
    if options.gzip:
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError) as error:
            raise Unreadable(f"the object is not in GZIP format: {error}") from None
    if options.format == "parquet":
        return _parquet(data, columns)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if options.accept_invalid is None:
            raise Unreadable(f"the object is not valid UTF-8: {error}") from None
        text = data.decode(errors="replace").replace("\ufffd", options.accept_invalid)
    if options.format == "json":
        return _json(text, options, columns, paths)
    return _delimited(text, options, columns)


def jsonpaths(text: bytes) -> list[list[str | int]]:
    """The paths of a JSONPaths file, as their steps. Raises Unreadable."""
    try:
        given = json.loads(text)["jsonpaths"]
        return [_path(each) for each in given]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Unreadable(f"the JSONPaths file cannot be read: {error}") from None


def _path(text: str) -> list[str | int]:
    steps: list[str | int] = []
    at = 1
    if not text.startswith("$"):
        raise ValueError(f"not a JSON path: {text}")
    while at < len(text):
        match = _STEP.match(text, at)
        if match is None:
            raise ValueError(f"not a JSON path: {text}")
        key = next((match[n] for n in (1, 2, 3) if match[n] is not None), None)
        steps.append(int(match[4]) if key is None else key)
        at = match.end()
    return steps


def _json(
    text: str, options: CopyOptions, columns: Sequence[str], paths: Sequence[Any] | None
) -> Iterator[Row | Bad]:
    decoder = json.JSONDecoder()
    at, line, end = 0, 0, len(text)
    ignore_case = options.jsonpaths == "auto ignorecase"
    while True:
        while at < end and text[at] in " \t\r\n":
            at += 1
        if at >= end:
            return
        line += 1
        begin = at
        try:
            found, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            at = text.find("\n", begin)
            at = end if at < 0 else at
            yield Bad(line, text[begin:at], 1216, f"Invalid JSON: {error}")
            continue
        raw = text[begin:at]
        if not isinstance(found, dict | list):
            yield Bad(line, raw, 1216, "Missing or invalid JSON object")
        elif paths is not None:
            yield Row(line, tuple(_text(_walk(found, path)) for path in paths), raw)
        elif isinstance(found, dict):
            keys = {key.lower(): value for key, value in found.items()} if ignore_case else found
            yield Row(line, tuple(_text(keys.get(column)) for column in columns), raw)
        else:
            yield Bad(line, raw, 1216, "Missing or invalid JSON object")


def _walk(value: Any, path: Sequence[str | int]) -> Any:
    for step in path:
        if isinstance(step, int):
            value = value[step] if isinstance(value, list) and step < len(value) else None
        else:
            value = value.get(step) if isinstance(value, dict) else None
    return value


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _delimited(text: str, options: CopyOptions, columns: Sequence[str]) -> Iterator[Row | Bad]:
    if options.format == "csv":
        read = csv.reader(io.StringIO(text, newline=""), delimiter=options.delimiter,
                          quotechar=options.quote, strict=True)  # fmt: skip
    else:
        read = csv.reader(io.StringIO(text, newline=""), delimiter=options.delimiter, quoting=csv.QUOTE_NONE,
                          escapechar="\\" if options.escape else None)  # fmt: skip
    number = 0
    while True:
        number += 1
        try:
            fields = next(read)
        except StopIteration:
            return
        except csv.Error as error:
            yield Bad(number, "", 1213, f"Invalid CSV: {error}")
            continue
        if number <= options.skip_lines or not fields:
            continue
        raw = options.delimiter.join(fields)
        if len(fields) < len(columns) and options.fill:
            fields += [""] * (len(columns) - len(fields))
        if len(fields) != len(columns):
            reason = "Extra column(s) found" if len(fields) > len(columns) else "Delimiter not found"
            yield Bad(number, raw, 1202 if len(fields) > len(columns) else 1214, reason)
            continue
        yield Row(number, tuple(fields), raw)


def _parquet(data: bytes, columns: Sequence[str]) -> Iterator[Row | Bad]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(pa.BufferReader(data))
    except (pa.ArrowInvalid, OSError) as error:
        raise Unreadable(f"the object is no Parquet file: {error}") from None
    if table.num_columns != len(columns):
        raise Unreadable(f"the file has {table.num_columns} columns, the table {len(columns)}")
    names = [table.column_names.index(c) if c in table.column_names else at for at, c in enumerate(columns)]
    whole = [table.column(at).to_pylist() for at in names]
    for line, values in enumerate(zip(*whole, strict=True), 1):
        texts = tuple(None if v is None else v if isinstance(v, str) else _plain(v) for v in values)
        yield Row(line, texts, "")


def _plain(value: Any) -> str:
    if isinstance(value, bytes):
        return "\\x" + value.hex()
    return _text(value) or "" if isinstance(value, bool | int | float | list | dict) else str(value)
