"""Shards: a Kinesis data stream, read by whoever follows one: in the order of each shard, and a shard that
was split or merged to its end before its children.

A position is the sequence number of a shard's last record that was taken, or END. `client` is botocore's.
Imports nothing of ours. One thread at a time.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

LIMIT = 10_000
"""Records of one GetRecords; AWS's most."""
LOOK_S = 10.0
END = "END"
"""The position behind a closed shard's last record."""


class Shards:
    """The stream of an ARN. Shards that are new begin at `start` (epoch seconds), and at their beginning when
    it is None or when their parents' records came before."""

    def __init__(self, client: Any, arn: str, start: float | None):
        self._client, self._stream, self._start = client, arn.partition("/")[2], start
        self._shards: dict[str, dict[str, Any]] = {}
        self._iterators: dict[str, tuple[str | None, str]] = {}  # with the position they stand at
        self._behind: dict[str, float] = {}
        self._look = 0.0

    def ready(self, at: Mapping[str, str]) -> list[str]:
        """The shards with something to read whose parents are read; `at`: shard -> position."""
        if time.monotonic() >= self._look:
            self._list()
            self._look = time.monotonic() + LOOK_S
        out = []
        for name in self._shards:
            if at.get(name) != END and all(
                p not in self._shards or at.get(p) == END for p in self._parents(name)
            ):
                out.append(name)
        return out

    def gone(self, at: Mapping[str, str]) -> list[str]:
        """Of positions, the shards that were read to their end and that the stream does not have any more."""
        return [name for name, position in at.items() if position == END and name not in self._shards]

    def behind(self, shard: str) -> float:
        """How many seconds before the stream's end the last read of a shard came to (MillisBehindLatest): it
        may find nothing and have more before it."""
        return self._behind.get(shard, float("inf"))

    def read(
        self, shard: str, position: str | None, limit: int = LIMIT
    ) -> tuple[list[dict[str, Any]], str | None]:
        """(records behind a position as GetRecords gives them, the position behind these)."""
        at, iterator = self._iterators.pop(shard, (None, ""))
        if not iterator or at != position:
            iterator = self._iterator(shard, position)
        answer = self._client.get_records(ShardIterator=iterator, Limit=limit)
        found = answer["Records"]
        following = answer.get("NextShardIterator")
        told = answer.get("MillisBehindLatest")
        self._behind[shard] = float("inf") if told is None else told / 1000
        after = END if not following else found[-1]["SequenceNumber"] if found else position
        if following:
            self._iterators[shard] = after, following
        else:
            self._look = 0.0  # its children may be there now
        if self._start is not None and not self._parents(shard):  # iterators begin at whole seconds
            found = [one for one in found if _arrival(one) >= self._start]
        return found, after

    def _parents(self, shard: str) -> list[str]:
        told = self._shards[shard]
        return [told[p] for p in ("ParentShardId", "AdjacentParentShardId") if told.get(p)]

    def _list(self) -> None:
        page: dict[str, Any] = {"StreamName": self._stream}
        found: dict[str, dict[str, Any]] = {}
        while True:
            answer = self._client.list_shards(**page)
            found.update({shard["ShardId"]: shard for shard in answer["Shards"]})
            if not answer.get("NextToken"):
                self._shards = found
                return
            page = {"NextToken": answer["NextToken"]}

    def _iterator(self, shard: str, position: str | None) -> str:
        where: dict[str, Any] = {"ShardIteratorType": "TRIM_HORIZON"}
        if position is not None:
            where = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": position}
        elif self._start is not None and not self._parents(shard):
            where = {
                "ShardIteratorType": "AT_TIMESTAMP",
                "Timestamp": datetime.fromtimestamp(self._start, UTC),
            }
        answer = self._client.get_shard_iterator(StreamName=self._stream, ShardId=shard, **where)
        iterator: str = answer["ShardIterator"]
        return iterator


def _arrival(record: dict[str, Any]) -> float:
    at = record.get("ApproximateArrivalTimestamp")
    return float("inf") if at is None else float(at.timestamp())
