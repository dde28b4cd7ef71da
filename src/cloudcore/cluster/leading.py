"""Leading: the planner of one delivery stream, on the node that has its lease.

    log (headers alone) -> Cutter -> plan -> plans stream

A plan is appended with the sequence of the plan before it as the stream's expected last one. Who is mistaken
about being the leader is refused there, begins again, and finds what the other one planned.
Thread rule: on the link's loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from typing import TYPE_CHECKING, Any

from cloudcore.cluster.cutter import Cutter, Numbered, Span, load
from cloudcore.cluster.layout import (
    CONSUMER,
    COUNT,
    LEASE_S,
    flush_subject,
    log_of,
    plans_of,
    plans_subject,
)  # fmt: skip
from cloudcore.cluster.leases import Lease
from cloudcore.cluster.link import Link, Lost, Reader, end, is_transient, time_of
from cloudcore.errors import StaleError
from cloudcore.firehose import sources
from cloudcore.firehose.delivering import where
from cloudcore.firehose.destinations import kinds
from cloudcore.firehose.journal import Plan

if TYPE_CHECKING:
    from cloudcore.cluster.catalogue import Place

logger = logging.getLogger("cloudcore.cluster")
_HEADS = 1000
_TIDY_S = 2.0


class Planner:
    """Leads one stream for as long as its lease lasts. `described()` is its description as it is known now;
    `wall()` seconds since 1970."""

    def __init__(self, link: Link, place: Place, described: Any, node: str, wall: Any):
        self._link, self._place, self._described, self._node, self._wall = link, place, described, node, wall
        self.identity: str = described()["Identity"]
        self._flush_to = 0
        self._wake = asyncio.Event()
        self._records = 0
        self._cutter: Cutter | None = None

    async def run(self, lease: Lease) -> None:
        """Plan until the lease is lost. Returns when it is; the lease is given up when this is cancelled."""
        renewing = asyncio.create_task(self._renew(lease))
        planning = asyncio.create_task(self._plan_again())
        tidying = asyncio.create_task(self._tidy())
        flushing = await self._link.nc.subscribe(flush_subject(self.identity), cb=self._asked)
        try:
            await asyncio.wait((renewing, planning), return_when=asyncio.FIRST_COMPLETED)
        finally:
            await end(renewing, planning, tidying)
            with contextlib.suppress(Exception):
                await flushing.unsubscribe()
            with contextlib.suppress(Exception):
                await lease.give_up()

    def told(self) -> dict[str, Any]:
        """What the lease says of the stream."""
        waiting = self._cutter.waiting if self._cutter else None
        return {
            "node": self._node,
            "records": self._records,
            "waiting": waiting.size if waiting else 0,
            "oldest_ms": waiting.time_ms if waiting else None,
        }

    async def _renew(self, lease: Lease) -> None:
        while await lease.renew(self.told()):
            await asyncio.sleep(LEASE_S / 3)

    async def _asked(self, message: Any) -> None:
        with contextlib.suppress(ValueError):
            self._flush_to = max(self._flush_to, int(message.data))
        self._wake.set()

    async def _plan_again(self) -> None:
        while True:
            try:
                await self._plan()
            except StaleError:
                logger.info("%s: another node planned; reading what it did", self._place[2])
            except Exception as error:
                if not is_transient(error):
                    logger.exception("%s: planning stopped; again in a second", self._place[2])
                    await asyncio.sleep(1)
            await asyncio.sleep(0.05)

    async def _plan(self) -> None:
        """From the last plan on: read heads, cut, append plans. Ends by an error."""
        last, fence = await self._last()
        begin = await self._begin(last)
        description = self._described()
        self._records = last.total if last else 0
        cutter = self._cutter = Cutter(*_hints_of(description), begin)
        async with self._heads(begin) as reader:
            reading: asyncio.Task[list[Any]] | None = None
            try:
                while True:
                    reading = reading or asyncio.create_task(reader.next(_HEADS, 5.0))
                    waking = asyncio.create_task(self._wake.wait())
                    due = cutter.due()
                    left = None if due is None else max(0.0, due - self._link.now())
                    await asyncio.wait((reading, waking), timeout=left, return_when=asyncio.FIRST_COMPLETED)
                    waking.cancel()
                    self._wake.clear()
                    heads: list[Any] = []
                    if reading.done():
                        heads, reading = reading.result(), None
                    newest = self._described()
                    if newest["VersionId"] != description["VersionId"]:
                        last, fence = await self._append(cutter.take_all(), description, last, fence)
                        description = newest
                        cutter.size, cutter.seconds = _hints_of(description)
                    for head in heads:
                        self._add(cutter, head)
                        last, fence = await self._cut(cutter, description, last, fence)
                    last, fence = await self._cut(cutter, description, last, fence)
            finally:
                if reading is not None:
                    await end(reading)
                    _ = reading.cancelled() or reading.exception()  # a connection that is gone is no news

    async def _begin(self, last: Numbered | None) -> int:
        """The first batch that is in no plan."""
        begin = last.last + 1 if last else 1
        info = await self._link.until(lambda: self._link.js.stream_info(log_of(self.identity)), 10)
        first = int(info.state.first_seq)
        if first > begin:
            logger.error("%s: batches %d to %d are lost: they left its log before they were planned",
                         self._place[2], begin, first - 1)  # fmt: skip
        return max(begin, first)

    def _heads(self, first: int) -> Reader:
        from nats.js.api import DeliverPolicy

        return Reader(
            self._link, log_of(self.identity), deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=first, headers_only=True,
        )  # fmt: skip

    def _add(self, cutter: Cutter, head: Any) -> None:
        count, time_ms = int(head.headers[COUNT]), time_of(head)
        size = int(head.headers["Nats-Msg-Size"])
        age = min(max(0.0, self._wall() - time_ms / 1000), cutter.seconds)  # the clocks are two machines'
        try:
            now = self._link.now()
            cutter.add(head.metadata.sequence.stream, count, size, time_ms, now - age, now)
        except ValueError as error:  # a replica that is behind; another reader may be of one that is not
            raise Lost(str(error)) from None
        self._records += count

    async def _cut(
        self, cutter: Cutter, description: dict[str, Any], last: Numbered | None, fence: int
    ) -> tuple[Numbered | None, int]:
        span = cutter.take(self._link.now(), self._flush_to)
        return await self._append(span, description, last, fence)

    async def _append(
        self, span: Span | None, description: dict[str, Any], last: Numbered | None, fence: int
    ) -> tuple[Numbered | None, int]:
        """The plan of a span, appended behind the last one; the new last plan and its sequence."""
        if span is None:
            return last, fence
        made = _plan_of(span, description, last, self._place[2], int(self._wall() * 1000))
        data = json.dumps(made.dump(), separators=(",", ":")).encode()
        sequence = await self._link.append(plans_subject(self.identity), data, {}, 30, fence=fence)
        return made, sequence

    async def _last(self) -> tuple[Numbered | None, int]:
        """The last plan and its sequence."""
        message = await self._link.newest(plans_of(self.identity), plans_subject(self.identity))
        return (None, 0) if message is None else (load(json.loads(message.data)), message.seq)

    async def _tidy(self) -> None:
        """Drop what is delivered: batches of plans up to the first that is not acknowledged, and the plans
        before that, but the last one."""
        done = 0
        while True:
            await asyncio.sleep(_TIDY_S)
            try:
                info = await self._link.js.consumer_info(plans_of(self.identity), CONSUMER)
                floor = info.ack_floor.stream_seq if info.ack_floor else 0
                if floor > done:
                    message = await self._link.js.get_msg(plans_of(self.identity), floor)
                    last = load(json.loads(message.data or b"")).last
                    await self._link.js.purge_stream(log_of(self.identity), seq=await self._needed(last + 1))
                    await self._link.js.purge_stream(plans_of(self.identity), seq=floor)
                    done = floor
            except Exception as error:
                if not is_transient(error):
                    logger.warning("%s: delivered batches stay in its log: %s", self._place[2], error)


    async def _needed(self, first: int) -> int:
        """The first batch that has to stay when all before `first` are delivered: of a source the newest one
        stays, because it says how far that was read."""
        if not sources.fills(self._described().get("Source")):
            return first
        info = await self._link.js.stream_info(log_of(self.identity))
        return min(first, int(info.state.last_seq))


def _hints_of(description: dict[str, Any]) -> tuple[int, float]:
    config = kinds.parse(description)
    return config.data.buffer_bytes, config.data.buffer_seconds


def _plan_of(
    span: Span, description: dict[str, Any], last: Numbered | None, name: str, now_ms: int
) -> Numbered:
    version = int(description["VersionId"])
    identity = f"{description['Identity']}/{version}/data/source/{span.first}-{span.last}"
    config = kinds.parse(description)
    none = dict.fromkeys(config.data.prefix.partition_keys, "")  # whoever carries it knows the partitions
    bucket, key = where(config, name, version, identity, "data", span.time_ms, none)
    number, total = (last.plan.id, last.total) if last else (0, 0)
    plan = Plan(
        number + 1, "source", "data", [[span.first, span.last]], bucket, key, span.time_ms, now_ms,
        span.records, span.size, version,
    )  # fmt: skip
    return Numbered(plan, total + span.records)
