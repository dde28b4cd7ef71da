"""Agenda: the open plans that are not on their way: those that wait for a place, those that wait for a time.

    add(plan)            it may begin: by kind of lane, the oldest first
    later(plan, due)     it failed: not before that
    jobs(...)            what begins now, in jobs

What a turn costs is what it moves, however many plans are open. Thread rule: the pipeline's thread.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping

from cloudcore.firehose.journal import Plan

KINDS = ("data", "backup", "error")
_JOB_PLANS, _JOB_BYTES, _JOB_SPAN = 64, 64 << 20, 512


class Agenda:
    """`open`: the journal's open plans by their number."""

    def __init__(self, open: Mapping[int, Plan]):
        self._open = open
        self._ready: dict[str, list[int]] = {kind: [] for kind in KINDS}
        self._waiting: list[tuple[float, int]] = []

    def add(self, plan: int) -> None:
        """It waits for nothing but a place."""
        heapq.heappush(self._ready[kind_of(self._open[plan])], plan)

    def later(self, plan: int, due: float) -> None:
        """It waits until a time, in monotonic seconds."""
        heapq.heappush(self._waiting, (due, plan))

    def sooner(self, due: float, which: Callable[[int], bool]) -> None:
        """Those of the plans that wait longer than that do not."""
        self._waiting = [(min(at, due) if which(plan) else at, plan) for at, plan in self._waiting]
        heapq.heapify(self._waiting)

    @property
    def waiting(self) -> int:
        """How many plans wait for a time."""
        return len(self._waiting)

    def next_due(self) -> float | None:
        return self._waiting[0][0] if self._waiting else None

    def come(self, now: float) -> None:
        """The time of some may have come."""
        while self._waiting and self._waiting[0][0] <= now:
            self.add(heapq.heappop(self._waiting)[1])

    @property
    def held_back(self) -> bool:
        """Whether any plan waits for a place."""
        return any(self._ready.values())

    def jobs(
        self, has_place: Callable[[str], bool], fits: Callable[[str, int], bool]
    ) -> Iterator[list[Plan]]:
        """What may begin now, in jobs; begin each before asking for the next. Whether another one of a kind
        `has_place`, and `fits` with its bytes. A job that does not holds back those of its kind behind it."""
        for kind, ready in self._ready.items():
            while ready and has_place(kind):
                job = self._job(ready)
                if not fits(kind, sum(plan.size for plan in job)):
                    for plan in job:
                        heapq.heappush(ready, plan.id)
                    break
                yield job

    def _job(self, ready: list[int]) -> list[Plan]:
        """The oldest plan, with small ones of partitions that lie near it: one pass over their batches."""
        first = self._open[heapq.heappop(ready)]
        job, passed = [first], []
        size = first.size
        while _small(first) and ready and len(job) < _JOB_PLANS and size < _JOB_BYTES:
            plan = self._open[ready[0]]
            if not _near(first, plan):
                break
            heapq.heappop(ready)
            if not _small(plan):
                passed.append(plan.id)
                continue
            job.append(plan)
            size += plan.size
        for number in passed:
            heapq.heappush(ready, number)
        return job


def kind_of(plan: Plan) -> str:
    """What a plan's lane shares its places with."""
    return plan.lane.partition(":")[0]


def _small(plan: Plan) -> bool:
    return plan.log == "staged" and plan.size < _JOB_BYTES // 4


def _near(first: Plan, other: Plan) -> bool:
    """Whether one pass over both plans' batches reads little that neither wants."""
    low = min(first.ranges[0][0], other.ranges[0][0])
    high = max(first.ranges[-1][1], other.ranges[-1][1])
    own = first.ranges[-1][1] - first.ranges[0][0]
    return high - low <= max(_JOB_SPAN, 2 * own)
