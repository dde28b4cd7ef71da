"""Doubles for the tests of delivery streams: a log that survives a simulated kill, a store, a function.

`Faults` counts every durable step (append, cursor, put of an object) and raises Killed at the one it
was told to, before or after the step took effect; everything stored until then is found again by the
next open, as after kill -9.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any

from cloudcore._stream import frame
from cloudcore.errors import ApiError, FullError


class Killed(BaseException):
    """The process ends here."""


class Faults:
    """Raises Killed at durable step number `at` (0: never); odd numbers before, even after its effect."""

    def __init__(self, at: int = 0):
        self.at = at
        self.steps = 0

    def before(self) -> None:
        self.steps += 1
        if self.steps == self.at:
            raise Killed

    after = before


@dataclass
class FakeRecord:
    first: int
    count: int
    type: int
    time_ms: int
    payload: bytes


class Disk:
    """Directories of logs, and what is in them."""

    def __init__(self) -> None:
        self.logs: dict[str, tuple[list[FakeRecord], dict[str, int]]] = {}
        self.faults = Faults()
        self.now_ms = 1_700_000_000_000

    def log_class(self) -> type:
        disk = self

        class Log:
            def __init__(self, directory: str | None, *, disk_bound: int = 0, **_: Any):
                self._records, self._cursors = disk.logs.setdefault(directory or str(id(self)), ([], {}))
                self._bound = disk_bound

            @property
            def last_sequence(self) -> int:
                return self._cursors.get("\0last", 0)

            def append(self, payload: bytes, *, type: int = 1, count: int = 1, time_ms: int = 0,
                       expected_last: int | None = None) -> tuple[int, int]:  # fmt: skip
                disk.faults.before()
                if self._bound and sum(len(r.payload) for r in self._records) + len(payload) > self._bound:
                    raise FullError("the log is at its bound", "full")
                first = self.last_sequence + 1
                self._records.append(FakeRecord(first, count, type, time_ms or disk.now_ms, bytes(payload)))
                self._cursors["\0last"] = first + count - 1
                disk.faults.after()
                return first, first + count - 1

            def append_records(self, records: Any, *, type: int = 1, time_ms: int = 0) -> tuple[int, int]:
                return self.append(frame(records), type=type, count=len(records), time_ms=time_ms)

            def read(self, from_sequence: int = 1) -> Any:
                return iter([r for r in self._records if r.first + r.count > from_sequence])

            def cursor_set(self, name: str, sequence: int) -> None:
                disk.faults.before()
                self._cursors[name] = sequence
                disk.faults.after()

            def cursor_get(self, name: str) -> int | None:
                return self._cursors.get(name)

            def cursor_drop(self, name: str) -> None:
                disk.faults.before()
                del self._cursors[name]
                disk.faults.after()

            def truncate(self) -> None:
                cursors = [s for name, s in self._cursors.items() if name != "\0last"]
                low = min(cursors, default=0)
                self._records[:] = [r for r in self._records if r.first + r.count - 1 > low]

            def close(self) -> None:
                pass

        return Log


class MemoryObjects:
    """An object store that counts its puts; `down` makes it refuse them."""

    def __init__(self, disk: Disk):
        self.disk = disk
        self.objects: dict[tuple[str, str], bytes] = {}
        self.puts = 0
        self.down = False
        self.content = lambda key, value: value  # what has to be the same when a key is written again

    def put(self, bucket: str, key: str, data: Any, **_: Any) -> None:
        if self.down:
            raise OSError("the store is down")
        self.disk.faults.before()
        value = bytes(data) if isinstance(data, bytes) else b"".join(data)
        old = self.objects.get((bucket, key))
        assert old is None or self.content(key, old) == self.content(key, value), f"{key} was written again with other bytes"
        self.objects[bucket, key] = value
        self.puts += 1
        self.disk.faults.after()

    def get(self, bucket: str, key: str) -> bytes:
        if self.down:
            raise OSError("the store is down")
        return self.objects[bucket, key]


@dataclass
class Reply:
    payload: bytes
    function_error: str | None = None


class FakeFunction:
    """A transform: value n -> partition n % 3; n % 10 == 9 dropped; n % 10 == 8 failed."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.script: list[Any] = []

    def __call__(self, arn: str, payload: bytes) -> Reply:
        event = json.loads(payload)
        self.events.append(event)
        if self.script:
            step = self.script.pop(0)
            if isinstance(step, ApiError):
                raise step
            if step is not None:
                return step(event) if callable(step) else step
        return Reply(json.dumps({"records": [self.one(record) for record in event["records"]]}).encode())

    def one(self, record: dict[str, Any]) -> dict[str, Any]:
        n = json.loads(base64.b64decode(record["data"]))["n"]
        if n % 10 == 9:
            return {"recordId": record["recordId"], "result": "Dropped"}
        if n % 10 == 8:
            return {"recordId": record["recordId"], "result": "ProcessingFailed", "data": record["data"]}
        data = base64.b64encode(b'{"n":%d}\n' % n).decode()
        return {
            "recordId": record["recordId"], "result": "Ok", "data": data,
            "metadata": {"partitionKeys": {"k": str(n % 3)}},
        }  # fmt: skip
