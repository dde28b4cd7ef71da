"""Time as a value: services take a clock, so that tests can freeze and move it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

_SETTLE_SECONDS = 5.0


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

    def monotonic_at(self, wall: float) -> float:
        """What `monotonic` will say when `now` says `wall`."""
        return self.monotonic() + (wall - self.now())

    def wait_until(self, condition: threading.Condition, end: float | None) -> bool:
        """Wait on a held condition until it is notified, or `monotonic` says `end`: then False.

        A time, not a duration: a clock that is moved between reading it and waiting does not move the end.
        """
        return condition.wait(None if end is None else max(0.0, end - self.monotonic()))

    def follow(self, told: Callable[[int], None], owner: object) -> None:
        """Call `told(now in ms)` now and whenever somebody moves this clock: nobody moves the machine's."""

    def unfollow(self, owner: object) -> None:
        """No more calls for `owner`."""

    def wait_for(
        self, condition: threading.Condition, predicate: Callable[[], bool], timeout: float | None
    ) -> bool:
        """Wait on a held condition until `predicate()`, at most `timeout` seconds; what it says then."""
        end = None if timeout is None else self.monotonic() + timeout
        while not predicate():
            if end is not None and self.monotonic() >= end:
                return False
            self.wait_until(condition, end)
        return True


class ManualClock(Clock):
    """A clock that stands still until `advance` moves it; who waits by it, waits as long.

    Any thread may call. `start`: seconds since 1970.
    """

    def __init__(self, start: float = 1_700_000_000.0):
        self._now = start
        self._lock = threading.Lock()
        self._waiters: dict[threading.Thread, tuple[float, threading.Condition]] = {}
        self._waits: dict[threading.Thread, int] = {}
        self._followers: dict[int, Callable[[int], None]] = {}

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._now

    def monotonic_at(self, wall: float) -> float:
        return wall

    def follow(self, told: Callable[[int], None], owner: object) -> None:
        with self._lock:
            self._followers[id(owner)] = told
            told(int(self._now * 1000))

    def unfollow(self, owner: object) -> None:
        with self._lock:
            self._followers.pop(id(owner), None)

    def wait_until(self, condition: threading.Condition, end: float | None) -> bool:
        thread = threading.current_thread()
        end = float("inf") if end is None else end
        with self._lock:
            self._waits[thread] = self._waits.get(thread, 0) + 1
            if self._now >= end:
                return False
            # Whoever moves the clock takes the condition to notify it, so not before this thread waits.
            self._waiters[thread] = end, condition
        try:
            condition.wait()
        finally:
            with self._lock:
                del self._waiters[thread]
        return self._now < end

    def advance(self, seconds: float) -> None:
        """Move both clocks forward by `seconds` >= 0.

        Returns when everybody whose time came has done what was due and waits again (or 5 real seconds
        later), so what a sweep or a retry does by then is there.
        """
        if seconds < 0:
            raise ValueError("a clock does not go back")
        with self._lock:
            self._now += seconds
            for told in self._followers.values():
                told(int(self._now * 1000))
            due = {thread: found[1] for thread, found in self._waiters.items() if found[0] <= self._now}
            seen = {thread: self._waits[thread] for thread in due}
        for condition in due.values():
            with condition:
                condition.notify_all()
        end = time.monotonic() + _SETTLE_SECONDS
        while time.monotonic() < end and any(
            thread.is_alive() and self._waits[thread] == count for thread, count in seen.items()
        ):
            time.sleep(0.0005)
