"""Encode: the records of a plan -> the bytes of its object, and the lines of those that would not go.

A pure function of the plan, its records and the stream's schema: a redelivery gives the same bytes.
"""

from __future__ import annotations

import zlib
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from cloudcore.firehose.destinations.s3.config import Parquet
from cloudcore.firehose.records import concat, split

_BATCH_ROWS = 65_536
CONVERSION_FAILED = "format-conversion-failed"


@dataclass(frozen=True)
class Piece:
    """A framed batch of records, with their source sequences and the time of arrival in ms."""

    payload: bytes | memoryview
    sequences: Sequence[int]
    arrival_ms: int


@dataclass
class Encoded:
    """An object's parts (empty: there is no object) and what failed."""

    parts: list[Any] = field(default_factory=list)
    records: int = 0
    failures: list[bytes] = field(default_factory=list)


OnFailed = Callable[[int, str, str, bytes], None]


def concatenate(pieces: Iterable[Piece], compression: str) -> Encoded:
    """Records verbatim, nothing put between them; gzip as one member."""
    out = Encoded()
    packer = zlib.compressobj(1, zlib.DEFLATED, 31) if compression == "GZIP" else None
    for piece in pieces:
        out.records += len(piece.sequences)
        data = concat(piece.payload)
        out.parts.append(packer.compress(data) if packer else data)
    if packer:
        out.parts.append(packer.flush())
    return out


def json_lines(
    pieces: Iterable[Piece], compression: str, ended_ms: int, on_failed: OnFailed | None
) -> Encoded:
    """Ours (ingest --format json): every JSON object on its own line, what is none goes to the failures."""
    from cloudcore.firehose.destinations.s3.rows import BadRecord, objects_of

    out = Encoded()

    def good(piece: Piece) -> Iterator[bytes]:
        for record, sequence in zip(split(piece.payload), piece.sequences, strict=True):
            try:
                found = objects_of(record)
            except BadRecord as bad:
                _failed(out, piece, record, sequence, bad.code, str(bad), ended_ms, on_failed)
                continue
            out.records += len(found)
            if len(found) == 1:
                yield record.strip().replace(b"\n", b" ") + b"\n"
            else:
                yield from (orjson.dumps(value) + b"\n" for value in found)

    packer = zlib.compressobj(1, zlib.DEFLATED, 31) if compression == "GZIP" else None
    for piece in pieces:
        data = b"".join(good(piece))
        out.parts.append(packer.compress(data) if packer else data)
    if packer:
        out.parts.append(packer.flush())
    if not out.records:
        out.parts = []
    return out


def parquet(
    pieces: Iterable[Piece], options: Parquet, schema: Any, ended_ms: int, on_failed: OnFailed | None
) -> Encoded:
    """One Parquet file of the records that convert."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from cloudcore._stream import Columns

    out = Encoded()
    if not len(schema):
        return _without_columns(out, pieces, ended_ms, on_failed)
    columns = Columns(schema)
    pending = []
    for piece in pieces:
        bad = columns.append(piece.payload)
        if bad:
            records = split(piece.payload)
            for at, code, reason in bad:
                if records[at].strip():  # a blank record is no row and no failure
                    _failed(out, piece, records[at], piece.sequences[at], code, reason, ended_ms, on_failed)
        if columns.rows >= _BATCH_ROWS:
            pending.append(pa.record_batch(columns.finish()))
    if columns.rows:
        pending.append(pa.record_batch(columns.finish()))
    table = pa.Table.from_batches(pending, schema)
    out.records = table.num_rows
    if not out.records:
        return out
    sink = pa.BufferOutputStream()
    pq.write_table(
        table, sink,
        compression={"UNCOMPRESSED": "none"}.get(options.compression, options.compression.lower()),
        use_dictionary=options.dictionary, data_page_size=options.page_bytes,
        data_page_version="2.0" if options.version == "V2" else "1.0",
    )  # fmt: skip
    out.parts = [sink.getvalue()]
    return out


def _without_columns(
    out: Encoded, pieces: Iterable[Piece], ended_ms: int, on_failed: OnFailed | None
) -> Encoded:
    """No record told of any column yet: nothing can be a row, everything but blank records is set aside."""
    from cloudcore.firehose.destinations.s3.rows import BadRecord, objects_of

    for piece in pieces:
        for record, sequence in zip(split(piece.payload), piece.sequences, strict=True):
            code, reason = "DataFormatConversion.MalformedData", "the record has no column"
            try:
                if not objects_of(record):
                    continue
            except BadRecord as bad:
                code, reason = bad.code, str(bad)
            _failed(out, piece, record, sequence, code, reason, ended_ms, on_failed)
    return out


def _failed(
    out: Encoded, piece: Piece, record: bytes, sequence: int, code: str, message: str, ended_ms: int,
    on_failed: OnFailed | None,
) -> None:  # fmt: skip
    line = {
        "attemptsMade": 1,
        "arrivalTimestamp": piece.arrival_ms,
        "lastErrorCode": code,
        "lastErrorMessage": message,
        "attemptEndingTimestamp": ended_ms,
        "rawData": b64encode(record).decode(),
        "sequenceNumber": str(sequence),
        "subSequenceNumber": None,
        "dataCatalogTable": None,
    }
    out.failures.append(orjson.dumps(line) + b"\n")
    if on_failed:
        on_failed(sequence, code, message, record)
