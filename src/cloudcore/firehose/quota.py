"""Quota: what AWS lets through a stream by default, for those who want to see their producers slowed down.

    us-east-1, us-west-2, eu-west-1    500,000 records, 2,000 requests, 5 MiB a second
    every other region                 100,000 records, 1,000 requests, 1 MiB a second

A request that finds nothing left is refused with ServiceUnavailableException; one second's allowance can be
used at once. Source: AWS, "Amazon Data Firehose quota".
"""

from __future__ import annotations

import threading

from cloudcore.clock import Clock
from cloudcore.errors import ApiError

_LARGE = ("us-east-1", "us-west-2", "eu-west-1")
_RATES = {True: (500_000, 2_000, 5 << 20), False: (100_000, 1_000, 1 << 20)}


class Quota:
    """The allowance of one stream. Any thread."""

    def __init__(self, region: str, clock: Clock):
        self._rates = _RATES[region in _LARGE]
        self._left = [float(rate) for rate in self._rates]
        self._clock, self._at = clock, clock.monotonic()
        self._lock = threading.Lock()

    def take(self, records: int, size: int) -> None:
        """Use some of it. Raises ApiError ServiceUnavailableException."""
        with self._lock:
            now = self._clock.monotonic()
            passed, self._at = now - self._at, now
            self._left = [
                min(float(rate), left + rate * passed)
                for left, rate in zip(self._left, self._rates, strict=True)
            ]
            if min(self._left) <= 0:
                raise ApiError("ServiceUnavailableException", "Slow down.", 503)
            # A batch may be larger than what is left: it is taken, and those behind it wait for it.
            self._left = [left - used for left, used in zip(self._left, (records, 1, size), strict=True)]
