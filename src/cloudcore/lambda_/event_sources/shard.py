"""Shard: the records of one shard that are on their way, and how far everything in front is done.

The place that is kept is in front of the first record that is not done, whatever other lanes did behind it.
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from cloudcore.lambda_.event_sources.delivery import PAYLOAD_MAX, Delivery
from cloudcore.lambda_.event_sources.lane import Lane
from cloudcore.lambda_.event_sources.record import Place, Record
from cloudcore.lambda_.event_sources.tumbling import Window

if TYPE_CHECKING:
    from cloudcore.lambda_.event_sources.poller import Poller

_SPAN = 20_000
"""How far lanes may be ahead of the one that is behind, in records."""


class Shard:
    """`keep(place, windows)` makes durable how far it came. The poller's condition guards everything."""

    def __init__(
        self, poller: Poller, name: str, place: Place, windows: dict[str, Any],
        keep: Callable[[Place, dict[str, Any]], None],
    ):  # fmt: skip
        self._poller, self.name, self._place, self._keep = poller, name, place, keep
        self.held, self.clock = poller.held, poller.service.clock
        self.turn, self.stopping = poller.turn, poller.stopping
        self.title = f"{poller.name}-{name[-6:]}"
        self.reading = place
        """Where reading goes on."""
        self.ended = False
        """Nothing more will be read."""
        self._caught_up = 0.0
        self._waiting: deque[Record] = deque()  # read, from the first that is not done on
        self._undone, self._bytes = 0, 0
        self._lanes: dict[int, Lane] = {}
        for number, kept in windows.items():
            self._lane(int(number), kept)

    def room(self) -> int:
        """How many records may be read now."""
        factor = self.held["ParallelizationFactor"]
        if self._bytes >= 2 * PAYLOAD_MAX * factor:
            return 0
        return max(0, min(2 * self.held["BatchSize"] * factor - self._undone, _SPAN - len(self._waiting)))

    def add(self, records: list[Record], after: Place, ended: bool, upto: float) -> None:
        """What was read; nothing that came before `upto` is left. Hold the condition."""
        factor = self.held["ParallelizationFactor"]
        self.reading, self.ended = after, ended
        self._caught_up = max(self._caught_up, upto)
        for record in records:
            self._waiting.append(record)
            if not self._poller.filters.choose(record):
                record.done = True
                continue
            self._undone += 1
            self._bytes += record.size
            self._lane(zlib.crc32(record.key.encode()) % factor if factor > 1 else 0).add(record)
        self._move()
        if records or ended or self.held["TumblingWindowInSeconds"]:
            self.turn.notify_all()

    def done(self, batch: list[Record]) -> None:
        """A batch is done, or a window was closed."""
        with self.turn:
            for record in batch:
                record.done, record.event, record.data = True, {}, None
                self._undone -= 1
                self._bytes -= record.size
            self._move(changed=bool(self.held["TumblingWindowInSeconds"]) or not batch)
            self.turn.notify_all()

    def left(self, lane: Lane) -> None:
        """A lane's thread ends."""
        with self.turn:
            self._lanes = {number: one for number, one in self._lanes.items() if one is not lane}
            if not self.stopping.is_set():
                self._move()
            self.turn.notify_all()

    def read_until(self, at: float) -> bool:
        """Whether all that came before a time was read; hold the condition."""
        if self._caught_up < at <= self.clock.now():
            self._poller.look()
        return self._caught_up >= at

    @property
    def over(self) -> bool:
        """Whether it was read to its end and everything of it is done."""
        return self.ended and not self._lanes and not self._undone

    def join(self) -> None:
        for lane in list(self._lanes.values()):
            lane.join()

    def _move(self, changed: bool = False) -> None:
        place = self._place
        while self._waiting and self._waiting[0].done:
            place = self._waiting.popleft().place
        if not self._waiting and (self.over or not self.ended):
            place = self.reading
        if place != self._place or changed:
            self._place = place
            kept = {str(number): lane.kept() for number, lane in self._lanes.items()}
            self._keep(place, {number: one for number, one in kept.items() if one is not None})

    def _lane(self, number: int, kept: dict[str, Any] | None = None) -> Lane:
        if number not in self._lanes:
            window = Window(self.held["TumblingWindowInSeconds"], kept)
            delivery = Delivery(
                self._poller.service, self.held, self._poller.source, self.name, window, self.stopping,
                self._poller.tell,
            )  # fmt: skip
            self._lanes[number] = Lane(self, number, delivery, window)
            self._lanes[number].start()
        return self._lanes[number]
