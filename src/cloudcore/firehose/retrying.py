"""Retrying: how long a plan that failed waits, and when it is given up. The agenda knows who waits.

Pauses are 1 s and then twice as long each time, up to 2 minutes. Thread rule: the pipeline's thread.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from cloudcore.firehose.destinations.config import Retry
from cloudcore.firehose.destinations.sending import Progress

FIRST_S, MAX_S = 1.0, 120.0


@dataclass
class _Tried:
    began: float
    progress: Progress = field(default_factory=Progress)
    failed_since: float | None = None
    paused: float = 0.0
    pause: float = FIRST_S


class Retrying:
    """The attempts of a stream's open plans, by plan id. Times in monotonic seconds."""

    def __init__(self) -> None:
        self._tried: dict[int, _Tried] = {}

    def begin(self, plan: int, now: float) -> Progress:
        """An attempt begins; what earlier ones left."""
        return self._tried.setdefault(plan, _Tried(now)).progress

    def progress(self, plan: int) -> Progress:
        tried = self._tried.get(plan)
        return tried.progress if tried else Progress()

    def ended(self, plan: int) -> None:
        """Nothing more will be tried: it is delivered, or given up."""
        self._tried.pop(plan, None)

    def start_over(self, plan: int) -> None:
        """It goes somewhere else from now on, at once; what it got done stays known."""
        tried = self._tried.get(plan)
        if tried is not None:
            tried.pause = FIRST_S

    def failed(self, plan: int, retry: Retry | None, now: float) -> float | None:
        """How long to wait before the next attempt; None when the plan's time is over."""
        tried = self._tried.setdefault(plan, _Tried(now))
        if tried.failed_since is None:
            tried.failed_since = now
        pause = tried.pause
        if retry is not None:
            pause *= 1 + random.uniform(-retry.jitter, retry.jitter)
            spent = {"pauses": tried.paused, "attempts": now - tried.began,
                     "failures": now - tried.failed_since}[retry.counts]  # fmt: skip
            if spent >= retry.seconds:
                return None
            pause = min(pause, retry.seconds - spent)
        tried.paused += pause
        tried.pause = min(tried.pause * 2, MAX_S)
        return pause
