"""What a delivery stream makes of its records: columnar files and compressed objects, beside their peers.

    python -m pytest bench/bench_objects.py --benchmark-only

All cores are used by everyone who can. Every answer is read back and checked before it is timed.
"""

from __future__ import annotations

import gzip
import io
import os
import zipfile
import zlib
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import orc

from bench.bench_columnar import SCHEMA, make
from cloudcore._stream import frame
from cloudcore.firehose.destinations.s3 import columnar
from cloudcore.firehose.destinations.s3.compress import compress
from cloudcore.firehose.destinations.s3.conversion import Conversion, Orc, Parquet, Reader
from cloudcore.firehose.destinations.s3.encode import Piece

RECORDS = int(os.environ.get("CLOUDCORE_BENCH_RECORDS", "200000"))
CALL = 2000


@pytest.fixture(scope="module")
def records() -> list[bytes]:
    return make(RECORDS)


@pytest.fixture(scope="module")
def pieces(records: list[bytes]) -> list[Piece]:
    return [
        Piece(frame(records[at : at + CALL]), range(at, min(at + CALL, RECORDS)), 1)
        for at in range(0, RECORDS, CALL)
    ]


@pytest.fixture(scope="module")
def path(records: list[bytes], tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("objects") / "in.ndjson"
    file.write_bytes(b"\n".join(records))
    return str(file)


def timed(benchmark: Any, work: Any, size: int | None = None) -> None:
    benchmark.pedantic(work, rounds=5, warmup_rounds=1)
    seconds = benchmark.stats.stats.median
    benchmark.extra_info["records_per_s"] = round(RECORDS / seconds)
    megabytes = f", {size / 1e6 / seconds:,.0f} MB/s" if size else ""
    print(f"\n{benchmark.name}: {RECORDS / seconds:,.0f} records/s{megabytes}")


def stream(kind: Any, pieces: list[Piece]) -> bytes:
    found = columnar.convert(pieces, Conversion("", Reader(), kind), SCHEMA, 1, None)
    assert found.records == RECORDS and not found.failures
    return b"".join(found.parts)


def duckdb_parquet(path: str, out: str, codec: str) -> None:
    import duckdb

    connection = duckdb.connect(config={"threads": os.cpu_count() or 1})
    connection.execute(
        f"COPY (SELECT * FROM read_json('{path}', format='newline_delimited', sample_size=1000)) "
        f"TO '{out}' (FORMAT parquet, COMPRESSION {codec})"
    )
    connection.close()


def arrow_table(path: str) -> pa.Table:
    from pyarrow import json as arrow_json

    return arrow_json.read_json(
        path, read_options=arrow_json.ReadOptions(block_size=4 << 20),
        parse_options=arrow_json.ParseOptions(explicit_schema=SCHEMA),
    )  # fmt: skip


@pytest.mark.parametrize("codec", ["SNAPPY", "GZIP"])
@pytest.mark.parametrize("who", ["cloudcore", "duckdb", "pyarrow"])
def test_json_to_parquet_on_all_cores(
    benchmark: Any, who: str, codec: str, pieces: list[Piece], path: str, tmp_path: Any
) -> None:
    out = str(tmp_path / "out.parquet")
    if who == "cloudcore":
        work, read = lambda: stream(Parquet(codec), pieces), io.BytesIO(stream(Parquet(codec), pieces))
    elif who == "duckdb":
        work = lambda: duckdb_parquet(path, out, codec)  # noqa: E731
        work()
        read = out
    else:
        work = lambda: pq.write_table(arrow_table(path), out, compression=codec)  # noqa: E731
        work()
        read = out
    assert pq.read_table(read)["id"].to_pylist() == list(range(RECORDS))
    timed(benchmark, work)


@pytest.mark.parametrize("who", ["cloudcore", "pyarrow"])
def test_json_to_orc_on_all_cores(
    benchmark: Any, who: str, pieces: list[Piece], path: str, tmp_path: Any
) -> None:
    out = str(tmp_path / "out.orc")
    if who == "cloudcore":
        work, read = lambda: stream(Orc(), pieces), io.BytesIO(stream(Orc(), pieces))
    else:
        work = lambda: orc.write_table(arrow_table(path), out, compression="snappy")  # noqa: E731
        work()
        read = out
    assert orc.read_table(read)["id"].to_pylist() == list(range(RECORDS))
    timed(benchmark, work)


@pytest.mark.parametrize("who", ["cloudcore", "stdlib level 1", "stdlib level 6"])
@pytest.mark.parametrize("kind", ["GZIP", "ZIP"])
def test_compressed_objects(benchmark: Any, who: str, kind: str, records: list[bytes]) -> None:
    parts = [b"".join(records[at : at + CALL]) for at in range(0, RECORDS, CALL)]
    whole = b"".join(parts)

    def stdlib() -> bytes:
        level = int(who[-1])
        if kind == "GZIP":
            packer = zlib.compressobj(level, zlib.DEFLATED, 31)
            return b"".join([*(packer.compress(part) for part in parts), packer.flush()])
        sink = io.BytesIO()
        with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as archive:
            archive.writestr("one", whole)
        return sink.getvalue()

    work = stdlib if who.startswith("stdlib") else lambda: b"".join(compress(parts, kind, "key"))
    packed = work()
    if kind == "GZIP":
        assert gzip.decompress(packed) == whole
    else:
        archive = zipfile.ZipFile(io.BytesIO(packed))
        assert archive.read(archive.namelist()[0]) == whole
    benchmark.extra_info["ratio"] = round(len(packed) / len(whole), 3)
    timed(benchmark, work, len(whole))
