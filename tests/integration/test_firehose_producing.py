"""Ways of putting: Arrow data, files, an asyncio producer."""

from __future__ import annotations

import asyncio
import gzip
import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import cloudcore
from cloudcore.errors import ApiError
from cloudcore.firehose.producing import Producer


@pytest.fixture
def cloud() -> Any:
    with cloudcore.open(":memory:") as cloud:
        yield cloud


def delivered(cloud: Any, stream: Any) -> bytes:
    assert stream.flush(120)
    return b"".join(cloud.objects.get("b", key) for key in cloud.objects.list("b"))


def test_arrow_rows(cloud: Any) -> None:
    stream = cloud.stream("s", bucket="b", buffer_bytes=64 << 20)  # one object
    table = pa.table({
        "n": range(25_000), "at": [datetime(2024, 1, 2, 3, 4, 5)] * 25_000, "d": [Decimal("1.50")] * 25_000,
        "tags": [["a", None]] * 25_000,
    })  # fmt: skip
    assert stream.put_arrow(table) == (1, 25_000)
    lines = [json.loads(line) for line in delivered(cloud, stream).splitlines()]
    assert [line["n"] for line in lines] == list(range(25_000))
    assert lines[0] == {"n": 0, "at": "2024-01-02T03:04:05", "d": "1.50", "tags": ["a", None]}
    with pytest.raises(TypeError):
        stream.put_arrow(pa.table({"b": [b"x"]}))
    with pytest.raises(ValueError, match="one row"):
        stream.put_arrow(pa.table({"b": pa.array([], pa.int64())}))


@pytest.mark.parametrize("packed", [False, True])
def test_files(cloud: Any, tmp_path: Path, packed: bool) -> None:
    stream = cloud.stream("s", bucket="b", buffer_bytes=64 << 20)  # one object
    text = b"".join(b"%d %s\n" % (n, b"x" * (n % 100)) for n in range(100_000)) + b"the last one"
    path = tmp_path / ("a.log.gz" if packed else "a.log")
    path.write_bytes(gzip.compress(text, 1) if packed else text)
    assert stream.put_file(path) == (1, 100_001)
    assert delivered(cloud, stream) == text
    (tmp_path / "empty").touch()
    with pytest.raises(ValueError, match="empty"):
        stream.put_file(tmp_path / "empty")


def test_an_asyncio_producer(cloud: Any) -> None:
    stream = cloud.stream("s", bucket="b", buffer_seconds=0)
    puts: list[int] = []
    real = stream.put_batch
    stream.put_batch = lambda records: puts.append(len(records)) or real(records)

    async def one(producer: Producer, task: int) -> list[int]:
        return [await producer.put(b"%d-%d\n" % (task, n)) for n in range(20)]

    async def run() -> list[list[int]]:
        async with stream.producer() as producer:
            return await asyncio.gather(*(one(producer, task) for task in range(200)))

    sequences = asyncio.run(run())
    assert sorted(n for each in sequences for n in each) == list(range(1, 4001))
    assert all(each == sorted(each) for each in sequences)
    assert len(puts) < 400 and sum(puts) == 4000
    assert sorted(delivered(cloud, stream).split()) == sorted(b"%d-%d" % (t, n) for t in range(200) for n in range(20))


def test_the_producer_waits_when_the_stream_slows_down_and_bounds_what_is_pending() -> None:
    state = {"refusals": 3, "stored": 0}

    def put(records: Any) -> tuple[int, int]:
        if state["refusals"]:
            state["refusals"] -= 1
            raise ApiError("ServiceUnavailableException", "Slow down.", 503)
        first = state["stored"] + 1
        state["stored"] += len(records)
        return first, state["stored"]

    async def run() -> None:
        async with Producer(put, 0.001, pending_bytes_max=100) as producer:
            tasks = [asyncio.create_task(producer.put(b"x" * 10)) for _ in range(50)]
            await asyncio.sleep(0.02)
            assert producer._pending <= 100
            assert sorted(await asyncio.gather(*tasks)) == list(range(1, 51))
            state["refusals"] = 0
        with pytest.raises(ApiError, match="Validation"):
            async with Producer(refused) as producer:
                await producer.put(b"x")

    def refused(records: Any) -> tuple[int, int]:
        raise ApiError("ValidationException", "no")

    asyncio.run(run())
    assert state["stored"] == 50
