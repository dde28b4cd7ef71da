"""kill -9 of any NATS server and any node of a cluster of three and three, and servers and nodes that stand still
and go on, under load: nothing that was acknowledged is lost, nothing is in the objects twice.

CLOUDCORE_CLUSTER_KILLS bounds the loop (make crash-cluster is the long form), CLOUDCORE_CRASH_SEED repeats one.
"""

from __future__ import annotations

import os
import random
import statistics
import time
from pathlib import Path
from typing import Any

from cluster_load import NAMES, SEED
from cluster_producers import Watch, accounted, delivered, produced, puts_again
from cluster_support import KINDS, Nodes, Servers, bring_back, strike, until

KILLS = int(os.environ.get("CLOUDCORE_CLUSTER_KILLS", "4"))


def test_nothing_is_lost_or_doubled(weed: Any, tmp_path: Path) -> None:
    dice = random.Random(SEED)
    print(f"seed {SEED}")
    servers = Servers(tmp_path / "nats", 3)
    nodes = Nodes(tmp_path / "nodes", servers.url, weed.url)
    try:
        for name in NAMES:
            nodes.start(name)
        for name in NAMES:
            nodes.wait(name)
        watch, producers = produced(nodes, servers, weed.url, "killed")
        puts, deliveries = [], []
        for turn in range(KILLS):
            put_s, delivery_s, what = _kill_one(dice, turn, servers, nodes, watch)
            puts.append(put_s)
            deliveries.append(delivery_s)
            print(f"{what}: puts again after {put_s:.2f} s, delivered after {delivery_s:.2f} s", flush=True)
        delivered(watch, producers)
        accounted(weed.url, "killed", producers)
        print(f"{KILLS} kills, seed {SEED}; puts again: median {statistics.median(puts):.2f} s, worst {max(puts):.2f} s; "
              f"delivered: median {statistics.median(deliveries):.2f} s, worst {max(deliveries):.2f} s")  # fmt: skip
    finally:
        nodes.stop()
        servers.stop()


def _kill_one(dice: random.Random, turn: int, servers: Servers, nodes: Nodes, watch: Watch) -> tuple[float, float, str]:
    """End or stop one process; how long until every node that is left takes puts again and until what the log
    had is delivered; then it goes on. What stands still does so for longer than leases and elections last."""
    kind = KINDS[turn % 4]  # in turn: a short run has all
    victim = str(dice.randrange(3)) if "server" in kind else dice.choice(NAMES)
    time.sleep(dice.uniform(0.2, 1.5))  # somewhere in a buffer, a plan or a delivery
    last = watch.newest_batch()
    began = time.monotonic()
    strike(kind, victim, servers, nodes)
    for name in NAMES:
        if name != victim:
            puts_again(nodes, name)
    put_s = time.monotonic() - began
    until("what was put before is delivered", lambda: watch.delivered_to() >= last)
    delivery_s = time.monotonic() - began
    if "stalled" in kind:
        time.sleep(max(0.0, 6.0 - delivery_s))
    bring_back(kind, victim, servers, nodes, lambda name: puts_again(nodes, name))
    return put_s, delivery_s, f"{kind} {victim}"
