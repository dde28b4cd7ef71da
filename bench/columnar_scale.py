"""JSON -> Parquet against record size, cores and partitions, as plots: docs/plots/columnar_*.svg, docs/benchmarks_streams.md.

    python -m bench.columnar_scale [ROUNDS]

Each figure is the best of ROUNDS (default 3) turns in which cloudcore and its peers follow each other; against the
record size in seconds of the processor, which what else runs on the machine does not stretch. What each of them wrote is compared value
by value with the others before anything is timed. Polars is always told of all cores; one core is all it gets then.
"""

from __future__ import annotations

import json
import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

import cloudcore
from cloudcore._stream import frame
from cloudcore.cli.svg import lines
from cloudcore.firehose.destinations.s3 import columnar
from cloudcore.firehose.destinations.s3.conversion import Conversion, Orc, Parquet, Reader
from cloudcore.firehose.destinations.s3.encode import Piece

SCHEMA = pa.schema([("id", pa.int64()), ("kind", pa.string()), ("price", pa.float64()), ("ok", pa.bool_()), ("text", pa.string())])
TYPES = "{'id': 'BIGINT', 'kind': 'VARCHAR', 'price': 'DOUBLE', 'ok': 'BOOLEAN', 'text': 'VARCHAR'}"
SIZES, CORES, PARTITIONS = (100, 200, 400, 1000, 4000), (1, 2), (1, 10, 50, 100, 200, 400)
INPUT_BYTES = 16 << 20
PLOTS = Path(__file__).parents[1] / "docs" / "plots"
Ways = dict[str, Callable[[], Any]]


def records(size: int) -> list[bytes]:
    """About `size` bytes each, values varied."""
    rng, out = random.Random(size), []
    words = ["alpha", "beta", "gamma", "delta", "späte", 'with "quotes"']
    for n in range(INPUT_BYTES // size):
        row: dict[str, Any] = {"id": n, "kind": f"k{n % 37}", "price": round(rng.random() * 1000, 2), "ok": n % 3 == 0, "text": ""}
        while len(row["text"]) < size - 70:
            row["text"] += f"{rng.choice(words)} {rng.randrange(1 << 30)} "
        out.append(json.dumps(row, separators=(",", ":"), ensure_ascii=False).encode())
    return out


def ways(given: list[bytes], directory: Path, cores: int) -> Ways:
    """Each gives the path of a Parquet file, or its bytes."""
    import duckdb
    import polars

    path = directory / "in.ndjson"
    path.write_bytes(b"\n".join(given) + b"\n")
    pieces = [Piece(frame(given[at : at + 500]), range(at, at + len(given[at : at + 500])), 1) for at in range(0, len(given), 500)]

    def ours() -> Any:
        found = columnar.convert(pieces, Conversion("", Reader(), Parquet()), SCHEMA, 1, None)
        assert found.records == len(given) and not found.failures
        return pa.BufferReader(b"".join(bytes(part) for part in found.parts))

    def duck() -> Any:
        with duckdb.connect(config={"threads": cores}) as connection:
            source = f"read_json('{path}', format='newline_delimited', columns={TYPES})"
            connection.execute(f"copy (select * from {source}) to '{directory / 'duck'}' (format parquet, compression snappy)")
        return directory / "duck"

    def arrow() -> Any:
        from pyarrow import json as arrow_json

        options = arrow_json.ReadOptions(use_threads=cores > 1, block_size=16 << 20)
        table = arrow_json.read_json(path, options, arrow_json.ParseOptions(explicit_schema=SCHEMA))
        pq.write_table(table, directory / "arrow", compression="snappy")
        return directory / "arrow"

    def pole() -> Any:
        polars.read_ndjson(path).write_parquet(directory / "pole", compression="snappy")
        return directory / "pole"

    return {"cloudcore": ours, "DuckDB": duck, "pyarrow": arrow, "Polars": pole}


def equal(found: Ways) -> None:
    """Raises where one of them wrote other values than the first."""
    tables = {name: pq.read_table(way()).cast(SCHEMA).sort_by("id") for name, way in found.items()}
    first = next(iter(tables.values()))
    for name, table in tables.items():
        assert table.equals(first), name


def best(
    ways: dict[str, Callable[[], Any]], rounds: int, clock: Callable[[], float] = time.perf_counter
) -> dict[str, float]:
    """Seconds of each, in turns."""
    found = dict.fromkeys(ways, 1e9)
    for _ in range(rounds):
        for name, way in ways.items():
            began = clock()
            way()
            found[name] = min(found[name], clock() - began)
    return found


def rates(given: list[bytes], cores: int, rounds: int, clock: Callable[[], float]) -> dict[str, float]:
    """Records a second of each way on so many cores, which the process is held to."""
    everything = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(everything)[:cores])
    pa.set_cpu_count(cores)
    try:
        with tempfile.TemporaryDirectory() as home:
            found = ways(given, Path(home), cores)
            equal(found)
            took = best(found, rounds, clock)
    finally:
        os.sched_setaffinity(0, everything)
    return {name: len(given) / seconds for name, seconds in took.items()}


