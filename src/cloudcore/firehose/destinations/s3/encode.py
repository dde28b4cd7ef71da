"""Encode: the records of a plan -> the bytes of its object, and the lines of those that would not go.

A pure function of the plan, its records and the stream's schema: a redelivery gives the same bytes.
"""

from __future__ import annotations

import io
import zlib
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from cloudcore.firehose.destinations.s3.config import Parquet

_BATCH_ROWS = 65_536
CONVERSION_FAILED = "format-conversion-failed"


@dataclass(frozen=True)
class Piece:
    """Records of one log batch: with the time of arrival in ms and their source sequences."""

    records: list[bytes]
    sequences: list[int]
    arrival_ms: int


@dataclass
class Encoded:
    """An object's parts (empty: there is no object) and what failed."""

    parts: list[bytes] = field(default_factory=list)
    records: int = 0
    failures: list[bytes] = field(default_factory=list)


OnFailed = Callable[[int, str, str, bytes], None]


def concatenate(pieces: Iterable[Piece], compression: str) -> Encoded:
    """Records verbatim, nothing put between them; gzip as one member."""
    out = Encoded()
    packer = zlib.compressobj(1, zlib.DEFLATED, 31) if compression == "GZIP" else None
    for piece in pieces:
        out.records += len(piece.records)
        data = b"".join(piece.records)
        out.parts.append(packer.compress(data) if packer else data)
    if packer:
        out.parts.append(packer.flush())
    return out


def json_lines(
    pieces: Iterable[Piece], compression: str, ended_ms: int, on_failed: OnFailed | None
) -> Encoded:
    """Ours (ingest --format json): every JSON object on its own line, what is none goes to the failures."""
    from cloudcore.firehose.destinations.s3.columns import BadRecord, objects_of

    out = Encoded()

    def good(piece: Piece) -> Iterator[bytes]:
        for record, sequence in zip(piece.records, piece.sequences, strict=True):
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
    import pyarrow.parquet as pq

    from cloudcore.firehose.destinations.s3.columns import BadRecord, Converter

    out = Encoded()
    converter = Converter(schema)
    sink = io.BytesIO()
    writer = pq.ParquetWriter(
        sink, schema, compression={"UNCOMPRESSED": "none"}.get(options.compression, options.compression.lower()),
        use_dictionary=options.dictionary, data_page_size=options.page_bytes,
        data_page_version="2.0" if options.version == "V2" else "1.0",
    )  # fmt: skip
    pending = []
    for piece in pieces:
        for record, sequence in zip(piece.records, piece.sequences, strict=True):
            try:
                out.records += converter.add(record)
            except BadRecord as bad:
                _failed(out, piece, record, sequence, bad.code, str(bad), ended_ms, on_failed)
        if converter.rows >= _BATCH_ROWS:
            pending.append(converter.take())
    if converter.rows:
        pending.append(converter.take())
    if pending:
        import pyarrow as pa

        writer.write_table(pa.Table.from_batches(pending, schema))
    writer.close()
    if out.records:
        out.parts = [sink.getvalue()]
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
