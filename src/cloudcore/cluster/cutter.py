"""Cutter: which batches of a log become one object, by the hints of size and time. No input, no output."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from cloudcore.firehose.journal import Plan


@dataclass
class Span:
    """Batches that follow each other. `opened`: when the oldest was put, and `seen`: when it was read, in
    monotonic seconds; `time_ms`: when it was put, in ms since 1970 by JetStream's clock."""

    first: int
    last: int
    records: int
    size: int
    time_ms: int
    opened: float
    seen: float


class Cutter:
    """What waits to be planned, of one stream; `next` is the batch that has to come."""

    def __init__(self, size: int, seconds: float, next: int = 1):
        self.size, self.seconds, self.next = size, seconds, next
        self.waiting: Span | None = None

    def add(
        self, sequence: int, records: int, size: int, time_ms: int, opened: float, seen: float
    ) -> None:
        """The next batch. Raises ValueError when it is not the one behind the last."""
        if sequence != self.next:
            raise ValueError(f"batch {sequence} came in the place of {self.next}")
        self.next += 1
        span = self.waiting
        if span is None:
            self.waiting = Span(sequence, sequence, records, size, time_ms, opened, seen)
            return
        span.last = sequence
        span.records += records
        span.size += size

    def due(self) -> float | None:
        """When what waits is old enough, in monotonic seconds; None when nothing waits. What was read late,
        after a fail-over say, waits for half of the time all the same: else each batch would be an object."""
        span = self.waiting
        return None if span is None else max(span.opened + self.seconds, span.seen + self.seconds / 2)

    def take(self, now: float, flush_to: int = 0) -> Span | None:
        """What is to be planned now: it is large enough, or old enough, or it holds the batch `flush_to`."""
        span, due = self.waiting, self.due()
        if span is None or due is None:
            return None
        if span.size < self.size and now < due and not span.first <= flush_to <= span.last:
            return None
        self.waiting = None
        return span

    def take_all(self) -> Span | None:
        """Whatever waits."""
        span, self.waiting = self.waiting, None
        return span


@dataclass(frozen=True)
class Numbered:
    """A plan, and how many records all plans up to this one have."""

    plan: Plan
    total: int

    @property
    def last(self) -> int:
        """The last batch of it."""
        return int(self.plan.ranges[-1][1])

    def dump(self) -> dict[str, Any]:
        return {"total": self.total, **asdict(self.plan)}


def load(found: dict[str, Any]) -> Numbered:
    """A plan as dump() made it."""
    return Numbered(Plan(**{name: value for name, value in found.items() if name != "total"}), found["total"])
