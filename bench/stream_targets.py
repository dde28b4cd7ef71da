"""What of the targets for delivery streams no other bench has: synced puts, GZIP objects, peak memory, a transform.

    python -m bench.stream_targets [ROUNDS]

Peers in turn with cloudcore in one run, the best of ROUNDS (default 5) each, every answer checked first. JSON to Parquet
is bench/columnar_scale.py's, the wire bench/bench_wire.py's, producers bench/bench_producers.py's.
"""

from __future__ import annotations

import base64
import gzip
import json
import os
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench import bench_columnar as columns20
from bench.columnar_scale import best

RECORDS = 100_000
CALL = 500
MIB = 1 << 20
HANDLER = b"""
import time

def handler(event, context):
    out = []
    for record in event["records"]:
        until = time.perf_counter_ns() + 2000
        while time.perf_counter_ns() < until:  # the work of a record: 2 us
            pass
        out.append({"recordId": record["recordId"], "result": "Ok", "data": record["data"]})
    return {"records": out}
"""


def told(row: str, seconds: dict[str, float], records: int) -> None:
    first = next(iter(seconds.values()))
    each = ", ".join(f"{name} {records / s:,.0f} ({s / first:.2f}x)" for name, s in seconds.items())
    print(f"{row}, records/s: {each}; load {os.getloadavg()[0]:.0f}", flush=True)


def puts(given: list[bytes], rounds: int) -> None:
    """put_batch with the log on, and synced at every MiB; list and join without any log; a file synced at every MiB."""
    from cloudcore.firehose import Firehose
    from cloudcore.objects import LocalObjects

    calls = [given[at : at + CALL] for at in range(0, len(given), CALL)]
    with tempfile.TemporaryDirectory() as home:
        service = Firehose(Path(home) / "f", objects=LocalObjects(Path(home) / "o"))
        stream = service.stream("s", buffer_seconds=900, buffer_bytes=1 << 40)
        log = stream._logs["source"]._log

        def put(synced: bool) -> None:
            last, since = stream.last_sequence, 0
            for call in calls:
                stream.put_batch(call)
                since += sum(map(len, call)) if synced else 0
                if since >= MIB:
                    log.sync()
                    since = 0
            assert stream.last_sequence == last + len(given)

        def joined() -> None:
            buffer: list[bytes] = []
            size = total = 0
            for call in calls:
                for data in call:
                    buffer.append(data)
                    size += len(data)
                if size >= 5 * MIB:
                    total += len(b"".join(buffer))
                    buffer, size = [], 0
            assert total + size == sum(map(len, given))

        def disk() -> None:
            whole = b"".join(given)
            with open(Path(home) / "floor", "wb", buffering=0) as file:
                for at in range(0, len(whole), MIB):
                    file.write(whole[at : at + MIB])
                    os.fdatasync(file.fileno())

        ways = {"log, kill -9": lambda: put(False), "list and join, no log": joined,
                "log, fdatasync a MiB": lambda: put(True), "a file, fdatasync a MiB": disk}  # fmt: skip
        for way in ways.values():
            way()
        told("put_batch of 500", best(ways, rounds), len(given))
        service.close()


def gzipped(given: list[bytes], rounds: int) -> None:
    from cloudcore.firehose.destinations.s3.compress import compress

    parts = [b"".join(given[at : at + 2000]) for at in range(0, len(given), 2000)]
    whole = b"".join(parts)

    def stdlib(level: int) -> bytes:
        packer = zlib.compressobj(level, zlib.DEFLATED, 31)
        return b"".join([*(packer.compress(part) for part in parts), packer.flush()])

    ways: dict[str, Callable[[], bytes]] = {
        "cloudcore": lambda: b"".join(compress(parts, "GZIP", "key")),
        "stdlib level 1": lambda: stdlib(1), "stdlib level 6": lambda: stdlib(6),
    }  # fmt: skip
    for way in ways.values():
        assert gzip.decompress(way()) == whole
    told("GZIP objects", best(ways, rounds), len(given))


def long_texts(rounds: int) -> None:
    """Where the time of one long, varied text a record goes: with the codec, without it, the codec alone; one core."""
    import pyarrow as pa

    from bench import columnar_scale as scale
    from cloudcore._stream import frame
    from cloudcore.firehose.destinations.s3 import columnar
    from cloudcore.firehose.destinations.s3.conversion import Conversion, Parquet, Reader
    from cloudcore.firehose.destinations.s3.encode import Piece

    given = scale.records(1000)
    size = sum(map(len, given))
    pieces = [Piece(frame(given[at : at + CALL]), range(at, at + len(given[at : at + CALL])), 1) for at in range(0, len(given), CALL)]
    everything = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(everything)[:1])
    with tempfile.TemporaryDirectory() as home:
        path = Path(home) / "in.ndjson"
        path.write_bytes(b"\n".join(given) + b"\n")

        def ours(codec: str) -> list[Any]:
            found = columnar.convert(pieces, Conversion("", Reader(), Parquet(codec)), scale.SCHEMA, 1, None)
            assert found.records == len(given)
            return found.parts

        def duck(codec: str) -> None:
            import duckdb

            with duckdb.connect(config={"threads": 1}) as connection:
                source = f"read_json('{path}', format='newline_delimited', columns={scale.TYPES})"
                connection.execute(f"copy (select * from {source}) to '{home}/duck' (format parquet, compression {codec})")

        whole = b"".join(bytes(part) for part in ours("UNCOMPRESSED"))
        pages = [whole[at : at + MIB] for at in range(0, len(whole), MIB)]  # as large as a page of the writer
        codec = pa.Codec("snappy")
        ways: dict[str, Callable[[], Any]] = {
            "cloudcore": lambda: ours("SNAPPY"), "without the codec": lambda: ours("UNCOMPRESSED"),
            "DuckDB": lambda: duck("snappy"), "DuckDB without the codec": lambda: duck("uncompressed"),
            "Snappy alone": lambda: [codec.compress(page) for page in pages],
        }  # fmt: skip
        found = best(ways, rounds, time.process_time)
    os.sched_setaffinity(0, everything)
    each = ", ".join(f"{name} {seconds / size * 1e9:.2f}" for name, seconds in found.items())
    print(f"records of 1,000 bytes, ms a MB of JSON: {each}; load {os.getloadavg()[0]:.0f}", flush=True)


