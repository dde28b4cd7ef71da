"""Every verb of Table, at random from a seed, beside a plain dict; answers equal at each step.

Items carry values of every type, small and large; conditions hold and fail, transactions happen whole or not at
all, reads go by key, range, index, filter, page and segment, and every so often the table is closed and opened
again, or copied by its pages. CLOUDCORE_MODEL_STEPS steps (default 12,000; the long form is `make test-model`).
"""

from __future__ import annotations

import os
import random
from collections import Counter
from decimal import Decimal

import pytest

from cloudcore.dynamodb import DynamoDB, Table, Transaction, attr, between, ge, lt
from cloudcore.dynamodb.transaction import transact_get
from cloudcore.errors import ApiError

STEPS = int(os.environ.get("CLOUDCORE_MODEL_STEPS", "12000"))
SEEDS = 4
OPEN_FOR = 3000
"""Steps between two looks at the whole, and a close and an open in between."""
PARTITIONS, SORTS = 24, 60
FAILED = "ConditionalCheckFailedException"


def number(rng):
    return rng.choice([0, -7, 10**37, Decimal("1.25"), Decimal("-0.003"), rng.randrange(-(10**12), 10**12)])


def value(rng, depth=0):
    kind = rng.randrange(10 if depth < 3 else 6)
    if kind == 0:
        return rng.choice(["", "text", "é💡\n\"\\", "x" * rng.randrange(300), "y" * rng.randrange(2000)])
    if kind == 1:
        return number(rng)
    if kind == 2:
        return rng.randbytes(rng.randrange(40))
    if kind == 3:
        return rng.choice([True, False, None])
    if kind == 4:
        return {number(rng) for _ in range(rng.randrange(1, 5))}
    if kind == 5:
        return {rng.choice("abcdef") for _ in range(rng.randrange(1, 4))}
    if kind == 6:
        return [value(rng, depth + 1) for _ in range(rng.randrange(4))]
    if kind == 7:
        return {rng.randbytes(2) for _ in range(rng.randrange(1, 4))}
    return {rng.choice(["k", "l", "name"]): value(rng, depth + 1) for _ in range(rng.randrange(3))}


