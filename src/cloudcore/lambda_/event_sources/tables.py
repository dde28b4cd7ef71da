"""Tables: the stream of a table as a source. It is read as one shard, since its shards follow each other."""

from __future__ import annotations

import json
from typing import Any

from cloudcore.lambda_.event_sources.record import Place, Record


class TableSource:
    """`follow(arn)` opens the stream (dynamodb/streams/following.py)."""

    info = "DDBStreamBatchInfo"

    def __init__(self, service: Any, held: dict[str, Any]):
        self._following = service.follow(held["EventSourceArn"])
        self._at: tuple[int, int] = (0, 0)
        self._more = True

    def shards(self, at: dict[str, Place]) -> list[str]:
        return list(at)

    def read(self, shard: str, place: Place, limit: int) -> tuple[list[Record], Place, bool]:
        page, after, ended = self._following.read((place[0], place[1]), limit)
        self._at, self._more = after, bool(page)
        return [self._record(data) for data in page], list(after), ended

    def behind(self, shard: str) -> float:
        return float("inf") if self._more else 0.0

    def gone(self, at: dict[str, Place]) -> list[str]:
        return []

    def _record(self, data: bytes) -> Record:
        event = json.loads(data)
        told = event["dynamodb"]
        sequence, index = self._following.place(told["SequenceNumber"])
        return Record(
            event, told["SequenceNumber"], json.dumps(told["Keys"], sort_keys=True),
            told["ApproximateCreationDateTime"], len(data), [sequence, index + 1],
        )  # fmt: skip

    def shard_id(self, shard: str, record: Record) -> str:
        found: str = self._following.shard(record.number)
        return found

    def wait(self, seconds: float) -> None:
        self._following.wait(self._at, seconds)

    def wake(self) -> None:
        self._following.wake()

    def close(self) -> None:
        self._following.close()
