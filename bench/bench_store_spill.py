"""Tables ten times larger than their memory, beside py-lmdb and sqlite3 over the same bytes.

CLOUDCORE_BENCH_SPILL_MIB (default 32) is what each may keep in memory: our budget, SQLite's page cache. py-lmdb has no such bound: it maps its
file, and what of it is in memory is the system's choice; so is, for all of them, what the system caches of their files. Ten times as
many bytes are loaded, as items of 4,000 B in random order; every answer is compared. Nobody syncs. Each store has a process of its own,
whose memory is printed: RssAnon, what it took itself, and RssFile, what it mapped.

`python -m pytest -s bench/bench_store_spill.py`
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

MIB = int(os.environ.get("CLOUDCORE_BENCH_SPILL_MIB", "32"))
SIZE = 4000
COUNT = 10 * (MIB << 20) // SIZE
READS = min(20_000, COUNT)
HOT = COUNT // 50  # two items in a hundred, nine reads in ten


def body(number: int, version: int) -> str:
    text = f"{number:x}.{version}."
    return (text * (SIZE // len(text) + 1))[:SIZE]


class Ours:
    def __init__(self, directory: str):
        import cloudcore

        self.cloud = cloudcore.open(directory, memory=MIB << 20)
        self.cloud.table("bench", pk="pk:N")
        self.tables = self.cloud.dynamodb.tables

    def load(self, numbers: list[int]) -> None:
        self.cloud.table("bench").load([{"pk": n, "body": body(n, 0)} for n in numbers])

    def put(self, number: int, version: int) -> None:
        self.tables.put_item("bench", {"pk": {"N": str(number)}, "body": {"S": body(number, version)}})

    def get(self, number: int) -> str:
        return self.tables.get_item("bench", {"pk": {"N": str(number)}})["body"]["S"]

    def scan(self) -> int:
        count = 0
        for found in self.cloud.table("bench").scan():
            assert len(found["body"]) == SIZE
            count += 1
        return count

    def close(self) -> None:
        self.cloud.close()

    def told(self) -> dict:
        info = self.tables.info()
        return {name: info[name] for name in ("used_bytes", "spilled_bytes", "page_file_bytes")}


class Lmdb:
    def __init__(self, directory: str):
        import lmdb

        self.env = lmdb.open(directory, map_size=40 * (MIB << 20), sync=False)

    def load(self, numbers: list[int]) -> None:
        with self.env.begin(write=True) as txn:
            for n in numbers:
                txn.put(b"%08d" % n, body(n, 0).encode())

    def put(self, number: int, version: int) -> None:
        with self.env.begin(write=True) as txn:
            txn.put(b"%08d" % number, body(number, version).encode())

    def get(self, number: int) -> str:
        return self.env.begin().get(b"%08d" % number).decode()

    def scan(self) -> int:
        count = 0
        with self.env.begin() as txn:
            for _, value in txn.cursor():
                assert len(value.decode()) == SIZE
                count += 1
        return count

    def close(self) -> None:
        self.env.close()

    def told(self) -> dict:
        return {}


class Sqlite:
    def __init__(self, directory: str):
        import sqlite3

        self.db = sqlite3.connect(f"{directory}/t.db", isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=OFF", f"cache_size=-{MIB * 1024}", "mmap_size=0"):
            self.db.execute(f"PRAGMA {pragma}")
        self.db.execute("CREATE TABLE IF NOT EXISTS t (pk INTEGER PRIMARY KEY, body TEXT)")

    def load(self, numbers: list[int]) -> None:
        self.db.execute("BEGIN")
        self.db.executemany("INSERT INTO t VALUES (?, ?)", ((n, body(n, 0)) for n in numbers))
        self.db.execute("COMMIT")

    def put(self, number: int, version: int) -> None:
        self.db.execute("INSERT OR REPLACE INTO t VALUES (?, ?)", (number, body(number, version)))

    def get(self, number: int) -> str:
        return self.db.execute("SELECT body FROM t WHERE pk = ?", (number,)).fetchone()[0]

    def scan(self) -> int:
        count = 0
        for (found,) in self.db.execute("SELECT body FROM t"):
            assert len(found) == SIZE
            count += 1
        return count

    def close(self) -> None:
        self.db.close()

    def told(self) -> dict:
        return {}


STORES = {"cloudcore": Ours, "py-lmdb": Lmdb, "sqlite3": Sqlite}


def memory() -> dict[str, int]:
    with open("/proc/self/status") as status:
        lines = [line.split() for line in status if line.startswith("Rss")]
    return {name.rstrip(":"): int(kib) >> 10 for name, kib, _ in lines}


def timed(call: Callable[[], object]) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def child(kind: str, directory: str) -> dict:
    """All rows of one store: microseconds an item or call, megabytes."""
    rng = random.Random(3)
    before = memory()["RssAnon"]
    store = STORES[kind](directory)
    order = list(range(COUNT))
    rng.shuffle(order)
    found: dict = {}
    spent = 0.0
    for start in range(0, COUNT, 500):
        some = order[start : start + 500]
        spent += timed(lambda some=some: store.load(some))
    found["load"] = spent / COUNT * 1e6
    versions = dict.fromkeys(order, 0)

    def read(numbers: list[int]) -> None:
        for n in numbers:
            assert store.get(n) == body(n, versions[n])

    def make(numbers: list[int]) -> None:
        for n in numbers:
            body(n, versions[n])

    def overwrite(numbers: list[int]) -> None:
        for n in numbers:
            versions[n] += 1
            store.put(n, versions[n])

    uniform = [rng.randrange(COUNT) for _ in range(READS)]
    skewed = [order[rng.randrange(HOT)] if rng.random() < 0.9 else rng.randrange(COUNT) for _ in range(2 * READS)]
    making = timed(lambda: make(uniform)) / READS * 1e6
    found["get, all alike"] = timed(lambda: read(uniform)) / READS * 1e6 - making
    read(skewed[:READS])
    found["get, 9 in 10 of 2 %"] = timed(lambda: read(skewed[READS:])) / READS * 1e6 - making
    found["overwrite, all alike"] = timed(lambda: overwrite(uniform)) / READS * 1e6
    counted: list[int] = []
    found["scan"] = timed(lambda: counted.append(store.scan())) / COUNT * 1e6
    assert counted == [COUNT]
    after = memory()
    found["RssAnon MB"], found["RssFile MB"] = after["RssAnon"] - before, after["RssFile"]
    found["told"] = store.told()
    store.close()
    reopened: list = []
    found["reopen, ms"] = timed(lambda: reopened.append(STORES[kind](directory))) * 1e3
    store = reopened[0]
    read(uniform[:200])
    found["RssAnon reopened MB"] = memory()["RssAnon"] - before
    store.close()
    return found


def test_ten_times_the_memory(tmp_path):
    rows: dict[str, dict] = {}
    for kind in STORES:
        if kind == "py-lmdb":
            pytest.importorskip("lmdb")
        directory = tmp_path / kind
        directory.mkdir()
        done = subprocess.run(
            [sys.executable, "-m", "bench.bench_store_spill", kind, str(directory)], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        rows[kind] = json.loads(done.stdout.splitlines()[-1])
    print(f"\n{COUNT} items of {SIZE} B, {MIB} MiB of memory; microseconds")
    for row in rows["cloudcore"]:
        if row != "told":
            cells = "".join(f"{rows[kind][row]:>12.1f}" for kind in rows)
            print(f"{row:<24}{cells}")
    told = rows["cloudcore"]["told"]
    print("cloudcore says:", ", ".join(f"{name} {value / 1e6:.0f} MB" for name, value in told.items()))
    assert told["used_bytes"] <= (MIB << 20) + (2 << 20)
    assert told["spilled_bytes"] > 8 * (MIB << 20)


if __name__ == "__main__":
    print(json.dumps(child(sys.argv[1], sys.argv[2])))
