"""Delivery streams: put_record_batch, and JSON to Parquet through a whole stream, beside their peers.

    python -m pytest bench/bench_firehose.py --benchmark-columns=median,ops

Every case puts or converts the same records of about 413 bytes with 20 columns; answers are checked
equal before they are timed. `extra_info` holds records per second.
"""

from __future__ import annotations

import base64
import itertools
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CALL = 500
CALLS = 200


def record(n: int, dice: random.Random) -> bytes:
    """One event of 20 columns."""
    row = {
        "id": n, "user": f"user-{dice.randrange(100_000)}", "session": f"{dice.getrandbits(64):016x}",
        "at": f"2026-11-{1 + n % 28:02d}T{n % 24:02d}:{n % 60:02d}:00Z",
        "kind": dice.choice(["view", "click", "buy"]),
        "price": round(dice.random() * 100, 2), "count": dice.randrange(9), "ok": n % 3 == 0, "note": None,
        "lat": round(dice.uniform(-90, 90), 5), "lon": round(dice.uniform(-180, 180), 5),
        "country": "DE", "agent": "Mozilla/5.0 (X11; Linux x86_64)", "tags": ["a", "b"],
        "geo": {"city": "Köln", "zip": "50667"},
        "path": f"/shop/item/{n % 9999}", "ms": dice.randrange(5000), "bytes": dice.randrange(1 << 20),
        "code": 200, "ref": "https://example.org/",
    }  # fmt: skip
    return json.dumps(row, ensure_ascii=False).encode() + b"\n"


@pytest.fixture(scope="session")
def calls() -> list[list[bytes]]:
    dice = random.Random(1)
    return [[record(call * CALL + n, dice) for n in range(CALL)] for call in range(CALLS)]


@pytest.fixture
def stream(tmp_path: Path) -> Iterator[Any]:
    from cloudcore.firehose import Firehose
    from cloudcore.objects import LocalObjects

    service = Firehose(tmp_path / "firehose", objects=LocalObjects(tmp_path / "objects"))
    yield service.stream("bench", buffer_seconds=900, buffer_bytes=1 << 40)
    service.close()


def rate(benchmark: Any, records: int) -> None:
    benchmark.extra_info["records_per_s"] = round(records / benchmark.stats.stats.median)


@pytest.mark.benchmark(group="put_record_batch of 500, in process")
def test_put_batch_log_on(benchmark: Any, stream: Any, calls: list[list[bytes]]) -> None:
    first, last = stream.put_batch(calls[0])
    assert last - first + 1 == CALL
    more = itertools.cycle(calls)
    benchmark.pedantic(lambda: stream.put_batch(next(more)), rounds=1000, warmup_rounds=20)
    rate(benchmark, CALL)


@pytest.mark.benchmark(group="put_record_batch of 500, in process")
def test_wire_body_in_process(benchmark: Any, stream: Any, calls: list[list[bytes]]) -> None:
    """A PutRecordBatch body, as it comes over HTTP, and its answer; no socket."""
    from cloudcore.firehose import Firehose

    service = Firehose(None, objects=None)
    service._streams["bench"] = stream
    bodies = [body(call) for call in calls]
    status, answer = service.call_json("PutRecordBatch", bodies[0])
    assert status == 200
    assert len(json.loads(answer)["RequestResponses"]) == CALL
    more = itertools.cycle(bodies)
    benchmark.pedantic(lambda: service.call_json("PutRecordBatch", next(more)), rounds=500, warmup_rounds=10)
    rate(benchmark, CALL)


def body(call: list[bytes]) -> bytes:
    records = [{"Data": base64.b64encode(data).decode()} for data in call]
    return json.dumps({"DeliveryStreamName": "bench", "Records": records}).encode()


