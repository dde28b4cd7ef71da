"""Prices: usage of a table, a function or a stream -> lines with an amount each.

A gigabyte is 2**30 bytes where AWS bills by it. Amounts are floats of US dollars: a bill to read, not to pay.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

GB = float(1 << 30)
FIREHOSE_UNIT = 5 * 1024
Usage = Mapping[str, Any]


@dataclass(frozen=True)
class Line:
    """One line of a bill: so much of something, at a price for so many of it."""

    kind: str
    name: str
    what: str
    quantity: float
    unit: str
    amount: float


class Prices:
    """The price file: `path`, else CLOUDCORE_PRICES, else the one that comes with cloudcore.

    Raises ValueError that names what is missing in it, OSError.
    """

    def __init__(self, path: str | None = None):
        default = os.path.join(os.path.dirname(__file__), "prices.toml")
        self.path = path or os.environ.get("CLOUDCORE_PRICES") or default
        with open(self.path, "rb") as file:
            try:
                self._found = tomllib.load(file)
            except tomllib.TOMLDecodeError as error:
                raise ValueError(f"{self.path}: {error}") from None
        self.date, self.source = str(self._of("date")), str(self._of("source"))

    def table(self, name: str, usage: Usage) -> list[Line]:
        """`usage`: what the tables' billed() and priced() give; units that capacity covered cost nothing."""
        place = f"dynamodb.{usage.get('table_class') or 'STANDARD'}"

        def line(what: str, quantity: float, unit: str, price: str, many: float = 1) -> list[Line]:
            if quantity <= 0:
                return []
            return [Line("table", name, what, quantity, unit, quantity / many * self._of(price))]

        lines = []
        for way in ("read", "write"):
            units = usage.get(f"{way}_units", 0) - usage.get(f"covered_{way}_units", 0)
            hours = usage.get(f"provisioned_{way}_hours", 0)
            lines += line(f"{way} request units", units, "units", f"{place}.per_million_{way}_units", 1e6)
            lines += line(
                f"provisioned {way} capacity", hours, "unit-hours", f"{place}.per_provisioned_{way}_hour"
            )
        reads, month = usage.get("stream_reads", 0), "for a month at its present size"
        lines += line(
            "reads of its stream", reads, "units", "dynamodb.per_hundred_thousand_stream_reads", 1e5
        )
        for counter, what, unit, price in (
            ("restored_bytes", "restored from a backup or a moment", "GB", "dynamodb.per_gb_restored"),
            ("exported_bytes", "exported to objects", "GB", "dynamodb.per_gb_exported"),
            ("imported_bytes", "imported from objects", "GB", "dynamodb.per_gb_imported"),
            ("bytes", f"storage {month}", "GB-months", f"{place}.per_gb_month"),
            ("backup_bytes", "backups for a month at their present size", "GB-months",
             "dynamodb.per_gb_month_of_backups"),
            ("recoverable_bytes", f"point-in-time recovery {month}", "GB-months",
             "dynamodb.per_gb_month_recoverable"),
        ):  # fmt: skip
            lines += line(what, usage.get(counter, 0) / GB, unit, price)
        return lines

    def function(self, name: str, usage: Usage) -> list[Line]:
        """`usage`: invocations, gb_seconds, storage_gb_seconds, restored_gb, snapshot_gb_seconds,
        provisioned_gb_seconds, provisioned_call_gb_seconds (a part of gb_seconds), architecture."""
        place = f"lambda.{usage.get('architecture') or 'x86_64'}"
        storage, restored = usage.get("storage_gb_seconds", 0.0), usage.get("restored_gb", 0.0)
        kept = usage.get("snapshot_gb_seconds", 0.0)
        ready = usage.get("provisioned_gb_seconds", 0.0)
        called = usage.get("provisioned_call_gb_seconds", 0.0)
        common = max(0.0, usage["gb_seconds"] - called)
        return _used(
            ("function", name, "requests", usage["invocations"], "requests",
             usage["invocations"] / 1e6 * self._of(f"{place}.per_million_requests")),
            ("function", name, "compute", common, "GB-seconds", common * self._of(f"{place}.per_gb_second")),
            ("function", name, "provisioned concurrency", ready, "GB-seconds",
             ready * self._of(f"{place}.per_provisioned_gb_second") if ready else 0.0),
            ("function", name, "compute on provisioned concurrency", called, "GB-seconds",
             called * self._of(f"{place}.per_provisioned_call_gb_second") if called else 0.0),
            ("function", name, "ephemeral storage over 512 MB", storage, "GB-seconds",
             storage * self._of("lambda.storage.per_gb_second")),
            ("function", name, "snapshots kept", kept, "GB-seconds",
             kept * self._of("lambda.snapstart.per_gb_second") if kept else 0.0),
            ("function", name, "snapshots restored", restored, "GB",
             restored * self._of("lambda.snapstart.per_gb_restored") if restored else 0.0),
        )  # fmt: skip

    def stream(self, name: str, usage: Usage) -> list[Line]:
        """`usage`: billed_bytes; of those converted_bytes and partitioned_bytes; partition_objects."""
        objects = usage.get("partition_objects", 0)
        lines = [
            ("stream", name, "objects of partitions", objects, "objects",
             objects / 1000 * self._of("firehose.per_thousand_partition_objects")),
        ]  # fmt: skip
        for counter, what, price in (
            ("partitioned_bytes", "dynamic partitioning", "per_gb_partitioned"),
            ("converted_bytes", "format conversion", "per_gb_converted"),
            ("billed_bytes", "records, each up to whole 5 KB", "per_gb"),
        ):
            gb = usage.get(counter, 0) / GB
            lines.append(("stream", name, what, gb, "GB", gb * self._of(f"firehose.{price}")))
        return _used(*reversed(lines))

    def _of(self, path: str) -> Any:
        found: Any = self._found
        for word in path.split("."):
            if not isinstance(found, dict) or word not in found:
                raise ValueError(f"{self.path}: {path} is missing")
            found = found[word]
        return found


def lines_of(prices: Prices, usage: Mapping[str, Usage]) -> list[Line]:
    """The bill of what Cloud.used() gives."""
    lines: list[Line] = []
    for key, counts in sorted(usage.items()):
        kind, _, _, name = key.split("/", 3)
        lines += {"table": prices.table, "function": prices.function, "stream": prices.stream}[kind](
            name, counts
        )
    return lines


def _used(*lines: tuple[str, str, str, float, str, float]) -> list[Line]:
    return [Line(*line) for line in lines if line[3]]
