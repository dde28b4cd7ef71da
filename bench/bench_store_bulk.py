"""The item store in bulk: queries, loading, memory, reopening after kill -9, and what the disk is asked.

CLOUDCORE_BENCH_ITEMS items of 400 B (default 1,000,000), 100 to a partition at the default. Answers are
checked; peers as in store_peers.py.
"""

from __future__ import annotations

import json
import os
import random
import signal
import statistics
import subprocess
import sys
import threading
import time

import pytest

from bench.conftest import item
from bench.store_peers import PARTITIONS, Cloudcore, Level, Lmdb, Rocks, Sqlite, plain

ITEMS = int(os.environ.get("CLOUDCORE_BENCH_ITEMS", "1000000"))
SYNCED = 2000

LOADER = """
import os, sys, time
sys.path.insert(0, os.getcwd())
from bench.store_peers import Cloudcore
def anonymous():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("RssAnon")) << 10
store = Cloudcore(sys.argv[1])
items = int(sys.argv[2])
before = anonymous()
for start in range(0, items, 1000):
    store.prepare(range(start, min(start + 1000, items)))
    store.put()
store.keys = store.values = None
_, count, item_bytes, memory_bytes = store.tables.describe("bench")
print(count, item_bytes, memory_bytes, anonymous() - before, flush=True)
time.sleep(600)
"""


def timed(call, *arguments) -> float:
    begin = time.perf_counter()
    call(*arguments)
    return time.perf_counter() - begin


@pytest.fixture(scope="module")
def loaded(tmp_path_factory, warm_machine):
    store = Cloudcore(str(tmp_path_factory.mktemp("bulk")))
    for start in range(0, ITEMS, 1000):
        store.prepare(range(start, min(start + 1000, ITEMS)))
        store.put()
    yield store
    store.close()


QUERY = {
    "TableName": "bench",
    "KeyConditionExpression": "pk = :p",
}


def query(partition: int, **more) -> dict:
    values = {":p": {"S": f"p{partition:015d}"}, **more.pop("values", {})}
    return {**QUERY, "ExpressionAttributeValues": values, **more}


@pytest.mark.benchmark(timer=time.thread_time)
@pytest.mark.parametrize("form", ["count", "filter keeps none", "json bytes", "dicts"])
def test_query(benchmark, loaded, form):
    rng = random.Random(form)
    each = ITEMS // PARTITIONS
    more = {
        "count": {"Select": "COUNT"},
        "filter keeps none": {"FilterExpression": "e = :e", "values": {":e": {"S": "never"}}},
    }.get(form, {})
    tables = loaded.tables
    requests = []

    def setup():
        requests.clear()
        for _ in range(20):
            request = query(
                rng.randrange(PARTITIONS), **{k: dict(v) if k == "values" else v for k, v in more.items()}
            )
            requests.append(json.dumps(request).encode() if form == "json bytes" else request)

    def run():
        if form == "json bytes":
            for request in requests:
                tables.call_json("Query", request)
        else:
            for request in requests:
                tables.execute("Query", request)

    setup()
    for request in requests:
        if form == "json bytes":
            status, body = tables.call_json("Query", request)
            found = json.loads(body)
            assert status == 200 and found["Count"] == each == len(found["Items"])
        else:
            found = tables.execute("Query", request)
            assert found["ScannedCount"] == each and found["Count"] == (
                0 if form == "filter keeps none" else each
            )
        if found.get("Items"):
            assert [one["sk"]["N"] for one in found["Items"]] == sorted(
                (o["sk"]["N"] for o in found["Items"]), key=int
            )
            assert found["Items"][0] == item(int(found["Items"][0]["sk"]["N"]))
    benchmark.pedantic(run, setup=setup, rounds=200, warmup_rounds=5)
    times = benchmark.stats.stats
    print(
        f" Query of {each}, {form}: {times.median / 20 * 1e6:.1f} us of its thread, least {times.min / 20 * 1e6:.1f}"
    )