@pytest.mark.benchmark(group="put_record_batch of 500, in process")
def test_peer_list_and_join_no_log(benchmark: Any, calls: list[list[bytes]]) -> None:
    """The least that Python can do, and nothing of it survives: append, count, join at 5 MiB."""
    buffer: list[bytes] = []
    size = 0
    objects = 0

    def put(call: list[bytes]) -> None:
        nonlocal size, objects
        for data in call:
            buffer.append(data)
            size += len(data)
        if size >= 5 << 20:
            objects += bool(b"".join(buffer))
            buffer.clear()
            size = 0

    put(calls[0])
    assert b"".join(buffer) == b"".join(calls[0])
    more = itertools.cycle(calls)
    benchmark.pedantic(lambda: put(next(more)), rounds=1000, warmup_rounds=20)
    rate(benchmark, CALL)


@pytest.mark.benchmark(group="JSON to Parquet through a whole stream")
def test_stream_to_parquet(benchmark: Any, calls: list[list[bytes]], tmp_path: Path) -> None:
    """Put, log, convert, write, synced object: everything between a producer and a file."""
    from cloudcore.firehose import Firehose
    from cloudcore.objects import LocalObjects

    rounds = itertools.count()
    flat = list(itertools.chain.from_iterable(calls))
    services: list[Any] = []

    def make() -> tuple[tuple[Any], dict[str, Any]]:
        home = tmp_path / str(next(rounds))
        service = Firehose(home / "firehose", objects=LocalObjects(home / "objects"))
        services.append(service)
        return (service.stream("bench", format="parquet", buffer_seconds=900),), {}

    def deliver(stream: Any) -> None:
        stream.put_batch(flat)
        assert stream.flush(60)
        assert stream.status()["delivered"] == len(flat)

    benchmark.pedantic(deliver, setup=make, rounds=5, warmup_rounds=1)
    for service in services:
        service.close()
    rate(benchmark, CALL * CALLS)


@pytest.mark.benchmark(group="JSON to Parquet through a whole stream")
def test_peer_duckdb(benchmark: Any, calls: list[list[bytes]], tmp_path: Path) -> None:
    """DuckDB from a finished file to a Parquet file: no producer, no log."""
    duckdb = pytest.importorskip("duckdb")
    source = tmp_path / "in.ndjson"
    source.write_bytes(b"".join(itertools.chain.from_iterable(calls)))
    connection = duckdb.connect()
    connection.execute("SET threads=1")
    read = f"SELECT * FROM read_json('{source}', format='newline_delimited')"
    sql = f"COPY ({read}) TO '{tmp_path / 'out.parquet'}'"
    benchmark.pedantic(lambda: connection.execute(sql + " (FORMAT parquet)"), rounds=5, warmup_rounds=1)
    found = connection.execute(f"SELECT count(*) FROM '{tmp_path / 'out.parquet'}'").fetchone()
    assert found == (CALL * CALLS,)
    rate(benchmark, CALL * CALLS)


HANDLER = b"""
def handler(event, context):
    return {"records": [
        {"recordId": r["recordId"], "result": "Dropped" if r["recordId"][-1] == "7" else "Ok", "data": r["data"]}
        for r in event["records"]
    ]}
"""


@pytest.mark.benchmark(group="through a Python function to JSON objects")
def test_stream_with_transform(benchmark: Any, calls: list[list[bytes]], tmp_path: Path) -> None:
    """Put, log, function in a worker process, staged log, object: every record is accounted for."""
    import cloudcore
    from cloudcore.lambda_.code import pack

    numbers = itertools.count()
    with cloudcore.open(str(tmp_path / "cloud")) as cloud:
        cloud.function("each", pack({"h.py": HANDLER}), handler="h.handler", memory=1024, timeout=60)

        def run() -> None:
            stream = cloud.stream(
                f"s{next(numbers)}", transform="each", transform_buffer_bytes=3 << 20, buffer_seconds=900,
                buffer_bytes=64 << 20,
            )  # fmt: skip
            for call in calls:
                stream.put_batch(call)
            assert stream.flush(120)
            status = stream.status()
            assert status["delivered"] + status["dropped"] == status["records_in"] == CALL * CALLS
            assert status["dropped"] == CALL * CALLS // 10

        benchmark.pedantic(run, rounds=3, warmup_rounds=1)
        rate(benchmark, CALL * CALLS)
