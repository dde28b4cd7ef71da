"""Shard iterators: where in a shard to go on, in a text that only this service reads."""

from __future__ import annotations

import base64
import binascii
import struct
import zlib
from dataclasses import dataclass

from cloudcore.errors import ApiError

LIFE_SECONDS = 15 * 60
_LAYOUT = struct.Struct(">QQIQQ")


def trimmed() -> ApiError:
    """What a place in front of the oldest change gives; raise what this returns."""
    return ApiError("TrimmedDataAccessException", "The data you are trying to access has been trimmed")


@dataclass
class Position:
    """A place in the shard that begins at `shard`.

    since_ms: changes before this time, and what the retention has taken, are passed by; None: an iterator
    that stands at one of them is refused.
    """

    stream_arn: str
    shard: int
    sequence: int
    index: int
    made_ms: int
    since_ms: int | None = None


def write(position: Position) -> str:
    """The ShardIterator of a position."""
    since = 0 if position.since_ms is None else position.since_ms + 1
    packed = _LAYOUT.pack(position.shard, position.sequence, position.index, position.made_ms, since)
    sealed = packed + struct.pack(">I", zlib.crc32(position.stream_arn.encode() + packed))
    return f"{position.stream_arn}|1|{base64.b64encode(sealed).decode()}"


def read(text: str) -> Position:
    """What `write` wrote. Raises ApiError ValidationException for anything else."""
    arn, _, rest = text.partition("|")
    version, _, data = rest.partition("|")
    try:
        sealed = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        sealed = b""
    packed, seal = sealed[:-4], sealed[-4:]
    if (
        version != "1"
        or len(packed) != _LAYOUT.size
        or seal != struct.pack(">I", zlib.crc32(arn.encode() + packed))
    ):
        raise ApiError("ValidationException", "Invalid ShardIterator")
    shard, sequence, index, made_ms, since = _LAYOUT.unpack(packed)
    return Position(arn, shard, sequence, index, made_ms, since - 1 if since else None)
