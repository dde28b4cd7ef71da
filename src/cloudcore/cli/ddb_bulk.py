"""ddb load and ddb dump: files and tables.

A cloud that is opened here is loaded and read by the library itself. For one that another process serves, a
table in memory stands in between: files become its items, which go out as BatchWriteItem; what Scan gives
comes in there and becomes a file.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import sys
from typing import Any

from cloudcore.cli.connection import Connection, Refusal
from cloudcore.cli.ddb_wire import WireTable
from cloudcore.dynamodb.progress import Progress
from cloudcore.dynamodb.shapes import text_of

PAGE = 1000
"""Items between two looks at the progress bar."""


def load(options: argparse.Namespace, connection: Connection, description: dict[str, Any]) -> int:
    """0, or 1 when items were refused and skipped."""
    types = dict(_pair(one) for one in options.types.split(",")) if options.types else {}
    errors = "skip" if options.skip else "raise"
    progress = False if options.json else None
    status = 0
    for path in options.file:
        with _near(connection, description) as table:
            found = table.load(
                path,
                format=options.format,
                types=types,
                nulls=options.nulls,
                errors=errors,
                progress=progress,
            )
            if connection.cloud is None:
                _send(connection, options.table, table, progress)
        status |= found.refused > 0
        if options.json:
            errors_ = [one._asdict() for one in found.errors]
            report = {"file": path, "stored": found.stored, "refused": found.refused, "errors": errors_}
            print(json.dumps(report | {"seconds": round(found.seconds, 3)}))
            continue
        print(f"{path}: {found}")
        for one in found.errors:
            print(f"  {one.where}: {one.code} {one.message}")
    return status


def _pair(text: str) -> tuple[str, str]:
    name, equals, kind = text.rpartition("=")
    if not equals:
        raise Refusal(f"--types {text!r} has no type", "write NAME=TYPE, with commas between them")
    return name, kind


class _near:
    """The table itself, or a stand-in of the same key in memory."""

    def __init__(self, connection: Connection, description: dict[str, Any]):
        self._cloud, self._description = connection.cloud, description
        self._own: Any = None

    def __enter__(self) -> Any:
        name = self._description["TableName"]
        if self._cloud is not None:
            return self._cloud.table(name)
        import cloudcore

        self._own = cloudcore.open(":memory:")
        kept = ("TableName", "KeySchema", "AttributeDefinitions")
        params = {member: self._description[member] for member in kept} | {"BillingMode": "PAY_PER_REQUEST"}
        wanted = {element["AttributeName"] for element in params["KeySchema"]}
        params["AttributeDefinitions"] = [
            one for one in params["AttributeDefinitions"] if one["AttributeName"] in wanted
        ]
        self._own.dynamodb.call("CreateTable", params)
        return self._own.table(name)

    def __exit__(self, *_: object) -> None:
        if self._own is not None:
            self._own.close()


def _send(connection: Connection, name: str, table: Any, progress: bool | None) -> None:
    """The items of the stand-in."""
    wire, sent, items = WireTable(connection, name), 0, table.scan().count()
    shown = Progress(progress, f"sending to {name}")
    try:
        for page in table.scan(page=PAGE).pages():
            wire.put([json.loads(line) for line in page.to_json_lines(dynamodb=True).splitlines()])
            sent += len(page)
            shown.show(sent, sent / items)
    finally:
        shown.close()


def dump(options: argparse.Namespace, connection: Connection, description: dict[str, Any]) -> int:
    """0. The file is there whole, under its name, or not at all."""
    with _near(connection, description) as table:
        if connection.cloud is None:
            quiet = False if options.json or options.file == "-" else None
            _fetch(connection, options.table, table, description["ItemCount"], quiet)
        rows = table.scan()
        if options.file == "-":
            for lines in rows.to_json_lines(dynamodb=options.typed):
                sys.stdout.buffer.write(lines)
            return 0
        unfinished = options.file + ".part"
        try:
            count = _write(unfinished, os.path.basename(options.file).lower(), rows, options.typed)
            os.replace(unfinished, options.file)
        finally:
            if os.path.exists(unfinished):
                os.unlink(unfinished)
    print(json.dumps({"file": options.file, "items": count}) if options.json else f"{count:,} items")
    return 0


def _fetch(connection: Connection, name: str, table: Any, about: int, progress: bool | None) -> None:
    shown = Progress(progress, f"reading {name}")
    count = 0
    try:
        for items, _ in WireTable(connection, name).pages():
            table.load(text_of(items), format="dynamodb-json", progress=False)
            count += len(items)
            shown.show(count, count / about if about else None)
    finally:
        shown.close()


def _write(path: str, name: str, rows: Any, is_typed: bool) -> int:
    suffix = name.removesuffix(".gz").rpartition(".")[2]
    if suffix in ("jsonl", "json", "ndjson"):
        with gzip.open(path, "wb") if name.endswith(".gz") else open(path, "wb") as file:
            return _lines(file, rows, is_typed)
    if suffix not in ("parquet", "arrow", "csv") or name.endswith(".gz") or is_typed:
        raise Refusal(
            f"{name} says no format of items", "end it in .parquet, .arrow, .csv, .jsonl or .jsonl.gz"
        )
    import pyarrow as pa

    reader = rows.to_batches(nested="json") if suffix == "csv" else rows.to_batches()
    count = 0
    with _writer(suffix, pa)(path, reader.schema) as out:
        for batch in reader:
            out.write_batch(batch)
            count += batch.num_rows
    return count


def _writer(suffix: str, pa: Any) -> Any:
    if suffix == "parquet":
        import pyarrow.parquet as pq

        return pq.ParquetWriter
    if suffix == "csv":
        import pyarrow.csv as pacsv

        return pacsv.CSVWriter
    return pa.ipc.new_file


def _lines(file: Any, rows: Any, is_typed: bool) -> int:
    count = 0
    for page in rows.pages():
        file.write(page.to_json_lines(dynamodb=is_typed))
        count += len(page)
    return count
