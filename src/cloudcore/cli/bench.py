"""Time tables, streams and functions over HTTP; beside other servers with --compare ministack,moto.

Every server runs as a process of its own on a loopback port, with its data in memory. The same requests go to
each in short turns of the same run, one at a time over a plain socket, and every answer is checked; then come
more connections at once. Read the ratios: absolutes are this machine's. Peers are taken from an environment
of their own (--install makes it) or from PATH. The page (--out) has the tables and plots; exit status 1 if an
answer was wrong.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import itertools
import json
import os
import platform
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from cloudcore.cli.bench_servers import PEERS, Fault, Server, Wire, program_of, started
from cloudcore.cli.bench_work import OPERATIONS, READY, Operation, gets
from cloudcore.cli.connection import Refusal

ROOMS = ("ddb", "firehose", "lambda", "all")
CONNECTIONS = (1, 2, 4, 8, 16)
_TURNS = 5


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `bench` takes."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    parser.add_argument("room", nargs="?", choices=ROOMS, default="all", help="what to time (default: all)")
    parser.add_argument(
        "--compare", metavar="NAMES", default="", help=f"servers beside it: {','.join(PEERS)}"
    )
    parser.add_argument(
        "--seconds", type=float, default=2.0, help="of each operation on each server (default: 2)"
    )
    parser.add_argument("--out", metavar="FILE", help="write a page of HTML with plots in SVG")
    parser.add_argument("--install", action="store_true", help="install the peers that are missing, with pip")
    parser.add_argument(
        "--peers", metavar="DIR", default=os.path.join(cache, "cloudcore", "peers"),
        help="where the peers' environments are (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """0; 1 if a server's answer was wrong."""
    names = ["cloudcore", *(name for name in options.compare.split(",") if name)]
    for name in names[1:]:
        if name not in PEERS:
            raise Refusal(f"there is no peer {name!r}", f"the peers are {', '.join(PEERS)}")
    if not options.seconds > 0:
        raise Refusal("--seconds must be more than 0")
    programs = {n: program_of(n, Path(options.peers), options.install) for n in names[1:]}
    with contextlib.ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cloudcore-bench-")))
        servers = []
        for name in dict.fromkeys(names):
            _say(f"starting {name}")
            program = programs.get(name, sys.executable)
            servers.append(stack.enter_context(started(name, program, home / name, READY)))
        found = _measure(servers, options.room, options.seconds)
    if options.out:
        from cloudcore.cli.bench_page import page

        Path(options.out).write_text(page(found), encoding="utf-8")
    print(json.dumps(found) if options.json else _table(found))
    if options.out and not options.json:
        print(f"page: {options.out}")
    return 1 if any(row["wrong"] for row in found["operations"]) else 0


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _measure(servers: list[Server], room: str, seconds: float) -> dict[str, Any]:
    rows = []
    for operation in OPERATIONS:
        if room in (operation.room, "all"):
            _say(f"{operation.name}: {operation.what}")
            rows.append(_row(servers, operation, seconds))
    lines: dict[str, Any] = {}
    if room in ("ddb", "all"):
        _say("GetItem over more connections")
        lines = {server.name: _over_connections(server, seconds / _TURNS) for server in servers}
    return {
        "date": time.strftime("%Y-%m-%d %H:%M"),
        "machine": _machine(),
        "servers": {server.name: _start_of(server) for server in servers},
        "operations": rows,
        "get_item_per_second_over_connections": lines,
    }  # fmt: skip


def _machine() -> str:
    kind, load = platform.processor() or platform.machine(), os.getloadavg()[0]
    python = platform.python_version()
    return f"{os.cpu_count()} cores, {kind}, Linux {platform.release()}, Python {python}, load {load:.1f}"


def _start_of(server: Server) -> dict[str, Any]:
    return {
        "version": server.version,
        "first_answer_ms": round(server.first_answer_ms, 1),
        "idle_mib": round(server.idle_mib, 1),
    }


