"""cloudcore ingest: a file of NDJSON or CSV in, Parquet or JSON objects out, resumable.

    DIR/**/*.{parquet,json,json.gz}   what was read
    DIR/errors/<type>/...             lines that could not be read, as JSON with reason and original
    DIR/.cloudcore/                   state; the same command goes on where it was killed

Every line (CSV: every row) is one record of a delivery stream, good or bad, so the stream's
last_sequence is the number of lines that are safe, and a bad line's number is its sequence.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import json
import os
import re
import sys
import threading
import time
import zipfile
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

_CHUNK = 4 << 20
_SAMPLE_ROWS = 10_000
_SHOWN_MAX = 100
_RECORD_MAX = 1_024_000
_NULLS = ("", "NA", "null", "NULL")


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `ingest` takes."""
    parser.add_argument("file", metavar="FILE", help="the input, or - for standard input")
    parser.add_argument("--to", required=True, metavar="DIR", help="where the objects go")
    parser.add_argument("--format", choices=("parquet", "json"), default="parquet")
    parser.add_argument("--input-format", choices=("ndjson", "csv"), help="by extension, else by content")
    parser.add_argument(
        "--compression",
        choices=("snappy", "gzip", "zstd", "none"),
        help="parquet: snappy; json: none by default",
    )
    parser.add_argument(
        "--transform", metavar="MODULE.HANDLER", help="a Lambda handler to run records through"
    )
    parser.add_argument(
        "--schema", metavar="DDL|FILE", help="columns; inferred from the first records if absent"
    )
    parser.add_argument("--strict", action="store_true", help="exit status 1 when a line was rejected")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    parser.add_argument("--json", action="store_true", help="print the counts as JSON")


def run(options: argparse.Namespace) -> int:
    """0: everything is delivered or set aside; 1: it is not, or --strict and rejects; 2: cannot begin."""
    try:
        return _Ingest(options).run()
    except (_Refusal, FileNotFoundError, IsADirectoryError, PermissionError) as error:
        print(f"cloudcore ingest: {error}", file=sys.stderr)
        return 2


class _Refusal(Exception):
    """The command cannot be run as it was given."""


