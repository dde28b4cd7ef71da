"""Our Parquet writer (csrc/parquet) against pyarrow's and DuckDB's readers: random tables of every type, every option."""

from __future__ import annotations

import decimal
import io
import random
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from isal import igzip

from cloudcore._stream import ParquetWriter

TYPES = [
    pa.bool_(), pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.float32(), pa.float64(), pa.string(), pa.binary(), pa.date32(),
    pa.timestamp("s"), pa.timestamp("ms"), pa.timestamp("us", "UTC"), pa.timestamp("ns"), pa.decimal128(5, 2), pa.decimal128(38, 10),
]  # fmt: skip


def compressor(codec: str) -> Callable[[memoryview], Any] | None:
    if codec == "GZIP":
        return lambda page: igzip.compress(page, 1, mtime=0)
    return None if codec == "UNCOMPRESSED" else pa.Codec(codec.lower()).compress


def written(table: pa.Table, codec: str = "SNAPPY", groups: int = 1, **options: Any) -> bytes:
    """The batches of a table as a file, in about so many row groups."""
    writer = ParquetWriter(table.schema, codec, compressor(codec), **options)
    parts, batches = [], table.to_batches()
    for at, batch in enumerate(batches):
        writer.append(batch)
        if at * groups // len(batches) != (at + 1) * groups // len(batches):
            parts.append(writer.end_group())
    return b"".join([*parts, writer.finish()])


def read(data: bytes, schema: pa.Schema) -> pa.Table:
    return pq.read_table(io.BytesIO(data)).cast(schema)


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
    return pa.scalar(n, pa.int64()).cast(kind)


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


@pytest.mark.parametrize("seed", range(30))
def test_random_tables_are_read_as_they_were(seed: int) -> None:
    rng = random.Random(seed)
    table = random_table(rng)
    options: dict[str, Any] = {
        "codec": rng.choice(["UNCOMPRESSED", "SNAPPY", "GZIP", "ZSTD"]), "dictionary": rng.random() < 0.7, "v2": rng.random() < 0.5,
        "page_bytes": rng.choice([1, 100, 5000, 1 << 20]), "dictionary_bytes": rng.choice([10, 1000, 1 << 17]), "groups": rng.choice([1, 3]),
    }  # fmt: skip
    data = written(table, **options)
    assert data == written(table, **options)
    assert read(data, table.schema).equals(table)
    check_statistics(data, table)


def check_statistics(data: bytes, table: pa.Table) -> None:
    """Minimum, maximum and nulls of flat columns hold in every row group."""
    file = pq.ParquetFile(io.BytesIO(data))
    for at in range(file.metadata.num_row_groups):
        group, rows = file.metadata.row_group(at), file.read_row_group(at)
        for n in range(group.num_columns):
            found = group.column(n)
            assert found.total_compressed_size <= len(data) and found.num_values >= len(rows)
            if "." in found.path_in_schema or not found.statistics:
                continue
            given = rows[found.path_in_schema].drop_null()
            assert found.statistics.null_count == rows[found.path_in_schema].null_count
            if not found.statistics.has_min_max or pa.types.is_timestamp(given.type) or pa.types.is_decimal(given.type):
                continue
            kept = [found.statistics.min, found.statistics.max]
            assert kept == [min(given.to_pylist()), max(given.to_pylist())]


@pytest.mark.parametrize("distinct", [True, False])
def test_long_texts_leave_the_dictionary_and_end_their_pages(distinct: bool) -> None:
    texts = [f"{n if distinct else n % 40:07d}" * 1000 for n in range(1000)]
    table = pa.table({"t": [None] * 10 + texts})
    data = written(table, codec="UNCOMPRESSED", page_bytes=1 << 16)
    assert read(data, table.schema).equals(table)
    column = pq.ParquetFile(io.BytesIO(data)).metadata.row_group(0).column(0)
    first = column.dictionary_page_offset if column.has_dictionary_page else column.data_page_offset
    assert column.data_page_offset - first < 3 * (128 << 10)  # the dictionary page, where there is one
    assert len(data) > 6_000_000  # 40 texts of 7,000 bytes are more than a dictionary may hold
