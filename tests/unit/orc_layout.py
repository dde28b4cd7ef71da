"""What an ORC file says of itself: its tail, stripes, row indexes and filters, read by the format's messages alone.

A message is a dict of its fields' numbers; a field that is there more than once is told by `every`.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

ROW_INDEX, BLOOM = 6, 8


def fields(data: bytes) -> list[tuple[int, Any]]:
    at, found = 0, []

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte, at = data[at], at + 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(data):
        key = varint()
        if key & 7 == 0:
            found.append((key >> 3, varint()))
        elif key & 7 == 1:
            found.append((key >> 3, struct.unpack_from("<d", data, at)[0]))
            at += 8
        else:
            assert key & 7 == 2
            size = varint()
            found.append((key >> 3, data[at : at + size]))
            at += size
    return found


def every(data: bytes, number: int) -> list[Any]:
    return [value for field, value in fields(data) if field == number]


def packed(data: bytes) -> list[int]:
    found, value, shift = [], 0, 0
    for byte in data:
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            found.append(value)
            value = shift = 0
    return found


def signed(value: int) -> int:
    return value >> 1 ^ -(value & 1)


@dataclass
class Layout:
    """`stripes`: for each one, for each (column, kind of stream), its bytes, and the encodings of its columns."""

    postscript: dict[int, Any]
    footer: bytes
    metadata: bytes
    stripes: list[tuple[dict[tuple[int, int], bytes], list[dict[int, int]]]]


def inflated(data: bytes, codec: int) -> bytes:
    out = b""
    while codec and data:
        head = int.from_bytes(data[:3], "little")
        chunk, data = data[3 : 3 + (head >> 1)], data[3 + (head >> 1) :]
        if head & 1:
            out += chunk
        elif codec == 1:
            out += zlib.decompress(chunk, -15)
        else:
            size = packed(chunk[: next(n for n in range(5) if chunk[n] < 128) + 1])[0]
            out += pa.Codec("snappy").decompress(chunk, size, asbytes=True)
    return out if codec else data


def layout(data: bytes) -> Layout:
    end = len(data) - 1 - data[-1]
    postscript = dict(fields(data[end:-1]))
    codec, footer_size, metadata_size = postscript[2], postscript[1], postscript[5]
    footer = inflated(data[end - footer_size : end], codec)
    metadata = inflated(data[end - footer_size - metadata_size : end - footer_size], codec)
    stripes = []
    for told in every(footer, 3):
        stripe = dict(fields(told))
        at = stripe[1]
        tail = at + stripe[2] + stripe[3]
        directory = inflated(data[tail : tail + stripe[4]], codec)
        streams = {}
        for each in map(dict, map(fields, every(directory, 1))):
            streams[each[2], each[1]] = inflated(data[at : at + each[3]], codec)
            at += each[3]
        assert at == tail
        stripes.append((streams, [dict(fields(each)) for each in every(directory, 2)]))
    return Layout(postscript, footer, metadata, stripes)


def statistics(data: bytes) -> dict[int, Any]:
    """A ColumnStatistics: of its kind's own fields, those that every writer knows."""
    found = dict(fields(data))
    for kind in set(found) & {2, 3, 4, 5, 6, 7, 8, 9, 12}:
        found[kind] = {field: value for field, value in fields(found[kind]) if kind != 9 or field in (3, 4)}
    return found