class Run:
    """One table and its model."""

    def __init__(self, seed: int, directory):
        self.rng, self.directory = random.Random(seed), directory
        self.model: dict[tuple, dict] = {}
        self.done: Counter = Counter()
        self.db = self.table = None
        self.open()

    def open(self):
        if self.db is not None:
            self.db.close()
        self.db = DynamoDB(self.directory)
        if "things" not in self.db.tables.names():
            self.db.call("CreateTable", {
                "TableName": "things", "BillingMode": "PAY_PER_REQUEST",
                "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "at", "KeyType": "RANGE"}],
                "AttributeDefinitions": [{"AttributeName": n, "AttributeType": t} for n, t in (("id", "S"), ("at", "N"), ("group", "S"))],
                "GlobalSecondaryIndexes": [{
                    "IndexName": "groups", "KeySchema": [{"AttributeName": "group", "KeyType": "HASH"}, {"AttributeName": "at", "KeyType": "RANGE"}],
                    "Projection": {"ProjectionType": "ALL"},
                }],
            })  # fmt: skip
        self.table = Table(self.db, "things")

    # ---- what to do it with ----

    def key(self):
        return f"p{self.rng.randrange(PARTITIONS)}", self.rng.randrange(-SORTS // 2, SORTS // 2)

    def item(self, key=None):
        rng = self.rng
        key = key or self.key()
        made = {"id": key[0], "at": key[1], "n": rng.randrange(100)}
        if rng.random() < 0.5:
            made["group"] = f"g{rng.randrange(5)}"
        return made | {f"a{rng.randrange(6)}": value(rng) for _ in range(rng.randrange(5))}

    def store(self, item):
        self.model[item["id"], item["at"]] = item

    def condition(self, key):
        """A condition, and whether it holds of the item of `key`."""
        old = self.model.get(key)
        n = (old or {}).get("n")
        bound = self.rng.randrange(100)
        return self.rng.choice([
            (attr("id").exists(), old is not None),
            (attr("id").missing(), old is None),
            (attr("n") < bound, n is not None and n < bound),
            ((attr("n") >= bound) | (attr("group") == "g1"), n is not None and (n >= bound or old.get("group") == "g1")),
            (~(attr("n") == bound), not (n is not None and n == bound)),
        ])  # fmt: skip

    def attempt(self, holds, act):
        """What `act` gives; it must fail exactly if the condition does not hold."""
        if holds:
            return act()
        with pytest.raises(ApiError, match=FAILED):
            act()
        return None

    # ---- writes ----

    def put(self):
        item = self.item()
        self.table.put(item)
        self.store(item)

    def put_if(self):
        item = self.item()
        key = item["id"], item["at"]
        condition, holds = self.condition(key)
        old = self.attempt(holds, lambda: self.table.put(item, condition=condition, old=True))
        if holds:
            assert old == self.model.get(key)
            self.store(item)

    def delete(self):
        key = self.key()
        assert self.table.delete(*key) == self.model.pop(key, None)

    def delete_if(self):
        key = self.key()
        condition, holds = self.condition(key)
        old = self.attempt(holds, lambda: self.table.delete(*key, condition=condition))
        if holds:
            assert old == self.model.pop(key, None)

    def update(self):
        key, rng = self.key(), self.rng
        new, more, tags = value(rng), rng.randrange(-9, 9), {rng.choice("xyz")}
        condition, holds = self.condition(key)
        made = self.attempt(holds, lambda: self.table.update(
            *key, set={"a0": new, "n": attr("n").if_missing(0) + 1}, add={"sum": more, "tags": tags}, remove=["a1", "group"],
            condition=condition,
        ))  # fmt: skip
        if holds:
            item = dict(self.model.get(key) or {"id": key[0], "at": key[1]})
            item |= {"a0": new, "n": item.get("n", 0) + 1, "sum": item.get("sum", 0) + more}
            item["tags"] = item.get("tags", set()) | tags
            item.pop("a1", None), item.pop("group", None)
            assert made == item
            self.store(item)

    def drop_tags(self):
        key = self.key()
        made = self.table.update(*key, delete={"tags": {"x", "y"}}, set={"group": "g0"})
        item = dict(self.model.get(key) or {"id": key[0], "at": key[1]}) | {"group": "g0"}
        left = item.pop("tags", set()) - {"x", "y"}
        if left:
            item["tags"] = left
        assert made == item
        self.store(item)

    def batch(self):
        with self.table.batch() as batch:
            for _ in range(self.rng.randrange(12)):
                if self.rng.random() < 0.3:
                    key = self.key()
                    batch.delete(*key)
                    self.model.pop(key, None)
                else:
                    item = self.item()
                    batch.put(item)
                    self.store(item)

    def load(self):
        items = [self.item() for _ in range(self.rng.randrange(6))]
        assert self.table.load(items, progress=False).stored == len(items)
        for item in items:
            self.store(item)

    def transact(self):
        keys = list({self.key() for _ in range(self.rng.randrange(1, 5))})
        after, holds = dict(self.model), True
        transaction = Transaction(self.db)
        for key in keys:
            condition, this = self.condition(key) if self.rng.random() < 0.5 else (None, True)
            holds = holds and this
            kind = self.rng.randrange(3)
            if kind == 0:
                item = self.item(key)
                transaction.put(self.table, item, condition=condition)
                after[key] = item
            elif kind == 1:
                transaction.delete(self.table, *key, condition=condition)
                after.pop(key, None)
            else:
                transaction.update(self.table, *key, set={"n": 5}, condition=condition)
                after[key] = (after.get(key) or {"id": key[0], "at": key[1]}) | {"n": 5}
        if holds:
            transaction.__exit__(None)
            self.model = after
        else:
            with pytest.raises(ApiError, match="TransactionCanceledException"):
                transaction.__exit__(None)

    def statement(self):
        key, n = self.key(), self.rng.randrange(100)
        params = {"Statement": 'UPDATE things SET n = ? WHERE id = ? AND "at" = ?', "Parameters": [{"N": str(n)}, {"S": key[0]}, {"N": str(key[1])}]}
        if key in self.model:
            self.db.call("ExecuteStatement", params)
            self.store(self.model[key] | {"n": n})
        else:
            with pytest.raises(ApiError, match=FAILED):
                self.db.call("ExecuteStatement", params)

    # ---- reads ----

    def get(self):
        key = self.key()
        assert self.table.get(*key) == self.model.get(key)

    def view(self):
        key = self.key()
        view, item = self.table.view(*key), self.model.get(key)
        assert (view is None) == (item is None)
        if item is not None:
            assert view.to_dict() == item and all(view[name] == item[name] for name in item)

    def project(self):
        key = self.key()
        found, item = self.table.get(*key, projection=["n", "group"]), self.model.get(key)
        assert found == (None if item is None else {n: item[n] for n in ("n", "group") if n in item})

    def get_many(self):
        keys = [self.key() for _ in range(self.rng.randrange(1, 9))]
        assert self.table.get_many(keys) == [self.model.get(key) for key in keys]
        assert transact_get(self.db, [(self.table, *key) for key in keys[:1]]) == [self.model.get(keys[0])]

    def query(self):
        rng, p = self.rng, f"p{self.rng.randrange(PARTITIONS)}"
        low, high = sorted((rng.randrange(-30, 30), rng.randrange(-30, 30)))
        wanted, fits = rng.choice([
            (between(low, high), lambda at: low <= at <= high), (ge(low), lambda at: at >= low), (lt(high), lambda at: at < high),
            (low, lambda at: at == low),
        ])  # fmt: skip
        forward, page, limit = rng.random() < 0.5, rng.choice([None, 1, 3, 7]), rng.choice([None, None, 0, 2, 5])
        found = [item for key, item in sorted(self.model.items(), key=lambda one: one[0]) if key[0] == p and fits(key[1])]
        found = found if forward else found[::-1]
        rows = self.table.query(p, wanted, forward=forward, page=page, limit=limit)
        assert list(rows) == found[:limit]
        assert rows.count() == len(found[:limit])
        assert self.table.query(p, wanted).count() == len(found)

    def query_index(self):
        group, bound = f"g{self.rng.randrange(5)}", self.rng.randrange(100)
        wanted = [item for item in self.model.values() if item.get("group") == group]
        found = list(self.table.query(group, index="groups"))
        assert [item["at"] for item in found] == sorted(item["at"] for item in wanted)
        assert {(item["id"], item["at"]): item for item in found} == {(item["id"], item["at"]): item for item in wanted}
        kept = self.table.query(group, index="groups", filter=attr("n") > bound, page=self.rng.choice([None, 2]))
        assert kept.count() == sum("n" in item and item["n"] > bound for item in wanted)

    def scan(self):
        parts = self.rng.randrange(1, 5)
        found = [item for part in range(parts) for item in self.table.scan(segment=(part, parts), page=self.rng.choice([None, 17]))]
        assert len(found) == len(self.model)
        assert {(item["id"], item["at"]): item for item in found} == self.model

    def step(self):
        act = self.rng.choices(ACTS, WEIGHTS)[0]
        act(self)
        self.done[act.__name__] += 1

    def check_all(self):
        assert {(item["id"], item["at"]): item for item in self.table.scan()} == self.model
        assert self.table.info()["items"] == len(self.model)
        indexed = {(item["id"], item["at"]): item for item in self.table.scan(index="groups")}
        assert indexed == {key: item for key, item in self.model.items() if "group" in item}

    def copy(self):
        """Its pages make the same table elsewhere."""
        with DynamoDB() as db:
            other = Table.create(db, "copy", pk="id", sk="at:N")
            other.load(self.table.scan(), progress=False)
            assert {(item["id"], item["at"]): item for item in other.scan()} == self.model


ACTS = [
    Run.put, Run.put_if, Run.delete, Run.delete_if, Run.update, Run.drop_tags, Run.batch, Run.load, Run.transact, Run.statement,
    Run.get, Run.view, Run.project, Run.get_many, Run.query, Run.query_index, Run.scan,
]  # fmt: skip
WEIGHTS = [16, 8, 8, 5, 10, 4, 2, 1, 4, 3, 16, 6, 4, 4, 8, 1, 0.1]


@pytest.mark.parametrize("seed", range(SEEDS))
def test_table_beside_a_dict(seed, tmp_path):
    run = Run(seed, tmp_path / "store")
    try:
        for first in range(0, STEPS // SEEDS, OPEN_FOR):
            for _ in range(min(OPEN_FOR, STEPS // SEEDS - first)):
                run.step()
            run.check_all()
            run.copy()
            run.open()
            run.check_all()
    finally:
        run.db.close()
    assert run.done.total() == STEPS // SEEDS
    assert STEPS < 10_000 or all(run.done[act.__name__] for act in ACTS)
    print(f" seed {seed}: {run.done.total():,} steps, {len(run.model):,} items at the end, 0 divergences")
