"""The counters of all that is open in a cloud, as metrics, `cloudcore top` and the console show them."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable
from typing import Any

_KINDS = (("dynamodb", "tables"), ("lambda", "functions"), ("firehose", "streams"))


def counters(
    endpoints: Iterable[Any], places: Iterable[tuple[str, str, dict[str, Any]]]
) -> dict[str, Any]:
    """What Cloud.metrics() gives, of open listeners and of account, region and services of each place."""
    found: dict[str, Any] = {"operations": _operations(endpoints), "stores": []}
    found |= {kind: [] for _, kind in _KINDS}
    for account, region, services in places:
        at = {"account": account, "region": region}
        for service, kind in _KINDS:
            if service in services:
                counted = services[service].metrics()
                found[kind] += [{**at, "name": name, **entry} for name, entry in counted.items()]
        if "dynamodb" in services:
            found["stores"].append({**at, "name": "tables", **services["dynamodb"].tables.info()})
    with open("/proc/self/statm", encoding="ascii") as file:
        found["memory_bytes"] = int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return found


def _operations(endpoints: Iterable[Any]) -> dict[str, dict[str, Any]]:
    operations: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        for name, entry in endpoint.operations().items():
            held = operations.setdefault(name, {"count": 0, "refused": 0, "seconds": 0.0, "buckets": []})
            for member in ("count", "refused", "seconds"):
                held[member] += entry[member]
            pairs = itertools.zip_longest(held["buckets"], entry["buckets"], fillvalue=0)
            held["buckets"] = [mine + its for mine, its in pairs]
    return operations
