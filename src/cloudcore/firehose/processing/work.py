"""What goes into an invocation of the processors, and what comes out."""

from __future__ import annotations

from collections.abc import Sequence
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
    """By their place in `records`: where those of a source came from, as JSON."""
    sequences: list[int] | None = None

    @property
    def numbers(self) -> Sequence[int]:
        """The sequence numbers of the records."""
        return range(self.first, self.last + 1) if self.sequences is None else self.sequences

    @property
    def last(self) -> int:
        return self.first + len(self.records) - 1


@dataclass(slots=True)
class Items:
    """Records on their way, one list for each thing that is known of them: `sequences` are the source records
    they came from, `parts` their numbers among those that came out of one, None when they are the records
    themselves, `origins` where a source's records came from, as JSON."""

    sequences: Sequence[int]
    arrivals_ms: list[int]
    data: list[bytes]
    parts: list[int] | None = None
    origins: list[bytes] | None = None

    def between(self, begin: int, end: int) -> Items:
        """Some of them."""
        return Items(
            self.sequences[begin:end], self.arrivals_ms[begin:end], self.data[begin:end],
            self.parts and self.parts[begin:end], self.origins and self.origins[begin:end],
        )  # fmt: skip


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
