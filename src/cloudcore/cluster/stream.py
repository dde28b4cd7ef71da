"""ClusterStream: a delivery stream whose log is JetStream's, as its producers see it, on any node."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from cloudcore.cluster.layout import (
    COUNT,
    ORIGINS,
    PLACE_BITS,
    flush_subject,
    log_of,
    log_subject,
    plans_of,
)
from cloudcore.cluster.link import Lost, Reader, time_of
from cloudcore.cluster.status import progress
from cloudcore.errors import ApiError, FullError
from cloudcore.firehose import sources
from cloudcore.firehose.destinations import kinds
from cloudcore.firehose.destinations.config import Config
from cloudcore.firehose.door import Door
from cloudcore.firehose.records import frame, split
from cloudcore.firehose.sources.origins import parted

if TYPE_CHECKING:
    from cloudcore.cluster.catalogue import Place
    from cloudcore.cluster.node import Node
    from cloudcore.firehose.quota import Quota

_BATCH_BYTES = (1 << 20) - 8192
_HERE = ("dropped", "failed", "backed_up", "expired", "retries", "bytes_out")
_SOON_S, _AT_LAST_S = 3.0, 17.0


class ClusterStream(Door):
    """A delivery stream of a cluster. Made by Cloud.stream() or Firehose.stream(), not directly.

    A put that returned is on most replicas of the stream's log. Sequence numbers rise in the order of the log
    and have gaps: a batch's times 2**20, plus the record's place in it.
    """

    def __init__(
        self, node: Node, place: Place, description: dict[str, Any], objects: Any, quota: Quota | None
    ):
        self._node, self._place, self._objects, self.quota = node, place, objects, quota
        self.name = place[2]
        self.arn: str = description["DeliveryStreamARN"]
        self.identity: str = description["Identity"]
        self.fed = sources.fills(description.get("Source"))
        self._bytes_in = self._slowed = 0
        self._sealing = node.sealing(place, self.identity)

    @property
    def encrypted(self) -> bool:
        """Whether what is put now is encrypted in the stream's log."""
        return (self.description.get("Encryption") or {}).get("Current") is not None

    @property
    def description(self) -> dict[str, Any]:
        """As the node knows it now. Raises ApiError ResourceNotFoundException."""
        found = self._node.catalogue.find(self._place)
        if found is None or found["Identity"] != self.identity:
            raise self._missing()
        return found

    @property
    def config(self) -> Config:
        """The configuration in force."""
        return kinds.parse(self.description)

    @property
    def last_sequence(self) -> int:
        """The highest sequence number that a record of the newest batch can have."""
        link = self._node.link
        info = self._run(link.until(lambda: link.js.stream_info(log_of(self.identity)), 20))
        return (int(info.state.last_seq) + 1 << PLACE_BITS) - 1

    def put_framed(self, payload: bytes, count: int) -> tuple[int, int]:
        """Store `count` records that are framed already (the wire's way); as put_batch otherwise."""
        if len(payload) > _BATCH_BYTES:
            return self._append(split(payload), 1)
        return self._put([(payload, count)])

    def flush(self, timeout: float | None = None) -> bool:
        """Deliver all that was put so far without waiting for the hints; False when `timeout` s passed."""
        return self._run(self._flush(timeout))

    def status(self) -> dict[str, Any]:
        """What the cluster says of the stream: records_in (as its leader said some seconds ago), delivered
        (records of objects that are written, those that would not convert too), objects, waiting_bytes,
        waiting_records, oldest_seconds (None when nothing waits); and of this process: bytes_in, slowed, and
        of what it delivered dropped, failed, backed_up, expired, retries, bytes_out."""
        here = self._node.counted(self.identity)
        here["failed"] = here.get("failed", 0) + here.get("conversion_failed", 0)
        found = self._run(progress(self._node.link, self._node.leases, self.identity, self._node.wall()))
        return {
            "records_in": found.records_in,
            "delivered": found.delivered,
            "objects": found.objects,
            "waiting_bytes": found.waiting_bytes,
            "waiting_records": max(0, found.records_in - found.delivered),
            "oldest_seconds": found.oldest_seconds,
            "bytes_in": self._bytes_in,
            "slowed": self._slowed,
            **{name: here.get(name, 0) for name in _HERE},
        }

    def records(self, first: int, count: int) -> Iterator[tuple[int, int, bytes]]:
        """Up to `count` records that were put, from sequence `first` on, as far as the log still holds them:
        (sequence, time of arrival in ms since 1970, bytes)."""
        found = []
        for message in self._run(self._messages(first, count)):
            data, time_ms = self._sealing.open(message), time_of(message)
            framed = parted(data)[1] if ORIGINS in message.headers else data
            records = enumerate(split(framed), message.metadata.sequence.stream << PLACE_BITS)
            found += [(number, time_ms, bytes(record)) for number, record in records if number >= first]
        return iter(found[:count])

    def close(self) -> None:
        """Nothing of it is open: the node's workers go on."""

    def _append(self, records: Sequence[bytes], kind: int) -> tuple[int, int]:
        return self._put(_batches(records))

    def _put(self, batches: Any) -> tuple[int, int]:
        first = last = size = 0
        for payload, count in batches:
            sequence = self._run(self._publish(*self._sealing.seal(payload), count))
            first = first or sequence << PLACE_BITS
            last = (sequence << PLACE_BITS) + count - 1
            size += len(payload) - 4 * count
        self._bytes_in += size
        return first, last

    async def _publish(self, payload: bytes, sealed: dict[str, str], count: int) -> int:
        """Append a batch; the same message id for as long as it takes."""
        link = self._node.link
        headers = {COUNT: str(count), "Nats-Msg-Id": link.message_id(), **sealed}
        try:
            try:
                return await link.append(log_subject(self.identity), payload, headers, _SOON_S)
            except Lost:
                found = await self._node.catalogue.ask(self._place)
                if found is None or found["Identity"] != self.identity or found["State"] != "ACTIVE":
                    raise self._missing() from None
                return await link.append(log_subject(self.identity), payload, headers, _AT_LAST_S)
        except FullError:
            self._slowed += 1
            raise ApiError("ServiceUnavailableException", "Slow down.", 503) from None
        except Lost as error:
            self._slowed += 1
            raise ApiError(
                "ServiceUnavailableException", f"{error}; the records may be stored", 503
            ) from None

    async def _messages(self, first: int, count: int) -> list[Any]:
        """Batches that have so many records from `first` on."""
        from nats.js.api import DeliverPolicy

        found: list[Any] = []
        wanted = count + (first & (1 << PLACE_BITS) - 1)  # with those of the first batch that come before
        async with Reader(
            self._node.link, log_of(self.identity), deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=max(1, first >> PLACE_BITS),
        ) as reader:  # fmt: skip
            left = reader.pending
            while left and wanted > 0:
                for message in await reader.next(min(left, 16), 2.0):
                    left -= 1
                    wanted -= int(message.headers[COUNT])
                    found.append(message)
        return found

    async def _flush(self, timeout: float | None) -> bool:
        link = self._node.link
        end = None if timeout is None else link.now() + timeout
        info = await link.until(lambda: link.js.stream_info(log_of(self.identity)), 20)
        target = int(info.state.last_seq)
        covered = 0  # the sequence of a plan that reaches the target
        while end is None or link.now() < end:
            await link.nc.publish(flush_subject(self.identity), str(target).encode())
            if not covered:
                covered = await self._node.planned(self.identity, target)
            if covered or not target:
                info = await link.until(lambda: link.js.consumer_info(plans_of(self.identity), "deliver"), 20)
                floor = info.ack_floor.stream_seq if info.ack_floor else 0
                if floor >= covered:
                    return True
            await asyncio.sleep(0.1)
        return False

    def _rows(self, table: str | None, last: int | None) -> Any:
        read, ours = getattr(self.config.endpoint, "read", None), self.description.get("Ours") or {}
        if read is None:
            return super()._rows(table, last)
        return read(self._node.around(self._place, self._objects, ours), table, last)

    def _run(self, work: Any) -> Any:
        try:
            return self._node.link.run(work)
        except Lost as error:
            raise ApiError("ServiceUnavailableException", str(error), 503) from None

    def _missing(self) -> ApiError:
        words = f"Firehose {self.name} under account {self._place[0]} not found."
        return ApiError("ResourceNotFoundException", words)


def _batches(records: Sequence[bytes]) -> Iterator[tuple[bytes, int]]:
    """Records in framed batches that fit a message."""
    start = 0
    while start < len(records):
        end, size = start, 0
        while end < len(records) and (end == start or size + len(records[end]) + 4 <= _BATCH_BYTES):
            size += len(records[end]) + 4
            end += 1
        yield frame(records[start:end]), end - start
        start = end