class _Ingest:
    """One run of the command."""

    def __init__(self, options: argparse.Namespace):
        self.options = options
        self.name = "stdin" if options.file == "-" else options.file
        self.to = Path(options.to).absolute()
        self.rejects = 0
        self._told: set[int] = set()
        self._lock = threading.Lock()
        self._extra_lines: list[tuple[int, int]] = []  # (row, lines that it is longer than one)
        self._header_lines = 0
        if options.format == "json" and options.compression not in (None, "none", "gzip"):
            raise _Refusal(f"--compression {options.compression} is for parquet; json takes none or gzip")

    def run(self) -> int:
        source = sys.stdin.buffer if self.options.file == "-" else open(self.options.file, "rb")  # noqa: SIM115
        with source:
            self.size = 0 if self.options.file == "-" else os.fstat(source.fileno()).st_size
            first = source.read(_CHUNK)
            kind = self._input_format(first)
            reader = _Csv(self, source, first) if kind == "csv" else _Lines(source, first)
            schema = self._schema(reader)
            if isinstance(reader, _Csv):
                self._header_lines = reader.header_lines
            return self._through(reader, schema)

    def _through(self, reader: Any, schema: Any) -> int:
        from cloudcore.cloud import delivery
        from cloudcore.errors import ApiError, BusyError

        self.to.mkdir(parents=True, exist_ok=True)
        if not self.to.name:
            raise _Refusal("--to cannot be the root directory")
        state = self.to / ".cloudcore"
        function = _Function(self.options.transform, state) if self.options.transform else None
        service = delivery(state / "firehose", self.to.parent, invoke=function.invoke if function else None)
        service.on_failed = self._failed
        start = time.monotonic()
        try:
            stream = self._open(service, schema)
        except (ApiError, BusyError) as error:
            raise _Refusal(str(error)) from None
        try:
            before = stream.last_sequence
            self._put(reader, stream, before)
            while not stream.flush(timeout=0.2):
                self._progress(stream.status(), False)
            status = stream.status()
            self._progress(status, True)
        finally:
            service.close()
            if function:
                function.close()
        return self._report(status, before, time.monotonic() - start)

    def _open(self, service: Any, schema: Any) -> Any:
        o = self.options
        gz = o.format == "json" and o.compression == "gzip"
        compression = {"none": "UNCOMPRESSED", None: None}.get(o.compression, (o.compression or "").upper())
        text = repr((os.path.abspath(o.file), o.format, o.compression, o.transform, o.schema, o.input_format))
        stem = re.sub(r"[^a-zA-Z0-9_.-]", "_", Path(self.name).stem)[:40] or "input"
        return service.stream(
            f"{stem}-{hashlib.sha256(text.encode()).hexdigest()[:8]}",
            bucket=self.to.name, prefix="", error_prefix="errors/", plain_prefix=True,
            format="parquet" if o.format == "parquet" else None, schema=schema, compression=compression,
            validate_json=o.format == "json", buffer_bytes=64 << 20, buffer_seconds=900,
            file_extension=None if o.format == "parquet" else ".json.gz" if gz else ".json",
            transform="ingest" if o.transform else None, transform_buffer_seconds=0,
        )  # fmt: skip

    def _input_format(self, first: bytes) -> str:
        if self.options.input_format:
            return str(self.options.input_format)
        suffix = Path(self.name).suffix.lower()
        if suffix in (".csv", ".tsv"):
            return "csv"
        if suffix in (".json", ".jsonl", ".ndjson"):
            return "ndjson"
        return "ndjson" if first.lstrip()[:1] in (b"{", b"[", b"") else "csv"

    def _schema(self, reader: Any) -> Any:
        given = self.options.schema
        if given and os.path.exists(given):
            text = Path(given).read_text(encoding="utf-8")
            try:
                given = json.loads(text)
            except json.JSONDecodeError:
                given = text
        from cloudcore.firehose import schema

        try:
            if given:
                return schema.to_arrow(given)
            if isinstance(reader, _Csv) and self.options.format == "parquet" and not self.options.transform:
                return reader.schema()
        except ValueError as error:
            raise _Refusal(str(error)) from None
        return None

    def _put(self, reader: Any, stream: Any, done: int) -> None:
        """Put every row that is not in the stream yet, in the order of the file."""
        row = 0
        for good, bad in reader.batches():
            skip = max(0, min(len(good), done - row))
            if good[skip:]:
                stream.put_batch(good[skip:])
            row += len(good)
            for raw, reason in bad:
                row += 1
                if row > done:
                    stream.reject(_reject_line(raw, reason, row))
                    self._failed(row, "", reason, raw)
            self._progress(stream.status(), False)
        if row < done:
            raise _Refusal(f"{self.name} has {row} records, but {done} were ingested from it before")

    def line_of(self, row: int) -> int:
        """The line number of a row, both from 1."""
        return row + self._header_lines + sum(extra for at, extra in self._extra_lines if at < row)

    def long_row(self, row: int, extra: int) -> None:
        self._extra_lines.append((row, extra))

    def _failed(self, sequence: int, code: str, reason: str, raw: bytes) -> None:
        with self._lock:
            if sequence in self._told:  # an object may be made twice
                return
            self._told.add(sequence)
            self.rejects += 1
            if self.rejects <= _SHOWN_MAX:
                self._clear_bar()
                print(f"{self.name}:{self.line_of(sequence)}: {reason}", file=sys.stderr)
            elif self.rejects == _SHOWN_MAX + 1:
                print(f"{self.name}: more bad lines; see {self.to / 'errors'}", file=sys.stderr)

    def _report(self, status: dict[str, int], before: int, seconds: float) -> int:
        if self.options.json:
            names = {"records_in": "lines", "failed": "rejected"}
            counted = ("records_in", "delivered", "dropped", "failed", "objects")
            found = {names.get(name, name): status[name] for name in counted}
            print(json.dumps(found | {"lines_before": before, "seconds": round(seconds, 3)}))
            return 1 if self.options.strict and status["failed"] else 0
        resumed = f" ({before:,} before)" if before else ""
        print(
            f"{status['records_in']:,} lines{resumed}: {status['delivered']:,} records delivered, "
            f"{status['dropped']:,} dropped, {status['failed']:,} rejected, {status['objects']:,} objects, "
            f"{(status['records_in'] - before) / max(seconds, 1e-9):,.0f} lines/s"
        )
        return 1 if self.options.strict and status["failed"] else 0

    _bar = False
    _shown = 0.0

    def _clear_bar(self) -> None:
        if self._bar:
            print("\r\x1b[K", end="", file=sys.stderr)

    def _progress(self, status: dict[str, int], last: bool) -> None:
        now = time.monotonic()
        if self.options.quiet or not sys.stderr.isatty() or (now - self._shown < 0.1 and not last):
            return
        self._shown, self._bar = now, not last
        share = min(1.0, status["bytes_in"] / self.size) if self.size else 0.0
        cells = ("#" * int(40 * (1.0 if last else share))).ljust(40, ".")
        line = f"\r[{cells}] {status['records_in']:,} lines, {status['delivered']:,} delivered"
        print(line, end="\n" if last else "", file=sys.stderr, flush=True)


