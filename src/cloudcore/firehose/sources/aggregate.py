"""Aggregates: the records that the Kinesis Producer Library packed into one.

    F3 89 9A C2 | AggregatedRecord | MD5 of the AggregatedRecord

    AggregatedRecord    3: repeated Record    (1, 2: tables of keys, not needed here)
    Record              3: bytes data         (1, 2: numbers of its keys; 4: tags)

in the wire format of protocol buffers. What only looks like an aggregate is a record as it is.
Source: "KPL Aggregated Record Format", in the documentation of the Kinesis Producer Library.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

_MAGIC = b"\xf3\x89\x9a\xc2"
_DIGEST = 16


def records_of(data: bytes) -> list[bytes]:
    """The records in an aggregate, in order; the record itself when it is none."""
    if not data.startswith(_MAGIC) or len(data) < len(_MAGIC) + _DIGEST:
        return [data]
    body = data[len(_MAGIC) : -_DIGEST]
    if hashlib.md5(body, usedforsecurity=False).digest() != data[-_DIGEST:]:
        return [data]
    try:
        return [_data(value) for number, value in _fields(body) if number == 3 and isinstance(value, bytes)]
    except ValueError:
        return [data]


def _data(record: bytes) -> bytes:
    found = None
    for number, value in _fields(record):
        if number == 3 and isinstance(value, bytes):
            found = value
    if found is None:
        raise ValueError("a record without data")
    return found


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """(number, value) of each field. Raises ValueError."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        kind = tag & 7
        if kind == 0:
            value, at = _varint(message, at)
            yield tag >> 3, value
            continue
        size = {1: 8, 5: 4}.get(kind)
        if kind == 2:
            size, at = _varint(message, at)
        if size is None or at + size > len(message):
            raise ValueError("no message of protocol buffers")
        yield tag >> 3, message[at : at + size]
        at += size


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(message) and shift < 64:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
        shift += 7
    raise ValueError("a number that does not end")
