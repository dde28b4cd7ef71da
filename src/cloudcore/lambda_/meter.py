"""What a function's invocations cost: counts, billed milliseconds, GB-seconds, and AWS's list price for them.

Source: AWS, "Lambda pricing": duration is billed in milliseconds, rounded up, times the memory size; the
initialisation with the call that it precedes; /tmp beyond 512 MB by GB-seconds; provisioned concurrency while
it is kept, and calls on it at a price of their own (their GB-seconds are in gb_seconds too).
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass, field, fields
from typing import Any

from cloudcore.billing import Prices

_FREE_STORAGE_MB = 512
_MB_MS_PER_GB_S = 1_024_000


@dataclass
class Meter:
    """Of one function, since the service was opened.

    Of asynchronous events: accepted, run again, dropped, their ages when an attempt began, and how many
    records destinations and dead-letter targets did not take.
    """

    invocations: int = 0
    errors: int = 0
    throttles: int = 0
    cold_starts: int = 0
    restores: int = 0
    init_ms: float = 0.0
    restore_ms: float = 0.0
    restored_gb: float = 0.0
    snapshot_gb_seconds: float = 0.0
    provisioned_gb_seconds: float = 0.0
    provisioned_call_gb_seconds: float = 0.0
    duration_ms: float = 0.0
    billed_ms: int = 0
    gb_seconds: float = 0.0
    storage_gb_seconds: float = 0.0
    concurrency_peak: int = 0
    async_received: int = 0
    async_retries: int = 0
    async_dropped: int = 0
    async_age_ms: float = 0.0
    async_age_peak_ms: float = 0.0
    destination_failures: int = 0
    dead_letter_errors: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _kept: dict[str, float] = field(default_factory=dict)  # figure -> GB that are kept
    _counted: float = 0.0  # up to when they are counted

    def count(
        self,
        duration_ms: float,
        billed_ms: int,
        memory_mb: int,
        failed: bool,
        init_ms: float | None = None,
        storage_mb: int = _FREE_STORAGE_MB,
        restore_ms: float | None = None,
        provisioned: bool = False,
    ) -> None:
        with self._lock:
            self.invocations += 1
            self.errors += failed
            self.duration_ms += duration_ms
            self.billed_ms += billed_ms
            self.gb_seconds += billed_ms * memory_mb / _MB_MS_PER_GB_S
            if provisioned:
                self.provisioned_call_gb_seconds += billed_ms * memory_mb / _MB_MS_PER_GB_S
            if init_ms is not None:
                self.cold_starts += 1
                self.init_ms += init_ms
            if restore_ms is not None:
                self.restores += 1
                self.restore_ms += restore_ms
                self.restored_gb += memory_mb / 1024
            if storage_mb > _FREE_STORAGE_MB:
                self.storage_gb_seconds += billed_ms * (storage_mb - _FREE_STORAGE_MB) / _MB_MS_PER_GB_S

    def initialised(self, init_ms: float, memory_mb: int) -> None:
        """A SnapStart version was initialised, which is billed on its own."""
        with self._lock:
            self.init_ms += init_ms
            self.billed_ms += math.ceil(init_ms)
            self.gb_seconds += math.ceil(init_ms) * memory_mb / _MB_MS_PER_GB_S

    def keep(self, figure: str, gb: float, now: float) -> None:
        """From now on so much is kept ready, by snapshots or by provisioned concurrency."""
        with self._lock:
            self._count_kept(now)
            self._kept[figure] = gb

    def _count_kept(self, now: float) -> None:
        for figure, gb in self._kept.items():
            setattr(self, figure, getattr(self, figure) + gb * max(0.0, now - self._counted))
        self._counted = now

    def throttle(self) -> None:
        self.add("throttles")

    def add(self, name: str, value: float = 1) -> None:
        """Add to one figure."""
        with self._lock:
            setattr(self, name, getattr(self, name) + value)

    def aged(self, age_ms: float) -> None:
        """An asynchronous event is taken to be run, so long after it was accepted."""
        with self._lock:
            self.async_age_ms += age_ms
            self.async_age_peak_ms = max(self.async_age_peak_ms, age_ms)

    def read(self, now: float | None = None) -> dict[str, Any]:
        """The figures by name, as of `now`."""
        with self._lock:
            if now is not None:
                self._count_kept(now)
            return {one.name: getattr(self, one.name) for one in fields(self) if one.name[0] != "_"}


def total(figures: list[dict[str, Any]]) -> dict[str, Any]:
    """The figures of several functions together; their peaks of concurrency need not have been at once."""
    made = Meter().read()
    for one in figures:
        for name, value in one.items():
            made[name] = max(made[name], value) if "_peak" in name else made[name] + value
    return made


def cost(
    figures: dict[str, Any], architecture: str = "x86_64", listed: Prices | None = None
) -> dict[str, Any]:
    """What AWS's list prices make of a function's figures, in US dollars."""
    listed = listed or Prices()
    lines = {line.what: line.amount for line in listed.function("", figures | {"architecture": architecture})}
    made = {
        "requests": lines.get("requests", 0.0),
        "duration": lines.get("compute", 0.0) + lines.get("compute on provisioned concurrency", 0.0),
        "provisioned": lines.get("provisioned concurrency", 0.0),
        "storage": lines.get("ephemeral storage over 512 MB", 0.0),
        "snapstart": lines.get("snapshots kept", 0.0) + lines.get("snapshots restored", 0.0),
    }
    told = {"currency": "USD", "prices": f"{listed.source}, {listed.date}"}
    return {**made, "total": sum(made.values()), **told}
