"""Invocations under way: several of a stream at a time, whose results are used in the order of their records.

A call that the function's concurrency refused while others ran beside it is made again on its own, and for a
while no two run at a time. An error that the contract does not know is raised where results are asked for,
and the call made again.

Thread rule: the pipeline's thread; calls run on threads of their own, or inside begin() without `threads`.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from cloudcore.clock import Clock
from cloudcore.firehose.processing.chain import Called
from cloudcore.firehose.processing.work import Work

PLACES = 5
"""Invocations at a time. Source: AWS, Firehose quotas: outstanding invocations of a shard."""
_ALONE_S = 60.0


@dataclass(eq=False)
class _Flight:
    work: Work
    call: Callable[[Work], Called]
    beside: bool  # others ran when it began
    begun: bool = False
    called: Called | None = None
    error: BaseException | None = None

    @property
    def ended(self) -> bool:
        return self.called is not None or self.error is not None


class Invocations:
    """Of one stream. `wake` is called when one ended."""

    def __init__(self, name: str, wake: Callable[[], None], clock: Clock, threads: bool):
        self._name, self._wake, self._clock, self._threaded = name, wake, clock, threads
        self._flights: deque[_Flight] = deque()
        self._ended = threading.Condition()
        self._alone_until = 0.0

    def __len__(self) -> int:
        return len(self._flights)

    def has_place(self) -> bool:
        """Whether another one may begin."""
        alone = self._clock.monotonic() < self._alone_until
        return len(self._flights) < (1 if alone or not self._threaded else PLACES)

    def oldest_ms(self) -> int | None:
        """When the first record arrived of those that are under way."""
        flights = list(self._flights)
        return flights[0].work.arrivals[0] if flights else None

    def begin(self, work: Work, call: Callable[[Work], Called]) -> None:
        """Call the function with the records that follow those of the last call."""
        flight = _Flight(work, call, bool(self._flights))
        if not self._threaded:
            flight.called = call(work)
        self._flights.append(flight)
        self._start(flight)

    def _start(self, flight: _Flight) -> None:
        flight.begun = True
        if self._threaded:
            run = threading.Thread(target=self._run, args=(flight,), name=f"invoke-{self._name}", daemon=True)
            run.start()

    def _run(self, flight: _Flight) -> None:
        called: Called | None = None
        error: BaseException | None = None
        try:
            called = flight.call(flight.work)
        except BaseException as raised:
            error = raised
        with self._ended:
            flight.called, flight.error = called, error
            self._ended.notify_all()
        self._wake()

    @property
    def ended(self) -> bool:
        """Whether result() has something to do."""
        flights = list(self._flights)
        if not flights:
            return False
        return flights[0].ended or (not flights[0].begun and all(other.ended for other in flights[1:]))

    def result(self) -> tuple[Work, Called] | None:
        """The oldest, once it has ended, until used(). Raises what it raised; the next one makes it again."""
        if not self.ended:
            return None
        flight = self._flights[0]
        if not flight.begun:
            self._start(flight)
            return None
        if flight.error is not None:
            error, flight.error, flight.begun = flight.error, None, False
            raise error
        assert flight.called is not None
        if flight.called.limited and flight.beside:
            self._alone_until = self._clock.monotonic() + _ALONE_S
            flight.called, flight.begun, flight.beside = None, False, False
            return self.result()
        return flight.work, flight.called

    def used(self) -> None:
        """The oldest is over."""
        self._flights.popleft()

    def wait(self, grace_seconds: float) -> bool:
        """Wait until all have ended that began; False when that took longer."""
        flights = list(self._flights)
        with self._ended:
            return self._ended.wait_for(
                lambda: all(flight.ended or not flight.begun for flight in flights), grace_seconds
            )

    def forget(self) -> None:
        """Give up what is under way: its records are to be taken from the source again."""
        self._flights.clear()
