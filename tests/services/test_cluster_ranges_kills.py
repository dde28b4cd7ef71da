"""As test_cluster_tables_kills.py, while the range of all keys is split again and again and leaders are moved: each time one
process is ended or stands still in the middle of that.

CLOUDCORE_CLUSTER_KILLS bounds the loop (make crash-cluster is the long form), CLOUDCORE_CRASH_SEED repeats one.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import statistics
import threading
import time
from pathlib import Path
from typing import Any

from cluster_load import NAMES, SEED, begun, check, ended, works
from cluster_support import KINDS, Nodes, Servers, bring_back, strike, until

KILLS = int(os.environ.get("CLOUDCORE_CLUSTER_KILLS", "4"))
PLACE = ("000000000000", "us-east-1")
RANGES_MAX = 6


def test_tables_are_split_and_moved_while_processes_end(tmp_path: Path) -> None:
    dice = random.Random(SEED)
    print(f"seed {SEED}")
    servers = Servers(tmp_path / "nats", 3)
    nodes = Nodes(tmp_path / "nodes", servers.url, "http://127.0.0.1:9")
    nodes.environment["CLOUDCORE_CHECKPOINT_BYTES"] = "20000"
    try:
        workers = begun(nodes)
        times = []
        for turn in range(KILLS):
            took, what = _harm(dice, turn, servers, nodes)
            times.append(took)
            print(f"{what}: every other node reads and writes again after {took:.2f} s", flush=True)
        until("there are several ranges", lambda: _several(servers))
        ended(workers)
        check(nodes, workers)
        told = _ranges(servers)
        print(f"{KILLS} turns, seed {SEED}, {sum(worker.done for worker in workers)} operations, {len(told)} ranges; reads and "
              f"writes again: median {statistics.median(times):.2f} s, worst {max(times):.2f} s")  # fmt: skip
        until("every range has a checkpoint", lambda: all(each["checkpoint_bytes"] for each in _ranges(servers)))
    except BaseException:
        for name in NAMES:
            print(name, nodes.said(name)[-1500:])
        raise
    finally:
        nodes.stop()
        servers.stop()


def _ranges(servers: Servers) -> list[dict[str, Any]]:
    from cloudcore.cluster import status

    found: list[dict[str, Any]] = until("the cluster says what it has", lambda: status.report(servers.url)["tables"])
    return found


def _several(servers: Servers) -> bool:
    """Whether a split was done; where each fell to who was killed, or the dice had none, one is asked for now."""
    if len(_ranges(servers)) > 1:
        return True
    _managed(servers, "#split/all", {"at": None})
    return False


def _managed(servers: Servers, operation: str, told: dict[str, Any]) -> None:
    """A split or a move by way of any node; what becomes of it when that one, or the leader, ends, is its own affair."""
    from cloudcore.cluster.asking import Asker
    from cloudcore.errors import CloudcoreError

    with contextlib.suppress(OSError, CloudcoreError):
        asker = Asker(servers.url)
        try:
            print(operation, told, asker.call(*PLACE, operation, json.dumps(told).encode()), flush=True)
        finally:
            asker.close()


def _harm(dice: random.Random, turn: int, servers: Servers, nodes: Nodes) -> tuple[float, str]:
    """Split or move a range, and end or stop one process meanwhile; how long until all other nodes read and write."""
    ranges = _ranges(servers)
    chosen = dice.choice(ranges)
    moves = len(ranges) >= RANGES_MAX or (turn > 0 and dice.random() < 0.3)
    operation = f"#{'move' if moves else 'split'}/{chosen['range']}"
    told = {"to": dice.choice(NAMES)} if moves else {"at": None}
    kind = KINDS[turn % 4]
    if "node" in kind and dice.random() < 0.7 and chosen["leader"]:
        victim = chosen["leader"]
    else:
        victim = str(dice.randrange(3)) if "server" in kind else dice.choice(NAMES)
    managing = threading.Thread(target=_managed, args=(servers, operation, told), daemon=True)
    managing.start()
    time.sleep(dice.uniform(0.0, 0.4))  # somewhere in it
    began = time.monotonic()
    strike(kind, victim, servers, nodes)
    for name in NAMES:
        if name != victim:
            works(nodes, name)
    took = time.monotonic() - began
    if "stalled" in kind:
        time.sleep(max(0.0, 6.0 - took))
    bring_back(kind, victim, servers, nodes, lambda name: works(nodes, name))
    managing.join(60)
    return took, f"{operation}, {kind} {victim}"
