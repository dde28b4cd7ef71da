"""Bulk load: files, Arrow, lines and iterables into a table; columns and JSON are encoded in C.

    .parquet   .arrow .feather   .csv .tsv   .json .jsonl .ndjson   the last four also .gz

A refused row or line is named with its number and the reason. What a process has reported as loaded is as
durable as the store's mode says.
"""

from __future__ import annotations

import gzip
import io
import itertools
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from cloudcore.dynamodb.progress import Progress
from cloudcore.dynamodb.rows import Rows
from cloudcore.errors import ApiError, UnsupportedValue

if TYPE_CHECKING:
    from cloudcore.dynamodb.verbs import Verbs

LINES = {"json": "json", "jsonl": "json", "ndjson": "json"}
LINE_FORMATS = ("json", "dynamodb-json", "dynamodb-export")
FORMATS = (*LINE_FORMATS, "csv", "tsv", "parquet", "arrow")
PIECE = 4 << 20
"""Bytes of lines read at a time."""
BATCH_ROWS = 16_384
REPORTED = 1000
"""Refusals that a report lists; it counts them all."""
NO_TYPE = "UnsupportedValue"


class Refused(NamedTuple):
    """One row or line that was not stored. `where` counts rows from 0, lines from 1."""

    where: int
    code: str
    message: str


@dataclass
class Loaded:
    """What a load did: items stored, how many were refused and the first 1,000 of them, seconds."""

    stored: int = 0
    refused: int = 0
    errors: list[Refused] = field(default_factory=list)
    seconds: float = 0.0

    def __str__(self) -> str:
        rate = self.stored / self.seconds if self.seconds else 0
        refused = f", {self.refused:,} refused" if self.refused else ""
        return f"{self.stored:,} items in {self.seconds:.1f} s ({rate:,.0f}/s){refused}"


class _Load:
    """One load on its way: the loader, the report, the progress bar."""

    def __init__(
        self,
        table: Verbs,
        types: Mapping[str, str],
        nulls: str,
        errors: str,
        progress: bool | Callable[[int, float | None], Any] | None,
    ):
        if nulls not in ("omit", "keep"):
            raise ValueError(f'nulls is "omit" or "keep", not {nulls!r}')
        if errors not in ("raise", "skip"):
            raise ValueError(f'errors is "raise" or "skip", not {errors!r}')
        self.table, self.types, self.keep_nulls, self.skip = table, types, nulls == "keep", errors == "skip"
        self.loader = table.loader()
        self.report = Loaded()
        self.progress = Progress(progress, f"loading {table.name}")

    def took(self, refused: list[tuple[int, str, str]], done: float | None = None) -> None:
        """What a piece left behind; raises the first refusal unless they are to be skipped."""
        self.report.stored = self.loader.stored
        self.report.refused += len(refused)
        for one in refused[: REPORTED - len(self.report.errors)]:
            self.report.errors.append(Refused(*one))
        if refused and not self.skip:
            where, code, message = refused[0]
            if code == NO_TYPE:
                raise UnsupportedValue(f"item {where}: {message}")
            raise ApiError(code or "ValidationException", f"item {where}: {message}")
        self.progress.show(self.loader.stored, done)

    # ---- sources ----

    def lines(self, file: IO[bytes], form: str, size: int | None) -> None:
        """NDJSON, in pieces that end with a line."""
        number, rest, read = 1, b"", 0
        while piece := file.read(PIECE):
            read += len(piece)
            end = piece.rfind(b"\n") + 1
            if end == 0:
                rest += piece
                continue
            data, rest = rest + piece[:end], piece[end:]
            self.took(self.loader.lines(data, form, number), _share(file, read, size))
            number += data.count(b"\n")
        self.took(self.loader.lines(rest, form, number), 1.0)

    def batches(self, reader: Any, rows: int | None) -> None:
        """A pyarrow.RecordBatchReader, or anything like it: schema and batches."""
        self.loader.columns(reader.schema, self.types, self.keep_nulls)
        first = 0
        for batch in reader:
            for at in range(0, batch.num_rows, BATCH_ROWS):
                piece = batch.slice(at, BATCH_ROWS)
                self.took(self.loader.batch(piece, first + at), (first + at) / rows if rows else None)
            first += batch.num_rows

    def pages(self, rows: Rows) -> None:
        """Another table's items, as they are stored."""
        first = 0
        for page in rows.pages():
            self.took([(first + where, code, why) for where, code, why in self.loader.page(page)])
            first += len(page)

    def items(self, items: Iterable[Mapping[str, Any]]) -> None:
        """Python values."""
        put, flush = self.loader.put, self.loader.flush
        for number, item in enumerate(items):
            try:
                if put(item, number):
                    self.took(flush())
            except (TypeError, ApiError) as error:
                code = error.code if isinstance(error, ApiError) else NO_TYPE
                self.took(flush())
                self.took([(number, code, error.message if isinstance(error, ApiError) else str(error))])
        self.took(flush(), 1.0)


