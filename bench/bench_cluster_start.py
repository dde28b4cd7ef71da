"""How long a new node of a cluster takes until its replica is whole: from the log of all requests, and from a checkpoint.

    CLOUDCORE_BENCH_ITEMS=50000 python -m pytest -s bench/bench_cluster_start.py --benchmark-only

Items of 400 bytes, each put four times: the log holds four requests for each item that is there. One server; the node that has
written is on the same cores. Every item is read at the new node. `extra_info`: messages and bytes of the log, bytes of the checkpoint.
"""

from __future__ import annotations

import os
import random
import time
from pathlib import Path
from typing import Any

import pytest

import cloudcore
from cloudcore.cluster.layout import tables_log
from cloudcore.cluster.tables import checkpoint
from cloudcore.objects import LocalObjects

from .bench_cluster import servers  # noqa: F401 - the fixture

ITEMS = int(os.environ.get("CLOUDCORE_BENCH_ITEMS", "50000"))
ROUNDS = 3
dice = random.Random(1)


@pytest.mark.parametrize("kept", ["log", "checkpoint"])
def test_start(benchmark: Any, tmp_path: Path, servers: Any, monkeypatch: Any, kept: str) -> None:  # noqa: F811
    monkeypatch.setattr(checkpoint, "LOG_BYTES", 1 << 50)
    address, store = servers(1), LocalObjects(tmp_path / "objects")
    with cloudcore.open(f"{address}/first", objects=store) as first:
        table = first.table("bench", pk="id:S")
        for turn in range(4):
            table.load({"id": f"{number}", "turn": turn, "pad": dice.randbytes(190).hex()} for number in range(ITEMS))
        keeper = first.dynamodb.range.checkpoints
        if kept == "checkpoint":
            monkeypatch.setattr(checkpoint, "LOG_BYTES", 1)
            end = time.monotonic() + 300
            while keeper.sequence == 0 or _log(first).messages > 1:
                assert time.monotonic() < end
                time.sleep(0.1)
            monkeypatch.setattr(checkpoint, "LOG_BYTES", 1 << 50)
        state = _log(first)
        benchmark.extra_info.update(
            messages=state.messages, bytes=state.bytes, checkpoint=(keeper.newest or {}).get("bytes", 0)
        )
        names = iter(range(ROUNDS + 1))

        def start() -> None:
            with cloudcore.open(f"{address}/n{next(names)}", objects=store) as node:
                assert node.dynamodb.range.ready.wait(600)
                assert node.table("bench").scan().count() == ITEMS

        benchmark.pedantic(start, rounds=ROUNDS)
        print(kept, benchmark.extra_info)


def _log(cloud: Any) -> Any:
    link = cloud.node.link
    return link.run(link.js.stream_info(tables_log("000000000000", "us-east-1")), 20).state
