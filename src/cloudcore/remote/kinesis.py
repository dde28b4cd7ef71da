"""Kinesis data streams at any endpoint: putting records into them."""

from __future__ import annotations

import hashlib
import json
import time
from typing import Any

from cloudcore.remote.clients import Remote

BATCH = 500
BATCH_BYTES = 4 << 20
ATTEMPTS = 5
"""How often what a shard had no room for is put again before the batch counts as failed."""


class KinesisSink:
    """Puts change records of tables into the stream of an ARN, each item's always into the same shard.

    Raises NotConfigured when there is no endpoint, ResourceNotFoundException (botocore's) when there is
    no such stream.
    """

    record_max = 1 << 20

    def __init__(self, remote: Remote, arn: str):
        self._stream = arn.rpartition("/")[2]
        self._client = remote.client(arn)
        self._client.describe_stream_summary(StreamName=self._stream)

    def put(self, records: list[bytes]) -> None:
        """All of them; raises when some were refused, which may leave others stored."""
        waiting = [{"Data": data, "PartitionKey": _partition_key(data)} for data in records]
        for start in _cuts(waiting):
            self._put(start)

    def _put(self, batch: list[dict[str, Any]]) -> None:
        for attempt in range(ATTEMPTS):
            if attempt:
                time.sleep(0.1 * 2**attempt)
            answer = self._client.put_records(StreamName=self._stream, Records=batch)
            results = zip(batch, answer["Records"], strict=True)
            batch = [one for one, result in results if result.get("ErrorCode")]
            if not batch:
                return
        raise OSError(f"stream {self._stream}: {len(batch)} records were refused {ATTEMPTS} times")


def _partition_key(data: bytes) -> str:
    keys = json.loads(data)["dynamodb"]["Keys"]
    return hashlib.blake2b(json.dumps(keys, sort_keys=True).encode(), digest_size=16).hexdigest()


def _cuts(waiting: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    cuts: list[list[dict[str, Any]]] = [[]]
    size = 0
    for one in waiting:
        size += len(one["Data"])
        if len(cuts[-1]) == BATCH or (cuts[-1] and size > BATCH_BYTES):
            cuts.append([])
            size = len(one["Data"])
        cuts[-1].append(one)
    return cuts