def _reject_line(raw: bytes, reason: str, row: int) -> bytes:
    line = {"lastErrorCode": "DataFormatConversion.ParseError", "lastErrorMessage": reason,
            "rawData": b64encode(raw[:_RECORD_MAX // 2]).decode(), "sequenceNumber": str(row)}  # fmt: skip
    return json.dumps(line).encode() + b"\n"


class _Lines:
    """NDJSON: a line is a record, blank ones too (they become nothing)."""

    def __init__(self, source: BinaryIO, first: bytes):
        self.source, self.first = source, first

    def batches(self) -> Iterator[tuple[list[bytes], list[tuple[bytes, str]]]]:
        """(good records, then bad ones with their reason), in the order of the file."""
        rest = b""
        chunk = self.first
        while chunk:
            lines = (rest + chunk).split(b"\n")
            rest = lines.pop()
            yield from self._sorted(lines)
            chunk = self.source.read(_CHUNK)
        if rest:
            yield from self._sorted([rest])

    def _sorted(self, lines: list[bytes]) -> Iterator[tuple[list[bytes], list[tuple[bytes, str]]]]:
        start = 0
        if lines and max(map(len, lines)) > _RECORD_MAX:
            for at, line in enumerate(lines):
                if len(line) > _RECORD_MAX:
                    reason = f"the line has {len(line):,} bytes, at most {_RECORD_MAX:,} are allowed"
                    yield lines[start:at], [(line, reason)]
                    start = at + 1
        if lines[start:]:
            yield lines[start:], []


class _Csv:
    """CSV with a header: a row is a record, as a JSON object; types come from the first rows."""

    def __init__(self, ingest: _Ingest, source: BinaryIO, first: bytes):
        self.ingest = ingest
        text = io.TextIOWrapper(
            io.BufferedReader(_Chained(first, source)), "utf-8-sig", errors="surrogateescape", newline=""
        )
        delimiter = "\t" if ingest.name.lower().endswith(".tsv") else ","
        self.reader = csv.reader(text, delimiter=delimiter)
        csv.field_size_limit(_RECORD_MAX)
        self.names = next(self.reader, [])
        if not self.names:
            raise _Refusal(f"{ingest.name} has no header line")
        if len(set(self.names)) < len(self.names):
            raise _Refusal(f"{ingest.name}: a column is named twice in the header")
        self.header_lines = self.reader.line_num
        self.sample: list[Any] = []
        for row in self._rows():
            self.sample.append(row)
            if len(self.sample) == _SAMPLE_ROWS:
                break
        cells = [
            [row[at] for row, _, _ in self.sample if len(row) == len(self.names)]
            for at in range(len(self.names))
        ]
        self.kinds = [_cell_kind(column) for column in cells]

    def schema(self) -> Any:
        """The Arrow schema of the types that the first rows have."""
        from cloudcore.firehose.schema import to_arrow

        names = {"int": "bigint", "double": "double", "bool": "boolean", "timestamp": "timestamp"}
        columns = zip(self.names, self.kinds, strict=True)
        return to_arrow([{"name": name, "type": names.get(kind, "string")} for name, kind in columns])

    def batches(self) -> Iterator[tuple[list[bytes], list[tuple[bytes, str]]]]:
        good: list[bytes] = []
        number = 0
        for rows in (self.sample, self._rows()):
            for row, error, lines in rows:
                number += 1
                if lines > 1:
                    self.ingest.long_row(number, lines - 1)
                record, reason = self._record(row) if error is None else (b"", error)
                if reason is None:
                    good.append(record)
                    if len(good) == 5000:
                        yield good, []
                        good = []
                else:
                    raw = ",".join(row).encode("utf-8", "surrogateescape")
                    yield good, [(raw, reason)]
                    good = []
        if good:
            yield good, []

    def _rows(self) -> Iterator[tuple[list[str], str | None, int]]:
        """(fields, what is wrong or None, lines that the row takes)."""
        while True:
            before = self.reader.line_num
            try:
                row = next(self.reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield [], str(error), self.reader.line_num - before
                continue
            yield row, None, self.reader.line_num - before

    def _record(self, row: list[str]) -> tuple[bytes, str | None]:
        if not row:
            return b"", None  # a blank line
        if len(row) != len(self.names):
            return b"", f"the row has {len(row)} fields, the header has {len(self.names)}"
        out = {name: _cell(text, kind) for name, text, kind in zip(self.names, row, self.kinds, strict=True)}
        try:
            record = json.dumps(out, ensure_ascii=False, separators=(",", ":")).encode()
        except UnicodeEncodeError:
            return b"", "the row is not UTF-8"
        if len(record) > _RECORD_MAX:
            return b"", f"the row has {len(record):,} bytes as JSON, at most {_RECORD_MAX:,} are allowed"
        return record, None


class _Chained(io.RawIOBase):
    """What was read ahead, then the rest of the file."""

    def __init__(self, first: bytes, rest: BinaryIO):
        self._first, self._rest = first, rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._first[: len(buffer)] if self._first else self._rest.read(len(buffer))
        self._first = self._first[len(data) :] if self._first else b""
        buffer[: len(data)] = data
        return len(data)


_INT = re.compile(r"[+-]?(0|[1-9]\d{0,17})")
_DOUBLE = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?")


def _cell_kind(cells: list[str]) -> str:
    """The narrowest of int, double, bool, timestamp that all cells have; else string."""
    seen = {cell for cell in cells if cell not in _NULLS}
    if not seen:
        return "string"
    for kind, pattern in (("int", _INT), ("double", _DOUBLE), ("timestamp", _TIME)):
        if all(pattern.fullmatch(cell) for cell in seen):
            return kind
    return "bool" if {cell.lower() for cell in seen} <= {"true", "false"} else "string"


def _cell(text: str, kind: str) -> Any:
    """A cell as JSON; one that does not fit its column stays text, and the conversion says so."""
    if kind == "string":
        return text
    if text in _NULLS:
        return None
    if kind == "int" and _INT.fullmatch(text):
        return int(text)
    if kind in ("int", "double") and _DOUBLE.fullmatch(text):
        return float(text)
    if kind == "bool" and text.lower() in ("true", "false"):
        return text.lower() == "true"
    return text


class _Function:
    """--transform: the module becomes a function of a Cloud that lives in the state directory."""

    def __init__(self, target: str, state: Path):
        import cloudcore
        from cloudcore.errors import ApiError

        module = target.rpartition(".")[0]
        if not module:
            raise _Refusal(f"--transform is MODULE.HANDLER, not {target}")
        path = Path(*module.split("."))
        file = next((f for f in (path.with_suffix(".py"), path / "__init__.py") if f.exists()), None)
        if file is None:
            raise _Refusal(f"--transform: there is no {path}.py here")
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for found in sorted(Path(module.split(".")[0]).rglob("*.py")) if len(path.parts) > 1 else [file]:
                archive.write(found, str(found))
        self.cloud = cloudcore.open(str(state / "cloud"))
        try:
            self.cloud.lambda_.call("DeleteFunction", {"FunctionName": "ingest"})
        except ApiError as error:
            if error.code != "ResourceNotFoundException":
                raise
        self.cloud.lambda_.call(
            "CreateFunction",
            {"FunctionName": "ingest", "Runtime": f"python3.{sys.version_info[1]}", "Handler": target,
             "Role": "arn:aws:iam::000000000000:role/ingest", "Timeout": 300, "MemorySize": 1024,
             "Code": {"ZipFile": packed.getvalue()}},
        )  # fmt: skip

    def invoke(self, arn: str, payload: bytes) -> Any:
        return self.cloud.lambda_.invoke("ingest", payload)

    def close(self) -> None:
        self.cloud.close()
