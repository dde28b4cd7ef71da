"""A discrete simulation of a cluster larger than this machine: `python -m bench.scale [COSTS]`.

It follows every batch of 500 records of 400 bytes through queues: the node that took it, the network, the server that leads
the stream's log, two replicas, back; later from there to the node that carries it, and to S3. Costs in processor time are
those that bench/scale_costs.py measured (bench/scale_costs.json unless a file is named); the machines are assumed, see Machine.
A rate is carried when 99 of 100 puts take less than a second and no server, nor the mean node, is given more to do than it has time
for; the printed rate is the largest one that is, within 5 %. `full` is the part that is busiest then, `busy` how much.

Not simulated: failures, elections, a server's memory, S3 that is slow.
"""

from __future__ import annotations

import heapq
import json
import random
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from cloudcore.cluster.following import follower_count

RECORDS, BATCH_BYTES = 500, 200_000
_READ = 16


@dataclass(frozen=True)
class Machine:
    """One of those that the simulation is of. A node's work on a cluster is Python's, so one core's at a time."""

    server_cores: int = 8
    node_cores: int = 1
    network: float = 1.25e9
    """Bytes a second, in and out each."""
    disk: float = 1e9
    hop_s: float = 0.0001


class Part:
    """Something that does one thing after the other, `width` at once."""

    def __init__(self, name: str, width: int = 1):
        self.name, self.free, self.width, self.busy = name, [0.0] * width, width, 0.0

    def use(self, now: float, seconds: float) -> float:
        """When something that comes now is done."""
        done = max(now, heapq.heappop(self.free)) + seconds
        heapq.heappush(self.free, done)
        self.busy += seconds
        return done


