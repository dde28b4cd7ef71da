"""The item store and its peers behind the same few calls, for bench_store.py and bench_store_bulk.py.

Peers move the same 400 bytes raw: no types, no conditions, no encoding. Every peer survives kill -9 and
not a power cut, as our default does: lmdb without sync, sqlite3 in WAL mode without sync, RocksDB
(rocksdict) and LevelDB (plyvel) with their log and without sync. With `sync` each put waits for the disk.

All are loaded one put at a time in random order. (lmdb loaded in transactions of 1000 takes three times as
long for each single put afterwards: its list of free pages is then long.)

Reading from lmdb has three forms. `begin().get(key)` sees the latest data in the fewest Python calls and is
the one to compare with; `with begin() as txn` is the form of its documentation; a transaction held open
answers from an old snapshot and keeps freed pages from being used again, so it is no way to read a store
that is written to: it is printed as the floor.
"""

from __future__ import annotations

import json
import os
import sqlite3

import pytest

from bench.conftest import item

PARTITIONS = 10_000


def key_of(number: int) -> bytes:
    return b"p%015d%08d" % (number % PARTITIONS, number)


def dynamodb_key(number: int) -> dict:
    return {"pk": {"S": f"p{number % PARTITIONS:015d}"}, "sk": {"N": str(number)}}


def plain(value: dict) -> dict:
    """The item as native values."""
    return {name: int(one["N"]) if "N" in one else next(iter(one.values())) for name, one in value.items()}


class Cloudcore:
    gets = ("dict", "dict kept", "view", "json")

    def __init__(self, directory: str, durability: str = "process"):
        import cloudcore

        self.cloud = cloudcore.open(directory, durability=durability)
        self.cloud.table("bench", pk="pk:S", sk="sk:N")
        self.tables = self.cloud.dynamodb.tables

    def prepare(self, numbers, round_=0):
        self.keys = [dynamodb_key(n) for n in numbers]
        self.values = [item(n, round_) for n in numbers]
        self.plain = [plain(value) for value in self.values]

    def load(self):
        self.put()

    def put(self):
        put = self.tables.put_item
        for value in self.values:
            put("bench", value)

    def put_together(self):
        """All of them in one BatchWriteItem."""
        puts = [{"PutRequest": {"Item": value}} for value in self.values]
        assert (
            self.tables.execute("BatchWriteItem", {"RequestItems": {"bench": puts}})["UnprocessedItems"] == {}
        )

    def put_many(self):
        """As a program puts many: Table.batch."""
        with self.cloud.table("bench").batch() as batch:
            batch.extend(self.plain)

    def get_dict(self):
        get = self.tables.get_item
        for key in self.keys:
            get("bench", key)

    def get_dict_kept(self):
        get = self.tables.get_item
        self.kept = [get("bench", key) for key in self.keys]

    def get_view(self):
        get = self.tables.get_item_view
        for key in self.keys:
            get("bench", key)

    def get_json(self):
        get = self.tables.get_item_json
        for key in self.keys:
            get("bench", key)

    def check(self):
        for key, value in zip(self.keys, self.values, strict=True):
            assert self.tables.get_item("bench", key) == value
            assert self.tables.get_item_view("bench", key).to_dynamodb() == value
            assert json.loads(self.tables.get_item_json("bench", key)) == value

    def close(self):
        self.cloud.close()


class Lmdb:
    gets = ("begin", "begin kept", "with", "held open")

    def __init__(self, directory: str, sync: bool = False):
        lmdb = pytest.importorskip("lmdb")
        self.env = lmdb.open(directory, map_size=4 << 30, sync=sync, writemap=not sync)

    def prepare(self, numbers, round_=0):
        self.keys = [key_of(n) for n in numbers]
        self.values = [json.dumps(item(n, round_)).encode()[:400] for n in numbers]
        assert all(len(value) == 400 for value in self.values[:100])

    def load(self):
        self.put()

    def put_many(self):
        with self.env.begin(write=True) as txn:
            for key, value in zip(self.keys, self.values, strict=True):
                txn.put(key, value)

    put_together = put_many

    def put(self):
        begin = self.env.begin
        for key, value in zip(self.keys, self.values, strict=True):
            with begin(write=True) as txn:
                txn.put(key, value)

    def get_begin(self):
        begin = self.env.begin
        for key in self.keys:
            begin().get(key)

    def get_begin_kept(self):
        begin = self.env.begin
        self.kept = [begin().get(key) for key in self.keys]

    def get_with(self):
        begin = self.env.begin
        for key in self.keys:
            with begin() as txn:
                txn.get(key)

    def get_held_open(self):
        get = self.env.begin().get
        for key in self.keys:
            get(key)

    def check(self):
        with self.env.begin() as txn:
            assert all(txn.get(k) == v for k, v in zip(self.keys, self.values, strict=True))

    def close(self):
        self.env.close()


class Sqlite(Lmdb):
    gets = ("select",)

    def __init__(self, directory: str, sync: bool = False):
        self.db = sqlite3.connect(os.path.join(directory, "bench.db"), isolation_level=None)
        self.db.execute("PRAGMA journal_mode=WAL")
        self.db.execute(f"PRAGMA synchronous={'FULL' if sync else 'OFF'}")
        self.db.execute("CREATE TABLE kv (k BLOB PRIMARY KEY, v BLOB) WITHOUT ROWID")

    def load(self):
        self.db.execute("BEGIN")
        self.put()
        self.db.execute("COMMIT")

    def put(self):
        execute = self.db.execute
        for pair in zip(self.keys, self.values, strict=True):
            execute("INSERT OR REPLACE INTO kv VALUES (?, ?)", pair)

    def put_many(self):
        self.load()

    put_together = put_many

    def get_select(self):
        execute = self.db.execute
        for key in self.keys:
            execute("SELECT v FROM kv WHERE k = ?", (key,)).fetchone()

    def check(self):
        for key, value in zip(self.keys, self.values, strict=True):
            assert self.db.execute("SELECT v FROM kv WHERE k = ?", (key,)).fetchone() == (value,)

    def close(self):
        self.db.close()


class Rocks(Lmdb):
    gets = ("get",)

    def __init__(self, directory: str, sync: bool = False):
        self.rocksdict = pytest.importorskip("rocksdict")
        self.db = self.rocksdict.Rdict(directory, self.rocksdict.Options(raw_mode=True))
        options = self.rocksdict.WriteOptions()
        options.sync = sync
        self.db.set_write_options(options)
        self.options = options

    def put(self):
        put = self.db.put
        for key, value in zip(self.keys, self.values, strict=True):
            put(key, value)

    def put_many(self):
        batch = self.rocksdict.WriteBatch(raw_mode=True)
        for key, value in zip(self.keys, self.values, strict=True):
            batch.put(key, value)
        self.db.write(batch, self.options)

    put_together = put_many

    def get_get(self):
        get = self.db.get
        for key in self.keys:
            get(key)

    def check(self):
        assert all(self.db.get(k) == v for k, v in zip(self.keys, self.values, strict=True))

    def close(self):
        self.db.close()


class Level(Rocks):
    def __init__(self, directory: str, sync: bool = False):
        plyvel = pytest.importorskip("plyvel")
        self.db = plyvel.DB(directory, create_if_missing=True)
        self.sync = sync

    def put(self):
        put, sync = self.db.put, self.sync
        for key, value in zip(self.keys, self.values, strict=True):
            put(key, value, sync=sync)

    def put_many(self):
        with self.db.write_batch(sync=self.sync) as batch:
            for key, value in zip(self.keys, self.values, strict=True):
                batch.put(key, value)

    put_together = put_many
