"""What a function's invocations cost: counts, billed milliseconds, GB-seconds.

Source: AWS, "Lambda pricing": duration is billed in milliseconds, rounded up, times the memory size.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Meter:
    """Of one function, since the service was opened."""

    invocations: int = 0
    errors: int = 0
    throttles: int = 0
    duration_ms: float = 0.0
    billed_ms: int = 0
    gb_seconds: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def count(self, duration_ms: float, billed_ms: int, memory_mb: int, failed: bool) -> None:
        with self._lock:
            self.invocations += 1
            self.errors += failed
            self.duration_ms += duration_ms
            self.billed_ms += billed_ms
            self.gb_seconds += billed_ms * memory_mb / 1_024_000

    def throttle(self) -> None:
        with self._lock:
            self.throttles += 1

    def read(self) -> dict[str, Any]:
        """The figures by name."""
        with self._lock:
            return {name: getattr(self, name) for name in Meter.__dataclass_fields__ if name[0] != "_"}
