"""Load on a delivery stream of a cluster, and what must hold afterwards: for the tests that end, stop and cut off what runs it."""

from __future__ import annotations

import collections
import gzip
import itertools
import json
import threading
import time
from typing import Any

from cluster_load import NAMES, SEED
from cluster_support import Nodes, Servers, stream_to, until

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


def produced(nodes: Nodes, servers: Servers, url: str, bucket: str, **more: Any) -> tuple[Watch, list[Producer]]:
    """A stream into a bucket of the S3 at a URL of the nodes' network, three producers at work, and a watch; `more` is of
    the stream's configuration."""
    s3(url).create_bucket(Bucket=bucket)
    nodes.client("n0").create_delivery_stream(
        DeliveryStreamName="s", ExtendedS3DestinationConfiguration=stream_to(bucket, CompressionFormat="GZIP", **more)
    )
    watch = Watch(servers.url)
    watch.identity = _identity(watch)
    producers = [Producer(nodes, at) for at in range(3)]
    for producer in producers:
        producer.start()
    until("all producers are heard", lambda: all(len(producer.acknowledged) > 100 for producer in producers))
    return watch, producers


def delivered(watch: Watch, producers: list[Producer]) -> None:
    """The producers have stopped, and all that they put is delivered."""
    until("enough was put to say anything", lambda: sum(len(each.acknowledged) for each in producers) > 1000)
    for producer in producers:
        producer.stop = True
    for producer in producers:
        producer.join(60)
        assert not producer.is_alive()
    last = watch.newest_batch()
    until("all is delivered", lambda: watch.delivered_to() >= last)
    watch.close()


def puts_again(nodes: Nodes, name: str) -> None:
    client = nodes.client(name)

    def taken() -> bool:
        try:
            client.put_record(DeliveryStreamName="s", Record={"Data": b"probe\n"})
            return True
        except Exception:
            return False

    until(f"{name} takes puts again", taken)


def _identity(watch: Watch) -> str:
    found = until("the catalogue has it", lambda: watch.link.run(watch.link.snapshot("cloudcore_catalogue"), 30))
    (value, _), *others = found.values()
    assert others == []
    return str(json.loads(value)["Identity"])


def s3(url: str) -> Any:
    import boto3

    return boto3.client(
        "s3", endpoint_url=url, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="y"
    )


def accounted(url: str, bucket: str, producers: list[Producer], mark: bytes = b"") -> None:
    """Every record that was acknowledged is in the objects, none is in them twice, all are whole, behind the mark that a
    transform gave them."""
    store = s3(url)
    counts: collections.Counter[int] = collections.Counter()
    objects = 0
    for page in store.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for entry in page.get("Contents", ()):
            assert entry["Key"].startswith("data/"), entry["Key"]
            objects += 1
            for line in gzip.decompress(store.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read()).splitlines():
                assert line.startswith(mark), line[:80]
                if line != mark + b"probe":
                    number, _, rest = line[len(mark) :].partition(b" ")
                    counts[int(number)] += 1
                    assert rest == b"x" * (int(number) % 300)
    acknowledged = [number for producer in producers for number in producer.acknowledged]
    lost = [number for number in acknowledged if not counts[number]]
    doubled = [number for number, count in counts.items() if count > 1]
    refused = sum(producer.refused for producer in producers)
    print(f"{len(acknowledged)} acknowledged, {refused} not, {sum(counts.values())} records in {objects} objects")
    assert lost == [] and doubled == [], f"lost {len(lost)}, doubled {len(doubled)}; seed {SEED}"
    assert objects > 1 and len(acknowledged) > 1000
