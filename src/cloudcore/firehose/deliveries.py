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
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from cloudcore.firehose.agenda import KINDS, Agenda, kind_of
from cloudcore.firehose.budget import Share
from cloudcore.firehose.journal import Plan

PLACES = 8  # of data
_OTHER_PLACES = {"backup": 2, "error": 1}
_BYTES_MAX = 256 << 20  # of one kind in flight; all streams together: budget.py
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
        share: Share,
        places: int = PLACES,
    ):
        self.places = places  # how many jobs of data run at a time
        self._name, self._deliver, self._wake, self._threaded = name, deliver, wake, threads
        self._share = share
        self._changed = threading.Condition()
        self._waiting: deque[Job] = deque()
        self._outcomes: deque[Outcome] = deque()
        self._flying: dict[int, Job] = {}  # by plan
        self._jobs: dict[str, list[Job]] = {kind: [] for kind in KINDS}
        self._idle = self._threads = 0
        self._closed = False

    def flies(self, plan: Plan) -> bool:
        """Whether the plan is being delivered."""
        return plan.id in self._flying

    def jobs_of(self, agenda: Agenda) -> Iterator[list[Plan]]:
        """What of the agenda can begin now, in jobs; submit each before asking for the next."""
        return agenda.jobs(self._has_place, self._fits)

    def _places(self, kind: str) -> int:
        return self.places if kind == "data" else _OTHER_PLACES[kind]

    def _has_place(self, kind: str) -> bool:
        return len(self._jobs[kind]) < max(1, self._places(kind))

    def _fits(self, kind: str, size: int) -> bool:
        same = self._jobs[kind]
        if same and sum(job.size for job in same) + size > _BYTES_MAX:
            return False
        return self._share.may_fly(size)

    def submit(self, plans: list[Plan], schemas: list[Any], progress: list[Any]) -> None:
        """Begin a job of jobs_of()."""
        size = sum(plan.size for plan in plans)
        job = Job(kind_of(plans[0]), plans, schemas, progress, size, len(plans))
        self._flying.update((plan.id, job) for plan in plans)
        self._jobs[job.kind].append(job)
        self._share.fly(size)
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
                self._share.land(job.size)
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
