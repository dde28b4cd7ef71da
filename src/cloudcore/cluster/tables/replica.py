"""Replica: the tables as they are after a part of the log, in this node's own engine.

Only apply() changes them. What the control plane's code asks for (create, drop, set_description, fill, load)
is handed to `order`, which puts it into the log, and is done when it comes back by apply().
Thread rule: apply() on the link's loop; reads, and what is ordered, from any other thread.
"""

from __future__ import annotations

import base64
import contextlib
import json
import logging
from collections.abc import Callable
from typing import Any

from cloudcore._table import Tables, call_expiring, feed_state, load, metered, set_time, space_id
from cloudcore.clock import Clock
from cloudcore.cluster.tables import registry, splitting
from cloudcore.cluster.tables.acting import Acting, LeaderDestinations, LeaderJobs, Means
from cloudcore.cluster.tables.archives import LeaderRecovery
from cloudcore.cluster.tables.entry import EXPIRE, PRIMITIVE, Batch, Entry
from cloudcore.cluster.tables.images import StoredImages
from cloudcore.cluster.tables.ordered import CatalogueSpool, OrderedFilling
from cloudcore.cluster.tables.transacting import Transactions
from cloudcore.dynamodb import DynamoDB
from cloudcore.dynamodb.expiry import Sweeper
from cloudcore.dynamodb.recovery.backups import KIND as BACKUP
from cloudcore.dynamodb.recovery.catalogue import SPACE
from cloudcore.dynamodb.streams.registry import KIND as STREAM
from cloudcore.dynamodb.usage import Counts, difference
from cloudcore.errors import ClosedError, CloudcoreError

logger = logging.getLogger("cloudcore.cluster")
Answer = tuple[int, bytes]
"""HTTP status and JSON."""
Order = Callable[[str, dict[str, Any]], Answer]
TOKENS = "#tokens"
"""The space in which the engine keeps the tokens of transactions (csrc/table/token.c)."""
_TOKENS = (
    b'{"KeySchema":[{"AttributeName":"kind","KeyType":"HASH"},{"AttributeName":"id","KeyType":"RANGE"}],'
    b'"AttributeDefinitions":[{"AttributeName":"kind","AttributeType":"S"},'
    b'{"AttributeName":"id","AttributeType":"S"}]}'
)
_RAISED: dict[str, type[Exception]] = {
    "FileExistsError": FileExistsError, "KeyError": KeyError, "ClosedError": ClosedError,
}  # fmt: skip


class OrderedTables(Tables):
    """Tables that are changed by what comes out of the log alone."""

    order: Order | None = None
    beside: Callable[[], list[Tables]] = staticmethod(list)
    """The tables of other ranges at this node, for what is counted over all."""

    def describe(self, name: str) -> tuple[bytes, int, int, int] | None:
        found = super().describe(name)
        others = [told for tables in self.beside() if (told := Tables.describe(tables, name)) is not None]
        if found is None or not others:
            return found
        description, *counts = found
        one, two, three = (sum(each) for each in zip(counts, *(told[1:] for told in others), strict=True))
        return description, one, two, three

    def indexes(self, name: str) -> dict[str, tuple[int, int, bool]]:
        found = super().indexes(name)
        for tables in self.beside():
            with contextlib.suppress(KeyError, CloudcoreError):
                for index, told in Tables.indexes(tables, name).items():
                    if index in found:
                        items, size, filling = found[index]
                        found[index] = items + told[0], size + told[1], filling or told[2]
        return found

    def create(self, name: str, description: bytes) -> None:
        self._ordered("create", name=name, description=description.decode())

    def drop(self, name: str) -> None:
        self._ordered("drop", name=name)

    def set_description(self, name: str, description: bytes) -> None:
        self._ordered("set_description", name=name, description=description.decode())

    def fill(self, name: str) -> None:
        self._ordered("fill", name=name)

    def load(self, name: str, entries: bytes) -> None:
        """As _table.load()."""
        self._ordered("load", **registry.packed(name, entries))

    def _ordered(self, operation: str, **arguments: Any) -> None:
        if self.order is None:
            raise CloudcoreError("this replica follows no log")
        status, body = self.order(operation, arguments)
        if status != 200:
            told = json.loads(body)
            raise _RAISED.get(told["type"], CloudcoreError)(told["message"])

def _changes_tables(entry: Entry) -> bool:
    return entry.kind == PRIMITIVE and entry.operation != splitting.SPLIT


class Unwatched(Sweeper):
    """In the place of the single machine's: the leader has expired items deleted (expiring.py)."""

    def watch(self, table: str, attribute: str | None) -> None:
        """Nothing here deletes anything by itself."""


