"""kill -9 of any NATS server and any node of a cluster of three and three, and servers and nodes that stand still
and go on, under load: nothing that was acknowledged is lost, nothing is in the objects twice.

CLOUDCORE_CLUSTER_KILLS bounds the loop (make crash-cluster is the long form), CLOUDCORE_CRASH_SEED repeats one.
"""

from __future__ import annotations

import collections
import itertools
import os
import random
import statistics
import threading
import time
from pathlib import Path
from typing import Any

from cluster_support import KINDS, Nodes, Servers, bring_back, stream_to, strike, until

KILLS = int(os.environ.get("CLOUDCORE_CLUSTER_KILLS", "4"))
SEED = int(os.environ.get("CLOUDCORE_CRASH_SEED", "0")) or int(time.time())
NAMES = ("n0", "n1", "n2")
BATCH = 20


class Producer(threading.Thread):
    """Puts batches of records that nobody ever put before, to one node after the other; what was not
    acknowledged is not put again. `acknowledged` are the records' numbers."""

    numbers = itertools.count()

    def __init__(self, nodes: Nodes, at: int):
        super().__init__(daemon=True)
        self.nodes, self.at = nodes, at
        self.acknowledged: list[int] = []
        self.put = self.refused = 0
        self.stop = False

    def run(self) -> None:
        clients: dict[str, tuple[str, Any]] = {}
        for turn in itertools.count(self.at):
            if self.stop:
                return
            name = NAMES[turn % len(NAMES)]
            url = self.nodes.urls[name]
            if clients.get(name, ("", None))[0] != url:
                clients[name] = url, self.nodes.client(name, read_timeout=5)
            numbers = [next(self.numbers) for _ in range(BATCH)]
            records = [{"Data": b"%d %s\n" % (number, b"x" * (number % 300))} for number in numbers]
            self.put += BATCH
            try:
                answer = clients[name][1].put_record_batch(DeliveryStreamName="s", Records=records)
            except Exception:
                self.refused += BATCH
                time.sleep(0.02)
                continue
            assert answer["FailedPutCount"] == 0
            self.acknowledged += numbers


class Watch:
    """Looks at the cluster from outside."""

    def __init__(self, url: str):
        from cloudcore.cluster.address import parse
        from cloudcore.cluster.link import Link

        self.link = Link(parse(url).servers, "")
        self.identity = ""

    def close(self) -> None:
        self.link.close()

    def newest_batch(self) -> int:
        """The sequence of the last batch that the log has."""
        name = f"cc-{self.identity}-log"
        return self.link.run(self.link.until(lambda: self.link.js.stream_info(name), 60)).state.last_seq

    def delivered_to(self) -> int:
        """The last batch of the plans that are acknowledged without a gap."""
        from cloudcore.cluster.status import delivered

        _, plan = self.link.run(delivered(self.link, self.identity, 60), 60)
        return plan.last if plan else 0


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
        _s3(nodes, weed.url).create_bucket(Bucket="killed")
        nodes.client("n0").create_delivery_stream(
            DeliveryStreamName="s", ExtendedS3DestinationConfiguration=stream_to("killed", CompressionFormat="GZIP")
        )
        watch = Watch(servers.url)
        watch.identity = _identity(watch)
        producers = [Producer(nodes, at) for at in range(3)]
        for producer in producers:
            producer.start()
        until("all producers are heard", lambda: all(len(producer.acknowledged) > 100 for producer in producers))
        puts, deliveries = [], []
        for turn in range(KILLS):
            put_s, delivery_s, what = _kill_one(dice, turn, servers, nodes, watch)
            puts.append(put_s)
            deliveries.append(delivery_s)
            print(f"{what}: puts again after {put_s:.2f} s, delivered after {delivery_s:.2f} s", flush=True)
        for producer in producers:
            producer.stop = True
        for producer in producers:
            producer.join(60)
            assert not producer.is_alive()
        last = watch.newest_batch()
        until("all is delivered", lambda: watch.delivered_to() >= last)
        watch.close()
        _check(nodes, weed.url, producers)
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
            _puts_again(nodes, name)
    put_s = time.monotonic() - began
    until("what was put before is delivered", lambda: watch.delivered_to() >= last)
    delivery_s = time.monotonic() - began
    if "stalled" in kind:
        time.sleep(max(0.0, 6.0 - delivery_s))
    bring_back(kind, victim, servers, nodes, lambda name: _puts_again(nodes, name))
    return put_s, delivery_s, f"{kind} {victim}"


def _puts_again(nodes: Nodes, name: str) -> None:
    client = nodes.client(name)

    def taken() -> bool:
        try:
            client.put_record(DeliveryStreamName="s", Record={"Data": b"probe\n"})
            return True
        except Exception:
            return False

    until(f"{name} takes puts again", taken)


def _identity(watch: Watch) -> str:
    found = watch.link.run(watch.link.snapshot("cloudcore_catalogue"), 30)
    import json

    (value, _), *others = found.values()
    assert others == []
    return str(json.loads(value)["Identity"])


def _s3(nodes: Nodes, url: str) -> Any:
    import boto3

    return boto3.client(
        "s3", endpoint_url=url, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="y"
    )


def _check(nodes: Nodes, url: str, producers: list[Producer]) -> None:
    """Every record that was acknowledged is in the objects, none is in them twice, all are whole."""
    import gzip

    s3 = _s3(nodes, url)
    counts: collections.Counter[int] = collections.Counter()
    objects = 0
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket="killed"):
        for entry in page.get("Contents", ()):
            assert entry["Key"].startswith("data/"), entry["Key"]
            objects += 1
            for line in gzip.decompress(s3.get_object(Bucket="killed", Key=entry["Key"])["Body"].read()).splitlines():
                if line != b"probe":
                    number, _, rest = line.partition(b" ")
                    counts[int(number)] += 1
                    assert rest == b"x" * (int(number) % 300)
    acknowledged = [number for producer in producers for number in producer.acknowledged]
    lost = [number for number in acknowledged if not counts[number]]
    doubled = [number for number, count in counts.items() if count > 1]
    refused = sum(producer.refused for producer in producers)
    print(f"{len(acknowledged)} acknowledged, {refused} not, {sum(counts.values())} records in {objects} objects")
    assert lost == [] and doubled == [], f"lost {len(lost)}, doubled {len(doubled)}; seed {SEED}"
    assert objects > 1 and len(acknowledged) > 1000
