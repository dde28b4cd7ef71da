"""JSON -> Parquet (snappy) on one core: cloudcore beside DuckDB and pyarrow, on the same records.

    taskset -c 0 python -m pytest bench/bench_columnar.py --benchmark-only

20 columns: integers, doubles, strings, timestamps, booleans, nulls, nested structs, lists, escapes.
"""

from __future__ import annotations

import json
import os
import random

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

RECORDS = int(os.environ.get("CLOUDCORE_BENCH_RECORDS", "200000"))
SCHEMA = pa.schema(
    [
        ("id", pa.int64()), ("user", pa.string()), ("session", pa.string()), ("ts", pa.timestamp("ms")),
        ("event", pa.string()), ("page", pa.string()), ("referrer", pa.string()), ("ms", pa.int64()),
        ("score", pa.float64()), ("ratio", pa.float64()), ("ok", pa.bool_()), ("country", pa.string()),
        ("geo", pa.struct([("lat", pa.float64()), ("lon", pa.float64()), ("city", pa.string())])),
        ("tags", pa.list_(pa.string())), ("counts", pa.list_(pa.int64())), ("agent", pa.string()), ("note", pa.string()),
        ("retries", pa.int64()), ("price", pa.float64()), ("campaign", pa.string()),
    ]
)  # fmt: skip


def make(count: int) -> list[bytes]:
    rng = random.Random(20)
    out = []
    for n in range(count):
        row = {
            "id": n, "user": f"user-{rng.randrange(50_000)}", "session": f"{rng.getrandbits(64):016x}",
            "ts": f"2026-11-{1 + n % 28:02d}T{n % 24:02d}:{n % 60:02d}:{n % 59:02d}.{n % 1000:03d}Z",
            "event": rng.choice(["view", "click", "buy", "scroll"]), "page": f"/p/{rng.randrange(900)}?q=\"x\"",
            "referrer": None if n % 3 else "https://example.org/é", "ms": rng.randrange(10_000),
            "score": rng.random(), "ratio": round(rng.random() * 100, 3), "ok": n % 5 != 0,
            "country": rng.choice(["DE", "FR", "US", "BR", None]),
            "geo": {"lat": round(rng.uniform(-90, 90), 6), "lon": round(rng.uniform(-180, 180), 6), "city": f"city{n % 300}"},
            "tags": [f"t{n % 7}", "ü"][: n % 3], "counts": [n % 5, n % 7, n % 11], "agent": "Mozilla/5.0 (X11; Linux)",
            "note": f"line {n}\\n\ttab", "retries": n % 4, "price": n / 100, "campaign": f"c{n % 40}",
        }  # fmt: skip
        out.append(json.dumps(row, separators=(",", ":"), ensure_ascii=False).encode())
    return out


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    directory = tmp_path_factory.mktemp("columnar")
    records = make(RECORDS)
    path = directory / "in.ndjson"
    path.write_bytes(b"\n".join(records) + b"\n")
    return directory, path


def check(path) -> None:
    table = pq.read_table(path)
    assert table.num_rows == RECORDS
    assert pc.sum(table["id"]).as_py() == RECORDS * (RECORDS - 1) // 2
    assert pc.count_distinct(table["session"]).as_py() > RECORDS * 0.99
    assert pc.sum(pc.list_value_length(table["tags"])).as_py() == sum(n % 3 for n in range(RECORDS))


def cloudcore_way(path, out) -> None:
    from cloudcore._stream import Columns
    from cloudcore.firehose.destinations.s3.conversion import Parquet
    from cloudcore.firehose.destinations.s3.parquet import ParquetFile

    columns, writer = Columns(SCHEMA), ParquetFile(SCHEMA, Parquet())
    with open(path, "rb") as file:
        rest = b""
        while block := file.read(4 << 20):
            block = rest + block
            cut = block.rfind(b"\n") + 1
            assert columns.append_lines(memoryview(block)[:cut]) == []
            rest = block[cut:]
            writer.add(columns)
    with open(out, "wb") as file:
        file.writelines(writer.finish())


def duckdb_way(path, out, options="compression snappy", reading="", threads=1) -> None:
    import duckdb

    connection = duckdb.connect(config={"threads": threads})
    types = {
        "id": "BIGINT", "user": "VARCHAR", "session": "VARCHAR", "ts": "TIMESTAMP", "event": "VARCHAR", "page": "VARCHAR",
        "referrer": "VARCHAR", "ms": "BIGINT", "score": "DOUBLE", "ratio": "DOUBLE", "ok": "BOOLEAN", "country": "VARCHAR",
        "geo": "STRUCT(lat DOUBLE, lon DOUBLE, city VARCHAR)", "tags": "VARCHAR[]", "counts": "BIGINT[]", "agent": "VARCHAR",
        "note": "VARCHAR", "retries": "BIGINT", "price": "DOUBLE", "campaign": "VARCHAR",
    }  # fmt: skip
    columns = ", ".join(f"'{name}': '{kind}'" for name, kind in types.items())
    connection.execute(
        f"COPY (SELECT * FROM read_json('{path}', format='newline_delimited', columns={{{columns}}}{reading})) "
        f"TO '{out}' (FORMAT parquet, {options})"
    )
    connection.close()


def pyarrow_way(path, out) -> None:
    from pyarrow import json as arrow_json

    table = arrow_json.read_json(
        path, read_options=arrow_json.ReadOptions(use_threads=False, block_size=64 << 20),
        parse_options=arrow_json.ParseOptions(explicit_schema=SCHEMA),
    )  # fmt: skip
    pq.write_table(table, out, compression="snappy")


@pytest.mark.parametrize("way", [cloudcore_way, duckdb_way, pyarrow_way])
def test_json_to_parquet(benchmark, source, way):
    directory, path = source
    out = directory / f"{way.__name__}.parquet"
    way(path, out)
    check(out)
    pa.set_cpu_count(1)
    benchmark.extra_info["records"] = RECORDS
    benchmark.pedantic(way, args=(path, out), rounds=5)
    benchmark.extra_info["records_per_s"] = round(RECORDS / benchmark.stats.stats.median)
    print(f"\n{way.__name__}: {RECORDS / benchmark.stats.stats.median:,.0f} records/s")
