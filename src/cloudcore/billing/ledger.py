"""Ledger: usage over all runs of a cloud, kept in a file beside its data.

A service counts from when it was opened; the ledger adds that to what earlier runs left. The file is written
every minute in which something changed, and at the end: kill -9 costs the bill a minute, nothing else.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

SAVED_EVERY_SECONDS = 60.0
Counts = dict[str, dict[str, float]]
"""kind/account/region/name -> counter -> value."""


def add(totals: Counts, key: str, counts: Mapping[str, float]) -> None:
    """Add counters to those of `key`."""
    held = totals.setdefault(key, {})
    for name, value in counts.items():
        held[name] = held.get(name, 0) + value


class Ledger:
    """`read()` gives the counters of this run; `path` None keeps nothing. Any thread may call."""

    def __init__(self, path: str | None, read: Callable[[], Counts]):
        self._path, self._read = path, read
        self._lock = threading.Lock()
        self._wake = threading.Condition(self._lock)
        self._closed = False
        kept = _load(path)
        self.since: float = kept["since"]
        self._base: Counts = kept["counts"]
        self._written: Counts = {}
        self._thread: threading.Thread | None = None
        if path is not None:
            self._thread = threading.Thread(target=self._run, name="cloudcore-ledger", daemon=True)
            self._thread.start()

    def totals(self) -> Counts:
        """What was used since `since`."""
        with self._lock:
            return self._sum(self._read())

    def reset(self) -> None:
        """Begin again at nothing."""
        with self._lock:
            now = self._read()
            self._base = {
                key: {name: -value for name, value in counts.items()} for key, counts in now.items()
            }
            self.since = time.time()
            self._write(now)

    def close(self) -> None:
        """Write what there is. Idempotent. The services must still answer."""
        with self._wake:
            if self._closed:
                return
            self._closed = True
            self._wake.notify_all()
            self._write(self._read())
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        with self._wake:
            while not self._closed:
                self._wake.wait(SAVED_EVERY_SECONDS)
                if not self._closed:
                    now = self._read()
                    if now != self._written:
                        self._write(now)

    def _sum(self, now: Counts) -> Counts:
        found = {key: dict(counts) for key, counts in self._base.items()}
        for key, counts in now.items():
            add(found, key, counts)
        return found

    def _write(self, now: Counts) -> None:
        self._written = now
        if self._path is None:
            return
        text = json.dumps({"since": self.since, "counts": self._sum(now)})
        with contextlib.suppress(OSError):  # a full disk must not stop the work that is counted
            with open(self._path + ".new", "w", encoding="utf-8") as file:
                file.write(text)
            os.replace(self._path + ".new", self._path)


def _load(path: str | None) -> dict[str, Any]:
    if path is not None:
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
            with open(path, encoding="utf-8") as file:
                found = json.load(file)
            return {"since": float(found["since"]), "counts": dict(found["counts"])}
    return {"since": time.time(), "counts": {}}
