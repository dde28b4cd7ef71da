"""Entries: requests as they are in the log. No input, no output."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from cloudcore.errors import CorruptError
from cloudcore.firehose.records import frame, split

WRITE, PRIMITIVE, EXPIRE = "w", "p", "e"
"""Kinds: an operation that writes items; a step of the control plane; a DeleteItem by time to live."""
PART_MAX = (1 << 20) - 8192
"""Bytes of a batch in one message."""
_PART = struct.Struct("<2sHH")
_MAGIC = b"T1"


@dataclass(frozen=True, slots=True)
class Entry:
    """A request. `id`: the instance of the node that was asked, a dot, a number of its own."""

    id: str
    kind: str
    operation: str
    body: bytes

    def dump(self) -> bytes:
        return b"%b %b %b\n%b" % (self.id.encode(), self.kind.encode(), self.operation.encode(), self.body)


def load(data: bytes | memoryview) -> Entry:
    """An entry as dump() made it. Raises ValueError."""
    head, newline, body = bytes(data).partition(b"\n")
    if not newline:
        raise ValueError("no entry")
    identity, kind, operation = head.decode("ascii").split(" ")
    return Entry(identity, kind, operation, body)


@dataclass(frozen=True, slots=True)
class Batch:
    """Entries that were ordered together, in `term`, at `time_ms` by the leader's clock, behind the batch of
    which the last message has the sequence `after`."""

    term: int
    time_ms: int
    after: int
    entries: list[Entry]

    def messages(self) -> Iterator[bytes]:
        """The messages of the log that are this batch."""
        head = json.dumps({"term": self.term, "time_ms": self.time_ms, "after": self.after}).encode()
        data = frame([head, *(entry.dump() for entry in self.entries)])
        count = max(1, -(-len(data) // PART_MAX))
        for part in range(count):
            piece = data[part * PART_MAX : (part + 1) * PART_MAX]
            yield _PART.pack(_MAGIC, part, count) + piece


class Joiner:
    """Makes batches of messages again."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def drop(self) -> None:
        """What was begun is not going to be finished."""
        self._parts.clear()

    def add(self, message: bytes) -> Batch | None:
        """The batch of which this is the last part. Raises ValueError for what is none."""
        if len(message) < _PART.size:
            raise ValueError("a message is too short")
        magic, part, count = _PART.unpack_from(message)
        if magic != _MAGIC:
            raise ValueError(f"a message of a format that this version does not know: {magic!r}")
        if part == 0:
            self._parts.clear()
        if part != len(self._parts):
            raise ValueError(f"part {part} of a batch came in the place of {len(self._parts)}")
        self._parts.append(message[_PART.size :])
        if part + 1 < count:
            return None
        data = b"".join(self._parts)
        self._parts.clear()
        try:
            head, *entries = split(data)
        except CorruptError as error:
            raise ValueError(str(error)) from None
        told = json.loads(bytes(head))
        return Batch(told["term"], told["time_ms"], told["after"], [load(entry) for entry in entries])
