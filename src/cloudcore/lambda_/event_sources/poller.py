"""Poller: the thread of one mapping that reads a stream: its shards in turn, what their lanes have room for.

    source -> filter -> lanes by key -> batches -> the function

At least once: a place moves when what is in front of it is done. Source: AWS, "How Lambda processes records
from stream and queue-based event sources".
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

from cloudcore.errors import ClosedError
from cloudcore.lambda_.event_sources.delivery import RETRY_SECONDS
from cloudcore.lambda_.event_sources.filters import Filters
from cloudcore.lambda_.event_sources.record import Place, Source
from cloudcore.lambda_.event_sources.shard import Shard

_log = logging.getLogger("cloudcore.lambda")
WAIT_SECONDS = 1.0
PAGE = 10_000


class Poller(threading.Thread):
    """`open_source()` opens the stream; `kept` is what `keep` was given last: {"shards": {name: place},
    "windows": {name: {lane: window}}}."""

    def __init__(
        self, service: Any, held: dict[str, Any], open_source: Callable[[], Source], member: str,
        kept: dict[str, Any], keep: Callable[[dict[str, Any]], None],
    ):  # fmt: skip
        super().__init__(name=f"cloudcore-lambda-source-{held['UUID'][:8]}", daemon=True)
        self.service, self.held, self._open, self._keep = service, held, open_source, keep
        self._places: dict[str, Place] = dict(kept["shards"])
        self._windows: dict[str, dict[str, Any]] = dict(kept.get("windows", {}))
        self.filters = Filters(held, member)
        self.stopping = threading.Event()
        self.turn = threading.Condition()
        self.source: Any = None
        self.result = "No records processed"
        self._shards: dict[str, Shard] = {}
        self._over: set[str] = set()

    def stop(self) -> None:
        """End soon: behind the calls that are under way."""
        self.stopping.set()
        with self.turn:
            self.turn.notify_all()
        self.look()

    def tell(self, text: str) -> None:
        """LastProcessingResult."""
        self.result = text

    def look(self) -> None:
        """Have the reader read again now."""
        source = self.source
        if source is not None:
            source.wake()

    def run(self) -> None:
        pause = RETRY_SECONDS[0]
        try:
            while not self.stopping.is_set():
                try:
                    if self.source is None:
                        self.source = self._open()
                    self._read()
                    pause = RETRY_SECONDS[0]
                except ClosedError:
                    return
                except Exception as error:
                    self._failed(error)
                    self.stopping.wait(pause)
                    pause = min(2 * pause, RETRY_SECONDS[1])
        finally:
            self.stop()
            for shard in self._shards.values():
                shard.join()
            if self.source is not None:
                self.source.close()

    def _failed(self, error: Exception) -> None:
        self.result = f"PROBLEM: {error}"
        _log.warning("event source %s: %s; it is tried again", self.held["EventSourceArn"], error)
        if self.source is not None:
            self.source.close()
            self.source = None

    def _read(self) -> None:
        """Read each shard once, then wait if there was nothing."""
        with self.turn:
            places = dict(self._places)
        moved, without_room = False, []
        names = [name for name in self.source.shards(places) if name not in self._over]
        self._forget(self.source.gone(places))
        for name in names:
            if self.stopping.is_set():
                return
            with self.turn:
                shard = self._shards.get(name) or self._begin(name)
                room = min(shard.room(), PAGE)
                if shard.over:
                    self._over.add(name)
                    del self._shards[name]
            if shard.ended:
                continue
            if not room:
                without_room.append(shard)
                continue
            began = self.service.clock.now()
            records, after, ends = self.source.read(name, shard.reading, room)
            moved = moved or bool(records) or ends or after != shard.reading
            with self.turn:
                shard.add(records, after, ends, began - self.source.behind(name))
        if moved or self.stopping.is_set():
            return
        if names and not without_room:
            self.source.wait(WAIT_SECONDS)
            return
        with self.turn:
            if not any(shard.room() for shard in without_room):
                self.turn.wait(WAIT_SECONDS)

    def _forget(self, gone: list[str]) -> None:
        """Shards whose records have expired; their children are past their beginning by now."""
        with self.turn:
            for name in gone:
                self._over.discard(name)
                self._windows.pop(name, None)
                del self._places[name]
            if gone:
                self._keep_places()

    def _keep_places(self) -> None:
        windows = {shard: one for shard, one in self._windows.items() if one}
        self._keep({"shards": self._places, "windows": windows})

    def _begin(self, name: str) -> Shard:
        """Hold the condition."""

        def keep(place: Place, windows: dict[str, Any]) -> None:
            self._places[name], self._windows[name] = place, windows
            self._keep_places()

        self._shards[name] = Shard(self, name, self._places.get(name), self._windows.get(name, {}), keep)
        return self._shards[name]