def _share(file: IO[bytes], read: int, size: int | None) -> float | None:
    """How much of a file is read; of a compressed one by the place in the file below."""
    if not size:
        return None
    below = getattr(file, "fileobj", None)
    return (below.tell() if below is not None else read) / size


def load(
    table: Verbs,
    source: Any,
    *,
    format: str | None = None,
    types: Mapping[str, str] | None = None,
    nulls: str = "omit",
    errors: str = "raise",
    progress: bool | Callable[[int, float | None], Any] | None = None,
) -> Loaded:
    """Table.load; see there."""
    if format is not None and format not in FORMATS:
        raise ValueError(f"format is {', '.join(FORMATS)}, not {format!r}")
    began = time.perf_counter()
    running = _Load(table, types or {}, nulls, errors, progress)
    try:
        _run(running, source, format)
    finally:
        running.progress.close()
        running.report.seconds = time.perf_counter() - began
    return running.report


def _run(load: _Load, source: Any, format: str | None) -> None:
    if isinstance(source, (str, os.PathLike)):
        _run_path(load, os.fspath(source), format)
    elif isinstance(source, (bytes, bytearray, memoryview)):
        _run_file(load, io.BytesIO(source), format or "json", len(source))
    elif isinstance(source, Rows):
        load.pages(source)
    elif hasattr(source, "__arrow_c_stream__"):
        import pyarrow as pa

        rows = getattr(source, "num_rows", None)
        load.batches(pa.RecordBatchReader.from_stream(source), rows)
    elif hasattr(source, "__arrow_c_array__"):
        import pyarrow as pa

        load.batches(pa.Table.from_batches([pa.record_batch(source)]).to_reader(), source.num_rows)
    elif hasattr(source, "read"):
        _run_file(load, source, format or "json", None)
    elif isinstance(source, Iterable) and not isinstance(source, Mapping):
        load.items(source)
    else:
        kind = type(source).__name__
        raise TypeError(f"items are loaded from a file, Arrow data or an iterable, not {kind}")


def _run_path(load: _Load, path: str, format: str | None) -> None:
    name = os.path.basename(path).lower()
    packed = name.endswith(".gz")
    suffix = name.removesuffix(".gz").rpartition(".")[2]
    found = format or LINES.get(suffix) or {"feather": "arrow"}.get(suffix, suffix)
    if found not in FORMATS:
        raise ValueError(f"the name of {path!r} does not say its format; give format=: {', '.join(FORMATS)}")
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        if packed:
            with gzip.GzipFile(fileobj=file) as unpacked:
                _run_file(load, unpacked, found, size)
        else:
            _run_file(load, file, found, size)


def _run_file(load: _Load, file: Any, format: str, size: int | None) -> None:
    if format in LINE_FORMATS:
        load.lines(file, format, size)
    elif format in ("csv", "tsv"):
        _run_csv(load, file, "\t" if format == "tsv" else ",")
    elif format == "parquet":
        import pyarrow.parquet as pq

        parquet = pq.ParquetFile(file)
        reader = _Reader(parquet.schema_arrow, parquet.iter_batches(BATCH_ROWS))
        load.batches(reader, parquet.metadata.num_rows)
    else:
        import pyarrow as pa

        try:
            opened = pa.ipc.open_file(file)
            batches = map(opened.get_batch, range(opened.num_record_batches))
            load.batches(_Reader(opened.schema, batches), None)
        except pa.ArrowInvalid:
            file.seek(0)
            load.batches(pa.ipc.open_stream(file), None)


class _Reader:
    """A schema and batches, as a RecordBatchReader has them."""

    def __init__(self, schema: Any, batches: Iterable[Any]):
        self.schema, self._batches = schema, batches

    def __iter__(self) -> Iterator[Any]:
        return iter(self._batches)


def _run_csv(load: _Load, file: Any, delimiter: str) -> None:
    """Every column is text, as it is for DynamoDB's own import, but key attributes and what `types` says; an
    empty cell is no attribute."""
    import csv

    import pyarrow as pa
    import pyarrow.csv as pacsv

    first = file.readline()
    header = next(csv.reader([first.decode("utf-8-sig")], delimiter=delimiter), [])
    load.types = load.table.key_types() | dict(load.types)
    columns = {name: pa.bool_() if load.types.get(name) == "BOOL" else pa.string() for name in header}
    reader = pacsv.open_csv(
        _Behind(first, file),
        parse_options=pacsv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        convert_options=pacsv.ConvertOptions(
            column_types=columns, strings_can_be_null=True, null_values=[""], quoted_strings_can_be_null=False
        ),
    )
    load.batches(reader, None)


class _Behind(io.RawIOBase):
    """A file with its first bytes put back in front."""

    def __init__(self, first: bytes, file: Any):
        self._pieces = itertools.chain([first], iter(lambda: file.read(PIECE), b""))
        self._left = b""

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, into: Any) -> int:
        """The next bytes."""
        if not self._left:
            self._left = next(self._pieces, b"")
        size = min(len(into), len(self._left))
        into[:size] = self._left[:size]
        self._left = self._left[size:]
        return size
