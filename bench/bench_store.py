"""PutItem and GetItem in process, beside the raw key-value calls of LMDB, RocksDB, LevelDB and SQLite (store_peers.py).

CLOUDCORE_BENCH_ITEMS items (default 1,000,000), one thread, the same loop for all. A round makes CALLS keys
and values, then times the calls alone: the caller's objects are as warm as those of a program that has just
made them, and different each time. "hot" draws from 100 items, "random" from all. Answers are checked before
the clock, puts also after it. One put is one write transaction. "kept" holds on to all results of a round.
"""

from __future__ import annotations

import os
import random
import statistics
import time

import pytest

from bench.store_peers import Cloudcore, Level, Lmdb, Rocks, Sqlite

ITEMS = int(os.environ.get("CLOUDCORE_BENCH_ITEMS", "1000000"))
CALLS = 200
ROUNDS = 300
HOT = 100
CASES = [
    (peer, verb)
    for peer in (Cloudcore, Lmdb, Sqlite, Rocks, Level)
    for verb in (*(f"get {g}" for g in peer.gets), "put")
]


@pytest.fixture(scope="module")
def stores(tmp_path_factory, warm_machine):
    """One loaded store per peer; made when first asked for."""
    open_ones = {}

    def store(peer):
        if peer not in open_ones:
            open_ones[peer] = found = peer(str(tmp_path_factory.mktemp("store")))
            order = list(range(ITEMS))
            random.Random(1).shuffle(order)
            for start in range(0, ITEMS, 1000):
                found.prepare(order[start : start + 1000])
                found.load()
        return open_ones[peer]

    yield store
    for one in open_ones.values():
        one.close()


@pytest.mark.parametrize("spread", ["hot", "random"])
@pytest.mark.parametrize(
    ("peer", "verb"), CASES, ids=[f"{p.__name__.lower()}-{v.replace(' ', '-')}" for p, v in CASES]
)
def test_point_operations(benchmark, stores, peer, verb, spread):
    store = stores(peer)
    rounds = iter(range(1, 100_000))
    rng = random.Random(f"{verb} {spread}")
    span = HOT if spread == "hot" else ITEMS

    def setup():
        store.kept = None
        numbers = [rng.randrange(span) for _ in range(CALLS)]
        store.prepare(numbers, next(rounds) % 10_000 if verb == "put" else 0)

    if verb != "put":
        store.prepare(range(HOT))  # an earlier put case left other values
        store.put()
        setup()
        store.put()
        store.check()
    benchmark.pedantic(getattr(store, verb.replace(" ", "_")), setup=setup, rounds=ROUNDS, warmup_rounds=20)
    if verb == "put":
        last = {repr(key): (key, value) for key, value in zip(store.keys, store.values, strict=True)}
        store.keys, store.values = [key for key, _ in last.values()], [value for _, value in last.values()]
        store.check()
    median = benchmark.stats.stats.median / CALLS * 1e9
    benchmark.extra_info["ns_per_call"] = round(median)
    print(f" {verb} {spread}: median {median:,.0f}, mean {benchmark.stats.stats.mean / CALLS * 1e9:,.0f} ns")


BESIDE = {Lmdb: "get begin", Rocks: "get get", Level: "get get", Sqlite: "get select"}


@pytest.mark.parametrize("spread", ["hot", "random"])
@pytest.mark.parametrize("ours", ["get dict", "get dict kept", "get view", "get json", "put"])
def test_beside(benchmark, stores, ours, spread):
    """All in turn, round by round, so that what else the machine does meets each: the rows to compare."""
    rng = random.Random(f"{ours} {spread}")
    span = HOT if spread == "hot" else ITEMS
    verbs = {Cloudcore: ours} | {
        peer: "put" if ours == "put" else f"{get} kept" if ours.endswith("kept") and peer is Lmdb else get
        for peer, get in BESIDE.items()
        if peer is Lmdb or not ours.endswith("kept")
    }
    spent = {peer: [] for peer in verbs}

    def run():
        for round_ in range(ROUNDS):
            numbers = [rng.randrange(span) for _ in range(CALLS)]
            for peer, verb in verbs.items():
                store = stores(peer)
                store.kept = None
                store.prepare(numbers, round_)
                call = getattr(store, verb.replace(" ", "_"))
                if spread == "hot":
                    call()  # the other one's turn has taken the caches
                    store.kept = None
                begin = time.perf_counter_ns()
                call()
                spent[peer].append((time.perf_counter_ns() - begin) / CALLS)

    for peer in verbs:
        stores(peer)
    benchmark.pedantic(run, rounds=1)
    medians = {peer: statistics.median(times) for peer, times in spent.items()}
    mine = medians.pop(Cloudcore)
    benchmark.extra_info["cloudcore_ns"] = round(mine)
    benchmark.extra_info.update({f"{peer.__name__.lower()}_ns": round(ns) for peer, ns in medians.items()})
    others = ", ".join(
        f"{peer.__name__.lower()} {ns:,.0f} ({ns / mine:.2f}x)" for peer, ns in medians.items()
    )
    print(f" {ours} {spread}: {mine:,.0f} ns; {others}")
