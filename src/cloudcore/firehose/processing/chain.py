"""The chain of processors over one batch of records: each record's fate is decided here and nowhere else."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Collection
from typing import Any

import orjson

from cloudcore.clock import Clock
from cloudcore.firehose.destinations.config import Config
from cloudcore.firehose.processing.expand import expand
from cloudcore.firehose.processing.function import REQUEST_BYTES_MAX, Caller, request_bytes
from cloudcore.firehose.processing.partition import Partitions
from cloudcore.firehose.processing.work import Group, Item, Processed, Refused, Work
from cloudcore.firehose.sources.origins import Told

_FAILED = "error:processing-failed"
_NO_KEYS: dict[str, Any] = {}
_BATCH_BYTES = 1 << 20  # of a pass without a function


class Processing:
    """The processors of one stream. Thread rule: the pipeline's thread."""

    def __init__(
        self,
        config: Config,
        stream_arn: str,
        region: str,
        told: Told,
        invoke: Callable[[str, bytes], Any],
        clock: Clock,
        sleep: Callable[[float], None],
        open_lanes: Callable[[], Collection[str]],
        on_failed: Callable[[int, str, str, bytes], None] | None = None,
    ):
        self._processors = config.processors
        self._delimiter = config.processors.delimiter
        self._clock, self._on_failed = clock, on_failed
        self._partitions: Any = Partitions(config, clock, open_lanes)
        if config.endpoint is not None and getattr(config.endpoint, "routed", False):
            from cloudcore.firehose.destinations.iceberg.routing import Routes

            self._partitions = Routes(config.endpoint, config.processors.query)
        function = config.processors.function
        self.buffer_bytes = function.buffer_bytes if function else _BATCH_BYTES
        self.buffer_seconds = function.buffer_seconds if function else 0.0
        self._caller = Caller(function, stream_arn, region, told, invoke, sleep) if function else None
        self._arn = function.arn if function else None
        self._expands = config.processors.decompress or config.processors.split is not None

    def has_room(self, work: Work, record: bytes, origin: bytes = b"") -> bool:
        """Whether one more record fits the pass."""
        if not work.records:
            return True
        grown = work.request_bytes + request_bytes(len(record), len(origin))
        return work.size + len(record) <= self.buffer_bytes and grown <= REQUEST_BYTES_MAX

    def add(self, work: Work, record: bytes, arrival_ms: int, origin: bytes = b"") -> None:
        if origin:
            work.origins[work.first + len(work.records)] = origin
        work.records.append(record)
        work.arrivals.append(arrival_ms)
        work.size += len(record)
        work.request_bytes += request_bytes(len(record), len(origin))

    def run(self, work: Work) -> Processed:
        """Send the records through every processor and sort them into lanes."""
        groups: dict[str, Group] = {}
        out = Processed()
        self._partitions.begin()
        items = self._items(work, groups, out)
        if self._caller is not None and work.origins:
            for item in items:
                item.origin = work.origins.get(item.sequence, b"")
        if self._caller is None:
            for item in items:
                self._place(groups, out, item, item.data, _NO_KEYS, 1)
        else:
            for item, reply in zip(items, self._caller.call(items), strict=True):
                if reply.refused is not None:
                    self._fail(groups, out, item, reply.refused, reply.attempts)
                elif reply.data is None:
                    out.dropped += 1
                else:
                    self._place(groups, out, item, reply.data, reply.keys, reply.attempts)
        out.groups = list(groups.values())
        return out

    def _place(
        self, groups: dict[str, Group], out: Processed, item: Item, data: bytes, keys: dict[str, Any],
        attempts: int,
    ) -> None:  # fmt: skip
        try:
            lane, keys, data = self._partitions.place(data, keys)
        except Refused as refused:
            self._fail(groups, out, item, refused, attempts)
            return
        group = groups.get(lane)
        if group is None:
            group = groups[lane] = Group(lane, keys)
        group.records.append(data + self._delimiter if self._delimiter else data)
        group.sequences.append(item.sequence)
        out.ok += 1

    def _items(self, work: Work, groups: dict[str, Group], out: Processed) -> list[Item]:
        """The records on their way: as they are, or decompressed and taken apart."""
        numbers = range(work.first, work.last + 1) if work.sequences is None else work.sequences
        arrived = zip(numbers, work.records, work.arrivals, strict=True)
        if not self._expands:
            return [Item(sequence, at, data) for sequence, data, at in arrived]
        items = []
        for sequence, record, at in arrived:
            try:
                parts = expand(record, self._processors)
            except Refused as refused:
                self._fail(groups, out, Item(sequence, at, record), refused, 1)
                continue
            out.dropped += not parts
            items += [Item(sequence, at, data, part) for part, data in enumerate(parts)]
        return items

    def _fail(
        self, groups: dict[str, Group], out: Processed, item: Item, refused: Refused, attempts: int
    ) -> None:
        """A failure line with the original bytes, in the order in which AWS writes its members."""
        group = groups.get(_FAILED)
        if group is None:
            group = groups[_FAILED] = Group(_FAILED, {})
        line = {
            "rawData": b64encode(item.data).decode(),
            "errorCode": refused.code,
            "errorMessage": str(refused),
            "attemptsMade": attempts,
            "arrivalTimestamp": item.arrival_ms,
            "attemptEndingTimestamp": self._clock.now_ms(),
        }
        if self._arn is not None:
            line["lambdaARN"] = self._arn
        group.records.append(orjson.dumps(line) + b"\n")
        group.sequences.append(item.sequence)
        out.failed += 1
        if self._on_failed:
            self._on_failed(item.sequence, refused.code, str(refused), item.data)
