"""Columnar: the records of a plan -> one Parquet or ORC file, and the lines of those that do not convert."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa

from cloudcore._stream import Columns
from cloudcore.firehose import schema as schemas
from cloudcore.firehose.checks import invalid
from cloudcore.firehose.destinations.s3.conversion import Conversion, Orc, Parquet, Reader
from cloudcore.firehose.destinations.s3.encode import Encoded, OnFailed, Piece, fail
from cloudcore.firehose.destinations.s3.parallel import in_order
from cloudcore.firehose.destinations.s3.rows import BadRecord, objects_of
from cloudcore.firehose.records import split

_CHUNK_BYTES = 4 << 20
_DICTIONARY_BYTES = 128 << 10  # where it grows larger, it costs more than it saves: measured


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

    def chunk(some: list[Piece]) -> tuple[list[pa.RecordBatch], list[tuple[Piece, int, str, str]]]:
        columns = columns_for(schema, conversion.reader, isinstance(conversion.writer, Orc))
        bad = [(piece, *told) for piece in some for told in columns.append(piece.payload)]
        return ([pa.record_batch(columns.finish())] if columns.rows else []), bad

    batches: list[pa.RecordBatch] = []
    for made, bad in in_order(chunk, _chunks(pieces)):
        batches += made
        for piece, at, code, reason in bad:
            record = split(piece.payload)[at]
            if record.strip():  # a blank record is no row and no failure
                fail(out, piece, at, record, code, reason, ended_ms, on_failed, conversion.table)
    out.records = sum(batch.num_rows for batch in batches)
    if out.records:
        table = pa.Table.from_batches(batches).rename_columns(schema.names)
        writer = conversion.writer
        out.parts = [write_orc(table, writer) if isinstance(writer, Orc) else write_parquet(table, writer)]
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


def write_parquet(table: pa.Table, options: Parquet) -> pa.Buffer:
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    rows = max(1, int(options.block_bytes / max(1.0, table.nbytes / table.num_rows)))
    pq.write_table(
        table, sink,
        compression={"UNCOMPRESSED": "none"}.get(options.compression, options.compression.lower()),
        # zlib inside pyarrow: level 1 costs 4 % in size and is the only one that keeps up
        compression_level=1 if options.compression == "GZIP" else None,
        use_dictionary=options.dictionary, dictionary_pagesize_limit=_DICTIONARY_BYTES,
        data_page_size=options.page_bytes, row_group_size=rows,
        data_page_version="2.0" if options.version == "V2" else "1.0",
    )  # fmt: skip
    return sink.getvalue()


def write_orc(table: pa.Table, options: Orc) -> pa.Buffer:
    from pyarrow import orc

    sink = pa.BufferOutputStream()
    orc.write_table(
        table, sink, file_version={"V0_11": "0.11", "V0_12": "0.12"}[options.version],
        stripe_size=options.stripe_bytes,
        compression={"NONE": "uncompressed"}.get(options.compression, options.compression.lower()),
        row_index_stride=options.row_index_stride, padding_tolerance=options.padding_tolerance,
        dictionary_key_size_threshold=options.dictionary_threshold,
        bloom_filter_columns=[table.schema.get_field_index(name) for name in options.bloom_columns] or None,
        bloom_filter_fpp=options.bloom_probability,
    )  # fmt: skip
    return sink.getvalue()


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
