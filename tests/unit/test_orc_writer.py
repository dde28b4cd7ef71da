"""Our ORC writer (csrc/orc) against ORC's C++ reader: random tables of every type, every option, the ends of every range."""

from __future__ import annotations

import decimal
import io
import random
import zlib
from collections.abc import Callable, Iterable
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from orc_layout import BLOOM, ROW_INDEX, every, fields, layout, statistics
from pyarrow import orc
from random_tables import random_table

from cloudcore._stream import OrcWriter


def deflated(block: memoryview) -> bytes:
    packer = zlib.compressobj(1, zlib.DEFLATED, -15)
    return packer.compress(block) + packer.flush()


CODECS: dict[str, Callable[[memoryview], Any] | None] = {"NONE": None, "ZLIB": deflated, "SNAPPY": pa.Codec("snappy").compress}


def written(table: pa.Table, codec: str = "SNAPPY", stripes: int = 1, **options: Any) -> bytes:
    """The batches of a table as a file, in about so many stripes."""
    writer = OrcWriter(table.schema, codec, CODECS[codec], **options)
    parts, batches = [], table.to_batches()
    for at, batch in enumerate(batches):
        writer.append(batch)
        if at * stripes // len(batches) != (at + 1) * stripes // len(batches):
            parts.append(bytes(writer.end_stripe()))
    return b"".join([*parts, writer.finish()])


def check(data: bytes, table: pa.Table) -> None:
    """The file has the values of the table; its times are of ns, and it knows no fields without nulls."""
    found = orc.read_table(io.BytesIO(data))
    found.validate(full=True)
    wanted = table.cast(found.schema)
    for name in table.schema.names:
        assert found[name].equals(wanted[name]), name
    assert found.num_rows == table.num_rows


@pytest.mark.parametrize("seed", range(60))
def test_random_tables_are_read_as_they_were(seed: int) -> None:
    rng = random.Random(seed)
    table = random_table(rng)
    options: dict[str, Any] = {
        "codec": rng.choice([*CODECS]), "v11": rng.random() < 0.3, "stride": rng.choice([1, 7, 100, 1000, 10_000]),
        "block_bytes": rng.choice([1, 100, 5000, 1 << 16]) if table.num_rows < 1000 else 1 << 12,
        "dictionary_threshold": rng.choice([0.0, 0.5, 1.0]), "stripes": rng.choice([1, 3]),
        "bloom_fields": [0], "bloom_probability": rng.choice([0.01, 0.5]),
    }  # fmt: skip
    data = written(table, **options)
    assert data == written(table, **options)
    check(data, table)


def flat(count: int) -> pa.Table:
    """Columns whose statistics and filters ORC's C++ writer and ours make alike: no zeros of two signs."""
    rng = random.Random(4)
    maybe = lambda value: None if rng.random() < 0.2 else value  # noqa: E731
    return pa.table({
        "n": pa.array(range(count), pa.int64()), "tiny": [maybe(rng.randrange(-128, 128)) for _ in range(count)],
        "x": [rng.uniform(1, 9) for _ in range(count)], "f": pa.array([rng.randrange(1, 99) / 4 for _ in range(count)], pa.float32()),
        "s": [f"wört {rng.randrange(10**6)}" for _ in range(count)], "b": [maybe(rng.random() < 0.5) for _ in range(count)],
        "raw": pa.array([b"%d" % rng.randrange(999) for _ in range(count)], pa.binary()),
        "d": pa.array([maybe(decimal.Decimal(rng.randrange(-9999, 9999)).scaleb(-2)) for _ in range(count)], pa.decimal128(20, 2)),
        "day": pa.array([rng.randrange(-9999, 9999) for _ in range(count)], pa.int32()).cast(pa.date32()),
        "at": pa.array([rng.randrange(10**12) for _ in range(count)], pa.int64()).cast(pa.timestamp("ms")),
        "l": [[1] * rng.randrange(4) for _ in range(count)],
    }, schema=pa.schema({
        "n": pa.int64(), "tiny": pa.int8(), "x": pa.float64(), "f": pa.float32(), "s": pa.string(), "b": pa.bool_(), "raw": pa.binary(),
        "d": pa.decimal128(20, 2), "day": pa.date32(), "at": pa.timestamp("ms"), "l": pa.list_(pa.int32()),
    }))  # fmt: skip


