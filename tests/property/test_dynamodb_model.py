"""Random operations on a table against a plain dict, in memory and over restarts on disk."""

import random
from decimal import Decimal

import pytest

from cloudcore.dynamodb import DynamoDB, Table
from cloudcore.errors import ApiError


def random_value(rng, depth=0):
    kind = rng.randrange(9 if depth < 3 else 6)
    if kind == 0:
        return rng.choice(["", "text", "é💡", "x" * rng.randrange(300)])
    if kind == 1:
        return rng.choice([0, -7, 10**37, Decimal("1.25"), Decimal("-0.003"), rng.randrange(10**12)])
    if kind == 2:
        return rng.randbytes(rng.randrange(40))
    if kind == 3:
        return rng.choice([True, False, None])
    if kind == 4:
        return {rng.randrange(50) for _ in range(rng.randrange(1, 6))}
    if kind == 5:
        return {rng.choice("abcdef") for _ in range(rng.randrange(1, 4))}
    if kind == 6:
        return [random_value(rng, depth + 1) for _ in range(rng.randrange(4))]
    return {rng.choice(["k", "l", "name"]): random_value(rng, depth + 1) for _ in range(rng.randrange(3))}


def step(rng, table, model):
    """One random operation on both; their answers must agree."""
    k = (f"p{rng.randrange(12)}", rng.randrange(-20, 20))
    action = rng.randrange(8)
    if action < 3:
        item = {"id": k[0], "at": k[1]}
        item |= {f"a{rng.randrange(6)}": random_value(rng) for _ in range(rng.randrange(5))}
        table.put(item)
        model[k] = item
    elif action == 3:
        assert table.delete(*k) == model.pop(k, None)
    elif action == 4:
        updated = table.update(*k, update="ADD hits :one SET latest = :v", values={":one": 1, ":v": k[1]})
        old = model.setdefault(k, {"id": k[0], "at": k[1]})
        old["hits"] = old.get("hits", 0) + 1
        old["latest"] = k[1]
        assert updated == old
    elif action == 5:
        new = {"id": k[0], "at": k[1]}
        if k in model:
            with pytest.raises(ApiError, match="ConditionalCheckFailedException"):
                table.put(new, condition="attribute_not_exists(id)")
        else:
            table.put(new, condition="attribute_not_exists(id)")
            model[k] = new
    elif action == 6:
        low, high = sorted((rng.randrange(-25, 25), rng.randrange(-25, 25)))
        forward = rng.random() < 0.5
        found = list(
            table.query(
                where="id = :i AND #a BETWEEN :l AND :h",
                forward=forward,
                names={"#a": "at"},
                values={":i": k[0], ":l": low, ":h": high},
            )
        )
        expected = [model[m] for m in sorted(model) if m[0] == k[0] and low <= m[1] <= high]
        assert found == (expected if forward else expected[::-1])
    else:
        assert table.get(*k) == model.get(k)


def check_all(table, model):
    found = {(i["id"], i["at"]): i for i in table.scan()}
    assert found == model


@pytest.mark.parametrize("seed", range(4))
def test_memory(seed):
    rng, model = random.Random(seed), {}
    with DynamoDB() as db:
        table = Table.create(db, "things", pk="id:S", sk="at:N")
        for _ in range(6000):
            step(rng, table, model)
        check_all(table, model)


def test_over_restarts(tmp_path):
    rng, model = random.Random(99), {}
    for _ in range(8):
        with DynamoDB(tmp_path / "store") as db:
            table = Table.create(db, "things", pk="id:S", sk="at:N")
            check_all(table, model)
            for _ in range(700):
                step(rng, table, model)
            check_all(table, model)
