"""The first page: what is here, and what is going on."""

from __future__ import annotations

from typing import Any

from cloudcore.console import tables, words
from cloudcore.console.app import View
from cloudcore.console.request import Request


def show(view: View, request: Request) -> tuple[str, dict[str, Any]]:
    """Counts, rates, latencies."""
    return "overview.html", {"title": "Overview", "live": live(view, request)}


def live(view: View, request: Request) -> dict[str, Any]:
    """The figures of the page, refreshed by its script."""
    from cloudcore.console.sampler import sampler_of

    found = sampler_of(view.root).read()
    held = [tables.describe(view, name) for name in tables.names(view)]
    return {
        "tables": words.number(len(held)),
        "items": words.number(sum(table["ItemCount"] for table in held)),
        "bytes": words.size(sum(table["TableSizeBytes"] for table in held)),
        "functions": words.number(len(view.call("lambda_", "ListFunctions")["Functions"])),
        "streams": words.number(len(view.cloud.firehose.names())),
        "memory": words.size(found["memory_bytes"]),
        "disk": "the cluster's" if view.root.node else words.size(found["disk_bytes"]),
        "rate": words.number(found["rate"]),
        "rates": found["rates"],
        "operations": [[words.operation(name), *figures] for name, *figures in found["operations"]],
    }
