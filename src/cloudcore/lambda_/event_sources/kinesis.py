"""Kinesis: a data stream elsewhere as a source, at the endpoint that `reach` or the environment names."""

from __future__ import annotations

import base64
import threading
from typing import Any

from cloudcore.lambda_.event_sources.record import Place, Record
from cloudcore.shards import END, Shards

_AROUND = 512
"""More than the bytes that an event has beside its data and its keys."""


class KinesisSource:
    """Places: those of shards.py. It is asked once a second for more."""

    info = "KinesisBatchInfo"

    def __init__(self, service: Any, held: dict[str, Any], since: float | None):
        self._arn: str = held["EventSourceArn"]
        self._shards = Shards(service.remote(self._arn), self._arn, since)
        self._role = f"arn:aws:iam::{service.account}:role/cloudcore"
        self._woken = threading.Event()

    def shards(self, at: dict[str, Place]) -> list[str]:
        return self._shards.ready(at)

    def read(self, shard: str, place: Place, limit: int) -> tuple[list[Record], Place, bool]:
        found, after = self._shards.read(shard, place, limit)
        return [self._record(shard, one) for one in found], after, after == END

    def behind(self, shard: str) -> float:
        return self._shards.behind(shard)

    def gone(self, at: dict[str, Place]) -> list[str]:
        return self._shards.gone(at)

    def _record(self, shard: str, told: dict[str, Any]) -> Record:
        data: bytes = told["Data"]
        number, at = told["SequenceNumber"], told["ApproximateArrivalTimestamp"].timestamp()
        encoded = base64.b64encode(data).decode()
        event = {
            "kinesis": {
                "kinesisSchemaVersion": "1.0",
                "partitionKey": told["PartitionKey"],
                "sequenceNumber": number,
                "data": encoded,
                "approximateArrivalTimestamp": round(at, 3),
            },
            "eventSource": "aws:kinesis",
            "eventVersion": "1.0",
            "eventID": f"{shard}:{number}",
            "eventName": "aws:kinesis:record",
            "invokeIdentityArn": self._role,
            "awsRegion": self._arn.split(":")[3],
            "eventSourceARN": self._arn,
        }
        size = len(encoded) + 2 * len(told["PartitionKey"].encode()) + len(self._arn) + _AROUND
        return Record(event, number, told["PartitionKey"], at, size, number, data)

    def shard_id(self, shard: str, record: Record) -> str:
        return shard

    def wait(self, seconds: float) -> None:
        self._woken.wait(seconds)
        self._woken.clear()

    def wake(self) -> None:
        self._woken.set()

    def close(self) -> None:
        """The client is everybody's."""
