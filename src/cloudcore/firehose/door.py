"""Door: a delivery stream to those who put records and read what was delivered, wherever its log is."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cloudcore.errors import ApiError
from cloudcore.firehose import envelope
from cloudcore.firehose.destinations.config import Config

if TYPE_CHECKING:
    from cloudcore.firehose.producing import Producer

RECORD_BYTES_MAX = 1_024_000


class Door(ABC):
    """Puts and reads, over _append() and the configuration in force."""

    name: str
    _objects: Any

    @property
    @abstractmethod
    def config(self) -> Config:
        """The configuration in force."""

    @abstractmethod
    def _append(self, records: Sequence[bytes], kind: int) -> tuple[int, int]:
        """Store records; the first and last sequence number."""

    def put(self, record: bytes) -> int:
        """Store one record of at most 1,024,000 bytes; returns its sequence number.

        Raises ApiError ValidationException, ServiceUnavailableException when the disk bound is reached.
        """
        return self.put_batch([record])[1]

    def put_batch(self, records: Sequence[bytes]) -> tuple[int, int]:
        """Store records, in order; returns the first and last sequence number. No limit on their number.

        They are durable (mode `process`) when this returns. Raises as put(); records before the one
        that did not fit any more may have been stored: `last_sequence` tells.
        """
        if not records:
            raise ValueError("put_batch needs at least one record")
        if max(map(len, records)) > RECORD_BYTES_MAX:
            size = max(map(len, records))
            raise ApiError(
                "ValidationException",
                f"1 validation error detected: Value 'java.nio.HeapByteBuffer[pos=0 lim={size} cap={size}]' "
                "at 'record.data' failed to satisfy constraint: Member must have length less than "
                f"or equal to {RECORD_BYTES_MAX}",
            )
        return self._append(records, 1)

    def put_arrow(self, data: Any) -> tuple[int, int]:
        """Store each row of an Arrow table (or what pyarrow.table takes) as a JSON object on a line; as
        put_batch. Raises TypeError for bytes."""
        from cloudcore.firehose import producing

        return producing.put_arrow(self.put_batch, data)

    def put_file(self, path: str | os.PathLike[str], delimiter: bytes = b"\n") -> tuple[int, int]:
        """Store each line of a file, its line break with it; .gz is unpacked. As put_batch. Raises ValueError
        for an empty file and for a line of more than 1,000,000 bytes; what came before that is stored."""
        from cloudcore.firehose import producing

        return producing.put_file(self.put_batch, path, delimiter)

    def producer(self, linger_seconds: float = 0.002, pending_bytes_max: int = 16 << 20) -> Producer:
        """An asyncio producer: `async with stream.producer() as p: await p.put(b"...")`."""
        from cloudcore.firehose import producing

        return producing.Producer(self.put_batch, linger_seconds, pending_bytes_max)

    def delivered_keys(self) -> list[str]:
        """Keys of the objects that were delivered, oldest first; paths of files where an embedded server has
        them; none where a table has the rows. Raises ValueError where the data is elsewhere (an HTTP
        endpoint, say)."""
        from cloudcore.firehose import reading

        config = self.config
        if config.endpoint is not None:
            kept = self._kept()
            if kept is None and hasattr(config.endpoint, "read"):
                return []
            if kept is None:
                raise ValueError(f"{self.name} delivers to {type(config.endpoint).__name__}, not to objects")
            return list(kept.keys())
        return reading.keys(
            self._objects, config.data.bucket, self.name, config.data.prefix.literal, config.errors.literal
        )

    def _kept(self) -> Any:
        """What an embedded server has of the stream; None where there is none."""
        return None

    def _rows(self, table: str | None, last: int | None) -> Any:
        """The rows of a destination that is a table; None for another one."""
        if table is not None:
            raise ValueError(f"{self.name} delivers to no table")

    def _get(self, key: str) -> bytes:
        kept = self._kept()
        if kept is None:
            return envelope.read(self._objects, self.config.data.bucket, key)
        found: bytes = kept.get(key)
        return found

    def read(self, objects: int | None = None, *, table: str | None = None) -> Any:
        """What was delivered, as one pyarrow Table; of the newest `objects` objects alone if given.

        None when nothing was delivered yet. Columns are those of all objects together; what an object does
        not have is null. The table is in memory: for much data, give `delivered_keys()` to a query engine.

        Of Iceberg and of Redshift's stand-ins: what the destination's table holds, whoever wrote it; `table`
        ("database.table") names which of several. ValueError where only Redshift itself can say.
        """
        import pyarrow as pa

        from cloudcore.firehose import reading

        rows = self._rows(table, None)
        if rows is not None:
            if objects is not None:
                raise ValueError("objects= is of streams that deliver objects")
            return rows if rows.num_rows else None
        keys = self.delivered_keys()
        keys = keys[-objects:] if objects else keys
        found = [reading.table(self._get(key), key) for key in keys]
        return pa.concat_tables(found, promote_options="permissive") if found else None

    def preview(self, rows: int = 20, *, table: str | None = None) -> Any:
        """The last `rows` delivered rows or fewer, as a pyarrow Table; None when there are none. Some rows of
        an Iceberg table, which has no order; `table` as of read()."""
        import pyarrow as pa

        from cloudcore.firehose import reading

        held = self._rows(table, rows)
        if held is not None:
            return held if held.num_rows else None
        found: list[Any] = []
        for key in reversed(self.delivered_keys()):
            found.insert(0, reading.table(self._get(key), key))
            if sum(table.num_rows for table in found) >= rows:
                break
        if not found:
            return None
        whole = pa.concat_tables(found, promote_options="permissive")
        return whole.slice(max(0, whole.num_rows - rows))
