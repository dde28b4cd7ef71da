"""Rates over the last two minutes: counters looked at once a second, for as long as somebody watches."""

from __future__ import annotations

import collections
import contextlib
import itertools
import os
import threading
import time
import weakref
from typing import Any

from cloudcore.console import words
from cloudcore.errors import ClosedError
from cloudcore.wire.observed import percentile

SECONDS = 120
_UNWATCHED_SECONDS = 30.0
_samplers: weakref.WeakKeyDictionary[Any, Sampler] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def sampler_of(cloud: Any) -> Sampler:
    """The one sampler of a cloud."""
    with _lock:
        if cloud not in _samplers:
            _samplers[cloud] = Sampler(cloud)
        return _samplers[cloud]


class Sampler:
    """Its thread starts with the first look and ends half a minute after the last: idle costs nothing."""

    def __init__(self, cloud: Any):
        self._cloud = weakref.ref(cloud)
        self._lock = threading.Lock()
        self._totals: collections.deque[int] = collections.deque(maxlen=SECONDS + 1)
        self._looked = 0.0
        self._running = False

    def read(self) -> dict[str, Any]:
        """`rate` now, `rates` second by second, `operations` as rows, memory and disk."""
        cloud = self._cloud()
        assert cloud is not None
        with self._lock:
            self._looked = time.monotonic()
            if not self._running:
                self._running = True
                self._totals.clear()
                self._totals.append(_total(cloud))
                threading.Thread(target=self._run, name="cloudcore-console", daemon=True).start()
            totals = list(self._totals)
        rates = [after - before for before, after in itertools.pairwise(totals)]
        return {
            "rates": [0] * (SECONDS - len(rates)) + rates,
            "rate": rates[-1] if rates else 0,
            "operations": _operations(cloud),
            "memory_bytes": cloud.metrics()["memory_bytes"],
            "disk_bytes": _disk(cloud.path),
        }

    def _run(self) -> None:
        while True:
            time.sleep(1.0)
            cloud = self._cloud()
            with self._lock:
                if cloud is None or time.monotonic() - self._looked > _UNWATCHED_SECONDS:
                    self._running = False
                    return
                try:
                    self._totals.append(_total(cloud))
                except ClosedError:
                    return


def _total(cloud: Any) -> int:
    return sum(entry["count"] for entry in cloud.metrics()["operations"].values())


def _operations(cloud: Any) -> list[list[str]]:
    found = sorted(cloud.metrics()["operations"].items(), key=lambda pair: -pair[1]["count"])
    return [
        [
            name,
            words.number(entry["count"]),
            words.number(entry["refused"]),
            words.duration(percentile(entry["buckets"], 0.5)),
            words.duration(percentile(entry["buckets"], 0.99)),
        ]
        for name, entry in found
    ]


def _disk(path: str) -> int:
    """Bytes that the files below `path` take."""
    found = 0
    for directory, _, names in os.walk(path):
        for name in names:
            with contextlib.suppress(OSError):
                found += os.lstat(os.path.join(directory, name)).st_blocks * 512
    return found
