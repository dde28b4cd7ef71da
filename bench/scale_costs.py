"""What a cluster's parts cost, in processor time, as bench/scale.py needs it: `python -m bench.scale_costs [FILE]`.

Three NATS servers and one to three nodes on this machine. Processor time of each process is read before and after a known
amount of work, so a busy machine blurs the figures less than it would a speed. Written as JSON to FILE, else printed:

    batch_server_s, batch_node_s     a batch of 500 records of 400 bytes put and delivered: all servers, the node
    batch_busiest                    the busiest server's part of batch_server_s
    put_server_s, put_asker_s, put_leader_s, put_follower_s   a put of a table among many at once: all servers, the node
                                     that is asked, the one that leads (of a request that another took), one that follows
    append_s                         one put alone, by the clock: an append to two of three servers and back
    idle_*                           seconds a second with nothing to do: all servers, for each node, each stream, each
                                     stream of a node; a node, for each other node, each stream that there is, each that
                                     it follows, each that it leads
    idle_busiest                     the busiest server's part of that
    *_per_s_here                     by the clock, on this machine with all that it did besides
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from .bench_cluster import end, running_servers

TICKS = os.sysconf("SC_CLK_TCK")
IDLE_S = 10.0
STREAMS, NODES = 60, (1, 3, 6)


class Cluster:
    """Three servers, and nodes that are told what to do."""

    def __init__(self, home: Path, address: str, servers: list[int]):
        self.home, self.address, self.servers = home, address, servers
        self.nodes: list[subprocess.Popen[str]] = []

    def node(self) -> None:
        number = len(self.nodes)
        child = str(Path(__file__).parent / "scale_child.py")
        self.nodes.append(subprocess.Popen(
            [sys.executable, child, f"{self.address}/n{number}", str(self.home / "objects"), str(number)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        ))  # fmt: skip
        self.said(number)

    def said(self, number: int) -> None:
        assert self.nodes[number].stdout.readline() == "done\n"

    def tell(self, number: int, line: str) -> None:
        self.nodes[number].stdin.write(line + "\n")
        self.nodes[number].stdin.flush()
        self.said(number)

    def spent(self) -> tuple[list[float], list[float]]:
        """Seconds of processor time so far: of each server, of each node."""
        return [used(pid) for pid in self.servers], [used(node.pid) for node in self.nodes]

    def cost(self, work: Callable[[], None]) -> tuple[list[float], list[float], float]:
        """The same for some work, and its seconds by the clock."""
        servers, nodes = self.spent()
        began = time.perf_counter()
        work()
        took = time.perf_counter() - began
        after = self.spent()
        return *(
            [b - a for a, b in zip(*pair, strict=True)] for pair in ((servers, after[0]), (nodes, after[1]))
        ), took  # fmt: skip


def used(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


@contextlib.contextmanager
def cluster() -> Iterator[Cluster]:
    with tempfile.TemporaryDirectory() as home, running_servers(Path(home), 3) as (address, processes):
        made = Cluster(Path(home), address, [process.pid for process in processes])
        try:
            yield made
        finally:
            end(made.nodes)


def idle(it: Cluster) -> tuple[list[float], float]:
    """Seconds of processor time a second with nothing to do: of each server, of a node."""
    time.sleep(6)
    servers, nodes, took = it.cost(lambda: time.sleep(IDLE_S))
    return [each / took for each in servers], sum(nodes) / took / len(nodes)


def idle_costs() -> dict[str, float]:
    """What is spent with nothing to do. Streams of which three nodes each follow are made to 1, 3 and 6 nodes: all follow
    in the first two cases, half in the third, and one leads in each."""
    none, some = (idle_by_nodes(streams) for streams in (0, STREAMS))
    one, three, six = (
        [(b - a) / STREAMS for a, b in ((sum(none[n][0]), sum(some[n][0])), (none[n][1], some[n][1]))] for n in NODES
    )
    of_node = max(0.0, (sum(none[6][0]) - sum(none[1][0])) / 5)
    lead = max(0.0, 1.5 * (one[1] - three[1]))
    follow = max(0.0, 2 * (three[1] - six[1] - lead / 6))
    server_look = max(0.0, (six[0] - three[0]) / 3)
    server_follow = max(0.0, (three[0] - one[0]) / 2 - server_look)
    return {
        "idle_server_s": max(0.0, sum(none[1][0]) - of_node), "idle_server_node_s": of_node,
        "idle_server_stream_s": max(0.0, one[0] - server_look - server_follow),
        "idle_server_node_stream_s": server_look, "idle_server_follower_s": server_follow,
        "idle_busiest": max(some[3][0]) / sum(some[3][0]),
        "idle_node_s": none[1][1], "idle_node_node_s": max(0.0, (none[6][1] - none[1][1]) / 5),
        "idle_node_stream_s": max(0.0, three[1] - follow - lead / 3),
        "idle_follower_s": follow, "idle_leader_s": lead,
    }  # fmt: skip


def idle_by_nodes(streams: int) -> dict[int, tuple[list[float], float]]:
    found = {}
    with cluster() as it:
        for count in NODES:
            while len(it.nodes) < count:
                it.node()
            if streams and count == 1:
                it.tell(0, f"streams {streams}")
            found[count] = idle(it)
    return found


def measure(batches: int = 400, puts: int = 6000) -> dict[str, float]:
    found = idle_costs()
    with cluster() as it:
        it.node()
        it.tell(0, "batches 40 4")
        it.tell(0, "flush")

        def deliver() -> None:
            it.tell(0, f"batches {batches} 4")
            it.tell(0, "flush")

        servers, nodes, took = it.cost(deliver)
        found |= {
            "batch_server_s": sum(servers) / batches, "batch_busiest": max(servers) / sum(servers),
            "batch_node_s": sum(nodes) / batches, "batches_per_s_here": batches / took,
        }  # fmt: skip
    with cluster() as it:
        it.node()
        it.tell(0, "puts 400 64")  # it leads from now on
        it.node()
        servers, at_leader, took = it.cost(lambda: it.tell(0, f"puts {puts} 256"))
        _, at_other, _ = it.cost(lambda: it.tell(1, f"puts {puts} 256"))
        follower = at_leader[1] / puts
        found |= {
            "put_server_s": sum(servers) / puts, "put_leader_s": at_other[0] / puts, "put_follower_s": follower,
            "put_asker_s": max(0.0, at_other[1] / puts - follower), "puts_per_s_here": puts / took,
        }  # fmt: skip
        *_, took = it.cost(lambda: it.tell(0, "puts 100 1"))
        found["append_s"] = took / 100
    return found


if __name__ == "__main__":
    text = json.dumps({name: float(f"{value:.3g}") for name, value in measure().items()}, indent=2)
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(text + "\n")
    print(text)
