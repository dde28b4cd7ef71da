"""PutItem, GetItem and Query in process, beside py-lmdb's and sqlite3's raw key-value calls.

The peers store the same bytes without DynamoDB's semantics: no encoding, no conditions, no types.
Random order over CLOUDCORE_BENCH_ITEMS items (default 200,000); answers are checked before the clock.
"""

from __future__ import annotations

import os
import random
import sqlite3

import pytest

from bench.conftest import item

ITEMS = int(os.environ.get("CLOUDCORE_BENCH_ITEMS", "200000"))
CALLS = 20_000


def key_of(number: int) -> bytes:
    return b"p%015d%08d" % (number % 10_000, number)


class Cloudcore:
    def __init__(self, directory):
        import cloudcore

        self.cloud = cloudcore.open(directory)
        self.cloud.table("bench", pk="pk:S", sk="sk:N")
        self.tables = self.cloud.dynamodb.tables

    def prepare(self, numbers, round_):
        self.keys = [{"pk": {"S": f"p{n % 10_000:015d}"}, "sk": {"N": str(n)}} for n in numbers]
        self.values = [item(n, round_) for n in numbers]

    def put(self):
        put = self.tables.put_item
        for value in self.values:
            put("bench", value)

    def get(self):
        get = self.tables.get_item
        for key in self.keys:
            get("bench", key)

    def get_view(self):
        get = self.tables.get_item_view
        for key in self.keys:
            get("bench", key)

    def check(self):
        assert all(self.tables.get_item("bench", k) == v for k, v in zip(self.keys, self.values, strict=True))

    def close(self):
        self.cloud.close()


class Lmdb:
    def __init__(self, directory):
        lmdb = pytest.importorskip("lmdb")
        self.env = lmdb.open(directory, map_size=4 << 30, sync=False, writemap=True)

    def prepare(self, numbers, round_):
        import json

        self.keys = [key_of(n) for n in numbers]
        self.values = [json.dumps(item(n, round_)).encode()[:400] for n in numbers]

    def put(self):
        for key, value in zip(self.keys, self.values, strict=True):
            with self.env.begin(write=True) as txn:
                txn.put(key, value)

    def get(self):
        for key in self.keys:
            with self.env.begin() as txn:
                txn.get(key)

    get_view = get

    def check(self):
        with self.env.begin() as txn:
            assert all(txn.get(k) == v for k, v in zip(self.keys, self.values, strict=True))

    def close(self):
        self.env.close()


class Sqlite(Lmdb):
    def __init__(self, directory):
        self.db = sqlite3.connect(os.path.join(directory, "bench.db"), isolation_level=None)
        self.db.execute("PRAGMA journal_mode=WAL")
        self.db.execute("PRAGMA synchronous=OFF")
        self.db.execute("CREATE TABLE kv (k BLOB PRIMARY KEY, v BLOB) WITHOUT ROWID")

    def put(self):
        for pair in zip(self.keys, self.values, strict=True):
            self.db.execute("INSERT OR REPLACE INTO kv VALUES (?, ?)", pair)

    def get(self):
        for key in self.keys:
            self.db.execute("SELECT v FROM kv WHERE k = ?", (key,)).fetchone()

    get_view = get

    def check(self):
        for key, value in zip(self.keys, self.values, strict=True):
            assert self.db.execute("SELECT v FROM kv WHERE k = ?", (key,)).fetchone() == (value,)

    def close(self):
        self.db.close()


@pytest.fixture(scope="module", params=[Cloudcore, Lmdb, Sqlite], ids=lambda p: p.__name__.lower())
def store(request, tmp_path_factory):
    found = request.param(str(tmp_path_factory.mktemp("store")))
    order = list(range(ITEMS))
    random.Random(1).shuffle(order)
    for start in range(0, ITEMS, 20_000):
        found.prepare(order[start : start + 20_000], 0)
        found.put()
    yield found
    found.close()


@pytest.mark.parametrize("verb", ["put", "get", "get_view"])
@pytest.mark.parametrize("spread", ["hot", "random"])
def test_point_operations(benchmark, store, verb, spread):
    rounds = iter(range(1, 100))
    rng = random.Random(7)

    def setup():
        span = 100 if spread == "hot" else ITEMS
        store.prepare([rng.randrange(span) for _ in range(CALLS)], next(rounds) if verb == "put" else 0)

    setup()
    if verb != "put":
        store.put()
    store.check() if verb != "put" else None
    benchmark.pedantic(getattr(store, verb), setup=setup, rounds=5)
    if verb == "put" and spread == "random":
        last = {repr(key): (key, value) for key, value in zip(store.keys, store.values, strict=True)}
        store.keys, store.values = [key for key, _ in last.values()], [value for _, value in last.values()]
        store.check()
    benchmark.extra_info["ns_per_call"] = round(benchmark.stats.stats.median / CALLS * 1e9)
    print(f" {verb} {spread}: {benchmark.stats.stats.median / CALLS * 1e9:,.0f} ns")
