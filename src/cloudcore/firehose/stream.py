"""Stream: one delivery stream as a library object: put records in, wait for them to be delivered."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cloudcore._stream import framed_units, measure
from cloudcore.clock import Clock
from cloudcore.errors import ApiError, FullError
from cloudcore.firehose import sources
from cloudcore.firehose.budget import WAITING_MAX, Budget
from cloudcore.firehose.destinations import kinds
from cloudcore.firehose.destinations.config import Config
from cloudcore.firehose.destinations.sending import Around
from cloudcore.firehose.door import Door
from cloudcore.firehose.home import Home
from cloudcore.firehose.pipeline import REJECT, Pipeline
from cloudcore.firehose.processing.chain import Processing
from cloudcore.firehose.records import split
from cloudcore.firehose.sealed import KeyFile, Keys, SealedLog, sealer_of
from cloudcore.firehose.sources.feed import Feed, write_atomically
from cloudcore.firehose.sources.origins import Origins, told_of
from cloudcore.firehose.sources.table import no_tables

if TYPE_CHECKING:
    from cloudcore.firehose.quota import Quota

DISK_BOUND = 16 << 30
RETENTION_S = 86_400.0
_SLOWED_TOLD_EVERY_S = 60.0
_BILLED_UNIT = 5 * 1024  # AWS bills a record by whole ones
_VERSIONED = ("Kind", "Destination", "Ours")
logger = logging.getLogger("cloudcore.firehose")


class Stream(Door):
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
        key_file: Keys | None = None,
        quota: Quota | None = None,
        budget: Budget | None = None,
        reach: Mapping[str, str] | None = None,
        embedded: Home | str | None = None,
        follow: Callable[[str], Any] | None = None,
        run: bool = True,
    ):
        self.description = description
        self.name: str = description["DeliveryStreamName"]
        self.arn: str = description["DeliveryStreamARN"]
        version = int(description["VersionId"])
        configs = {int(number): kinds.parse(each) for number, each in description.get("Earlier", {}).items()}
        configs[version] = kinds.parse(description)
        ours = description.get("Ours") or {}
        bound = int(ours.get("disk_bound", DISK_BOUND))
        self._objects, self.quota = objects, quota
        self._share = (budget or Budget(WAITING_MAX)).share()
        self._clock, self._region, self._invoke, self._on_failed = clock, region, invoke, on_failed
        self._directory = directory
        self._put_lock = threading.Lock()
        self._key_file: Keys = key_file or KeyFile(None)
        self._sealer = sealer_of(description, self._key_file)
        self._logs = {"source": self._open_log("source", bound), "journal": self._open_log("journal")}
        staged = None if directory is None else os.path.join(directory, "staged")
        if configs[version].processed or (staged and os.path.exists(staged)):
            self._logs["staged"] = self._open_log("staged")
        self._source = self._logs["source"]
        reached = {**(reach or {}), **ours.get("reach", {})}
        home = embedded if isinstance(embedded, Home) else Home(embedded)
        self._around = around = Around(self.name, self.arn, region, objects, clock, reached, home)
        self._pipeline = Pipeline(
            around, version, description["Identity"], configs, self._logs,
            self._processing(configs[version]), share=self._share, threads=run, on_failed=on_failed,
            held_bytes_max=bound or 1 << 62,
            retention_seconds=float(ours.get("retention_seconds", RETENTION_S)),
        )  # fmt: skip
        self._bytes_in = self._slowed = 0
        self._billed_units = self._converted_units = self._partitioned_units = 0
        self._objects_before = self._pipeline.journal.counters.get("objects", 0)
        self._slowed_told = -1e9
        self._reader = sources.reader(description.get("Source"), self._feed(), reached, follow or no_tables)
        if run:
            self._pipeline.start()
            if self._reader is not None:
                self._reader.start()

    @property
    def fed(self) -> bool:
        """Whether a source fills the stream, in the place of puts."""
        return self._reader is not None

    def _feed(self) -> Feed:
        path = None if self._directory is None else os.path.join(self._directory, "source.json")
        return Feed(self.name, path, self._append_fed, lambda: self.last_sequence,
                    write_atomically)  # fmt: skip

    def _open_log(self, part: str, disk_bound: int = 0) -> Any:
        from cloudcore._log import Log

        path = None if self._directory is None else os.path.join(self._directory, part)
        if path is not None:
            os.makedirs(path, exist_ok=True)
        log = Log(path, disk_bound=disk_bound)
        return log if part == "journal" else SealedLog(log, part, self._sealer)

    def seal(self, description: dict[str, Any]) -> None:
        """Write by the keys of the description from now on; it is durable already."""
        self._sealer = sealer_of(description, self._key_file)
        with self._put_lock:
            for log in self._logs.values():
                if isinstance(log, SealedLog):
                    log.sealer = self._sealer

    @property
    def encrypted(self) -> bool:
        """Whether what is put now is encrypted in the stream's logs."""
        return self._sealer.current is not None

    def _processing(self, config: Config) -> Processing | None:
        if not config.processed:
            return None
        return Processing(
            config, self.arn, self._region, told_of(self.description.get("Source")), self._invoke,
            self._clock, lambda seconds: self._pipeline.sleep(seconds),
            lambda: self._pipeline.buffers.open.keys(), self._on_failed,
        )  # fmt: skip

    @property
    def config(self) -> Config:
        """The configuration in force."""
        return self._pipeline.config

    def _kept(self) -> Any:
        find = getattr(self.config.endpoint, "kept", None)
        return None if find is None else find(self._around)

    def _rows(self, table: str | None, last: int | None) -> Any:
        read = getattr(self.config.endpoint, "read", None)
        return super()._rows(table, last) if read is None else read(self._around, table, last)

    def update(self, description: dict[str, Any], store: Callable[[dict[str, Any]], None]) -> None:
        """Go on by a new version of the description; store() makes it durable. What was put until now may
        still be delivered by the earlier one."""
        config = kinds.parse(description)
        if config.processed and "staged" not in self._logs:
            self._logs["staged"] = self._open_log("staged")

        def switch() -> None:
            earlier = {str(self._pipeline.version): {k: self.description.get(k) for k in _VERSIONED},
                       **self.description.get("Earlier", {})}  # fmt: skip
            needed = {str(version) for version in self._pipeline.versions_needed()}
            needed.add(str(self._pipeline.version))
            description["Earlier"] = {number: each for number, each in earlier.items() if number in needed}
            self._pipeline.update(
                int(description["VersionId"]),
                config,
                self._processing(config),
                self._logs.get("staged"),
                lambda: store(description),
            )
            self.description = description

        self._pipeline.between_turns(switch)

    @property
    def last_sequence(self) -> int:
        """How many records were ever acknowledged; the sequence number of the newest."""
        return int(self._source.last_sequence)

    def reject(self, line: bytes) -> int:
        """Ours: store a failure line in the place of a record that the producer could not read."""
        return self._append([line], REJECT)[1]

    def flush(self, timeout: float | None = None) -> bool:
        """Deliver all that was put so far without waiting for the hints; False when `timeout` s passed."""
        return self._pipeline.flush(timeout)

    def status(self) -> dict[str, Any]:
        """Counters since the stream was made: records_in, delivered, dropped, failed, backed_up, expired
        (older than the retention, and lost), objects, bytes_out; and since it was opened: bytes_in,
        billed_bytes (each record up to whole 5 KB, as AWS bills it), slowed (puts that were refused because
        the bound of what may wait is reached), retries (deliveries that failed and are tried again).

        What is now: waiting_bytes (buffered, transformed or planned, not delivered), buffer_fill (the share
        of its size that the fullest buffer has reached), oldest_seconds (age of the oldest record that is not
        delivered, None when none waits), latency_seconds (from put to delivery, of the oldest record of the
        newest delivery; None before the first)."""
        counters = self._pipeline.journal.counters
        return {
            "records_in": self.last_sequence,
            "transformed": counters.get("transformed", 0),
            "delivered": counters.get("delivered", 0),
            "dropped": counters.get("dropped", 0),
            "failed": counters.get("failed", 0) + counters.get("conversion_failed", 0),
            "backed_up": counters.get("backed_up", 0),
            "objects": counters.get("objects", 0),
            "expired": counters.get("expired", 0),
            "bytes_in": self._bytes_in,
            "billed_bytes": self._billed_units * _BILLED_UNIT,
            "slowed": self._slowed,
            "bytes_out": counters.get("bytes_out", 0),
            **self._pipeline.waiting(),
        }

    def records(self, first: int, count: int) -> Iterator[tuple[int, int, bytes]]:
        """Up to `count` records that were put, from sequence `first` on, as far as the log still holds them:
        (sequence, time of arrival in ms since 1970, bytes)."""
        left = count
        for batch in self._source.read(first):
            if batch.type == REJECT:
                continue
            for at, data in enumerate(split(batch.payload)):
                if batch.first + at < first:
                    continue
                if left == 0:
                    return
                left -= 1
                yield batch.first + at, batch.time_ms, bytes(data)

    def billed(self) -> dict[str, float]:
        """What is billed for, since the stream was opened."""
        objects = self._pipeline.journal.counters.get("objects", 0) - self._objects_before
        return {
            "billed_bytes": self._billed_units * _BILLED_UNIT,
            "converted_bytes": self._converted_units * _BILLED_UNIT,
            "partitioned_bytes": self._partitioned_units * _BILLED_UNIT,
            "partition_objects": objects if self.config.partitioned else 0,
        }

    def close(self) -> None:
        """Stop delivery and close the logs. What is not delivered yet is delivered after the next open."""
        if self._reader is not None:
            self._reader.stop()
        self._pipeline.stop()
        self._share.close()
        for log in self._logs.values():
            log.close()
        self._logs = {}

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def put_framed(self, payload: bytes, count: int) -> tuple[int, int]:
        """Store `count` records that are framed already (the wire's way); as put_batch otherwise."""
        return self._stored(
            len(payload) - 4 * count,
            framed_units(payload, _BILLED_UNIT),
            lambda now: self._source.append(payload, count=count, time_ms=now),
        )

    def _append_fed(self, records: Sequence[bytes], origins: Origins | None) -> tuple[int, int]:
        return self._append(records, 1, origins)

    def _append(self, records: Sequence[bytes], kind: int, origins: Origins | None = None) -> tuple[int, int]:
        size, units = measure(records, _BILLED_UNIT)
        return self._stored(
            size, units,
            lambda now: self._source.append_records(records, type=kind, time_ms=now, origins=origins),
        )  # fmt: skip

    def _stored(self, size: int, units: int, append: Callable[[int], tuple[int, int]]) -> tuple[int, int]:
        try:
            with self._put_lock:  # one call's records are neighbours
                if not self._share.put(size):
                    raise FullError("all streams together are at their bound", "full")
                try:
                    place = append(self._clock.now_ms())
                except BaseException:
                    self._share.read(size)
                    raise
        except FullError:
            self._tell_slowed()
            raise ApiError("ServiceUnavailableException", "Slow down.", 503) from None
        self._bytes_in += size
        self._billed_units += units
        if self.config.conversion is not None:
            self._converted_units += units
        if self.config.partitioned:
            self._partitioned_units += units
        self._pipeline.arrived(size + 1)
        return place

    def _tell_slowed(self) -> None:
        self._slowed += 1
        now = self._clock.monotonic()
        if now - self._slowed_told >= _SLOWED_TOLD_EVERY_S:
            self._slowed_told = now
            logger.warning("%s: the bound of what may wait is reached, %d puts were refused",
                           self.name, self._slowed)  # fmt: skip
