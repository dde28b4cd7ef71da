"""Watch a served cloud: calls a second and latencies, functions, delivery streams. Ctrl-C ends it."""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any

from cloudcore.cli.connection import Connection, add_target, connect

_HOME, _CLEAR = "\x1b[H", "\x1b[J"


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `top` takes."""
    add_target(parser, "print the counters once, as JSON")
    parser.add_argument("--seconds", type=float, default=1.0, help="between two looks (default 1)")
    parser.add_argument("--once", action="store_true", help="look twice, print, end")


def run(options: argparse.Namespace) -> int:
    """0, or 130 when it is interrupted."""
    with connect(options) as connection:
        before, at = read(connection), time.monotonic()
        if options.json:
            print(json.dumps(before))
            return 0
        while True:
            time.sleep(options.seconds)
            now, since = read(connection), at
            at = time.monotonic()
            page = "\n".join(lines(before, now, at - since, connection.where))
            before = now
            if options.once or not sys.stdout.isatty():
                print(page, flush=True)
                if options.once:
                    return 0
            else:
                print(_HOME + page.replace("\n", "\x1b[K\n") + _CLEAR, flush=True)


def read(connection: Connection) -> dict[str, Any]:
    """The counters."""
    return connection.get("/_cloudcore/metrics.json")


def lines(before: dict[str, Any], now: dict[str, Any], seconds: float, where: str) -> list[str]:
    """The page for two looks `seconds` apart."""
    out = [f"cloudcore {where}   memory {now['memory_bytes'] / 1e6:.0f} MB{_held(now)}", ""]
    out.append(f"{'OPERATION':<40}{'CALLS/S':>10}{'CALLS':>12}{'REFUSED':>9}{'P50':>10}{'P99':>10}")
    found = sorted(now["operations"].items(), key=lambda pair: -pair[1]["count"])
    for name, entry in found[:20]:
        earlier = before["operations"].get(name, {"count": 0})["count"]
        rate = (entry["count"] - earlier) / seconds
        out.append(
            f"{name:<40}{rate:>10.0f}{entry['count']:>12}{entry['refused']:>9}"
            f"{_time(entry['p50_s']):>10}{_time(entry['p99_s']):>10}"
        )
    out += ["", f"{'STREAM':<40}{'IN/S':>10}{'DELIVERED':>12}{'FAILED':>9}{'FILL':>10}{'OLDEST':>10}"]
    for entry in now["streams"]:
        rate = (entry["records_in"] - _earlier(before["streams"], entry, "records_in")) / seconds
        out.append(
            f"{_name(entry):<40}{rate:>10.0f}{entry['delivered']:>12}{entry['failed']:>9}"
            f"{entry['buffer_fill']:>10.0%}{_time(entry['oldest_seconds']):>10}"
        )
    out += ["", f"{'FUNCTION':<40}{'CALLS/S':>10}{'CALLS':>12}{'ERRORS':>9}{'THROTTLED':>10}{'GB-S':>10}"]
    for entry in now["functions"]:
        rate = (entry["invocations"] - _earlier(before["functions"], entry, "invocations")) / seconds
        out.append(
            f"{_name(entry):<40}{rate:>10.0f}{entry['invocations']:>12}{entry['errors']:>9}"
            f"{entry['throttles']:>10}{entry['gb_seconds']:>10.3g}"
        )
    return out


def _held(now: dict[str, Any]) -> str:
    """What the tables take of their memory budgets; nothing where none has one."""
    held = [entry for entry in now["stores"] if entry["budget_bytes"] != 0]
    if not held:
        return ""
    used, budget, spilled = (
        sum(entry[member] for entry in held) / 1e6
        for member in ("used_bytes", "budget_bytes", "spilled_bytes")
    )
    return f"   tables {used:.0f} of {budget:.0f} MB, {spilled:.0f} MB on disk"


def _name(entry: dict[str, Any]) -> str:
    return f"{entry['name']} ({entry['region']})"[:39]


def _earlier(entries: list[dict[str, Any]], entry: dict[str, Any], member: str) -> int:
    identity = [entry[each] for each in ("account", "region", "name")]
    for held in entries:
        if [held[each] for each in ("account", "region", "name")] == identity:
            return int(held[member])
    return 0


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    for limit, factor, unit in ((1e-3, 1e6, "us"), (1, 1e3, "ms"), (120, 1, "s")):
        if seconds < limit:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds / 60:.0f} min"
