"""Aggregates: the records that the Kinesis Producer Library packed into one.

    F3 89 9A C2 | AggregatedRecord | MD5 of the AggregatedRecord

    AggregatedRecord    1: repeated partition key, 3: repeated Record    (2: hash keys, not needed here)
    Record              1: number of its partition key, 3: bytes data    (2: of its hash key; 4: tags)

in the wire format of protocol buffers. What only looks like an aggregate is a record as it is.
Source: "KPL Aggregated Record Format", in the documentation of the Kinesis Producer Library.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

_MAGIC = b"\xf3\x89\x9a\xc2"
_DIGEST = 16
_KEY_MAX = 256  # characters of a partition key


def parts_of(data: bytes) -> list[tuple[bytes, str | None]]:
    """The records in an aggregate, in order, each with its partition key; the record itself, with None for
    its key, when it is none."""
    if not data.startswith(_MAGIC) or len(data) < len(_MAGIC) + _DIGEST:
        return [(data, None)]
    body = data[len(_MAGIC) : -_DIGEST]
    if hashlib.md5(body, usedforsecurity=False).digest() != data[-_DIGEST:]:
        return [(data, None)]
    try:
        found = [(number, value) for number, value in _fields(body) if isinstance(value, bytes)]
        keys = [value.decode() for number, value in found if number == 1]
        return [_part(value, keys) for number, value in found if number == 3]
    except (ValueError, IndexError):
        return [(data, None)]


def _part(record: bytes, keys: list[str]) -> tuple[bytes, str | None]:
    """The data of a record and its key. Raises ValueError, IndexError."""
    data, key = None, 0
    for number, value in _fields(record):
        if number == 3 and isinstance(value, bytes):
            data = value
        elif number == 1 and isinstance(value, int):
            key = value
    if data is None:
        raise ValueError("a record without data")
    return data, keys[key][:_KEY_MAX]


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