@pytest.mark.parametrize("codec", CODECS)
def test_statistics_and_filters_are_those_of_the_reference(codec: str) -> None:
    table, sink = flat(4000), io.BytesIO()
    orc.write_table(
        table, sink, compression={"NONE": "uncompressed"}.get(codec, codec.lower()), row_index_stride=1000, batch_size=1000,
        bloom_filter_columns=range(1, 11), bloom_filter_fpp=0.01,
    )  # fmt: skip
    theirs = layout(sink.getvalue())
    ours = layout(written(table, codec, stride=1000, bloom_fields=range(11), bloom_probability=0.01))
    assert {n: ours.postscript[n] for n in (2, 3, 4, 6, 8000)} == {n: theirs.postscript[n] for n in (2, 3, 4, 6, 8000)}
    told = lambda data, field: [statistics(each) for each in every(data, field)]  # noqa: E731
    assert alike(told(ours.footer, 7), told(theirs.footer, 7))
    (our_stripe,), (their_stripe,) = every(ours.metadata, 1), every(theirs.metadata, 1)
    assert alike(told(our_stripe, 1), told(their_stripe, 1))
    ((mine, _),), ((other, _),) = ours.stripes, theirs.stripes
    groups = [[told(group, 2)[0] for group in every(mine[column, ROW_INDEX], 1)] for column in range(13)]
    assert {len(each) for each in groups} == {4}
    wanted = [[told(group, 2)[0] for group in every(other[column, ROW_INDEX], 1)] for column in range(13)]
    assert all(alike(a, b) for a, b in zip(zip(*groups, strict=True), zip(*wanted, strict=True), strict=True))
    filters = {column for column, kind in mine if kind == BLOOM}
    assert filters == set(range(1, 11)) - {6}  # booleans have none
    for column in filters - {2, 8}:  # these have nulls: theirs are larger
        assert mine[column, BLOOM] == other[column, BLOOM], column


def alike(ours: Iterable[dict[int, Any]], theirs: Iterable[dict[int, Any]]) -> bool:
    """Statistics of the columns of `flat`; of lists without nulls the reference tells no lengths."""
    pairs = [(mine, other) for mine, other in zip(ours, theirs, strict=True) if 12 not in mine]
    return len(pairs) == 12 and all(mine == {**other, 3: pytest.approx(other[3])} if 3 in other else mine == other for mine, other in pairs)


def test_a_filter_is_as_large_as_what_is_there_needs() -> None:
    """Of a column with nulls: the bits of its values alone, which the reference writes of them."""
    table, sink = flat(1000), io.BytesIO()
    there = table.select(["d"]).filter(table["d"].is_valid()).combine_chunks()
    orc.write_table(there, sink, row_index_stride=len(there), batch_size=len(there), bloom_filter_columns=[1], bloom_filter_fpp=0.05)
    ours = layout(written(table, stride=1000, bloom_fields=range(11))).stripes[0][0][8, BLOOM]
    assert ours == layout(sink.getvalue()).stripes[0][0][1, BLOOM]


ENDS: list[tuple[pa.DataType, list[Any]]] = [
    (pa.int64(), [-(1 << 63), (1 << 63) - 1, 0, -1, 1, -(1 << 63)]), (pa.int32(), [-(1 << 31), (1 << 31) - 1]),
    (pa.int16(), [-(1 << 15), (1 << 15) - 1]), (pa.int8(), [-128, 127]),
    (pa.float64(), [float("inf"), -float("inf"), -0.0, 5e-324, 1.7976931348623157e308]), (pa.float32(), [3.4028234663852886e38, -0.0]),
    (pa.string(), ["", "\0", "ä" * 5000, "\U0010ffff" * 2000, "z" * 70_000]), (pa.binary(), [b"", b"\xff" * 200_000]),
    (pa.decimal128(38, 0), [decimal.Decimal(10**38 - 1), decimal.Decimal(1 - 10**38), decimal.Decimal(0)]),
    (pa.decimal128(38, 38), [decimal.Decimal("1e-38"), decimal.Decimal("-0." + "9" * 38)]),
    (pa.date32(), [-719162, 2932896, 0, -1]), (pa.bool_(), [True, False]),
    (pa.timestamp("ns"), [-1_000_000_001, -1_000_000_000, -999_000_001, 0, 1, 1420070399_999999999, 1420070400_000000001,
                          -(1 << 63) + 10**9, (1 << 63) - 1, -2_000_000_000 + 999_999, -2_000_000_000 + 1_000_000]),
    (pa.timestamp("s", "UTC"), [-9_000_000_000, -1, 0, 9_000_000_000]),
]  # fmt: skip


@pytest.mark.parametrize("v11", [False, True])
@pytest.mark.parametrize(("kind", "ends"), ENDS, ids=str)
def test_the_ends_of_every_range(kind: pa.DataType, ends: list[Any], v11: bool) -> None:
    times = pa.types.is_timestamp(kind)
    for some in ([ends[0]], ends, [None, *ends, None], ends * 700, [None] * 3, []):
        array = pa.array(some, pa.int64()).cast(kind) if times else pa.array(some, kind)
        table = pa.table({"a": array, "l": pa.array([None if each is None else [0] for each in some], pa.list_(pa.int32()))})
        for codec in CODECS:
            check(written(table, codec, v11=v11, stride=100, bloom_fields=[0], dictionary_threshold=0.5), table)


