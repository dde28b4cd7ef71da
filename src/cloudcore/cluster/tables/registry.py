"""Registry and catalogue of a replica: what comes out of the log says which streams of tables there are.

The leader's code for the control plane asks for changes as on one machine; what it asks for is ordered, and
every replica reads it here when it is applied. Where a stream or a shard begins and ends follows from where
in the log that is, not from what the leader saw when it asked: `settled`.
Thread rule: applied(), reload() and settled() in apply(); all else from any thread.
"""

from __future__ import annotations

import base64
import contextlib
import json
from typing import TYPE_CHECKING, Any

from cloudcore._table import Tables, feed_state, load, space_id
from cloudcore.dynamodb.recovery.catalogue import DESCRIPTION, SPACE, Catalogue, entry_of, read_entries
from cloudcore.dynamodb.streams.registry import KIND, Registry
from cloudcore.dynamodb.streams.stream import Stream

if TYPE_CHECKING:
    from cloudcore.cluster.tables.replica import OrderedTables
    from cloudcore.dynamodb.service import DynamoDB


class ReplicaCatalogue(Catalogue):
    """The catalogue, of which every change is ordered and known when it is applied."""

    def __init__(self, tables: OrderedTables):
        super().__init__(tables)
        self._ordered = tables

    def _write(self, kind: str, id_: str, value: bytes | None) -> None:
        if not self:
            with contextlib.suppress(FileExistsError):  # a moment ago
                self._ordered.create(SPACE, DESCRIPTION)
        self._ordered.load(SPACE, entry_of(kind, id_, value))

    def applied(self, entries: bytes) -> list[tuple[str, str]]:
        """What was loaded into the space: the (kind, id) of each."""
        changed = []
        for kind, id_, value in read_entries(entries):
            with self._lock:
                self._exists = True
                if value is None:
                    self._kinds.get(kind, {}).pop(id_, None)
                else:
                    self._kinds.setdefault(kind, {})[id_] = json.loads(value)
            changed.append((kind, id_))
        return changed

    def every(self) -> list[tuple[str, str, dict[str, Any]]]:
        """(kind, id, record) of all."""
        with self._lock:
            return [(kind, id_, one) for kind, some in self._kinds.items() for id_, one in some.items()]

    def keep(self, kind: str, id_: str, record: dict[str, Any]) -> None:
        """A record that follows from what is applied: kept here, as at every other replica."""
        entry = entry_of(kind, id_, json.dumps(record).encode())
        load(self._tables, SPACE, entry)
        self.applied(entry)


class ReplicaRegistry(Registry):
    """The streams of a replica's tables. Time passes for them at the leader alone: tend()."""

    def pass_time(self, now: float, retention: float) -> None:
        """The leader sees to it."""

    def tend(self, now: float, retention: float) -> None:
        """As the single machine's pass_time(), by the leader."""
        super().pass_time(now, retention)

    def due(self, now: float) -> bool:
        """Whether tend() has something to do."""
        return bool(self._streams) and now >= self._due

    def enabled(self, stored: dict[str, Any]) -> None:
        """It is known since it was applied."""

    def disabled(self, table: str, now: float) -> None:
        """It is known since it was applied."""

    def reload(self, table: str) -> None:
        """A description, or the streams of a dropped table, came out of the log."""
        tables, catalogue = self._service.tables, self._service.catalogue
        found = [Stream.load(one, one["Space"]) for _, one in catalogue.all(KIND) if one["Table"] == table]
        described = tables.describe(table)
        space = space_id(tables, table)
        if described is not None and space is not None and b'"Streams"' in described[0]:
            found += [Stream.load(one, space) for one in json.loads(described[0]).get("Streams", ())]
        with self._lock:
            for key in [key for key in self._streams if key[0] == table]:
                del self._streams[key]
            self._streams.update({(table, stream.label): stream for stream in found})
            self._due = 0.0

    def dropped(self, table: str, space: int, last: int) -> None:
        """A table is gone: its streams end at the sequence `last`."""
        catalogue = self._service.catalogue
        assert isinstance(catalogue, ReplicaCatalogue)
        for id_, kept in catalogue.all(KIND):
            if kept["Table"] == table and kept["Space"] == space and kept.get("End") is None:
                catalogue.keep(KIND, id_, {**kept, "End": last})
        self.reload(table)

    def _store(self, table: str, now: float) -> None:
        described = self._service.tables.describe(table)
        if described is None:
            return
        stored = json.loads(described[0])
        streams = [Stream.load(one.keep(), one.space) for one in self._of_space(table)]
        for stream in streams:
            if stream.live and now * 1000 - stream.shards[-1].began_ms >= self._shard_seconds * 1000:
                stream.add_shard(feed_state(self._service.tables)[0] + 1, int(now * 1000))
        kept = [stream.keep() for stream in streams]
        if stored.get("Streams", []) != kept:
            self._service.tables.set_description(table, json.dumps(stored | {"Streams": kept}).encode())


def replace(service: DynamoDB, tables: OrderedTables) -> None:
    """Give a replica's service these for the single machine's, also when its tables were filled."""
    service.catalogue = ReplicaCatalogue(tables)
    service.streams.registry = ReplicaRegistry(service, service.streams.registry._shard_seconds)


def settled(tables: Tables, name: str, description: bytes) -> bytes:
    """A description that is applied now: streams that end here do so behind the last change there is, and
    shards that are new begin there."""
    if b'"Streams"' not in description:
        return description
    last = feed_state(tables)[0]
    stored = json.loads(description)
    before = tables.describe(name)
    earlier = [] if before is None else json.loads(before[0]).get("Streams", ())
    known = {(one["Label"], shard[0]) for one in earlier for shard in one["Shards"]}
    kept = []
    for one in stored["Streams"]:
        stream = Stream.load(one, 0)
        new = [shard for shard in stream.shards if (stream.label, shard.id) not in known]
        stream.shards = [shard for shard in stream.shards if shard not in new]
        for shard in new:
            stream.add_shard(last + 1, shard.began_ms)
        if stream.ended is not None and stream.end is None:
            stream.end = last
        kept.append(stream.keep())
    return json.dumps(stored | {"Streams": kept}).encode()


def packed(name: str, entries: bytes) -> dict[str, str]:
    """Entries for load(), as they are in the log."""
    return {"name": name, "entries": base64.b64encode(entries).decode()}


def kinds_of(entries: str) -> set[str]:
    """The kinds of records in what load() was given."""
    return {kind for kind, _, _ in read_entries(base64.b64decode(entries))}
