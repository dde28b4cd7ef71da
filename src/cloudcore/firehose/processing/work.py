"""What goes into an invocation of the processors, and what comes out."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Work:
    """Records of the source for one pass, with their arrival times in ms: of consecutive sequence numbers
    from `first` on, or of those in `sequences`."""

    first: int
    records: list[bytes] = field(default_factory=list)
    arrivals: list[int] = field(default_factory=list)
    size: int = 0
    request_bytes: int = 0
    origins: dict[int, bytes] = field(default_factory=dict)
    """By sequence: where a source's record came from, as JSON."""
    sequences: list[int] | None = None

    @property
    def last(self) -> int:
        return self.first + len(self.records) - 1


@dataclass(slots=True)
class Item:
    """One record on its way: `sequence` is the source record it came from, `part` its number of those that
    came out of that one, None when it is the record itself."""

    sequence: int
    arrival_ms: int
    data: bytes
    part: int | None = None
    origin: bytes = b""


@dataclass
class Group:
    """Records of one lane: what goes into one buffer. `sequences` are their source sequence numbers."""

    lane: str
    keys: dict[str, str]
    records: list[bytes] = field(default_factory=list)
    sequences: list[int] = field(default_factory=list)


@dataclass
class Processed:
    """What became of a Work, in records that came out of it: ok + dropped + failed."""

    groups: list[Group] = field(default_factory=list)
    ok: int = 0
    dropped: int = 0
    failed: int = 0


class Refused(Exception):
    """A record, or a whole batch, failed: `code` is Firehose's, the text says why."""

    def __init__(self, code: str, message: str, attempts: int = 1):
        super().__init__(message)
        self.code = code
        self.attempts = attempts
