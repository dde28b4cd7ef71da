"""Encode: the records of a plan -> the parts of its object, and the lines of those that would not go.

Pure functions of the plan and its records: a redelivery gives the same bytes. Columnar files are made in
columnar.py; compression comes after, in compress.py.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from cloudcore.firehose.destinations.s3.rows import BadRecord, objects_of
from cloudcore.firehose.records import Piece, concat, split

__all__ = ["CONVERSION_FAILED", "Encoded", "OnFailed", "Piece", "concatenate", "fail", "json_lines"]
CONVERSION_FAILED = "format-conversion-failed"


@dataclass
class Encoded:
    """An object's parts (empty: there is no object) and what failed."""

    parts: Iterable[Any] = ()
    records: int = 0
    failures: list[bytes] = field(default_factory=list)


OnFailed = Callable[[int, str, str, bytes], None]


def concatenate(pieces: Iterable[Piece], delimiter: bytes = b"") -> Encoded:
    """Records verbatim, the delimiter behind each. The parts are made as they are asked for."""
    out = Encoded()

    def parts() -> Iterator[bytes]:
        for piece in pieces:
            out.records += len(piece.sequences)
            yield concat(piece.payload, delimiter)

    out.parts = parts()
    return out


def json_lines(pieces: Iterable[Piece], ended_ms: int, on_failed: OnFailed | None) -> Encoded:
    """Ours (ingest --format json): every JSON object on its own line, what is none goes to the failures."""
    out = Encoded()

    def lines(piece: Piece) -> Iterator[bytes]:
        for at, record in enumerate(split(piece.payload)):
            try:
                found = objects_of(record)
            except BadRecord as bad:
                fail(out, piece, at, record, bad.code, str(bad), ended_ms, on_failed)
                continue
            out.records += len(found)
            if len(found) == 1:
                yield record.strip().replace(b"\n", b" ") + b"\n"
            else:
                yield from (orjson.dumps(value) + b"\n" for value in found)

    out.parts = (b"".join(lines(piece)) for piece in pieces)
    return out


def fail(
    out: Encoded, piece: Piece, at: int, record: bytes, code: str, message: str, ended_ms: int,
    on_failed: OnFailed | None, table: dict[str, Any] | None = None,
) -> None:  # fmt: skip
    """Add the failure line of record number `at` of a piece."""
    sequence = piece.sequences[at]
    line = {
        "attemptsMade": 1,
        "arrivalTimestamp": piece.arrival_ms,
        "lastErrorCode": code,
        "lastErrorMessage": message,
        "attemptEndingTimestamp": ended_ms,
        "rawData": b64encode(record).decode(),
        "sequenceNumber": str(sequence),
        "subSequenceNumber": None,
        "dataCatalogTable": table,
    }
    out.failures.append(orjson.dumps(line) + b"\n")
    if on_failed:
        on_failed(sequence, code, message, record)
