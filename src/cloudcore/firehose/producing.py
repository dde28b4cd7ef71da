"""Producing: records out of Arrow data and of files, and a producer for asyncio; each ends in put_batch.

What a call acknowledged is in the stream's log. Where the log is at its bound, the asyncio producer waits
and tries again; the others raise, and say how far they came.
"""

from __future__ import annotations

import asyncio
import gzip
import os
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Any

import orjson

from cloudcore.errors import ApiError

_RECORDS, _BYTES = 10_000, 4 << 20
_LINE_MAX = 1_000_000
_PAUSE_FIRST_S, _PAUSE_MAX_S = 0.05, 5.0
Put = Callable[[Sequence[bytes]], tuple[int, int]]


def put_arrow(put: Put, data: Any) -> tuple[int, int]:
    """Each row as a JSON object on a line. Times as ISO 8601 text, decimals as text, bytes are refused."""
    import pyarrow as pa

    table = pa.table(data)
    first = last = None
    for batch in table.to_batches(max_chunksize=_RECORDS):
        rows = batch.to_pylist()
        lines = [orjson.dumps(row, default=_text, option=orjson.OPT_APPEND_NEWLINE) for row in rows]
        if lines:
            begin, last = put(lines)
            first = begin if first is None else first
    if first is None or last is None:
        raise ValueError("put_arrow needs at least one row")
    return first, last


def _text(value: Any) -> str:
    from datetime import timedelta
    from decimal import Decimal

    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, timedelta):
        return str(value.total_seconds())
    raise TypeError(f"no JSON of {type(value).__name__}")


def put_file(put: Put, path: str | os.PathLike[str], delimiter: bytes = b"\n") -> tuple[int, int]:
    """Each line of a file, or what lies between delimiters, with it, as a record; .gz is unpacked."""
    first = last = None
    opener: Any = gzip.open if os.fspath(path).endswith(".gz") else open
    with opener(path, "rb") as file:
        for records in _batches(file, delimiter):
            begin, last = put(records)
            first = begin if first is None else first
    if first is None or last is None:
        raise ValueError(f"{os.fspath(path)} is empty")
    return first, last


def _batches(file: IO[bytes], delimiter: bytes) -> Iterator[list[bytes]]:
    rest = b""
    while True:
        block = file.read(_BYTES)
        parts = (rest + block).split(delimiter)
        rest = parts.pop()
        records = [part + delimiter for part in parts]
        if not block and rest:
            records.append(rest)
        if any(len(record) > _LINE_MAX for record in records) or len(rest) > _LINE_MAX:
            raise ValueError(f"a record of the file is larger than {_LINE_MAX} bytes")
        for begin in range(0, len(records), _RECORDS):
            yield records[begin : begin + _RECORDS]
        if not block:
            return


class Producer:
    """An asyncio producer: records of many tasks travel in few appends, in the order of their put().

    `linger_seconds`: how long the first record of a batch waits for others. `pending_bytes_max`: beyond it
    put() waits: the bound of what is in memory. One event loop.
    """

    def __init__(self, put: Put, linger_seconds: float = 0.002, pending_bytes_max: int = 16 << 20):
        self._put, self._linger, self._most = put, linger_seconds, pending_bytes_max
        self._waiting: list[tuple[bytes, asyncio.Future[int]]] = []
        self._pending = 0
        self._room = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None

    async def put(self, record: bytes) -> int:
        """Store one record; its sequence number. Raises as Stream.put, but waits where that is refused with
        ServiceUnavailableException."""
        async with self._room:
            await self._room.wait_for(lambda: not self._pending or self._pending + len(record) <= self._most)
            self._pending += len(record)
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting.append((record, future))
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        return await future

    async def __aenter__(self) -> Producer:
        return self

    async def __aexit__(self, *_: object) -> None:
        while self._task is not None:
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        try:
            await asyncio.sleep(self._linger)
            while self._waiting:
                taken, self._waiting = self._waiting[:_RECORDS], self._waiting[_RECORDS:]
                await self._store(taken)
                async with self._room:
                    self._pending -= sum(len(record) for record, _ in taken)
                    self._room.notify_all()
        finally:
            self._task = None

    async def _store(self, taken: list[tuple[bytes, asyncio.Future[int]]]) -> None:
        pause = _PAUSE_FIRST_S
        while True:
            try:
                first, _ = await asyncio.to_thread(self._put, [record for record, _ in taken])
                break
            except ApiError as error:
                if error.code != "ServiceUnavailableException":
                    return _refuse(taken, error)
            except Exception as error:
                return _refuse(taken, error)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _PAUSE_MAX_S)
        for at, (_, future) in enumerate(taken):
            if not future.done():
                future.set_result(first + at)


def _refuse(taken: list[tuple[bytes, asyncio.Future[int]]], error: Exception) -> None:
    for _, future in taken:
        if not future.done():
            future.set_exception(error)
