"""The chain of processors over one batch of records: each record's fate is decided here and nowhere else."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Collection, Sequence
from typing import Any

import orjson

from cloudcore.clock import Clock
from cloudcore.firehose.destinations.config import Config
from cloudcore.firehose.processing.expand import expand
from cloudcore.firehose.processing.function import REQUEST_BYTES_MAX, Caller, Fate, Keyed, request_bytes
from cloudcore.firehose.processing.partition import Partitions
from cloudcore.firehose.processing.work import Group, Items, Processed, Refused, Work
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

    def fill(
        self, work: Work, records: list[bytes], arrival_ms: int, origin_of: Callable[[int], bytes] | None
    ) -> int:
        """Add records that arrived together while they fit the pass; how many did. The first always does.
        `origin_of`: where the one of a number came from, as JSON."""
        size, count = sum(map(len, records)), len(records)
        grown = work.request_bytes + request_bytes(size, 0, count)
        if origin_of is None and work.size + size <= self.buffer_bytes and grown <= REQUEST_BYTES_MAX:
            work.records += records
            work.arrivals += [arrival_ms] * count
            work.size, work.request_bytes = work.size + size, grown
            return count
        for at, record in enumerate(records):
            origin = origin_of(at) if origin_of else b""
            grown = work.request_bytes + request_bytes(len(record), len(origin))
            if work.records and (work.size + len(record) > self.buffer_bytes or grown > REQUEST_BYTES_MAX):
                return at
            if origin:
                work.origins[len(work.records)] = origin
            work.records.append(record)
            work.arrivals.append(arrival_ms)
            work.size, work.request_bytes = work.size + len(record), grown
        return count

    def run(self, work: Work) -> Processed:
        """Send the records through every processor and sort them into lanes."""
        groups: dict[str, Group] = {}
        out = Processed()
        self._partitions.begin()
        items = self._items(work, groups, out)
        if self._caller is None:
            self._sort(groups, out, items, items.data, 1)
        else:
            if work.origins:
                at = {sequence: number for number, sequence in enumerate(work.numbers)}
                items.origins = [work.origins.get(at[sequence], b"") for sequence in items.sequences]
            for some, fates, attempts in self._caller.call(items):
                self._sort(groups, out, some, fates, attempts)
        out.groups = list(groups.values())
        return out

    def _sort(
        self, groups: dict[str, Group], out: Processed, items: Items, fates: Sequence[Fate], attempts: int
    ) -> None:
        """Each record to its lane, or to the failed ones."""
        if self._partitions.one_lane and all(type(fate) is bytes for fate in fates):
            self._keep(groups, out, "data", _NO_KEYS, fates, items.sequences)
            return
        for at, fate in enumerate(fates):
            if fate is None:
                out.dropped += 1
                continue
            if isinstance(fate, Refused):
                self._fail(groups, out, items, at, fate, attempts)
                continue
            data, given = (fate.data, fate.keys) if isinstance(fate, Keyed) else (fate, _NO_KEYS)
            try:
                lane, keys, data = self._partitions.place(data, given)
            except Refused as refused:
                self._fail(groups, out, items, at, refused, attempts)
                continue
            self._keep(groups, out, lane, keys, [data], items.sequences[at : at + 1])

    def _keep(
        self, groups: dict[str, Group], out: Processed, lane: str, keys: dict[str, str],
        records: Sequence[Any], sequences: Sequence[int],
    ) -> None:  # fmt: skip
        """Put records into a lane."""
        group = groups.get(lane)
        if group is None:
            group = groups[lane] = Group(lane, keys)
        group.records += [data + self._delimiter for data in records] if self._delimiter else records
        group.sequences += sequences
        out.ok += len(records)

    def _items(self, work: Work, groups: dict[str, Group], out: Processed) -> Items:
        """The records on their way: as they are, or decompressed and taken apart."""
        numbers = range(work.first, work.last + 1) if work.sequences is None else work.sequences
        whole = Items(numbers, work.arrivals, work.records)
        if not self._expands:
            return whole
        out_of: list[int] = []
        numbered: list[int] = []
        items = Items(out_of, [], [], numbered)
        for at, record in enumerate(work.records):
            try:
                parts = expand(record, self._processors)
            except Refused as refused:
                self._fail(groups, out, whole, at, refused, 1)
                continue
            out.dropped += not parts
            out_of += [numbers[at]] * len(parts)
            numbered += range(len(parts))
            items.arrivals_ms += [work.arrivals[at]] * len(parts)
            items.data += parts
        return items

    def _fail(
        self, groups: dict[str, Group], out: Processed, items: Items, at: int, refused: Refused, attempts: int
    ) -> None:
        """A failure line with the original bytes, in the order in which AWS writes its members."""
        group = groups.get(_FAILED)
        if group is None:
            group = groups[_FAILED] = Group(_FAILED, {})
        line = {
            "rawData": b64encode(items.data[at]).decode(),
            "errorCode": refused.code,
            "errorMessage": str(refused),
            "attemptsMade": attempts,
            "arrivalTimestamp": items.arrivals_ms[at],
            "attemptEndingTimestamp": self._clock.now_ms(),
        }
        if self._arn is not None:
            line["lambdaARN"] = self._arn
        group.records.append(orjson.dumps(line) + b"\n")
        group.sequences.append(items.sequences[at])
        out.failed += 1
        if self._on_failed:
            self._on_failed(items.sequences[at], refused.code, str(refused), items.data[at])