def test_bounds_never_lie_inside_of_the_values() -> None:
    long, nan = "é" * 800, float("nan")
    table = pa.table({"s": [long + "a", long + "b"], "x": [nan, 1.0], "z": [0.0, -0.0], "top": ["\U0010ffff" * 600] * 2})
    file = layout(written(table))
    stripe = dict(fields(every(file.footer, 3)[0]))
    assert every(file.footer, 2) == [sum(stripe[n] for n in (1, 2, 3, 4))]
    _, s, x, z, top = map(statistics, every(file.footer, 7))
    low, high = s[4][4], s[4][5]  # bounds, as the texts are longer than 1,024 bytes
    assert low.decode() == "é" * 512 and high.decode() == "é" * 511 + "ê" and 1 not in s[4] and 2 not in s[4]
    assert x[3][3] != x[3][3] and (x[3][1], x[3][2]) == (1.0, 1.0)  # a sum that is none: readers then trust no bound
    assert str((z[3][1], z[3][2])) == "(-0.0, 0.0)"
    assert top[4][2].decode() == "\U0010ffff" * 600  # nothing is above it


def test_a_dictionary_where_few_enough_are_distinct() -> None:
    table = pa.table({"few": [f"w{n % 50:02d}" for n in range(1000)][::-1], "many": [f"w{n}" for n in range(1000)], "none": pa.nulls(1000, pa.string())})
    for v11 in (False, True):
        data = written(table, dictionary_threshold=0.1, v11=v11, stride=300)
        ((streams, encodings),) = layout(data).stripes
        direct, indexed = (0, 1) if v11 else (2, 3)
        assert [each[1] for each in encodings] == [0, indexed, direct, direct]
        assert encodings[1][2] == 50 and streams[1, 3] == b"".join(b"w%02d" % n for n in range(50))
        check(data, table)
    assert [each[1] for each in layout(written(table)).stripes[0][1]] == [0, 2, 2, 2]


RUNS = st.lists(
    st.tuples(
        st.one_of(st.integers(-3, 3), st.integers(-(1 << 63), (1 << 63) - 1), st.integers(0, 1 << 20)),
        st.sampled_from([0, 0, 1, -1, 100, -129, 1 << 40]), st.integers(1, 700),
    ),
    min_size=1, max_size=12,
)  # fmt: skip


@settings(deadline=None, max_examples=150)
@given(RUNS, st.booleans(), st.sampled_from(sorted(CODECS)))
def test_runs_of_integers(runs: list[tuple[int, int, int]], v11: bool, codec: str) -> None:
    values = [(first + step * n + (1 << 63)) % (1 << 64) - (1 << 63) for first, step, count in runs for n in range(count)]
    table = pa.table({"n": pa.array(values, pa.int64()), "size": pa.array([[True] * (value % 3) for value in values], pa.list_(pa.bool_())),
                      "tiny": pa.array([value % 7 for value in values], pa.int8())})  # fmt: skip
    check(written(table, codec, v11=v11, stride=500, block_bytes=1000), table)


def test_what_is_refused() -> None:
    for kind, value in ((pa.timestamp("ms"), -1), (pa.timestamp("us"), -999_000), (pa.timestamp("ns"), -1_000_000)):
        table = pa.table({"a": pa.array([value], pa.int64()).cast(kind)})
        with pytest.raises(ValueError, match="column a: ORC takes no milliseconds in the last second before 1970"):
            written(table)
    with pytest.raises(ValueError, match="out of range"):
        written(pa.table({"a": pa.array([(1 << 63) - 1], pa.int64()).cast(pa.timestamp("s"))}))
    with pytest.raises(NotImplementedError, match="column a: type I is not supported"):
        OrcWriter(pa.schema({"a": pa.uint32()}), "NONE")
    for options in ({"stride": 0}, {"block_bytes": 0}, {"bloom_fields": [1]}, {"bloom_fields": [0], "bloom_probability": 0.0}):
        with pytest.raises(ValueError):
            OrcWriter(pa.schema({"a": pa.int32()}), "NONE", **options)


def test_an_error_of_the_codec_is_raised() -> None:
    def broken(block: memoryview) -> bytes:
        raise KeyError("codec")

    writer = OrcWriter(pa.schema({"a": pa.int32()}), "ZLIB", broken)
    writer.append(pa.record_batch({"a": pa.array([1], pa.int32())}))
    with pytest.raises(KeyError, match="codec"):
        writer.end_stripe()