class Simulation:
    """`nodes`, `servers`, `streams`; every node takes batches for all streams in turn, `rate` of them a second."""

    def __init__(
        self, costs: dict[str, float], machine: Machine, nodes: int, servers: int, streams: int,
        rate: float, cut: int, shared: Part | None = None,
    ):  # fmt: skip
        self.costs, self.machine, self.rate, self.streams = costs, machine, rate, streams
        self.per_cut = max(1, cut // BATCH_BYTES)
        self.events: list[tuple[float, int, Callable[[float], None]]] = []
        self.dice, self.count = random.Random(1), 0
        self.latencies: list[float] = []
        self.waiting = [self.dice.randrange(self.per_cut) for _ in range(streams)]
        self.parts: list[Part] = [shared] if shared else []
        self.node_cpu = [shared or self.part("node cpu", machine.node_cores) for _ in range(nodes)]
        self.server_cpu = [shared or self.part("server cpu", machine.server_cores) for _ in range(servers)]
        self.disks = [self.part("server disk") for _ in range(servers)]
        self.node_in, self.node_out = ([self.part("node network") for _ in range(nodes)] for _ in range(2))
        self.in_, self.out = ([self.part("server network") for _ in range(servers)] for _ in range(2))
        # The leader of a log does more than its replicas: measured as the busiest one's part of all three.
        self.leads = costs["batch_busiest"]
        self.follows = (1 - self.leads) / 2

    def part(self, name: str, width: int = 1) -> Part:
        self.parts.append(Part(name, width))
        return self.parts[-1]

    def at(self, when: float, what: Callable[[float], None]) -> None:
        self.count += 1
        heapq.heappush(self.events, (when, self.count, what))

    def run(self, seconds: float) -> None:
        for node in range(len(self.node_cpu)):
            self.at(self.dice.random() / self.rate, lambda now, node=node: self.produce(now, node, node, seconds))
            self.at(self.dice.random() * 0.1, lambda now, node=node: self.tend(now, node, seconds))
        for server in range(len(self.server_cpu)):
            self.at(self.dice.random() * 0.1, lambda now, server=server: self.keep(now, server, seconds))
        while self.events and self.events[0][0] < seconds:
            now, _, what = heapq.heappop(self.events)
            what(now)

    def tend(self, now: float, node: int, until: float) -> None:
        """Leases, the catalogue, pulls that wait: what a node does a tenth of a second long when nothing is put."""
        self.node_cpu[node].use(now, idle_node(self.costs, len(self.node_cpu), self.streams) / 10)
        self.at(now + 0.1, lambda now: self.tend(now, node, until))

    def keep(self, now: float, server: int, until: float) -> None:
        """The same for a server: heartbeats of its Raft groups and what nodes ask of it."""
        spent = idle_servers(self.costs, len(self.node_cpu), self.streams) / len(self.server_cpu)
        self.server_cpu[server].use(now, spent / 10)
        self.at(now + 0.1, lambda now: self.keep(now, server, until))

    def servers_of(self, stream: int) -> list[int]:
        return [(stream * 7 + each) % len(self.server_cpu) for each in range(3)]

    def produce(self, now: float, node: int, turn: int, until: float) -> None:
        self.at(now + 1 / self.rate, lambda now: self.produce(now, node, turn + 1, until))
        ready = self.node_cpu[node].use(now, self.costs["batch_node_s"] / 2)
        self.at(ready, lambda ready: self.send(ready, now, node, turn % self.streams))

    def send(self, ready: float, began: float, node: int, stream: int) -> None:
        sent = self.node_out[node].use(ready, BATCH_BYTES / self.machine.network)
        self.at(sent + self.machine.hop_s, lambda now: self.lead(now, began, stream))

    def lead(self, now: float, began: float, stream: int) -> None:
        """The log's leader takes it in and sends it to two more; most have it when one of them answers."""
        first, *others = self.servers_of(stream)
        got = self.in_[first].use(now, BATCH_BYTES / self.machine.network)
        done = self.server_cpu[first].use(got, self.costs["batch_server_s"] * self.leads)
        stored = self.disks[first].use(done, BATCH_BYTES / self.machine.disk)
        left = [2]

        def followed(at: float) -> None:
            left[0] -= 1
            if left[0] == 1:
                self.latencies.append(max(at, stored) + 2 * self.machine.hop_s - began)
                self.plan(at, stream)

        for other in others:
            sent = self.out[first].use(done, BATCH_BYTES / self.machine.network)
            self.at(sent + self.machine.hop_s, lambda at, other=other: self.follow(at, other, followed))

    def follow(self, now: float, server: int, then: Callable[[float], None]) -> None:
        got = self.in_[server].use(now, BATCH_BYTES / self.machine.network)
        done = self.server_cpu[server].use(got, self.costs["batch_server_s"] * self.follows)
        self.at(self.disks[server].use(done, BATCH_BYTES / self.machine.disk), then)

    def plan(self, now: float, stream: int) -> None:
        self.waiting[stream] += 1
        if self.waiting[stream] == self.per_cut:
            self.waiting[stream] = 0
            two = [self.follower(stream) for _ in range(2)]
            node = min(two, key=lambda each: self.node_cpu[each].free)  # who has least to do asks for it first
            first = self.servers_of(stream)[0]
            # The plan is appended and taken: two small messages of three servers, a tenth of a batch's work.
            done = self.server_cpu[first].use(now, self.costs["batch_server_s"] / 10)
            self.at(done, lambda now: self.carry(now, node, first))

    def follower(self, stream: int) -> int:
        """One of the nodes that follow a stream; which those are is another thing for each."""
        nodes = len(self.node_cpu)
        return (stream * 7919 + self.dice.randrange(follower_count(nodes, self.streams)) * 104_729) % nodes

    def carry(self, now: float, node: int, first: int) -> None:
        """Read the batches and write the object, a few at a time: puts come between."""
        left = [self.per_cut]

        def some(now: float) -> None:
            count = min(_READ, left[0])
            if not count:
                return
            left[0] -= count
            size = count * BATCH_BYTES
            sent = self.out[first].use(now, size / self.machine.network)
            got = self.node_in[node].use(sent, size / self.machine.network)
            made = self.node_cpu[node].use(got, count * self.costs["batch_node_s"] / 2)
            self.at(self.node_out[node].use(made, size / self.machine.network), some)

        some(now)


def idle_node(costs: dict[str, float], nodes: int, streams: int) -> float:
    """Cores that a node is busy with nothing to do."""
    own = costs["idle_node_s"] + costs["idle_node_node_s"] * nodes + costs["idle_node_stream_s"] * streams
    follows = streams * follower_count(nodes, streams) / nodes
    return own + follows * costs["idle_follower_s"] + streams / nodes * costs["idle_leader_s"]


def idle_servers(costs: dict[str, float], nodes: int, streams: int) -> float:
    """The same of all servers."""
    of_nodes = costs["idle_server_node_s"] * nodes
    each = costs["idle_server_stream_s"] + costs["idle_server_node_stream_s"] * nodes
    each += costs["idle_server_follower_s"] * follower_count(nodes, streams)
    return costs["idle_server_s"] + of_nodes + streams * each


def holds(it: Simulation, seconds: float) -> bool:
    """Whether it carried what was put: no part was given more to do than it had time for."""
    it.run(seconds)
    slowest = sorted(it.latencies)[int(len(it.latencies) * 0.99)] if it.latencies else 1e9
    return slowest < 1 and busiest(it, seconds)[1] < 1


def most(make: Callable[[float], Simulation], seconds: float) -> tuple[float, Simulation] | None:
    """The largest rate a node that holds, within 5 %, and the simulation of it; None when none does."""
    low = 2.0
    if not holds(found := make(low), seconds):
        return None
    high = low * 1.3 / busiest(found, seconds)[1]  # what is busiest at a low rate is full at about this one
    while holds(it := make(high), seconds):
        low, high, found = high, high * 1.3, it
    low = max(low, high / 4) if holds(it := make(max(low, high / 4)), seconds) else low
    found = it if it.rate == low else found
    while high / low > 1.05:
        middle = (low * high) ** 0.5
        if holds(it := make(middle), seconds):
            low, found = middle, it
        else:
            high = middle
    return low, found


def busiest(it: Simulation, seconds: float) -> tuple[str, float]:
    """What has most to do and how much, 1 being all its time. A log's servers are the same ones for ever, so the worst
    server counts; which node carries what changes with every plan, so that is the mean node's."""
    found: dict[str, list[float]] = {}
    for part in it.parts:
        found.setdefault(part.name, []).append(part.busy / part.width / seconds)
    loads = {name: max(each) if "server" in name else sum(each) / len(each) for name, each in found.items()}
    name = max(loads, key=lambda name: loads[name])
    return name, loads[name]


def streams_table(costs: dict[str, float]) -> None:
    print("| nodes | servers | streams | cut | GB/s | records/s | full | busy | idle: a node, all servers (cores) |")
    print("|---|---|---|---|---|---|---|---|---|")
    for nodes, servers, streams, cut in (
        (3, 3, 10, 64), (10, 3, 10, 64), (10, 3, 100, 64), (10, 3, 600, 64), (10, 3, 1000, 64), (10, 3, 2000, 64), (10, 3, 10, 1),
        (100, 3, 100, 64), (100, 30, 1, 64), (100, 30, 100, 64), (100, 30, 600, 64), (100, 30, 5000, 64), (1000, 300, 600, 64), (1000, 300, 5000, 64),
    ):  # fmt: skip
        found = most(
            lambda rate, n=nodes, m=servers, s=streams, c=cut: Simulation(costs, Machine(), n, m, s, rate, c << 20),
            seconds := max(1.0, min(5.0, 100 / nodes)),
        )
        told = "nothing | | a node's loop | 1.00"
        if found is not None:
            rate, it = found
            batches = rate * nodes
            name, part = busiest(it, seconds)
            told = f"{batches * BATCH_BYTES / 1e9:.2f} | {batches * RECORDS:,.0f} | {name} | {part:.2f}"
        print(f"| {nodes} | {servers} | {streams} | {cut} MiB | {told} | {idle_node(costs, nodes, streams):.2f}, {idle_servers(costs, nodes, streams):.1f} |", flush=True)


def tables_table(costs: dict[str, float]) -> None:
    """Puts of the tables of one account and region. Each is its asker's, its leader's, and every node's once more."""
    print("| nodes | puts/s | full |")
    print("|---|---|---|")
    for nodes in (1, 3, 10, 100, 1000):
        asker = costs["put_asker_s"] / nodes + costs["put_follower_s"]
        leader = costs["put_leader_s"] + costs["put_asker_s"] / nodes
        name, cost = max((("the leader", leader), ("every node", asker)), key=lambda each: each[1])
        print(f"| {nodes} | {1 / cost:,.0f} | {name} |")


def here(costs: dict[str, float]) -> None:
    """The machine that the costs were measured on: three servers and a node share two cores."""
    machine = replace(Machine(), server_cores=2)
    found = most(lambda rate: Simulation(costs, machine, 1, 3, 1, rate, 8 << 20, shared=Part("cpu", 2)), 5.0)
    assert found is not None
    print(f"two cores for all, simulated: {found[0]:.0f} batches/s; measured: {costs['batches_per_s_here']:.0f}\n")


if __name__ == "__main__":
    file = sys.argv[1] if len(sys.argv) > 1 else Path(__file__).with_suffix("").parent / "scale_costs.json"
    measured = json.loads(Path(file).read_text())
    here(measured)
    streams_table(measured)
    print()
    tables_table(measured)
