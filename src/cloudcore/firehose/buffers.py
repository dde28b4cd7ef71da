"""Buffers of a stream: what waits for its size or its time, one per lane.

A buffer holds ranges of log sequences, never data: the bytes stay in the log until the object is
made. So memory is bounded by the number of lanes, and the bytes that wait by the budget of all streams
(budget.py): the largest buffers leave early then.
"""

from __future__ import annotations

from dataclasses import dataclass, field

_GAP_MAX = 64  # sequences: what is read past costs less than a range that is kept

@dataclass
class Buffer:
    """Batches of one lane that wait. Times: in monotonic seconds `arrived`, when the oldest was put, and
    `opened`, when this was begun; `time_ms` of the oldest record."""

    lane: str
    log: str
    arrived: float
    opened: float
    time_ms: int
    ranges: list[list[int]] = field(default_factory=list)
    size: int = 0
    records: int = 0

    def add(self, first: int, last: int, size: int, records: int) -> None:
        # Over a small gap, where other lanes' batches lie, too: who reads a range takes its own lane's only.
        if self.ranges and first - self.ranges[-1][1] <= _GAP_MAX:
            self.ranges[-1][1] = last
        else:
            self.ranges.append([first, last])
        self.size += size
        self.records += records


class Buffers:
    """All open buffers of a stream. `hints` maps the kind of a lane to (bytes, seconds)."""

    def __init__(self, hints: dict[str, tuple[int, float]]):
        self._hints = hints
        self.open: dict[str, Buffer] = {}
        self.total = 0

    def set_hints(self, hints: dict[str, tuple[int, float]]) -> None:
        """Other hints from now on. Nothing may be buffered."""
        self._hints = hints

    def add(
        self, lane: str, log: str, first: int, last: int, size: int, records: int, time_ms: int,
        arrived: float, now: float,
    ) -> None:  # fmt: skip
        """Put a batch that arrived at `arrived` into its lane's buffer."""
        buffer = self.open.get(lane)
        if buffer is None:
            buffer = self.open[lane] = Buffer(lane, log, min(arrived, now), now, time_ms)
        buffer.add(first, last, size, records)
        self.total += size

    def take_due(
        self, now: float, everything: bool = False, behind: bool = False, excess: int = 0
    ) -> list[Buffer]:
        """Remove and return the buffers that are full or old enough (or all), oldest first; and more of them,
        the largest first, until `excess` bytes go.

        `behind`: more that was put waits to be read. Then a buffer also stays open for half its time, so
        that catching up makes no small objects.
        """
        due = [b for b in self.open.values() if everything or self._is_due(b, now, behind)]
        for buffer in due:
            self._remove(buffer)
        gone = sum(buffer.size for buffer in due)
        if gone < excess:
            for largest in sorted(self.open.values(), key=lambda buffer: -buffer.size):
                self._remove(largest)
                due.append(largest)
                gone += largest.size
                if gone >= excess:
                    break
        return due

    def next_due(self, behind: bool) -> float | None:
        """When the next buffer is old enough, in monotonic seconds; None when nothing waits."""
        return min((self._due(buffer, behind) for buffer in self.open.values()), default=None)

    def fill(self, buffers: list[Buffer]) -> float:
        """The share of its size that the fullest of `buffers` has reached, at most 1."""
        return max((min(1.0, b.size / max(1, self._hint(b)[0])) for b in buffers), default=0.0)

    def low_water(self, log: str, default: int) -> int:
        """The first sequence of `log` that any buffer still needs."""
        return min((b.ranges[0][0] for b in self.open.values() if b.log == log), default=default)

    def _hint(self, buffer: Buffer) -> tuple[int, float]:
        return self._hints[buffer.lane.partition(":")[0]]

    def _is_due(self, buffer: Buffer, now: float, behind: bool) -> bool:
        return buffer.size >= self._hint(buffer)[0] or now >= self._due(buffer, behind)

    def _due(self, buffer: Buffer, behind: bool) -> float:
        seconds = self._hint(buffer)[1]
        due = buffer.arrived + seconds
        return max(due, buffer.opened + seconds / 2) if behind else due

    def _remove(self, buffer: Buffer) -> None:
        del self.open[buffer.lane]
        self.total -= buffer.size
