"""A Kafka topic as the source (MSKAsSource; extra `cloudcore[kafka]`): `reach` names the brokers of
MSKClusterARN, "host:port,host:port".

Partitions are assigned, not subscribed to: positions are the stream's own, beside its log, not the broker's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from cloudcore.firehose.checks import invalid, only
from cloudcore.firehose.sources.feed import Feed, Reader
from cloudcore.firehose.sources.origins import Origins

_POLL_MS, _RECORDS = 500, 10_000
_LOOK_S = 10.0


def parse(block: dict[str, Any], now: float, reach: Mapping[str, str]) -> dict[str, Any]:
    """MSKSourceDescription. Raises ApiError."""
    only(block, {"MSKClusterARN", "TopicName", "AuthenticationConfiguration", "ReadFromTimestamp"},
         "MSKSourceConfiguration")  # fmt: skip
    only(block["AuthenticationConfiguration"], {"RoleARN", "Connectivity"}, "AuthenticationConfiguration")
    if block["MSKClusterARN"] not in reach:
        raise invalid(
            "MSKClusterARN cannot be looked up here; say its brokers: "
            f'reach={{"{block["MSKClusterARN"]}": "host:port"}}'
        )
    try:
        import aiokafka  # noqa: F401
    except ImportError:
        raise invalid("MSKAsSource needs aiokafka: pip install 'cloudcore[kafka]'") from None
    found = {**block, "DeliveryStartTimestamp": now}
    found["ReadFromTimestamp"] = _seconds(block.get("ReadFromTimestamp", now))
    return found


def _seconds(moment: Any) -> float:
    return float(moment.timestamp() if hasattr(moment, "timestamp") else moment)


class KafkaReader(Reader):
    """Positions: partition -> offset of the next record."""

    def __init__(self, source: dict[str, Any], feed: Feed, reach: Mapping[str, str]):
        super().__init__(feed)
        self._topic: str = source["TopicName"]
        self._start_ms = int(source["ReadFromTimestamp"] * 1000)
        self._brokers = reach[source["MSKClusterARN"]]
        self._loop = asyncio.new_event_loop()
        self._consumer: Any = None
        self._assigned: set[Any] = set()
        self._look = 0.0

    def step(self) -> float:
        self._loop.run_until_complete(self._step())
        return 0.0

    def release(self) -> None:
        if self._consumer is not None:
            self._loop.run_until_complete(self._consumer.stop())
        self._loop.close()

    async def _step(self) -> None:
        from aiokafka import AIOKafkaConsumer

        if self._consumer is None:
            consumer = AIOKafkaConsumer(
                bootstrap_servers=self._brokers, enable_auto_commit=False, auto_offset_reset="earliest",
                isolation_level="read_committed", client_id=f"cloudcore-{self.feed.name}",
                metadata_max_age_ms=int(_LOOK_S * 1000),
            )  # fmt: skip
            try:
                await consumer.start()
            except BaseException:
                await consumer.stop()
                raise
            self._consumer = consumer
        if self._loop.time() >= self._look:
            await self._assign()
            self._look = self._loop.time() + _LOOK_S
        if not self._assigned:
            await asyncio.sleep(_POLL_MS / 1000)
            self._look = 0.0
            return
        found = await self._consumer.getmany(timeout_ms=_POLL_MS, max_records=_RECORDS)
        for partition, messages in found.items():
            records = [message.value or b"" for message in messages]
            number = str(partition.partition)
            rows = [(str(message.offset), message.timestamp) for message in messages]
            try:
                self.feed.store(records, {number: messages[-1].offset + 1}, Origins("msk", number, rows))
            except Exception:
                self._seek()  # what was fetched is fetched again
                raise

    async def _assign(self) -> None:
        """Partitions that are new begin at the time the stream reads from; the others where they were."""
        from aiokafka import TopicPartition

        await self._consumer._client.force_metadata_update()
        numbers = self._consumer._client.cluster.partitions_for_topic(self._topic) or set()
        wanted = {TopicPartition(self._topic, number) for number in numbers}
        if wanted == self._assigned:
            return
        self._consumer.assign(list(wanted))
        new = [p for p in wanted if str(p.partition) not in self.feed.positions]
        if new:
            ends = await self._consumer.end_offsets(new)  # first: none is passed over
            at = await self._consumer.offsets_for_times(dict.fromkeys(new, self._start_ms))
            begin = {str(p.partition): at[p].offset if at.get(p) else ends[p] for p in new}
            self.feed.store([], begin)
        self._assigned = wanted
        self._seek()

    def _seek(self) -> None:
        for partition in self._assigned:
            self._consumer.seek(partition, self.feed.positions[str(partition.partition)])
