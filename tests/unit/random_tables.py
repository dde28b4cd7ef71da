"""Random Arrow tables of every type that the columnar writers know, nested, with nulls, in batches of any size."""

from __future__ import annotations

import decimal
import random
from typing import Any

import pyarrow as pa

TYPES = [
    pa.bool_(), pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.float32(), pa.float64(), pa.string(), pa.binary(), pa.date32(),
    pa.timestamp("s"), pa.timestamp("ms"), pa.timestamp("us", "UTC"), pa.timestamp("ns"), pa.decimal128(5, 2), pa.decimal128(38, 10),
]  # fmt: skip


def random_type(rng: random.Random, depth: int) -> pa.DataType:
    if depth == 0 or rng.random() < 0.6:
        return rng.choice(TYPES)
    kind = rng.choice(["struct", "list", "map"])
    if kind == "struct":
        names = [f"f{n}" for n in range(rng.randint(1, 3))]
        return pa.struct([pa.field(name, random_type(rng, depth - 1), rng.random() < 0.8) for name in names])
    if kind == "list":
        return pa.list_(pa.field("element", random_type(rng, depth - 1), rng.random() < 0.8))
    return pa.map_(rng.choice([pa.string(), pa.int32()]), random_type(rng, depth - 1))


def scalar(rng: random.Random, kind: pa.DataType, few: bool) -> Any:
    top = 5 if few else 1 << 30
    n = rng.randrange(-top, top)
    if pa.types.is_boolean(kind):
        return n > 0
    if pa.types.is_integer(kind):
        bits = kind.bit_width - 1
        return rng.choice([n, -(1 << bits), (1 << bits) - 1]) % (1 << bits) * rng.choice([1, -1])
    if pa.types.is_floating(kind):
        return rng.choice([float(n % 4096), -0.0, 0.5, float("inf")])
    if pa.types.is_string(kind):
        return f"ä{n}" * rng.choice([0, 1, 1, 1, 3, 3 if few else 40])
    if pa.types.is_binary(kind):
        return b"\xff\x00%d" % n
    if pa.types.is_decimal(kind):
        return decimal.Decimal(n % 10 ** min(kind.precision, 9)).scaleb(-kind.scale) * rng.choice([1, -1])
    if pa.types.is_date(kind):
        return pa.scalar(n % 40_000 - 20_000, pa.int32()).cast(kind)
    second = {"s": 1, "ms": 1000, "us": 10**6, "ns": 10**9}[kind.unit]
    return pa.scalar(n - second if -second < n < 0 else n, pa.int64()).cast(kind)  # ORC lacks the last second before 1970


def values(rng: random.Random, field: pa.Field, count: int, few: bool, nulls: float) -> list[Any]:
    kind, out = field.type, []
    for _ in range(count):
        if field.nullable and rng.random() < nulls:
            out.append(None)
        elif pa.types.is_struct(kind):
            out.append({kind.field(n).name: values(rng, kind.field(n), 1, few, nulls)[0] for n in range(kind.num_fields)})
        elif pa.types.is_map(kind):
            keys = values(rng, pa.field("k", kind.key_type, False), rng.choice([0, 1, 2, 3]), few, nulls)
            out.append([(key, values(rng, pa.field("v", kind.item_type), 1, few, nulls)[0]) for key in dict.fromkeys(keys)])
        elif pa.types.is_list(kind):
            out.append(values(rng, kind.value_field, rng.choice([0, 1, 2, 5]), few, nulls))
        else:
            value = scalar(rng, kind, few)
            out.append(value.as_py() if isinstance(value, pa.Scalar) and not pa.types.is_timestamp(kind) else value)
    return out


def column(rng: random.Random, field: pa.Field, count: int) -> pa.Array:
    few, nulls = rng.random() < 0.5, rng.choice([0, 0.1, 0.9])
    given = values(rng, field, count, few, nulls)
    if pa.types.is_timestamp(field.type):
        given = [None if each is None else each.value for each in given]
        return pa.array(given, pa.int64()).cast(field.type)
    return pa.array(_plain(given), field.type)


def _plain(value: Any) -> Any:
    """Scalars of timestamps inside of nested values as what pyarrow takes back."""
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, tuple):
        return tuple(_plain(each) for each in value)
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return value.as_py() if isinstance(value, pa.Scalar) else value


def random_table(rng: random.Random) -> pa.Table:
    count = rng.choice([0, 1, 7, 100, 5000])
    fields = [pa.field(f"c{n}", random_type(rng, 3), rng.random() < 0.8) for n in range(rng.randint(1, 5))]
    # Times of ns inside of nested values do not survive Python's datetime.
    fields = [field if "ns" not in str(field.type) or pa.types.is_timestamp(field.type) else field.with_type(pa.int64()) for field in fields]
    table = pa.table([column(rng, field, count) for field in fields], pa.schema(fields))
    cuts = sorted(rng.randrange(count + 1) for _ in range(rng.choice([0, 1, 4])))
    parts = [table.slice(a, b - a) for a, b in zip([0, *cuts], [*cuts, count], strict=True)]
    return pa.Table.from_batches([batch for part in parts for batch in part.to_batches() if len(batch)], table.schema)
