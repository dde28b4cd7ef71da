"""Splitting: what a replica of one range holds of all partition hashes, and how it gives the upper part away.

A split is an entry of the range's log. Behind it requests for hashes that went are answered with MOVED, at
all replicas alike, and whoever asked looks for the range that has them now. Nothing is shipped: every replica
has the items, and copies those that went into tables of their own (Taken.derive), where the log of the new
range goes on.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from cloudcore._table import Snapshot, Tables, load, prune, route, set_bounds
from cloudcore.cluster.absent import CODE
from cloudcore.cluster.layout import range_from
from cloudcore.cluster.tables.entry import Entry
from cloudcore.cluster.tables.kinds import parsed
from cloudcore.errors import ApiError

if TYPE_CHECKING:
    from cloudcore.cluster.tables.replica import Replica

LAST = (1 << 64) - 1
_UNFINISHED = ("CREATING", "IN_PROGRESS", "CANCELLING", "RUNNING")
MOVED = 2
"""In the place of an HTTP status: the range does not have those hashes, or not yet."""
SPLIT, CATALOGUE = "split", "catalogue"
"""Entries of the log beside operations: a part goes to a range of its own; the tables that there are."""
Answer = tuple[int, bytes]


_CONTROLS = frozenset(
    (
        "CreateTable", "DeleteTable", "UpdateTable", "TagResource", "UntagResource", "PutResourcePolicy",
        "DeleteResourcePolicy", "UpdateTimeToLive", "DescribeTable", "ListTables", "ListTagsOfResource",
        "DescribeTimeToLive", "DescribeLimits", "DescribeEndpoints", "DescribeContinuousBackups",
        "GetResourcePolicy", "ListStreams", "DescribeStream", "GetShardIterator",
        "UpdateContributorInsights", "DescribeContributorInsights", "ListContributorInsights",
        "CreateGlobalTable", "UpdateGlobalTable", "UpdateGlobalTableSettings", "DescribeGlobalTable",
        "DescribeGlobalTableSettings", "ListGlobalTables", "DescribeTableReplicaAutoScaling",
        "UpdateTableReplicaAutoScaling",
    )
)  # fmt: skip


class Moved(Exception):
    """What was believed of the ranges is not so, or not yet; nothing was done."""


_BLOCK_BYTES = 1 << 20


def covered(replica: Replica, operation: str, body: bytes, believed: str = "") -> list[int] | None:
    """The hashes that a request is about, if the range has all of it; [] where it was never split. None: it
    has not. A walk says up to where, by who asks, it goes."""
    if believed and int(believed, 16) != replica.last:
        return None
    if not replica.partial:
        return []
    kind, hashes, _ = route(replica.tables, operation, body)
    if kind in ("walk", "index"):
        has = bool(believed) and replica.shown_last == replica.last
    else:
        has = all(replica.first <= each <= replica.last for each in hashes)
    return hashes if has else None


def refuse(replica: Replica, operation: str, body: bytes) -> None:
    """Refuse what the control plane would do to one range alone. Raises ApiError."""
    if not replica.partial:
        return
    what = "" if operation in _CONTROLS else operation
    if operation in ("CreateTable", "UpdateTable"):
        wanted = parsed(body).get("StreamSpecification")
        what = "A stream of a table" if isinstance(wanted, dict) and wanted.get("StreamEnabled") else ""
    if what:
        raise ApiError(CODE, f"{what} does not work where the tables of an account and region were split.")


def step(replica: Replica, entry: Entry) -> Answer | None:
    """What an entry that is no operation gives; None for an operation."""
    if entry.operation == CATALOGUE:
        told = json.loads(entry.body)
        if told["version"] > replica.catalogue:
            _reconcile(replica, told["tables"])
            replica.catalogue = told["version"]
        return 200, b"{}"
    if entry.operation == SPLIT:
        return _split(replica, json.loads(entry.body)["at"])
    return None


def catalogue_of(replica: Replica) -> bytes:
    """The tables of a replica, for a CATALOGUE entry."""
    tables = {}
    for name in replica.tables.names():
        described = replica.tables.describe(name)
        if described is not None:
            tables[name] = described[0].decode()
    return json.dumps({"version": replica.catalogue, "tables": tables}).encode()


def _reconcile(replica: Replica, wanted: dict[str, str]) -> None:
    """Have the tables that are wanted, and no others."""
    tables = replica.tables
    for name in tables.names():
        if name not in wanted or _identity(tables, name) != json.loads(wanted[name]).get("TableId"):
            replica.drop(name)
    for name, text in wanted.items():
        description = text.encode()
        described = tables.describe(name)
        if described is None:
            Tables.create(tables, name, description)
        elif described[0] != description:
            Tables.set_description(tables, name, description)
        else:
            continue
        Tables.fill(tables, name)


def _identity(tables: Tables, name: str) -> Any:
    described = tables.describe(name)
    return None if described is None else json.loads(described[0]).get("TableId")


def _split(replica: Replica, at: int) -> Answer:
    if not replica.first < at <= replica.last:
        return _refused("nothing of the range lies on one side of that")
    for name in replica.tables.names():
        described = replica.tables.describe(name)
        if described is not None and b'"Feed"' in described[0]:
            return _refused(f"{name} is followed, and what follows tables lies in one range")
    if (job := _unfinished(replica)) is not None:
        return _refused(f"{job} is not finished, and goes on in one range")
    taken = Taken(replica, at, replica.last)
    replica.last = at - 1
    if replica.on_split is not None:
        replica.on_split(taken)
    return 200, json.dumps({"range": range_from(at)}).encode()


def _unfinished(replica: Replica) -> str | None:
    """A job that an operator has to wait for: a backup, a restore, an import, bulk puts."""
    for kind, id_, record in replica.known_jobs():
        text = json.dumps(record)
        if any(f'"{status}"' in text for status in _UNFINISHED):
            return f"{kind} {id_}"
    tables = replica.tables
    for name in tables.names():
        described = tables.describe(name)
        if described is not None and json.loads(described[0]).get("Loading"):
            return f"the loading of {name}"
    return None


def _refused(why: str) -> Answer:
    return 400, json.dumps({"type": "CloudcoreError", "message": why}).encode()


class Taken:
    """What a range gave away, as it was behind the entry that said so."""

    def __init__(self, replica: Replica, first: int, last: int):
        from cloudcore.cluster.tables.replica import TOKENS

        self.first, self.last, self.range = first, last, range_from(first)
        self.catalogue = replica.catalogue
        self.decisions = replica.transactions.decisions()
        self._tables: list[tuple[str, bytes, Snapshot]] = []
        try:
            for name in (TOKENS, *replica.tables.names()):
                described = replica.tables.describe(name)
                assert described is not None
                self._tables.append((name, described[0], Snapshot(replica.tables, name)))
        except BaseException:
            self.close()
            raise

    def derive(self, replica: Replica) -> None:
        """Fill an empty replica with it; on a thread."""
        from cloudcore.cluster.tables.replica import TOKENS

        try:
            for name, description, snapshot in self._tables:
                if name != TOKENS:  # who sends a token again may send it to either range
                    Tables.create(replica.tables, name, description)
                    set_bounds(replica.tables, self.first, self.last)
                with snapshot:
                    while (read := snapshot.read(_BLOCK_BYTES))[1]:
                        load(replica.tables, name, read[0])
            set_bounds(replica.tables, 0, LAST)
        finally:
            self.close()
        replica.first, replica.last, replica.shown_last = self.first, self.last, self.last
        replica.catalogue = self.catalogue
        replica.transactions.load(self.decisions)

    def close(self) -> None:
        """Give back what was kept. Idempotent."""
        for _, _, snapshot in self._tables:
            snapshot.close()


def narrow(replica: Replica, last: int) -> None:
    """Walks of the replica end at `last` from now on."""
    set_bounds(replica.tables, replica.first, last)
    replica.shown_last = last


def prune_above(replica: Replica, last: int, running: Callable[[], bool]) -> None:
    """Delete what went, on a thread, beside reads and the log."""
    for name in replica.tables.names():
        if not running():
            return
        prune(replica.tables, name, replica.first, last)