class ReplicaDynamoDB(DynamoDB):
    """A replica's service: what it loads, it orders."""

    put: Callable[[bytes], Answer] | None = None

    def drop(self, name: str) -> None:
        """Order it; what the table took is kept when that is applied."""
        self.tables.drop(name)

    def load(self, table: str, entries: bytes) -> None:
        assert isinstance(self.tables, OrderedTables)
        self.tables.load(table, entries)

    def put_item(self, body: bytes) -> Answer:
        """A PutItem that is ordered."""
        if self.put is None:
            raise ClosedError("this replica follows no log", "closed")
        return self.put(body)

    def filling(self, table: str, loading: bool) -> OrderedFilling:
        return OrderedFilling(self, table, loading)

    def spool(self, name: str, size: int) -> CatalogueSpool:
        return CatalogueSpool(self, name, size)


class Replica:
    """The tables of one account and region, as far as their range goes. `after`: the sequence of the last
    message that is in them; `first`, `last`: the hashes of the range; `shown_last`: where walks end here;
    `catalogue`: the sequence, in the log of the first range, of the last change of which tables there are."""

    def __init__(
        self, account: str, region: str, seed: int, clock: Clock, addresses: list[str], order: Order,
        means: Means | None = None,
    ):  # fmt: skip
        def made(directory: Any, **settings: Any) -> OrderedTables:
            return OrderedTables(directory, **settings, seed=seed)

        self._means = means = means or Means(Acting(lambda: 0))
        self.service = ReplicaDynamoDB(
            None, account, region, clock=clock, addresses=addresses, meter=means.meter, make=made,
            sinks=means.sinks, objects=means.objects,
        )  # fmt: skip
        self._before: dict[str, Counts] | None = None
        self._free: dict[str, float] = {}  # write units of deletions that cost nothing
        tables = self.service.tables
        assert isinstance(tables, OrderedTables)
        self.service.expiry = Unwatched(tables, clock)
        self.service.jobs = LeaderJobs(means.acting)
        self.service.destinations = LeaderDestinations(
            self.service, self.service.destinations.sinks, means.acting
        )
        self.service.put = means.put
        if means.link is not None:
            self.service.images = StoredImages(self.service, means.link)
        self.tables = tables
        self.tables.order = order
        Tables.create(tables, TOKENS, _TOKENS)  # as a table, a checkpoint can read it and fill it
        self.after = self.catalogue = self.first = 0
        self.last = self.shown_last = splitting.LAST
        self.transactions = Transactions()
        self.settling = 0  # splits of which something is left to do here
        self.on_split: Callable[[splitting.Taken], None] | None = None
        registry.replace(self.service, tables)

    def filled(self) -> None:
        """The tables are those of a checkpoint."""
        registry.replace(self.service, self.tables)

    @property
    def partial(self) -> bool:
        """Whether other ranges have keys too."""
        return self.last != splitting.LAST or self.first != 0

    def part(self) -> dict[str, Any]:
        """What a checkpoint says of the range."""
        told = {"first": self.first, "last": self.last, "catalogue": self.catalogue}
        return {**told, "transactions": self.transactions.dump()} if self.partial else told

    def is_part(self, told: dict[str, Any]) -> None:
        """It was filled from a checkpoint that says so."""
        self.first, self.last = told.get("first", 0), told.get("last", splitting.LAST)
        self.shown_last = self.last
        self.catalogue = told.get("catalogue", told["sequence"])
        self.transactions.load(told.get("transactions", {}))

    def apply(self, batch: Batch, sequence: int, answered: Callable[[Entry, Answer], None]) -> None:
        """Execute a batch whose last message is `sequence`; answered() gets what became of each entry. Raises
        ValueError when batches are missing in front of it."""
        if batch.after != self.after:
            raise ValueError(f"the batch behind {batch.after} came behind {self.after}")
        set_time(self.tables, batch.time_ms)
        self.transactions.now_ms = batch.time_ms
        for entry in batch.entries:
            try:
                answer = self._executed(entry)
            except Exception as error:  # half a batch is in here: only a new replica is what the log says
                raise ValueError(f"{entry.operation} broke off: {error!r}") from error
            if answer[0] >= 500:
                logger.error("%s failed here (%s); if it did not on other nodes, this one differs from them",
                             entry.operation, answer[1][:200])  # fmt: skip
            answered(entry, answer)
        if self.first == 0 and any(_changes_tables(entry) for entry in batch.entries):
            self.catalogue = sequence
        self.after = sequence

    def _executed(self, entry: Entry) -> Answer:
        if self.partial and (done := self._transacted(entry)) is not None:
            return done
        if (done := splitting.step(self, entry)) is not None:
            return done
        bounded = self.partial and entry.kind != PRIMITIVE
        if bounded and splitting.covered(self, entry.operation, entry.body) is None:
            return splitting.MOVED, b""
        if entry.kind == PRIMITIVE:
            return self._step(entry.operation, json.loads(entry.body))
        if entry.kind == EXPIRE:
            return self._expire(entry.body)
        return self.tables.call_json(entry.operation, entry.body)

    def _transacted(self, entry: Entry) -> Answer | None:
        """What an entry gives because of transactions over several ranges; None: it does not meet them."""
        found = self.transactions
        done = found.step(self, entry)
        return found.hinder(self, entry) if done is None and found.locks else done

    def _step(self, operation: str, arguments: dict[str, Any]) -> Answer:
        """Do what the control plane ordered."""
        steps: dict[str, Callable[..., None]] = {
            "create": self._create, "drop": self._drop, "set_description": self._describe,
            "fill": lambda name: Tables.fill(self.tables, name), "load": self._load,
        }  # fmt: skip
        try:
            steps[operation](**arguments)
        except (CloudcoreError, FileExistsError, KeyError, ValueError) as error:
            kind = next((name for name, kind in _RAISED.items() if isinstance(error, kind)), "CloudcoreError")
            message = str(error.args[0]) if error.args else ""
            return 400, json.dumps({"type": kind, "message": message}).encode()
        return 200, b"{}"

    @property
    def streams(self) -> registry.ReplicaRegistry:
        """The streams of the tables."""
        found = self.service.streams.registry
        assert isinstance(found, registry.ReplicaRegistry)
        return found

    def _create(self, name: str, description: str) -> None:
        self._unfollowed(description)
        Tables.create(self.tables, name, registry.settled(self.tables, name, description.encode()))
        self.streams.reload(name)

    def _describe(self, name: str, description: str) -> None:
        self._unfollowed(description)
        Tables.set_description(self.tables, name, registry.settled(self.tables, name, description.encode()))
        self.streams.reload(name)

    def known_jobs(self) -> list[tuple[str, str, dict[str, Any]]]:
        """(kind, id, record) of what the catalogue knows but streams."""
        catalogue = self.service.catalogue
        assert isinstance(catalogue, registry.ReplicaCatalogue)
        return [each for each in catalogue.every() if each[0] != STREAM]

    def _unfollowed(self, description: str) -> None:
        """What was asked for before a split, and comes behind it, is refused if it needs one range."""
        if self.partial and ('"Feed"' in description or json.loads(description).get("Loading")):
            raise CloudcoreError("the tables were split")

    def _drop(self, name: str) -> None:
        space, last = space_id(self.tables, name), feed_state(self.tables)[0]
        self.drop(name)
        assert space is not None
        self.streams.dropped(name, space, last)

    def _load(self, name: str, entries: str) -> None:
        if self.partial and (name != SPACE or registry.kinds_of(entries) != {STREAM}):
            raise CloudcoreError("the tables were split")
        data = base64.b64decode(entries)
        load(self.tables, name, data)
        catalogue = self.service.catalogue
        if name == SPACE and isinstance(catalogue, registry.ReplicaCatalogue):
            for kind, id_ in catalogue.applied(data):
                if kind == STREAM:
                    self.streams.reload(id_.partition("/")[0])

    def call_json(self, operation: str, body: bytes) -> Answer:
        """An operation of the control plane, of streams of tables too."""
        streams = self.service.streams
        return (streams if operation in streams.operations else self.service).call_json(operation, body)

    def pass_time(self, now: float) -> None:
        """Begin the shards that are due, forget those that are over; by the leader."""
        self.streams.tend(now, self.service.streams.retention_seconds)

    def led(self) -> None:
        """What an earlier leader was at goes on here, on a thread that acts as the leader."""
        service, means = self.service, self._means
        if means.link is not None:
            service.recovery = LeaderRecovery(service, means.acting, means.link)
        service.restoring.clear()
        if not service.catalogue:
            return
        if isinstance(service.images, StoredImages):
            service.images.sweep(dict(service.catalogue.all(BACKUP)))
        service.resume()

    def drop(self, name: str) -> None:
        """Take a table away; what it took stays counted. Raises KeyError."""
        self.service.usage.dropped(name, lambda name: Tables.drop(self.tables, name))

    def count(self) -> None:
        """It is as far as its log: what requests take counts from now on. Idempotent."""
        if self._before is None:
            self._before = self.service.usage.read()

    def used(self) -> dict[str, Counts]:
        """What tables took here since count(), by name. Any thread may call."""
        if self._before is None:
            return {}
        found = difference(self.service.usage.read(), self._before)
        for table, units in list(self._free.items()):
            for counter in {"write_units", "covered_write_units"} & found.get(table, {}).keys():
                found[table][counter] = max(0.0, found[table][counter] - units)
        return found

    def _expire(self, body: bytes) -> Answer:
        """Delete an item that has expired, which is free."""
        table = json.loads(body)["TableName"]
        before = metered(self.tables, table)
        answer = call_expiring(self.tables, body)
        after = metered(self.tables, table)
        if before is not None and after is not None and self._before is not None:
            self._free[table] = self._free.get(table, 0.0) + after[1] - before[1]
        return answer

    def close(self) -> None:
        """Release the memory."""
        self.service.close()
