"""kill -9 of any NATS server and any node of a cluster of three and three, and servers and nodes that stand still and go
on, under load on tables: what was acknowledged is there, histories of registers are linearizable, transactions are whole,
replicas come to the same.

CLOUDCORE_CLUSTER_KILLS bounds the loop (make crash-cluster is the long form), CLOUDCORE_CRASH_SEED repeats one.
"""

from __future__ import annotations

import os
import random
import statistics
import time
from pathlib import Path

from cluster_load import NAMES, SEED, begun, check, ended, leader, shortened, works
from cluster_support import KINDS, Nodes, Servers, bring_back, strike

KILLS = int(os.environ.get("CLOUDCORE_CLUSTER_KILLS", "4"))


def test_tables_survive_what_they_are_replicated_for(tmp_path: Path) -> None:
    dice = random.Random(SEED)
    print(f"seed {SEED}")
    servers = Servers(tmp_path / "nats", 3)
    nodes = Nodes(tmp_path / "nodes", servers.url, "http://127.0.0.1:9")
    nodes.environment["CLOUDCORE_CHECKPOINT_BYTES"] = "20000"  # one every hundred operations or so
    try:
        workers = begun(nodes)
        times = []
        for turn in range(KILLS):
            took, what = _harm(dice, turn, servers, nodes)
            times.append(took)
            print(f"{what}: every other node reads and writes again after {took:.2f} s", flush=True)
        ended(workers)
        check(nodes, workers)
        shortened(servers)
        print(f"{KILLS} turns, seed {SEED}, {sum(worker.done for worker in workers)} operations; reads and writes again: "
              f"median {statistics.median(times):.2f} s, worst {max(times):.2f} s")  # fmt: skip
    except BaseException:
        for name in NAMES:
            print(name, nodes.said(name)[-1500:])
        raise
    finally:
        nodes.stop()
        servers.stop()


def _harm(dice: random.Random, turn: int, servers: Servers, nodes: Nodes) -> tuple[float, str]:
    """End or stop one process; how long until all other nodes read and write; then it goes on."""
    kind = KINDS[turn % 4]  # in turn: a short run has all
    if "node" in kind and dice.random() < 0.7:
        victim = leader(servers)
    else:
        victim = str(dice.randrange(3)) if "server" in kind else dice.choice(NAMES)
    time.sleep(dice.uniform(0.2, 1.5))  # somewhere in a batch
    began = time.monotonic()
    strike(kind, victim, servers, nodes)
    for name in NAMES:
        if name != victim:
            works(nodes, name)
    took = time.monotonic() - began
    if "stalled" in kind:
        time.sleep(max(0.0, 6.0 - took))
    bring_back(kind, victim, servers, nodes, lambda name: works(nodes, name))
    return took, f"{kind} {victim}"


