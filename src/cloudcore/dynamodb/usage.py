"""Usage: what tables took, as AWS bills it: request units, provisioned capacity over time, reads of streams.

Request units that came while a table's capacity was provisioned are counted as covered: they cost nothing of
their own. Capacity is counted for the time that the tables were open.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from cloudcore._table import metered

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB

_NAMES = ("read_units", "write_units")
HOURS = ("provisioned_read_hours", "provisioned_write_hours")
_MEMBERS = ("ReadCapacityUnits", "WriteCapacityUnits")
Counts = dict[str, float]


class Usage:
    """Counters by table, of those that are gone too. Any thread may call."""

    def __init__(self, service: DynamoDB):
        self._service = service
        self._opened = service.clock.now()
        self._lock = threading.Lock()
        self._kept: dict[str, Counts] = {}
        self._seen: dict[str, tuple[float, list[int], Counts]] = {}
        """Table -> when it was looked at last, its capacity then, its units then."""

    def read(self) -> dict[str, Counts]:
        """Everything since the tables were opened."""
        with self._lock:
            names = self._service.tables.names()
            for name in names:
                self._look(name)
            found = {name: dict(counts) for name, counts in self._kept.items()}
            for name in names:
                add(found, name, self._units(name))
            return found

    def look(self, name: str) -> None:
        """Count a table's capacity up to now: before it changes."""
        with self._lock:
            self._look(name)

    def dropped(self, name: str, drop: Callable[[str], None]) -> None:
        """Take a table away by `drop`; what it took stays. Raises as that does."""
        with self._lock:
            self._look(name)
            units = self._units(name)
            drop(name)
            add(self._kept, name, units)
            self._seen.pop(name, None)

    def took(self, table: str, counter: str, count: float) -> None:
        """Count what the engine does not: stream_reads (GetRecords), and restored_bytes, exported_bytes and
        imported_bytes when the work is done."""
        with self._lock:
            add(self._kept, table, {counter: count})

    def _look(self, name: str) -> None:
        described = self._service.tables.describe(name)
        if described is None:
            return
        stored, now, units = json.loads(described[0]), self._service.clock.now(), self._units(name)
        parts = (stored, *(stored.get("GlobalSecondaryIndexes") or ()))
        is_kept = stored.get("BillingMode") == "PROVISIONED"
        capacity = [sum(part.get(member) or 0 for part in parts) if is_kept else 0 for member in _MEMBERS]
        # A table not looked at before has had this capacity since it was there: who changes it looks first.
        made = max(self._opened, float(stored.get("CreationDateTime") or 0))
        since, held, before = self._seen.get(name, (made, capacity, {}))
        if any(held):
            hours = max(0.0, now - since) / 3600
            taken = {counter: rate * hours for counter, rate in zip(HOURS, held, strict=True)}
            taken |= {f"covered_{unit}": count - before.get(unit, 0) for unit, count in units.items()}
            add(self._kept, name, taken)
        self._seen[name] = now, capacity, units

    def _units(self, name: str) -> Counts:
        counted = metered(self._service.tables, name)
        return {} if counted is None else dict(zip(_NAMES, counted, strict=True))


def difference(now: dict[str, Counts], before: dict[str, Counts]) -> dict[str, Counts]:
    """What came since `before`, by table."""
    return {
        name: {counter: count - before.get(name, {}).get(counter, 0) for counter, count in counts.items()}
        for name, counts in now.items()
    }


def add(totals: dict[str, Counts], name: str, counts: Counts) -> None:
    """Add counters to those of a table."""
    held = totals.setdefault(name, {})
    for counter, count in counts.items():
        held[counter] = held.get(counter, 0) + count