def converting(way: str, path: str) -> None:
    """In a process of its own: 64 MiB of records into Parquet; prints its peak memory in MiB above that of its imports."""
    import duckdb  # noqa: F401
    import polars
    import pyarrow as pa
    import pyarrow.json
    import pyarrow.parquet

    from cloudcore._stream import frame
    from cloudcore.firehose.destinations.s3 import columnar
    from cloudcore.firehose.destinations.s3.conversion import Conversion, Parquet, Reader
    from cloudcore.firehose.destinations.s3.encode import Piece

    def ours() -> None:
        def pieces() -> Iterator[Piece]:
            with open(path, "rb") as file:
                at = 0
                while call := [line.rstrip(b"\n") for line in file.readlines(200_000)]:
                    yield Piece(frame(call), range(at, at + len(call)), 1)
                    at += len(call)

        found = columnar.convert(pieces(), Conversion("", Reader(), Parquet()), columns20.SCHEMA, 1, None)
        assert not found.failures
        Path(path + ".out").write_bytes(b"".join(bytes(part) for part in found.parts))

    ways: dict[str, Callable[[], Any]] = {
        "cloudcore": ours, "DuckDB": lambda: columns20.duckdb_way(path, path + ".out"),
        "Polars": lambda: polars.read_ndjson(path).write_parquet(path + ".out", compression="snappy"),
        "pyarrow": lambda: columns20.pyarrow_way(path, path + ".out"),
    }  # fmt: skip
    pa.set_cpu_count(1)
    before = peak()
    ways[way]()
    assert peak() > before
    print(peak() - before)


def peak() -> int:
    """MiB that this process held at most; getrusage would say its parent's too."""
    with open("/proc/self/status", encoding="ascii") as file:
        return next(int(line.split()[1]) >> 10 for line in file if line.startswith("VmHWM"))


def memory() -> None:
    given = columns20.make(64 * MIB // 427)
    with tempfile.TemporaryDirectory() as home:
        path = Path(home) / "in.ndjson"
        path.write_bytes(b"\n".join(given) + b"\n")
        found = {}
        for way in ("cloudcore", "DuckDB", "Polars", "pyarrow"):
            command = [sys.executable, "-m", "bench.stream_targets", "--converting", way, str(path)]
            found[way] = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        print(f"peak memory over {path.stat().st_size >> 20} MiB of records, MiB: {found}", flush=True)


def transformed(given: list[bytes], rounds: int) -> None:
    """Through a Python function that works 2 us at every record, to JSON objects; the function's own work, with the
    JSON of its events and answers, in this process alone."""
    import cloudcore
    from cloudcore.lambda_.code import pack

    space: dict[str, Any] = {}
    exec(HANDLER, space)  # the same text that is deployed
    told_of = [{"recordId": f"{n:056d}", "data": base64.b64encode(data).decode()} for n, data in enumerate(given)]
    events = [json.dumps({"records": told_of[at : at + 5000]}) for at in range(0, len(given), 5000)]

    def alone() -> None:
        assert sum(len(json.loads(json.dumps(space["handler"](json.loads(e), None)))["records"]) for e in events) == len(given)

    with tempfile.TemporaryDirectory() as home, cloudcore.open(home) as cloud:
        cloud.function("each", pack({"h.py": HANDLER}), handler="h.handler", memory=1024, timeout=60)
        seconds = 1e9
        for turn in range(rounds):
            stream = cloud.stream(f"s{turn}", transform="each", transform_buffer_bytes=3 * MIB, buffer_seconds=900, buffer_bytes=64 * MIB)
            began = time.perf_counter()
            for at in range(0, len(given), CALL):
                stream.put_batch(given[at : at + CALL])
            assert stream.flush(300)
            seconds = min(seconds, time.perf_counter() - began)
            assert stream.status()["delivered"] == len(given)
    told("through a function, 2 us a record", {"cloudcore": seconds, "the function alone": best({"": alone}, rounds)[""]}, len(given))


def main() -> None:
    if sys.argv[1:2] == ["--converting"]:
        return converting(*sys.argv[2:4])
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    given = columns20.make(RECORDS)
    puts(given, rounds)
    gzipped(given, rounds)
    long_texts(rounds)
    memory()
    transformed(given, rounds)


if __name__ == "__main__":
    main()