LOADS = [
    (Cloudcore, "put"),
    (Cloudcore, "put_many"),
    (Lmdb, "put_many"),
    (Rocks, "put_many"),
    (Level, "put_many"),
    (Sqlite, "put_many"),
]


@pytest.mark.parametrize(("peer", "way"), LOADS, ids=[f"{p.__name__.lower()}-{w}" for p, w in LOADS])
def test_load(benchmark, tmp_path, warm_machine, peer, way):
    """Random order; one PutItem at a time, or 1000 together (ours: Table.batch). Making the values is not timed.

    The time that passes, and that of the processors (threads in the background too, while a call lasts), which
    says more where other work runs beside."""
    store = peer(str(tmp_path))
    order = list(range(ITEMS))
    random.Random(1).shuffle(order)
    spent = used = 0.0

    def run():
        nonlocal spent, used
        for start in range(0, ITEMS, 1000):
            store.prepare(order[start : start + 1000])
            before = time.process_time()
            spent += timed(getattr(store, way))
            used += time.process_time() - before

    benchmark.pedantic(run, rounds=1)
    store.check()
    store.close()
    benchmark.extra_info["us_per_item"] = round(spent / ITEMS * 1e6, 2)
    print(
        f" load, {peer.__name__} {way}: {spent / ITEMS * 1e6:.2f} us/item, {used / ITEMS * 1e6:.2f} of the processors"
    )


@pytest.mark.parametrize("items", [min(ITEMS, 100_000), ITEMS])
def test_memory_and_reopening_after_kill(benchmark, tmp_path, warm_machine, items):
    """Another process loads and is killed with SIGKILL; this one opens what it left and counts."""
    import cloudcore

    loader = subprocess.Popen(
        [sys.executable, "-c", LOADER, str(tmp_path), str(items)], stdout=subprocess.PIPE, text=True
    )
    count, item_bytes, memory_bytes, resident = map(int, loader.stdout.readline().split())
    loader.send_signal(signal.SIGKILL)
    loader.wait()
    assert count == items
    opened = []

    def reopen():
        cloud = cloudcore.open(tmp_path)
        opened.append((cloud, cloud.dynamodb.tables.describe("bench")[1]))

    benchmark.pedantic(reopen, rounds=1)
    cloud, found = opened[0]
    assert found == items
    for number in random.Random(2).sample(range(items), 100):
        key = {"pk": {"S": f"p{number % PARTITIONS:015d}"}, "sk": {"N": str(number)}}
        assert cloud.dynamodb.tables.get_item("bench", key) == item(number)
    cloud.close()
    print(
        f" {items:,} items of {item_bytes / items:.0f} B: store {memory_bytes / items:.0f} B/item, "
        f"{memory_bytes / item_bytes:.2f}x; resident +{resident >> 20} MiB, {resident / item_bytes:.2f}x; "
        f"reopened in {benchmark.stats.stats.median:.2f} s"
    )


class Disk:
    """The disk alone: one write of 512 bytes and its fdatasync, in an allocated file."""

    def __init__(self, directory: str):
        self.descriptor = os.open(os.path.join(directory, "floor"), os.O_RDWR | os.O_CREAT)
        os.posix_fallocate(self.descriptor, 0, SYNCED * 512)
        os.fsync(self.descriptor)

    def prepare(self, numbers):
        self.number = numbers[0]

    def put(self):
        os.pwrite(self.descriptor, b"%512d" % self.number, self.number * 512)
        os.fdatasync(self.descriptor)

    def check(self):
        assert os.pread(self.descriptor, 512, self.number * 512) == b"%512d" % self.number

    def close(self):
        os.close(self.descriptor)


def waiting_stores(directory, **more):
    """Stores whose writes wait for the disk, by name, each in a directory of its own; `more` come first."""
    makers = {
        **more,
        "cloudcore": lambda d: Cloudcore(d, durability="commit"),
        "lmdb": lambda d: Lmdb(d, sync=True),
        "sqlite": lambda d: Sqlite(d, sync=True),
        "rocksdb": lambda d: Rocks(d, sync=True),
        "leveldb": lambda d: Level(d, sync=True),
    }
    for name in makers:
        (directory / name).mkdir()
    return {name: make(str(directory / name)) for name, make in makers.items()}


