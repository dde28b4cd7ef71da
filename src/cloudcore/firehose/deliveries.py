"""Deliveries: the threads that write a stream's objects, so that one that hangs holds up no other.

A plan goes in, its outcome comes out; the pipeline's thread alone touches the journal. Each kind of
lane has its own places: a backup that hangs takes no place from the data. Threads come with the
backlog and end when they had nothing to do for a while.

Thread rule: submit(), outcomes() and busy() from the pipeline's thread; close() from anywhere.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cloudcore.firehose.journal import Plan

_PLACES = {"data": 8, "backup": 2, "error": 1}
_BYTES_MAX = 256 << 20  # of one kind in flight: what is being encoded and sent is in memory
_IDLE_S = 10.0


@dataclass(frozen=True)
class Outcome:
    """What became of a plan: `moved` counts, or the error."""

    plan: Plan
    moved: dict[str, int] | None = None
    error: BaseException | None = None


class Deliveries:
    """Runs `deliver(plan, schema)`, and `wake` after each outcome; without `threads` inside submit()."""

    def __init__(
        self, name: str, deliver: Callable[[Plan, Any], dict[str, int]], wake: Callable[[], None],
        threads: bool,
    ):  # fmt: skip
        self._name, self._deliver, self._wake, self._threaded = name, deliver, wake, threads
        self._changed = threading.Condition()
        self._waiting: deque[tuple[Plan, Any]] = deque()
        self._outcomes: deque[Outcome] = deque()
        self._flying: dict[int, Plan] = {}
        self._idle = self._threads = 0
        self._closed = False

    def busy(self, plan: Plan) -> bool:
        """Whether the plan is being delivered already, or its kind has no place for it now."""
        if plan.id in self._flying:
            return True
        kind = plan.lane.partition(":")[0]
        same = [other.size for other in self._flying.values() if other.lane.partition(":")[0] == kind]
        return len(same) >= _PLACES[kind] or (bool(same) and sum(same) + plan.size > _BYTES_MAX)

    def submit(self, plan: Plan, schema: Any) -> None:
        """Begin a plan that is not busy()."""
        self._flying[plan.id] = plan
        if not self._threaded:
            self._outcomes.append(self._run(plan, schema))
            return
        with self._changed:
            self._waiting.append((plan, schema))
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
            self._flying.pop(outcome.plan.id, None)
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

    def _run(self, plan: Plan, schema: Any) -> Outcome:
        try:
            return Outcome(plan, self._deliver(plan, schema))
        except Exception as error:
            return Outcome(plan, error=error)

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
                plan, schema = self._waiting.popleft()
            self._outcomes.append(self._run(plan, schema))
            self._wake()