class Counting:
    """A bucket that counts rows."""

    def __init__(self) -> None:
        self.rows, self.objects, self.lock = 0, 0, threading.Lock()

    def put(self, bucket: str, key: str, parts: Any, **_: Any) -> None:
        rows = pq.ParquetFile(pa.BufferReader(b"".join(bytes(part) for part in parts))).metadata.num_rows
        with self.lock:
            self.rows, self.objects = self.rows + rows, self.objects + 1


def through_a_stream(partitions: int, count: int = 40_000) -> float:
    """Records a second from the first put to the last object, each partition one Parquet file."""
    given = [b'{"k":%d,"id":%d,"price":%d.5,"text":"%s"}' % (n % partitions, n, n % 977, b"x" * 350) for n in range(count)]
    bucket = Counting()
    with tempfile.TemporaryDirectory() as home, cloudcore.open(home, objects=bucket) as cloud:
        stream = cloud.stream(
            "s", query="{k: .k}", prefix="p/!{partitionKeyFromQuery:k}/", error_prefix="e/", format="parquet",
            schema="k bigint, id bigint, price double, text string", buffer_seconds=600, buffer_bytes=64 << 20,
        )  # fmt: skip
        began = time.perf_counter()
        for at in range(0, count, 1000):
            stream.put_batch(given[at : at + 1000])
        assert stream.flush(300)
        seconds = time.perf_counter() - began
    assert (bucket.rows, bucket.objects) == (count, partitions)
    return count / seconds