def test_one_sync_each(benchmark, tmp_path):
    """PutItem that waits for the disk, beside the disk alone and the peers that wait too, write by write."""
    os.sync()
    stores = waiting_stores(tmp_path, disk=Disk)
    spent: dict[str, list[float]] = {name: [] for name in stores}

    def run():
        for number in range(SYNCED):
            for name, store in stores.items():
                store.prepare([number])
                spent[name].append(timed(store.put))

    benchmark.pedantic(run, rounds=1)
    assert stores["cloudcore"].tables.info()["syncs"] >= SYNCED
    for store in stores.values():
        store.check()
        store.close()
    floor = statistics.median(spent["disk"])
    for name, times in spent.items():
        median = statistics.median(times)
        print(f" one fdatasync each, {name}: {median * 1e6:.0f} us, {median / floor:.2f}x the floor")


def test_durable_batches(benchmark, tmp_path):
    """25 items that wait for the disk together, by one thread, beside the peers' batches, in turn."""
    os.sync()
    stores = waiting_stores(tmp_path)
    spent: dict[str, list[float]] = {name: [] for name in stores}
    rng = random.Random(9)

    def run():
        for round_ in range(200):
            numbers = rng.sample(range(100_000), 25)
            for name, store in stores.items():
                store.prepare(numbers, round_)
                spent[name].append(timed(store.put_together))

    benchmark.pedantic(run, rounds=1)
    for store in stores.values():
        store.check()
        store.close()
    ours = statistics.median(spent["cloudcore"])
    for name, times in spent.items():
        median = statistics.median(times)
        print(f" durable batches of 25, {name}: {median / 25 * 1e6:.1f} us/item, {median / ours:.2f}x ours")


@pytest.mark.parametrize("form", ["PutItem", "BatchWriteItem of 25", "Table.batch of 1000"])
@pytest.mark.parametrize("writers", [1, 8, 32])
def test_durable_writers(benchmark, tmp_path, warm_machine, writers, form):
    """Threads whose writes wait for the disk together; items a second over all of them."""
    store = Cloudcore(str(tmp_path), durability="commit")
    tables = store.tables
    each = 400 if form == "PutItem" else 4000
    work = [[item(w * each + n) for n in range(each)] for w in range(writers)]
    batches = [
        [
            {"RequestItems": {"bench": [{"PutRequest": {"Item": one}} for one in mine[at : at + 25]]}}
            for at in range(0, each, 25)
        ]
        for mine in work
    ]
    natives = [[plain(one) for one in mine] for mine in work] if form.startswith("Table") else []
    ready = threading.Barrier(writers + 1)

    def write(w):
        ready.wait()
        if form == "PutItem":
            for one in work[w]:
                tables.put_item("bench", one)
        elif form == "Table.batch of 1000":
            for at in range(0, each, 1000):
                with store.cloud.table("bench").batch() as batch:
                    batch.extend(natives[w][at : at + 1000])
        else:
            for batch in batches[w]:
                assert tables.execute("BatchWriteItem", batch)["UnprocessedItems"] == {}

    threads = [threading.Thread(target=write, args=(w,)) for w in range(writers)]
    for thread in threads:
        thread.start()

    def run():
        ready.wait()
        for thread in threads:
            thread.join()

    benchmark.pedantic(run, rounds=1)
    total = writers * each
    syncs = tables.info()["syncs"]
    assert tables.describe("bench")[1] == total
    for number in random.Random(writers).sample(range(total), 100):
        key = {"pk": {"S": f"p{number % PARTITIONS:015d}"}, "sk": {"N": str(number)}}
        assert tables.get_item("bench", key) == item(number)
    store.close()
    spent = benchmark.stats.stats.median
    print(
        f" {form}, {writers} writers: {total / spent:,.0f} items/s, {spent / total * 1e6:.1f} us/item, {syncs} syncs"
    )
