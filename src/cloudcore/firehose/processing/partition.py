"""Partitions: the lane of each record by its partition keys, and the bound on how many are open at once."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from typing import Any

from cloudcore.clock import Clock
from cloudcore.firehose.destinations.config import Config
from cloudcore.firehose.prefix import EVALUATED_MAX, QUERY, moment
from cloudcore.firehose.processing.work import Refused

_SEGMENT_MAX = 255  # bytes of a file name
_NAME_ROOM = 90  # the last segment goes on with the object's name
_LANES_KEPT = 10_000


class Partitions:
    """Finds lanes. `open_lanes()` gives the lanes that have something buffered."""

    def __init__(self, config: Config, clock: Clock, open_lanes: Callable[[], Collection[str]]):
        self._config, self._clock, self._open_lanes = config, clock, open_lanes
        self._needed = config.data.prefix.partition_keys
        self.one_lane = not self._needed  # whatever a record says
        self._query = config.processors.query
        self._known: dict[tuple[str, ...], tuple[str, dict[str, str]]] = {}  # whose names were checked
        self._batch: set[str] = set()  # lanes that the batch under way has

    def begin(self) -> None:
        """A new batch: what it stages enters the buffers when it ends."""
        self._batch = set()

    def place(self, data: bytes, from_function: dict[str, Any]) -> tuple[str, dict[str, str], bytes]:
        """(lane, partition keys, what is staged) of a record. Raises Refused."""
        if not self._needed:
            return "data", {}, data
        values = self._values(data, from_function)
        found = self._known.get(values)
        if found is None:
            keys = dict(zip(self._needed, values, strict=True))
            self._check_prefix(keys)
            if len(self._known) >= _LANES_KEPT:
                self._known.clear()
            lane = "data:" + json.dumps(keys, sort_keys=True, ensure_ascii=False)
            found = self._known[values] = (lane, keys)
        if found[0] not in self._batch:
            self._check_count(found[0])
        return *found, data

    def _values(self, data: bytes, from_function: dict[str, Any]) -> tuple[str, ...]:
        from_query = self._query.keys(data) if self._query else {}
        out = []
        for name in self._needed:
            value = from_query.get(name[len(QUERY) :]) if name.startswith(QUERY) else from_function.get(name)
            if isinstance(value, int | float) and not isinstance(value, bool):
                value = str(value)
            if not isinstance(value, str) or not value:
                raise Refused(
                    "DynamicPartitioning.MetadataExtractionFailed",
                    f"partitionKeys values cannot be null or empty: {name.removeprefix(QUERY)}",
                )
            out.append(value)
        return tuple(out)

    def _check_prefix(self, keys: dict[str, str]) -> None:
        """An object name that no store takes must fail here, not when it is written."""
        text = self._config.data.prefix.evaluate(moment(self._clock.now_ms(), self._config.zone), keys)
        sizes = [len(segment.encode("utf-8", "surrogatepass")) for segment in text.split("/")]
        if sum(sizes) + len(sizes) > EVALUATED_MAX or max(sizes) > _SEGMENT_MAX or sizes[-1] > _NAME_ROOM:
            raise Refused("DynamicPartitioning.PrefixEvaluationFailed", "The evaluated prefix is too long")

    def _check_count(self, lane: str) -> None:
        lanes = self._open_lanes()
        most = self._config.partitions_max
        if lane not in lanes:
            active = sum(1 for each in lanes if each.startswith("data:"))
            if active + sum(1 for each in self._batch if each not in lanes) >= most:
                raise Refused(
                    "DynamicPartitioning.ActivePartitionLimitExceeded",
                    f"The stream has {most} active partitions, which is the limit",
                )
        self._batch.add(lane)
