"""Stream: what one table's stream is, beside its records, which are in the store's log.

A stream is a range of the log: from the sequence where it was switched on to the one where it was switched
off. Shards are pieces of that range, one behind the other; a new one begins every four hours, as on AWS, so
the last is open and the others are closed. Nothing of a record is kept here.
"""

from __future__ import annotations

import zlib
from datetime import UTC, datetime
from typing import Any, NamedTuple

from cloudcore._table import View, sequence_number

VIEWS = {
    "KEYS_ONLY": (False, False),
    "NEW_IMAGE": (True, False),
    "OLD_IMAGE": (False, True),
    "NEW_AND_OLD_IMAGES": (True, True),
}
"""StreamViewType -> (shows new images, shows old images)."""


def label_of(seconds: float) -> str:
    """A StreamLabel: the time in UTC, in milliseconds."""
    return datetime.fromtimestamp(round(seconds, 3), UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]


class Shard(NamedTuple):
    """Changes from the log's sequence `start` on, up to the next shard or the stream's end."""

    id: str
    start: int
    began_ms: int
    parent: str | None = None


class Stream:
    """One stream of the table `table`, whose number in the log is `space`."""

    def __init__(
        self,
        table: str,
        label: str,
        view: str,
        created: float,
        space: int,
        key_schema: list[dict[str, str]],
        key_types: dict[str, str],
        shards: list[Shard] | None = None,
        end: int | None = None,
        ended: float | None = None,
    ):
        self.table, self.label, self.view, self.created = table, label, view, created
        self.space = space
        self.key_schema, self.key_types = key_schema, key_types
        self.shards: list[Shard] = [] if shards is None else shards
        self.end = end
        """Last sequence that belongs to it, once it is switched off."""
        self.ended = ended

    @classmethod
    def begin(cls, stored: dict[str, Any], space: int, view: str, now: float, last: int) -> Stream:
        """A stream of the described table from now on; `last` is the log's last sequence."""
        types = {d["AttributeName"]: d["AttributeType"] for d in stored["AttributeDefinitions"]}
        stream = cls(
            stored["TableName"], label_of(now), view, now, space, stored["KeySchema"],
            {e["AttributeName"]: types[e["AttributeName"]] for e in stored["KeySchema"]},
        )  # fmt: skip
        stream.add_shard(last + 1, int(now * 1000))
        return stream

    @classmethod
    def load(cls, kept: dict[str, Any], space: int) -> Stream:
        """What `keep` gave."""
        shards = [Shard(*shard) for shard in kept["Shards"]]
        return cls(
            kept["Table"], kept["Label"], kept["View"], kept["Created"], space, kept["KeySchema"],
            kept["KeyTypes"], shards, kept.get("End"), kept.get("Ended"),
        )  # fmt: skip

    def keep(self) -> dict[str, Any]:
        """All of it but the table's number, for JSON."""
        kept: dict[str, Any] = {
            "Table": self.table,
            "Label": self.label,
            "View": self.view,
            "Created": self.created,
            "KeySchema": self.key_schema,
            "KeyTypes": self.key_types,
            "Shards": [[s.id, s.start, s.began_ms, s.parent] for s in self.shards],
        }
        if self.ended is not None:
            kept |= {"End": self.end, "Ended": self.ended}
        return kept

    @property
    def live(self) -> bool:
        """Whether it takes more changes."""
        return self.ended is None

    def add_shard(self, start: int, now_ms: int) -> None:
        """Closes the last shard in front of the sequence `start` and opens one there."""
        tag = zlib.crc32(f"{self.table}/{self.label}/{start}".encode())
        parent = self.shards[-1].id if self.shards else None
        self.shards.append(Shard(f"shardId-{now_ms:020d}-{tag:08x}", start, now_ms, parent))

    def drop_shards(self, before_ms: int) -> bool:
        """Forgets closed shards that ended before a time; whether there were any."""
        gone = 0
        while gone + 1 < len(self.shards) and self.shards[gone + 1].began_ms < before_ms:
            gone += 1
        del self.shards[:gone]
        return gone != 0

    def shard_end(self, shard: Shard) -> int | None:
        """The last sequence of a shard; None while it is open."""
        at = self.shards.index(shard)
        return self.shards[at + 1].start - 1 if at + 1 < len(self.shards) else self.end

    def describe_shard(self, shard: Shard) -> dict[str, Any]:
        """As DescribeStream shows it."""
        end = self.shard_end(shard)
        numbers = {"StartingSequenceNumber": sequence_number(shard.start)}
        if end is not None:
            numbers["EndingSequenceNumber"] = sequence_number(max(end, shard.start), 9_999_999)
        shown: dict[str, Any] = {"ShardId": shard.id, "SequenceNumberRange": numbers}
        return shown if shard.parent is None else shown | {"ParentShardId": shard.parent}

    def make_view(self, form: str, region: str, source: str = "") -> View:
        """How its changes are shown; see _table.View."""
        new, old = VIEWS[self.view]
        keys = [(e["AttributeName"], self.key_types[e["AttributeName"]]) for e in self.key_schema]
        return View(form, keys, region, new, old, source)
