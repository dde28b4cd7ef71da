"""One thread for all pools of a process: it sleeps until a deadline comes or a process ends.

Pools give it a tick with the time at which it is due; the tick returns when it wants to be called
next, or None. Descriptors (pidfds, sockets) are watched once: the callback runs at the first event.
Nothing is polled: without deadlines and events the thread never wakes.
"""

from __future__ import annotations

import os
import select
import sys
import threading
import time
from collections.abc import Callable

Tick = Callable[[float], float | None]


class Supervisor:
    """Use `current()`; a forked child gets one of its own."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self._lock = threading.Lock()
        self._epoll = select.epoll()
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._epoll.register(self._wake, select.EPOLLIN)
        self._ticks: dict[object, tuple[float, Tick]] = {}
        self._watched: dict[int, Callable[[], None]] = {}
        self._next = float("inf")
        self.wakeups = 0
        threading.Thread(target=self._run, name="cloudcore-lambda", daemon=True).start()

    def schedule(self, key: object, when: float, tick: Tick) -> None:
        """Call `tick(now)` at `when` (monotonic seconds), or earlier if it was due earlier already."""
        with self._lock:
            known = self._ticks.get(key)
            self._ticks[key] = (min(when, known[0]) if known else when, tick)
            late = when < self._next
        if late:
            os.eventfd_write(self._wake, 1)

    def unschedule(self, key: object) -> None:
        with self._lock:
            self._ticks.pop(key, None)

    def watch(self, descriptor: int, callback: Callable[[], None]) -> None:
        """Run `callback` on the supervisor's thread once `descriptor` is readable; it must not block."""
        with self._lock:
            self._watched[descriptor] = callback
            self._epoll.register(descriptor, select.EPOLLIN | select.EPOLLONESHOT)

    def forget(self, descriptor: int) -> None:
        """Stop watching; call it before the descriptor is closed."""
        with self._lock:
            if self._watched.pop(descriptor, None) is not None:
                self._epoll.unregister(descriptor)

    def _run(self) -> None:
        while True:
            with self._lock:
                self._next = min((when for when, _ in self._ticks.values()), default=float("inf"))
            wait = None if self._next == float("inf") else max(0.0, self._next - time.monotonic())
            for descriptor, _ in self._epoll.poll(wait):
                if descriptor == self._wake:
                    os.eventfd_read(self._wake)
                    continue
                with self._lock:
                    callback = self._watched.pop(descriptor, None)
                    if callback is not None:
                        self._epoll.unregister(descriptor)
                if callback is not None:
                    _guarded(callback)
                callback = None  # it holds an environment, and this thread may sleep for long
            self.wakeups += 1
            self._run_ticks(time.monotonic())

    def _run_ticks(self, now: float) -> None:
        with self._lock:
            due = [(key, tick) for key, (when, tick) in self._ticks.items() if when <= now]
            for key, _ in due:
                del self._ticks[key]
        for key, tick in due:
            again = _guarded(lambda tick=tick: tick(now))
            if again is not None:
                self.schedule(key, again, tick)


def _guarded(call: Callable[[], float | None] | Callable[[], None]) -> float | None:
    # One pool's fault must not end the thread that watches the others.
    try:
        return call()
    except Exception:
        sys.excepthook(*sys.exc_info())
        return None


_lock = threading.Lock()
_current: Supervisor | None = None


def current() -> Supervisor:
    """This process's supervisor, started at first use."""
    global _current
    with _lock:
        if _current is None or _current.pid != os.getpid():
            _current = Supervisor()
        return _current
