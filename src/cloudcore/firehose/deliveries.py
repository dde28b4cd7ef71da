"""Deliveries: the threads that write a stream's objects, so that one that hangs holds up no other.

Plans go in as jobs, their outcomes come out; the pipeline's thread alone touches the journal. A job is one
plan, or many small ones of partitions, whose records are read in one pass over the staged log. Each
kind of lane has its own places: a backup that hangs takes no place from the data. Threads come with the
backlog and end when they had nothing to do for a while.

Thread rule: jobs_of(), submit() and outcomes() from the pipeline's thread; close() from anywhere.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from cloudcore.firehose.journal import Plan

PLACES = 8  # of data
_OTHER_PLACES = {"backup": 2, "error": 1}
_BYTES_MAX = 256 << 20  # of one kind in flight: what is being encoded and sent is in memory
_JOB_PLANS, _JOB_BYTES, _JOB_SPAN = 64, 64 << 20, 512
_IDLE_S = 10.0


@dataclass(frozen=True)
class Outcome:
    """What became of a plan: `moved` counts, or the error."""

    plan: Plan
    moved: dict[str, int] | None = None
    error: BaseException | None = None


@dataclass
class Job:
    """Plans of one kind that are delivered one after the other, by the schema each of them has."""

    kind: str
    plans: list[Plan]
    schemas: list[Any]
    progress: list[Any]
    size: int
    left: int = 0


class Deliveries:
    """Runs `deliver(job)`, which yields an Outcome for each plan, and `wake` after each outcome; without
    `threads` inside submit()."""

    def __init__(
        self,
        name: str,
        deliver: Callable[[Job], Iterator[Outcome]],
        wake: Callable[[], None],
        threads: bool,
        places: int = PLACES,
    ):
        self.places = places  # how many jobs of data run at a time
        self._name, self._deliver, self._wake, self._threaded = name, deliver, wake, threads
        self._changed = threading.Condition()
        self._waiting: deque[Job] = deque()
        self._outcomes: deque[Outcome] = deque()
        self._flying: dict[int, Job] = {}  # by plan
        self._jobs: dict[str, list[Job]] = {kind: [] for kind in ("data", *_OTHER_PLACES)}
        self._idle = self._threads = 0
        self._closed = False

    def flies(self, plan: Plan) -> bool:
        """Whether the plan is being delivered."""
        return plan.id in self._flying

    def room(self, kind: str) -> bool:
        """Whether a job of this kind can begin, if it is small."""
        same = self._jobs[kind]
        return not same or (len(same) < self._places(kind) and sum(job.size for job in same) < _BYTES_MAX)

    def jobs_of(self, plans: Iterable[Plan]) -> Iterator[list[Plan]]:
        """What of these plans can begin now, in jobs; submit each before asking for the next."""
        groups: dict[str, list[Plan]] = {}
        for plan in plans:
            kind = plan.lane.partition(":")[0]
            if not self.room(kind):
                continue
            if plan.log != "staged" or plan.size >= _JOB_BYTES // 4:
                if self._fits(kind, plan.size):
                    yield [plan]
                continue
            group = groups.setdefault(kind, [])
            if group and not _near(group[0], plan):
                yield group  # what lies between them would be read for nothing
                group = groups[kind] = []
                if not self.room(kind):
                    continue
            group.append(plan)
            if len(group) >= _JOB_PLANS or sum(each.size for each in group) >= _JOB_BYTES:
                yield groups.pop(kind)
        for kind, group in groups.items():
            if group and self._fits(kind, sum(plan.size for plan in group)):
                yield group

    def _places(self, kind: str) -> int:
        return self.places if kind == "data" else _OTHER_PLACES[kind]

    def _fits(self, kind: str, size: int) -> bool:
        same = self._jobs[kind]
        flying = sum(job.size for job in same)
        return not same or (len(same) < self._places(kind) and flying + size <= _BYTES_MAX)

    def submit(self, plans: list[Plan], schemas: list[Any], progress: list[Any]) -> None:
        """Begin a job of jobs_of()."""
        size = sum(plan.size for plan in plans)
        job = Job(plans[0].lane.partition(":")[0], plans, schemas, progress, size, len(plans))
        self._flying.update((plan.id, job) for plan in plans)
        self._jobs[job.kind].append(job)
        if not self._threaded:
            self._outcomes.extend(self._deliver(job))
            return
        with self._changed:
            self._waiting.append(job)
            if self._idle >= len(self._waiting):
                self._changed.notify()
                return
            self._threads += 1
        threading.Thread(target=self._work, name=f"deliver-{self._name}", daemon=True).start()

    def outcomes(self) -> list[Outcome]:
        """What ended since the last call."""
        out = []
        while self._outcomes:
            outcome = self._outcomes.popleft()
            job = self._flying.pop(outcome.plan.id)
            job.left -= 1
            if not job.left:
                self._jobs[job.kind].remove(job)
            out.append(outcome)
        return out

    @property
    def ended(self) -> bool:
        """Whether outcomes() has something to give."""
        return bool(self._outcomes)

    def close(self, grace_seconds: float) -> bool:
        """Begin nothing more and wait for what is in flight; False when that took longer than the grace.

        What is left then ends by itself: its plan stays open and is delivered again after the next open.
        """
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify_all()
            return self._changed.wait_for(lambda: self._threads == 0, grace_seconds)

    def _work(self) -> None:
        while True:
            with self._changed:
                if not self._waiting:
                    self._idle += 1
                    self._changed.wait_for(lambda: self._waiting or self._closed, _IDLE_S)
                    self._idle -= 1
                if not self._waiting:
                    self._threads -= 1
                    self._changed.notify_all()
                    return
                job = self._waiting.popleft()
            for outcome in self._deliver(job):
                self._outcomes.append(outcome)
                self._wake()
                if self._closed:  # its other plans are delivered after the next open
                    break


def _near(first: Plan, other: Plan) -> bool:
    """Whether one pass over both plans' batches reads little that neither wants."""
    low = min(first.ranges[0][0], other.ranges[0][0])
    high = max(first.ranges[-1][1], other.ranges[-1][1])
    own = first.ranges[-1][1] - first.ranges[0][0]
    return high - low <= max(_JOB_SPAN, 2 * own)
