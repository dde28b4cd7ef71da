"""Record framing and identity: how many records travel as one log batch.

    batch payload:  repeated  u32 little-endian size | that many bytes

A batch of n records stands for n consecutive sequence numbers of the stream's log.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

from cloudcore.errors import CorruptError

BATCH_BYTES = (1 << 20) - 4096
_SIZE = struct.Struct("<I")


def frame(records: Sequence[bytes | memoryview]) -> bytes:
    """One batch payload that holds the records, in order."""
    pack = _SIZE.pack
    parts: list[bytes | memoryview] = []
    for record in records:
        parts.append(pack(len(record)))
        parts.append(record)
    return b"".join(parts)


def split(payload: bytes | memoryview) -> list[bytes]:
    """The records of a batch payload. Raises CorruptError when the sizes do not add up."""
    data = bytes(payload)
    out = []
    at = 0
    end = len(data)
    unpack = _SIZE.unpack_from
    while at < end:
        if at + 4 > end:
            raise CorruptError("a record batch ends inside a size", "corrupt", at)
        (size,) = unpack(data, at)
        at += 4
        if at + size > end:
            raise CorruptError("a record batch ends inside a record", "corrupt", at)
        out.append(data[at : at + size])
        at += size
    return out


def batches(records: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """Cut a list of records into runs that fit one log batch each (a record alone may be larger)."""
    total = sum(map(len, records)) + 4 * len(records)
    if total <= BATCH_BYTES:
        yield records
        return
    start = size = 0
    for at, record in enumerate(records):
        if at > start and size + len(record) + 4 > BATCH_BYTES:
            yield records[start:at]
            start, size = at, 0
        size += len(record) + 4
    yield records[start:]


def record_id(sequence: int) -> str:
    """The recordId of a sequence number: 56 digits, the same at every delivery."""
    return f"49{sequence:054d}"


def sequence_of(identity: str) -> int:
    """The sequence number behind a recordId of ours; ValueError for anything else."""
    if len(identity) != 56 or not identity.startswith("49") or not identity.isascii():
        raise ValueError(identity)
    return int(identity[2:])
