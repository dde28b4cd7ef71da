"""Time as a value: services take a clock, so that tests can freeze and move it."""

from __future__ import annotations

import threading
import time


class Clock:
    """The machine's clocks. Subclass (see ManualClock) to move time in tests."""

    def now(self) -> float:
        """Seconds since 1970-01-01 UTC."""
        return time.time()

    def now_ms(self) -> int:
        """Milliseconds since 1970-01-01 UTC."""
        return int(self.now() * 1000)

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()

    def wait(self, condition: threading.Condition, timeout: float | None) -> bool:
        """Wait on a held threading.Condition for at most `timeout` seconds of this clock."""
        return condition.wait(timeout)


class ManualClock(Clock):
    """A clock that stands still until `advance` moves it."""

    def __init__(self, start: float = 1_700_000_000.0):
        self._now = start

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        """Move both clocks forward by `seconds` >= 0."""
        if seconds < 0:
            raise ValueError("a clock does not go back")
        self._now += seconds
