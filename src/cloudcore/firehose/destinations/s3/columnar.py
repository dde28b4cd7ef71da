"""Columnar: the records of a plan -> one Parquet or ORC file, and the lines of those that do not convert."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa

from cloudcore._stream import Columns
from cloudcore.firehose import schema as schemas
from cloudcore.firehose.checks import invalid
from cloudcore.firehose.destinations.s3.conversion import Conversion, Orc, Reader
from cloudcore.firehose.destinations.s3.encode import Encoded, OnFailed, Piece, fail
from cloudcore.firehose.destinations.s3.orc import OrcFile
from cloudcore.firehose.destinations.s3.parallel import in_order
from cloudcore.firehose.destinations.s3.parquet import ParquetFile
from cloudcore.firehose.destinations.s3.rows import BadRecord, objects_of
from cloudcore.firehose.records import split

_CHUNK_BYTES = 4 << 20


def columns_for(schema: pa.Schema, reader: Reader, orc_times: bool = False) -> Columns:
    """The builder of a schema's columns, which looks for the JSON keys that the reader maps them to."""
    keys = dict(reader.keys)
    renamed = pa.schema([field.with_name(keys.get(field.name, field.name)) for field in schema])
    return Columns(
        renamed, case_insensitive=reader.case_insensitive, dots_as_underscores=reader.dots_as_underscores,
        strict=reader.strict, millis=reader.millis, orc_times=orc_times,
    )  # fmt: skip


def check(conversion: Conversion) -> None:
    """Refuse names that the schema does not have. Raises ApiError InvalidArgumentException."""
    names = schemas.load(conversion.schema).names
    wanted = [column for column, _ in conversion.reader.keys]
    if isinstance(conversion.writer, Orc):
        wanted += conversion.writer.bloom_columns
    for name in wanted:
        if name not in names:
            raise invalid(f"The schema has no column {name}")


def convert(
    pieces: Iterable[Piece], conversion: Conversion, schema: pa.Schema, ended_ms: int,
    on_failed: OnFailed | None,
) -> Encoded:  # fmt: skip
    """One file of the records that convert; none when none does."""
    out = Encoded()
    if not len(schema):
        return _without_columns(out, pieces, ended_ms, on_failed, conversion.table)

    options = conversion.writer
    orc = isinstance(options, Orc)
    writer = OrcFile(schema, options) if isinstance(options, Orc) else ParquetFile(schema, options)
    idle: list[Columns] = []  # builders whose rows were written: their memory serves again

    def chunk(some: list[Piece]) -> tuple[Columns, list[tuple[Piece, int, str, str]]]:
        columns = idle.pop() if idle else columns_for(schema, conversion.reader, orc)
        return columns, [(piece, *told) for piece in some for told in columns.append(piece.payload)]

    for columns, bad in in_order(chunk, _chunks(pieces)):
        out.records += columns.rows
        if columns.rows:
            writer.add(columns)
        idle.append(columns)
        for piece, at, code, reason in bad:
            record = split(piece.payload)[at]
            if record.strip():  # a blank record is no row and no failure
                fail(out, piece, at, record, code, reason, ended_ms, on_failed, conversion.table)
    if out.records:
        out.parts = writer.finish()
    return out


def _chunks(pieces: Iterable[Piece]) -> Iterator[list[Piece]]:
    """The pieces in chunks of at least _CHUNK_BYTES; the same pieces give the same chunks."""
    some: list[Piece] = []
    size = 0
    for piece in pieces:
        some.append(piece)
        size += len(piece.payload)
        if size >= _CHUNK_BYTES:
            yield some
            some, size = [], 0
    if some:
        yield some


def _without_columns(
    out: Encoded, pieces: Iterable[Piece], ended_ms: int, on_failed: OnFailed | None,
    table: dict[str, Any] | None,
) -> Encoded:  # fmt: skip
    """No record told of any column yet: nothing can be a row, everything but blank records is set aside."""
    for piece in pieces:
        for at, record in enumerate(split(piece.payload)):
            code, reason = "DataFormatConversion.MalformedData", "the record has no column"
            try:
                if not objects_of(record):
                    continue
            except BadRecord as bad:
                code, reason = bad.code, str(bad)
            fail(out, piece, at, record, code, reason, ended_ms, on_failed, table)
    return out
