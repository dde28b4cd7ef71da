"""Stream: one delivery stream as a library object: put records in, wait for them to be delivered."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from typing import Any

from cloudcore.clock import Clock
from cloudcore.errors import ApiError, FullError
from cloudcore.firehose.destinations.s3.config import S3Config, parse
from cloudcore.firehose.pipeline import REJECT, Pipeline
from cloudcore.firehose.transform import Transform

RECORD_BYTES_MAX = 1_024_000
DISK_BOUND = 16 << 30


class Stream:
    """A delivery stream. Made by Cloud.stream() or Firehose.stream(), not directly.

    A put that returned survives kill -9 of the process. Sequence numbers count records from 1; a
    producer that starts again goes on behind `last_sequence`.
    """

    def __init__(
        self,
        description: dict[str, Any],
        directory: str | None,
        region: str,
        objects: Any,
        invoke: Callable[[str, bytes], Any],
        clock: Clock,
        *,
        on_failed: Callable[[int, str, str, bytes], None] | None = None,
        run: bool = True,
    ):
        from cloudcore._log import Log

        self.description = description
        self.name: str = description["DeliveryStreamName"]
        self.arn: str = description["DeliveryStreamARN"]
        self.config: S3Config = parse(description["Destination"], description.get("Ours"))
        bound = int((description.get("Ours") or {}).get("disk_bound", DISK_BOUND))
        self._clock = clock
        self._put_lock = threading.Lock()

        def open_log(part: str, disk_bound: int = 0) -> Any:
            path = None if directory is None else os.path.join(directory, part)
            if path is not None:
                os.makedirs(path, exist_ok=True)
            return Log(path, disk_bound=disk_bound)

        self._logs = {"source": open_log("source", bound), "journal": open_log("journal")}
        if self.config.processor:
            self._logs["staged"] = open_log("staged")
        self._source = self._logs["source"]
        transform = None
        if self.config.processor:
            transform = Transform(
                self.config, self.arn, region, invoke, clock, lambda s: self._pipeline.sleep(s), on_failed
            )
        self._pipeline = Pipeline(
            self.name, int(description["VersionId"]), description["Identity"], self.config,
            self._logs, objects,
            transform, clock, on_failed=on_failed, held_bytes_max=bound or 1 << 62,
        )  # fmt: skip
        self._bytes_in = 0
        if run:
            self._pipeline.start()

    @property
    def last_sequence(self) -> int:
        """How many records were ever acknowledged; the sequence number of the newest."""
        return int(self._source.last_sequence)

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

    def reject(self, line: bytes) -> int:
        """Ours: store a failure line in the place of a record that the producer could not read."""
        return self._append([line], REJECT)[1]

    def flush(self, timeout: float | None = None) -> bool:
        """Deliver all that was put so far without waiting for the hints; False when `timeout` s passed."""
        return self._pipeline.flush(timeout)

    def status(self) -> dict[str, int]:
        """Counters since the stream was made: records_in, delivered, dropped, failed, backed_up, objects,
        bytes_out; and bytes_in since it was opened."""
        counters = self._pipeline.journal.counters
        return {
            "records_in": self.last_sequence,
            "transformed": counters.get("transformed", 0),
            "delivered": counters.get("delivered", 0),
            "dropped": counters.get("dropped", 0),
            "failed": counters.get("failed", 0) + counters.get("conversion_failed", 0),
            "backed_up": counters.get("backed_up", 0),
            "objects": counters.get("objects", 0),
            "bytes_in": self._bytes_in,
            "bytes_out": counters.get("bytes_out", 0),
        }

    def close(self) -> None:
        """Stop delivery and close the logs. What is not delivered yet is delivered after the next open."""
        self._pipeline.stop()
        for log in self._logs.values():
            log.close()
        self._logs = {}

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def put_framed(self, payload: bytes, count: int) -> tuple[int, int]:
        """Store `count` records that are framed already (the wire's way); as put_batch otherwise."""
        return self._stored(len(payload), lambda now: self._source.append(payload, count=count, time_ms=now))

    def _append(self, records: Sequence[bytes], kind: int) -> tuple[int, int]:
        return self._stored(
            sum(map(len, records)), lambda now: self._source.append_records(records, type=kind, time_ms=now)
        )

    def _stored(self, size: int, append: Callable[[int], tuple[int, int]]) -> tuple[int, int]:
        try:
            with self._put_lock:  # one call's records are neighbours
                place = append(self._clock.now_ms())
        except FullError:
            raise ApiError("ServiceUnavailableException", "Slow down.", 503) from None
        self._bytes_in += size
        self._pipeline.arrived(size + 1)
        return place