def broken(given: list[bytes]) -> list[bytes]:
    """Every hundredth record cut short, with text for a number, an array for a record or a broken number."""
    faults: list[Callable[[bytes], bytes]] = [
        lambda record: record[:-9], lambda record: record.replace(b'"ms":', b'"ms":"x","unknown":', 1),
        lambda record: b"[" + record + b"]", lambda record: record.replace(b'"id":', b'"id":--', 1),
    ]  # fmt: skip
    return [faults[n // 100 % 4](record) if n % 100 == 50 else record for n, record in enumerate(given)]


def wide(rounds: int, cores: int, clock: Callable[[], float]) -> None:
    """The 20 columns of bench_columnar.py on so many cores: clean, 1 % broken, GZIP inside, ORC."""
    import polars
    from pyarrow import json as arrow_json
    from pyarrow import orc

    from bench import bench_columnar as columns20

    clean = columns20.make(columns20.RECORDS)
    everything = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(everything)[:cores])
    pa.set_cpu_count(cores)
    with tempfile.TemporaryDirectory() as home:
        out = Path(home) / "out"

        def lines_of(records: list[bytes]) -> Path:
            path = Path(home) / f"{id(records)}.ndjson"
            path.write_bytes(b"\n".join(records) + b"\n")
            return path

        def ours(records: list[bytes], writer: Any, good: int) -> Callable[[], Any]:
            pieces = [Piece(frame(records[at : at + 500]), range(at, at + len(records[at : at + 500])), 1) for at in range(0, len(records), 500)]

            def way() -> None:
                found = columnar.convert(pieces, Conversion("", Reader(), writer), columns20.SCHEMA, 1, None)
                assert (found.records, len(found.failures)) == (good, len(records) - good)
                out.write_bytes(b"".join(bytes(part) for part in found.parts))

            return way

        def arrow(path: Path, write: Callable[[pa.Table], None]) -> Callable[[], Any]:
            reading = arrow_json.ReadOptions(use_threads=cores > 1, block_size=(64 if cores == 1 else 4) << 20)
            return lambda: write(arrow_json.read_json(path, reading, arrow_json.ParseOptions(explicit_schema=columns20.SCHEMA)))

        dirty = broken(clean)
        good = len(clean) - len(clean[50::100])
        paths = {"clean": lines_of(clean), "dirty": lines_of(dirty)}

        def duck(path: Path, to: Path, options: str = "compression snappy", reading: str = "") -> None:
            columns20.duckdb_way(path, to, options, reading, cores)

        def pole(codec: str) -> None:  # its timestamps stay texts
            polars.read_ndjson(paths["clean"]).write_parquet(out, compression=codec)  # type: ignore[arg-type]

        rows: dict[str, Ways] = {
            "Parquet, Snappy": {
                "cloudcore": ours(clean, Parquet(), len(clean)), "DuckDB": lambda: duck(paths["clean"], out),
                "Polars": lambda: pole("snappy"),
                "pyarrow": arrow(paths["clean"], lambda table: pq.write_table(table, out, compression="snappy")),
            },
            "the same, 1 % of the records broken": {
                "cloudcore": ours(dirty, Parquet(), good), "DuckDB": lambda: duck(paths["dirty"], out, reading=", ignore_errors=true"),
            },
            "Parquet, GZIP": {
                "cloudcore": ours(clean, Parquet("GZIP"), len(clean)), "DuckDB": lambda: duck(paths["clean"], out, "compression gzip"),
                "Polars": lambda: pole("gzip"),
                "pyarrow": arrow(paths["clean"], lambda table: pq.write_table(table, out, compression="gzip")),
            },
            "ORC, Snappy": {
                "cloudcore": ours(clean, Orc(), len(clean)),
                "pyarrow": arrow(paths["clean"], lambda table: orc.write_table(table, str(out), compression="snappy")),
            },
        }  # fmt: skip
        for name, ways_of in rows.items():
            written = []
            for way, call in ways_of.items():
                call()
                if "ORC" in name:
                    written.append(orc.read_table(str(out)))
                if way == "cloudcore" and "ORC" not in name and "broken" not in name:
                    columns20.check(out)
            assert all(table.equals(written[0]) for table in written)
            took = best(ways_of, rounds, clock)
            first = took["cloudcore"]
            told = ", ".join(f"{way} {len(clean) / seconds:,.0f} ({seconds / first:.2f}x)" for way, seconds in took.items())
            print(f"20 columns, cores {cores}, {name}: {told}; load {os.getloadavg()[0]:.0f}", flush=True)
    os.sched_setaffinity(0, everything)


def plot_sizes(rounds: int) -> None:
    series: dict[str, list[tuple[float, float]]] = {}
    for size in SIZES:
        found = rates(records(size), 1, rounds, time.process_time)
        print(f"{size} B, 1 core:", {name: f"{rate:,.0f}" for name, rate in found.items()}, flush=True)
        for name, rate in found.items():
            series.setdefault(name, []).append((size, rate * size / 1e6))
    title = "JSON to Parquet (snappy), by record size, of a second of one core"
    (PLOTS / "columnar_size.svg").write_text(lines(title, "bytes a record", "MB/s of JSON", series))


def plot_cores(rounds: int) -> None:
    series: dict[str, list[tuple[float, float]]] = {}
    for cores in CORES:
        found = rates(records(400), cores, rounds, time.perf_counter)
        print(f"400 B, cores {cores}:", {name: f"{rate:,.0f}" for name, rate in found.items()}, flush=True)
        for name, rate in found.items():
            series.setdefault(name, []).append((cores, rate / 1e3))
    title = "JSON to Parquet (snappy), records of 400 bytes, by cores"
    (PLOTS / "columnar_cores.svg").write_text(lines(title, "cores", "1,000 records/s", series))


def plot_partitions(rounds: int) -> None:
    points = []
    for count in PARTITIONS:
        rate = max(through_a_stream(count) for _ in range(rounds))
        print(f"{count} partitions: {rate:,.0f}", flush=True)
        points.append((float(count), rate / 1e3))
    title = "A stream of 400-byte records into Parquet, by partitions"
    (PLOTS / "columnar_partitions.svg").write_text(lines(title, "partitions", "1,000 records/s", {"put to object": points}))


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    wide(rounds, 1, time.process_time)
    wide(rounds, 2, time.perf_counter)
    plot_sizes(rounds)
    plot_cores(rounds)
    plot_partitions(rounds)


if __name__ == "__main__":
    main()