def _row(servers: list[Server], operation: Operation, seconds: float) -> dict[str, Any]:
    """An operation on every server, in turns, so that what else the machine does falls on all of them."""
    wires: dict[str, Wire] = {}
    spent: dict[str, list[float]] = {}
    absent: dict[str, str] = {}
    wrong: dict[str, str] = {}
    pairs = operation.pairs()
    more = {server.name: itertools.cycle(pairs) for server in servers}
    for server in servers:
        wires[server.name] = Wire(server)
        try:
            operation.prepare(wires[server.name])
            spent[server.name] = []
        except (Fault, OSError) as error:
            absent[server.name] = str(error)
    for _ in range(_TURNS):
        for name in list(spent):
            try:
                spent[name] += _turn(wires[name], more[name], seconds / _TURNS)
            except (Fault, OSError) as error:
                wrong[name] = str(error)
                del spent[name]
    for wire in wires.values():
        wire.close()
    if "cloudcore" in absent:
        wrong["cloudcore"] = absent.pop("cloudcore")
    timed = {name: _figures(found) for name, found in spent.items()}
    return {
        "name": operation.name,
        "what": operation.what,
        "servers": timed,
        "absent": absent,
        "wrong": wrong,
    }


def _turn(wire: Wire, pairs: Any, seconds: float) -> list[float]:
    """The seconds of each call; the answers are looked at after the clock has stopped."""
    spent: list[float] = []
    answers: list[tuple[bytes, Any]] = []
    end = time.perf_counter() + seconds
    while not spent or time.perf_counter() < end:
        data, is_right = next(pairs)
        began = time.perf_counter()
        body = wire.ask(data)
        spent.append(time.perf_counter() - began)
        answers.append((body, is_right))
    for body, is_right in answers:
        if not is_right(json.loads(body)):
            raise Fault(f"a wrong answer: {body[:300]!r}")
    return spent


def _figures(spent: list[float]) -> dict[str, Any]:
    spent = sorted(spent)
    last = len(spent) - 1
    quantiles = [round(spent[last * n // 100] * 1e6, 1) for n in range(101)]
    return {
        "calls": len(spent), "median_us": quantiles[50], "p99_us": quantiles[99],
        "per_second": round(len(spent) / sum(spent), 1), "quantiles_us": quantiles,
    }  # fmt: skip


def _over_connections(server: Server, seconds: float) -> list[tuple[int, float]]:
    """(connections, requests a second) of GetItem, a client process each; a fault ends the line."""
    points: list[tuple[int, float]] = []
    for count in CONNECTIONS:
        with ProcessPoolExecutor(count, get_context("fork")) as clients:
            begin = time.monotonic() + 0.2 + 0.02 * count  # all are connected by then
            told = (dataclasses.replace(server, process=None), begin, seconds)
            found = [clients.submit(_client, number, *told) for number in range(count)]
            try:
                points.append((count, round(sum(one.result() for one in found) / seconds, 1)))
            except (Fault, OSError) as error:
                _say(f"{server.name}, {count} connections: {error}")
                break
    return points


def _client(number: int, server: Server, begin: float, seconds: float) -> int:
    """How many right answers one connection gets between two moments."""
    wire, more = Wire(server), itertools.cycle(gets()[number:])
    answers: list[tuple[bytes, Any]] = []
    time.sleep(max(0.0, begin - time.monotonic()))
    end = begin + seconds
    while not answers or time.monotonic() < end:
        data, is_right = next(more)
        answers.append((wire.ask(data), is_right))
    wire.close()
    for body, is_right in answers:
        if not is_right(json.loads(body)):
            raise Fault(f"a wrong answer: {body[:300]!r}")
    return len(answers)


def _table(found: dict[str, Any]) -> str:
    names = list(found["servers"])
    lines = [
        f"{found['date']}; {found['machine']}",
        f"{'median, microseconds':<24}" + "".join(f"{n:>22}" for n in names),
    ]
    for row in found["operations"]:
        own = row["servers"].get("cloudcore", {}).get("median_us")
        cells = ""
        for name in names:
            figures = row["servers"].get(name)
            if figures is None:
                text = "wrong" if name in row["wrong"] else "cannot"
            else:
                ratio = f" ({figures['median_us'] / own:,.1f}x)" if own and name != "cloudcore" else ""
                text = f"{figures['median_us']:,.0f}{ratio}"
            cells += f"{text:>22}"
        lines.append(f"{row['name']:<24}{cells}")
    for key, what in (("first_answer_ms", "first answer, ms"), ("idle_mib", "memory idle, MiB")):
        lines.append(f"{what:<24}" + "".join(f"{found['servers'][name][key]:>22,.0f}" for name in names))
    for row in found["operations"]:
        for name, why in {**row["absent"], **row["wrong"]}.items():
            lines.append(f"{row['name']}, {name}: {why[:150]}")
    return "\n".join(lines)
