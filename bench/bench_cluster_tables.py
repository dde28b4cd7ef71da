"""Tables on a cluster beside one machine: single puts of items of 400 bytes from 8 threads a node, then reads.

    python -m pytest -s bench/bench_cluster_tables.py --benchmark-only

All on this machine, as bench_cluster.py has it. `extra_info`: puts per second until the last one returned, and the median
node's microseconds for a strongly and for an eventually consistent read. Every item is counted at the end, at every node.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from .bench_cluster import end, servers  # noqa: F401 - the fixture

PUTS = int(os.environ.get("CLOUDCORE_BENCH_PUTS", "3200"))
THREADS = 8


@pytest.mark.parametrize(
    ("count", "nodes"), [(0, 1), (1, 1), (3, 1), (3, 2), (3, 3)],
    ids=["one machine", "1 server, 1 node", "3 servers, 1 node", "3 servers, 2 nodes", "3 servers, 3 nodes"],
)  # fmt: skip
def test_puts_and_reads(benchmark: Any, tmp_path: Path, servers: Any, count: int, nodes: int) -> None:  # noqa: F811
    each = PUTS // nodes // THREADS
    address = servers(count) if count else str(tmp_path / "data")
    children = [
        subprocess.Popen(
            [sys.executable, str(Path(__file__).parent / "cluster_table_child.py"),
             f"{address}/n{number}" if count else address, str(tmp_path / "objects"), str(each), str(THREADS), str(number)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for number in range(nodes)
    ]  # fmt: skip

    def go() -> None:
        for child in children:
            child.stdin.write("\n")
            child.stdin.flush()

    def said() -> list[str]:
        return [child.stdout.readline().strip() for child in children]

    try:
        assert said() == ["ready"] * nodes
        took: list[float] = []

        def run() -> None:
            began = time.perf_counter()
            go()
            assert said() == ["put"] * nodes
            took.append(time.perf_counter() - began)

        benchmark.pedantic(run, rounds=1)
        go()
        strong, eventual = (statistics.median(map(int, said())) for _ in range(2))
        go()
        assert said() == [str(each * THREADS * nodes)] * nodes
        benchmark.extra_info |= {
            "puts_per_s": round(each * THREADS * nodes / took[0]), "strong_us": strong, "eventual_us": eventual,
        }  # fmt: skip
        print(benchmark.extra_info)
    finally:
        end(children)
