"""Origins: where the records of a source came from, as a transform's function is told.

They lie in the same batch of the stream's log as the records, so that a kill leaves both or neither, and they
go when the records go. A stream that takes puts has none, and pays nothing.

    batch with origins:  u32 size | JSON {"kind", "place", "rows"} | framed records

`place` is the shard or the partition of all records in the batch; a row is what differs from one to the next.
Source: AWS, "Transform source data in Amazon Data Firehose".
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

_SIZE = struct.Struct("<I")


@dataclass(frozen=True)
class Kind:
    """How one kind of source is told: the event's member for its ARN, a record's member for its origin, and
    the record's member for its data; `place` and `members` name what the origin holds."""

    arn: str
    origin: str
    data: str
    place: str
    members: tuple[str, ...]


KINDS = {
    "kinesis": Kind(
        "sourceKinesisStreamArn", "kinesisRecordMetadata", "data", "shardId",
        ("partitionKey", "approximateArrivalTimestamp", "sequenceNumber", "subsequenceNumber"),
    ),
    "msk": Kind(
        "sourceMSKArn", "mskRecordMetadata", "kafkaRecordValue", "partitionId",
        ("offset", "approximateArrivalTimestamp"),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Origins:
    """The origins of consecutive records of one shard: a row each, in the order of the kind's members."""

    kind: str
    place: str
    rows: Sequence[Sequence[Any]]

    def cut(self, begin: int, end: int | None = None) -> Origins:
        return Origins(self.kind, self.place, self.rows[begin:end])

    def text(self, at: int) -> bytes:
        """The origin of one record as JSON."""
        kind = KINDS[self.kind]
        return orjson.dumps({kind.place: self.place, **dict(zip(kind.members, self.rows[at], strict=True))})

    def row_bytes(self, at: int) -> int:
        return len(orjson.dumps(self.rows[at])) + 1

    def before(self, framed: bytes) -> bytes:
        """The payload of a batch: these, then its records."""
        told = orjson.dumps({"kind": self.kind, "place": self.place, "rows": self.rows})
        return b"".join((_SIZE.pack(len(told)), told, framed))


def parted(payload: Any) -> tuple[Origins, memoryview]:
    """The origins of a batch, and its framed records."""
    view = memoryview(payload)
    end = _SIZE.size + _SIZE.unpack_from(view)[0]
    return Origins(**orjson.loads(view[_SIZE.size : end])), view[end:]


@dataclass(frozen=True)
class Told:
    """What an event says of its stream's source; the members of a stream that takes puts by default."""

    head: bytes = b""
    origin: bytes = b""
    data: str = "data"


def told_of(source: dict[str, Any] | None) -> Told:
    """For the SourceDescription of a stream."""
    found = source or {}
    for kind, member, arn in (
        ("kinesis", "KinesisStreamSourceDescription", "KinesisStreamARN"),
        ("msk", "MSKSourceDescription", "MSKClusterARN"),
    ):
        if member in found:
            names = KINDS[kind]
            head = b'"%s":%s,' % (names.arn.encode(), orjson.dumps(found[member][arn]))
            return Told(head, names.origin.encode(), names.data)
    return Told()
