"""Tables and a delivery stream on three machines whose network is cut, lamed and parted, and whose nodes' clocks jump, under
load: what is said of kill -9 (test_cluster_tables_kills.py, test_cluster_kills.py) holds here too.

Each machine is a network namespace with a NATS server and a node. A node that is cut off may refuse, never answer wrongly.
CLOUDCORE_CLUSTER_KILLS bounds the loop (make crash-cluster is the long form), CLOUDCORE_CRASH_SEED repeats one.
"""

from __future__ import annotations

import os
import random
import statistics
import time
from pathlib import Path
from typing import Any

from cluster_load import NAMES, SEED, begun, check, ended, leader, shortened, works
from cluster_machines import Machines
from cluster_producers import accounted, delivered, produced, puts_again
from cluster_support import Nodes, Servers, until

TURNS = int(os.environ.get("CLOUDCORE_CLUSTER_KILLS", "2"))
KINDS = ("cut off", "clock jumps", "two parted", "mute")
HELD_S = 4.0  # longer than a lease


def test_partitions_and_clocks_that_jump(weed: Any, tmp_path: Path) -> None:
    dice = random.Random(SEED)
    print(f"seed {SEED}")
    machines = Machines(3)
    servers = nodes = None
    try:
        servers = Servers(tmp_path / "nats", 3, machines)
        store = f"http://{machines.relay(weed.ports[3])}"
        nodes = Nodes(tmp_path / "nodes", servers.url, store, machines)
        nodes.environment["CLOUDCORE_CHECKPOINT_BYTES"] = "20000"
        workers = begun(nodes)
        watch, producers = produced(nodes, servers, store, "parted")
        times: list[float] = []
        for turn in range(TURNS):
            took, what = _harm(dice, turn, machines, servers, nodes)
            times.append(took)
            print(f"{what}: those that should read and write do after {took:.2f} s", flush=True)
        ended(workers)
        check(nodes, workers)
        shortened(servers)
        delivered(watch, producers)
        accounted(store, "parted", producers)
        print(f"{TURNS} turns, seed {SEED}, {sum(worker.done for worker in workers)} operations; reads and writes again: "
              f"median {statistics.median(times):.2f} s, worst {max(times):.2f} s")  # fmt: skip
    except BaseException:
        for name in NAMES if nodes is not None else ():
            print(name, nodes.said(name)[-1500:])
        raise
    finally:
        for each in (nodes, servers):
            if each is not None:
                each.stop()
        machines.close()


def _harm(
    dice: random.Random, turn: int, machines: Machines, servers: Servers, nodes: Nodes
) -> tuple[float, str]:
    """Harm one machine; how long until the others read and write; heal it, and wait until all do."""
    kind = KINDS[(SEED + turn) % len(KINDS)]  # in turn; a short run has some
    victim = NAMES.index(leader(servers)) if dice.random() < 0.7 else dice.randrange(3)
    began = time.monotonic()
    if kind == "clock jumps":
        seconds = dice.choice((-86_400, -3600, -10, 10, 3600, 86_400))
        nodes.jump(NAMES[victim], seconds)
        kind, whole = f"clock jumps by {seconds} s", range(3)
    elif kind == "cut off":
        machines.cut(victim)
        whole = [at for at in range(3) if at != victim]
    elif kind == "mute":
        machines.mute(victim)
        whole = [at for at in range(3) if at != victim]
    else:  # nobody has to go on: who leads may not hear who asks
        machines.part(victim, (victim + 1) % 3)
        whole = []
    for at in whole:
        works(nodes, NAMES[at])
    took = time.monotonic() - began
    time.sleep(max(0.0, HELD_S - took))
    machines.heal()
    for at in range(3):
        until("the server has caught up", lambda at=at: servers.healthy(at))
        works(nodes, NAMES[at])
        puts_again(nodes, NAMES[at])
    return took, f"{kind} {NAMES[victim]}"
