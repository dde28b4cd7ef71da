"""What an endpoint did: calls, refusals and latencies per operation, and the last calls while somebody looks.

A latency falls into one of about four buckets a doubling, so a percentile is right to within a fifth.
"""

from __future__ import annotations

import collections
import threading
import time
from typing import Any, NamedTuple

KEPT = 500
BODY_KEPT = 4096
WATCHED_SECONDS = 120.0
_BUCKETS = 128


class Call(NamedTuple):
    """One request that was answered; `at` in seconds since 1970."""

    at: float
    operation: str
    status: int
    seconds: float
    bytes_in: int
    bytes_out: int
    method: str
    target: str
    body: bytes


class Operation:
    """Counters of one operation."""

    def __init__(self) -> None:
        self.count = self.refused = 0
        self.seconds = 0.0
        self.buckets = [0] * _BUCKETS

    def read(self) -> dict[str, Any]:
        return {
            "count": self.count,
            "refused": self.refused,
            "seconds": self.seconds,
            "buckets": list(self.buckets),
        }


class Observed:
    """The counters of one endpoint. Any thread may call."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._operations: dict[str, Operation] = {}
        self._calls: collections.deque[Call] = collections.deque(maxlen=KEPT)
        self._watched_until = 0.0

    def note(
        self,
        operation: str,
        status: int,
        seconds: float,
        method: str,
        target: str,
        body: bytes,
        bytes_out: int,
    ) -> None:
        """Count one answer."""
        bucket = bucket_of(seconds)
        with self._lock:
            found = self._operations.get(operation)
            if found is None:
                found = self._operations[operation] = Operation()
            found.count += 1
            found.refused += status >= 400
            found.seconds += seconds
            found.buckets[bucket] += 1
            if self._watched_until > time.monotonic():
                self._calls.append(
                    Call(
                        time.time(),
                        operation,
                        status,
                        seconds,
                        len(body),
                        bytes_out,
                        method,
                        target,
                        body[:BODY_KEPT],
                    )
                )

    def operations(self) -> dict[str, dict[str, Any]]:
        """Operation -> count, refused, seconds, buckets."""
        with self._lock:
            return {name: found.read() for name, found in self._operations.items()}

    def calls(self) -> list[Call]:
        """The last calls, newest first, of the time since somebody began to look; keeps them coming."""
        with self._lock:
            self._watched_until = time.monotonic() + WATCHED_SECONDS
            return list(reversed(self._calls))


def bucket_of(seconds: float) -> int:
    """The bucket of a latency: a quarter of a doubling of a microsecond each."""
    microseconds = int(seconds * 1e6)
    if microseconds < 4:
        return max(0, microseconds)
    high = microseconds.bit_length() - 1
    return min(_BUCKETS - 1, (high - 1) * 4 + ((microseconds >> (high - 2)) & 3))


def bucket_top(bucket: int) -> float:
    """The latency, in seconds, below which everything in a bucket lies."""
    if bucket < 4:
        return (bucket + 1) / 1e6
    high, part = bucket // 4 + 1, bucket % 4
    return ((4 + part + 1) << (high - 2)) / 1e6


def percentile(buckets: list[int], share: float) -> float | None:
    """The latency that `share` of all calls stayed under; None without calls."""
    total = sum(buckets)
    if not total:
        return None
    reached = 0
    for bucket, count in enumerate(buckets):
        reached += count
        if reached >= share * total:
            return bucket_top(bucket)
    return bucket_top(_BUCKETS - 1)
