"""Retrying: how long a plan that failed waits, and when it is given up. The agenda knows who waits.

Pauses are 1 s and then twice as long each time, up to 2 minutes. Thread rule: the pipeline's thread.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from cloudcore.firehose.destinations.config import Retry
from cloudcore.firehose.destinations.sending import Progress

FIRST_S, MAX_S = 1.0, 120.0


@dataclass
class Tried:
    """For how long one plan was tried. Times in seconds, by whatever clock they are given in."""

    began: float
    failed_since: float | None = None
    paused: float = 0.0
    pause: float = FIRST_S

    def failed(self, retry: Retry | None, now: float) -> float | None:
        """How long to wait before the next attempt; None when the plan's time is over."""
        if self.failed_since is None:
            self.failed_since = now
        pause = self.pause
        if retry is not None:
            pause *= 1 + random.uniform(-retry.jitter, retry.jitter)
            spent = {"pauses": self.paused, "attempts": now - self.began,
                     "failures": now - self.failed_since}[retry.counts]  # fmt: skip
            if spent >= retry.seconds:
                return None
            pause = min(pause, retry.seconds - spent)
        self.paused += pause
        self.pause = min(self.pause * 2, MAX_S)
        return pause


class Retrying:
    """The attempts of a stream's open plans, by plan id. Times in monotonic seconds."""

    def __init__(self) -> None:
        self._tried: dict[int, tuple[Tried, Progress]] = {}

    def begin(self, plan: int, now: float) -> Progress:
        """An attempt begins; what earlier ones left."""
        return self._of(plan, now)[1]

    def progress(self, plan: int) -> Progress:
        found = self._tried.get(plan)
        return found[1] if found else Progress()

    def ended(self, plan: int) -> None:
        """Nothing more will be tried: it is delivered, or given up."""
        self._tried.pop(plan, None)

    def start_over(self, plan: int) -> None:
        """It goes somewhere else from now on, at once; what it got done stays known."""
        found = self._tried.get(plan)
        if found is not None:
            found[0].pause = FIRST_S

    def failed(self, plan: int, retry: Retry | None, now: float) -> float | None:
        """How long to wait before the next attempt; None when the plan's time is over."""
        return self._of(plan, now)[0].failed(retry, now)

    def _of(self, plan: int, now: float) -> tuple[Tried, Progress]:
        return self._tried.setdefault(plan, (Tried(now), Progress()))
