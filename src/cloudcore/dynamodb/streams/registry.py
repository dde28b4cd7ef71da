"""Registry: all streams of a service, those of dropped tables too, for as long as their records can be read.

Kept as "Streams" in the description of their table; of a dropped table in the service's catalogue, as kind
"stream". Both are records of the store's log, like the changes themselves.
"""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

from cloudcore._table import feed_state, space_id
from cloudcore.dynamodb.streams.stream import VIEWS, Stream, label_of

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB

KIND = "stream"
"""Kind of the records of dropped tables' streams; their ids are TABLE/LABEL."""


def feed_of(stored: dict[str, Any]) -> dict[str, Any]:
    """The description with its Feed: what the store marks for those who follow the table."""
    stored = {name: value for name, value in stored.items() if name != "Feed"}
    views = [kept["View"] for kept in stored.get("Streams", ()) if "Ended" not in kept]
    wants_old = any(VIEWS[view][1] for view in views)
    wants_old = wants_old or "Kinesis" in stored
    if views or "Kinesis" in stored or "Recovery" in stored:
        stored["Feed"] = "IMAGES" if wants_old else "KEYS"
    return stored


class Registry:
    """Thread rule: any call from any thread; those that change a description under service.updating."""

    def __init__(self, service: DynamoDB, shard_seconds: float):
        self._service = service
        self._shard_seconds = shard_seconds
        self._lock = threading.Lock()
        self._streams: dict[tuple[str, str], Stream] = {}
        self._due = 0.0
        """When time has something to do again."""
        self._load()

    def _load(self) -> None:
        tables = self._service.tables
        for _, one in self._service.catalogue.all(KIND):
            self._streams[one["Table"], one["Label"]] = Stream.load(one, one["Space"])
        for name in tables.names():
            found = tables.describe(name)
            if found is None or b'"Streams"' not in found[0]:
                continue
            space = space_id(tables, name)
            for one in json.loads(found[0]).get("Streams", ()):
                if space is not None:
                    self._streams[name, one["Label"]] = Stream.load(one, space)
        following: tuple[int, int] | None = None  # (table, start) of the next newer stream
        for stream in reversed(self.all()):
            if stream.ended is not None and stream.end is None:  # the process ended in between
                same = following is not None and following[0] == stream.space
                stream.end = following[1] - 1 if following and same else feed_state(tables)[0]
            following = stream.space, stream.shards[0].start

    # ---- reading ----

    def find(self, table: str, label: str) -> Stream | None:
        """One stream."""
        with self._lock:
            return self._streams.get((table, label))

    def all(self, table: str | None = None) -> list[Stream]:
        """Streams, of one table or of all, by table and age."""
        with self._lock:
            found = [s for s in self._streams.values() if table in (None, s.table)]
        return sorted(found, key=lambda stream: (stream.table, stream.label))

    def live(self, table: str) -> Stream | None:
        """The stream of a table that takes changes."""
        return next((stream for stream in self.all(table) if stream.live), None)

    # ---- changing; under service.updating ----

    def enable(self, stored: dict[str, Any], view: str, now: float) -> dict[str, Any]:
        """The description with a stream that begins now; `enabled` when it is stored."""
        while self.find(stored["TableName"], label_of(now)) is not None:
            now = round(now + 0.001, 3)
        last = feed_state(self._service.tables)[0]
        stream = Stream.begin(stored, 0, view, now, last)
        kept = [*stored.get("Streams", ()), stream.keep()]
        return feed_of(stored | {"Streams": kept, "LatestStreamLabel": stream.label})

    def enabled(self, stored: dict[str, Any]) -> None:
        """The description that `enable` gave is stored."""
        space = space_id(self._service.tables, stored["TableName"])
        if space is None:
            return  # dropped again already
        stream = Stream.load(stored["Streams"][-1], space)
        with self._lock:
            self._streams[stream.table, stream.label] = stream
            self._due = 0.0

    def disable(self, stored: dict[str, Any], now: float) -> dict[str, Any]:
        """The description without a live stream; `disabled` when it is stored."""
        kept = [one if "Ended" in one else one | {"End": None, "Ended": now} for one in stored["Streams"]]
        return feed_of(stored | {"Streams": kept})

    def disabled(self, table: str, now: float) -> None:
        """No change of the table is marked any more: its stream ends at what the log holds."""
        stream = self.live(table)
        if stream is not None:
            stream.end = feed_state(self._service.tables)[0]
            stream.ended = now
            self._due = 0.0
            self._store(table, now)

    def dropping(self, table: str, now: float) -> None:
        """Keeps a table's streams beside it, before it goes."""
        for stream in self._of_space(table):
            kept = {"Ended": now, "End": None} | stream.keep() | {"Space": stream.space}
            self._service.catalogue.put(KIND, f"{table}/{stream.label}", kept)

    def _of_space(self, table: str) -> list[Stream]:
        """The streams of the table that has this name now, not of one that had it before."""
        space = space_id(self._service.tables, table)
        return [stream for stream in self.all(table) if stream.space == space]

    # ---- time ----

    def pass_time(self, now: float, retention: float) -> None:
        """Begins the shards that are due; forgets shards and streams that ended `retention` seconds ago."""
        if now < self._due:
            return
        changed = set()
        before = now - retention
        for stream in self.all():
            if stream.ended is not None and stream.ended < before:
                with self._lock:
                    self._streams.pop((stream.table, stream.label), None)
                if self._service.catalogue.get(KIND, f"{stream.table}/{stream.label}") is not None:
                    self._service.catalogue.remove(KIND, f"{stream.table}/{stream.label}")
                changed.add(stream.table)
            if stream.drop_shards(int(before * 1000)):
                changed.add(stream.table)
            if stream.live and now * 1000 - stream.shards[-1].began_ms >= self._shard_seconds * 1000:
                changed.add(stream.table)
        for table in changed:
            with self._service.updating:
                self._store(table, now)
        self._due = min((self._due_of(stream, retention) for stream in self.all()), default=now + retention)

    def _due_of(self, stream: Stream, retention: float) -> float:
        second = stream.shards[1].began_ms / 1000 if len(stream.shards) > 1 else None
        times = [stream.shards[-1].began_ms / 1000 + self._shard_seconds] if stream.ended is None else []
        times += [ended + retention for ended in (stream.ended, second) if ended is not None]
        return min(times)

    def _store(self, table: str, now: float) -> None:
        """Writes a table's streams as they are now; a new shard is durable before anybody hears of it."""
        found = self._service.tables.describe(table)
        if found is None:
            return
        stored = json.loads(found[0])
        stream = self.live(table)
        started = None
        if stream is not None and now * 1000 - stream.shards[-1].began_ms >= self._shard_seconds * 1000:
            started = Stream.load(stream.keep(), stream.space)
            started.add_shard(feed_state(self._service.tables)[0] + 1, int(now * 1000))
        streams = self._of_space(table)
        kept = [(started if s is stream and started is not None else s).keep() for s in streams]
        if stored.get("Streams", []) != kept:
            data = json.dumps(feed_of(stored | {"Streams": kept})).encode()
            self._service.tables.set_description(table, data)
        if stream is not None and started is not None:
            stream.shards = started.shards
