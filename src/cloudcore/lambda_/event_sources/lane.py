"""Lane: the thread that calls a function with some of a shard's records, in order; a shard has
ParallelizationFactor of them, and all records of one key are in the same.

    queue -> batch (size, batching window, 6 MB, one tumbling window) -> delivery.py -> done

Time is the service's clock, so that a clock that stands still holds windows open.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Any

from cloudcore.errors import ClosedError
from cloudcore.lambda_.event_sources.delivery import PAYLOAD_MAX, Delivery
from cloudcore.lambda_.event_sources.record import Record
from cloudcore.lambda_.event_sources.tumbling import Window

if TYPE_CHECKING:
    from cloudcore.lambda_.event_sources.shard import Shard

_EVENT_MAX = PAYLOAD_MAX - (64 << 10)


class Lane(threading.Thread):
    """The shard's condition guards the queue; `window` is this thread's, changed under it."""

    def __init__(self, shard: Shard, number: int, delivery: Delivery, window: Window):
        super().__init__(name=f"{shard.title}-{number}", daemon=True)
        self._shard, self._delivery, self.window = shard, delivery, window
        self._queue: deque[tuple[Record, float]] = deque()
        self._held, self._clock = shard.held, shard.clock

    def add(self, record: Record) -> None:
        """Hold the condition."""
        self._queue.append((record, self._clock.now()))

    def run(self) -> None:
        turn = self._shard.turn
        try:
            while True:
                with turn:
                    batch = self._next()
                if batch is None:
                    return
                if not (self._delivery.deliver(batch) if batch else self._delivery.finish()):
                    return
                self._shard.done(batch)
        except ClosedError:
            return
        finally:
            self._shard.left(self)

    def _next(self) -> list[Record] | None:
        """The next batch; [] when the window is to be closed; None at the end. Waits for it."""
        while not self._shard.stopping.is_set():
            now = self._clock.now()
            end: float | None = None
            if self._queue:
                first, since = self._queue[0]
                if self.window.over(first.at):
                    return []
                self.window.begin(first.at)
                batch, full = self._batch()
                end = since + self._held["MaximumBatchingWindowInSeconds"]
                if self.window.open:
                    end = min(end, self.window.end)
                if full or now >= end or self._shard.ended:
                    for _ in batch:
                        self._queue.popleft()
                    return batch
            elif self.window.open:
                if self._shard.ended or self._shard.read_until(self.window.end):
                    return []
                end = self.window.end if now < self.window.end else None  # else the reader tells
            elif self._shard.ended:
                return None
            at = None if end is None else self._clock.monotonic_at(end)
            self._clock.wait_until(self._shard.turn, at)
        return None

    def _batch(self) -> tuple[list[Record], bool]:
        """(what a batch would be of, whether no more would come to it)."""
        batch: list[Record] = []
        size, limit = 0, self._held["BatchSize"]
        for record, _ in self._queue:
            size += record.size
            if batch and (size > _EVENT_MAX or self.window.over(record.at)):
                return batch, True
            batch.append(record)
            if len(batch) == limit:
                return batch, True
        return batch, False

    def kept(self) -> dict[str, Any] | None:
        """The window as it is to be found again."""
        return self.window.keep()
