"""The durable log (csrc/log) from Python: batches in, batches out, named cursors."""

from collections.abc import Sequence
from typing import Any, final

from typing_extensions import Buffer

@final
class LogRecord:
    """One batch: sequences first .. first + count - 1; `payload` is a copy."""

    @property
    def first(self) -> int: ...
    @property
    def count(self) -> int: ...
    @property
    def type(self) -> int: ...
    @property
    def time_ms(self) -> int: ...
    @property
    def payload(self) -> bytes: ...

@final
class LogReader:
    """Iterates batches in order; StopIteration at the end for now: iterate again after more was appended."""

    def __iter__(self) -> LogReader: ...
    def __next__(self) -> LogRecord: ...
    def close(self) -> None: ...

@final
class Log:
    """A log in `directory` (made if absent), or in memory when it is None.

    durability: "process" (survives kill -9), "interval" (sync every interval_ms), "commit" (append
    returns after an fdatasync), "memory". disk_bound: bytes before FullError, 0 = none.
    Raises BusyError when another process owns it, CorruptError when synced bytes do not check.
    """

    def __new__(
        cls,
        directory: str | None,
        *,
        durability: str = "process",
        interval_ms: int = 0,
        disk_bound: int = 0,
        retention_ms: int = 0,
        segment_min: int = 0,
        segment_max: int = 0,
    ) -> Log: ...
    def __enter__(self) -> Log: ...
    def __exit__(self, *_: object) -> None: ...
    @property
    def last_sequence(self) -> int: ...
    def append(
        self,
        payload: Buffer,
        *,
        type: int = 1,
        count: int = 1,
        time_ms: int = 0,
        expected_last: int | None = None,
    ) -> tuple[int, int]:
        """Append a batch of `count` sequences; its (first, last). StaleError if expected_last differs."""
    def append_records(self, records: Sequence[bytes], *, type: int = 1, time_ms: int = 0) -> tuple[int, int]:
        """Append records, framed (u32 size | bytes) in batches of <= 1 MiB; (first, last) of all."""
    def read(self, from_sequence: int = 1) -> LogReader:
        """Batches from the one that holds `from_sequence` on."""
    def cursor_set(self, name: str, sequence: int) -> None: ...
    def cursor_get(self, name: str) -> int | None: ...
    def cursor_drop(self, name: str) -> None: ...
    def truncate(self) -> None:
        """Drop whole segments that every cursor has passed."""
    def sync(self) -> None: ...
    def info(self) -> dict[str, Any]: ...
    def close(self) -> None: ...
