"""Carrying: plans of one delivery stream -> objects in the store, on every node that follows it.

    pull a plan -> read its batches -> s3/deliver.py -> acknowledge

A plan that is not acknowledged, because its node was killed, goes to another one. One that the store does not
take now comes back after a pause, on any node. One whose batches are gone was delivered by somebody else.
Thread rule: on the link's loop; what computes and stores is on a thread of `pool`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from typing import TYPE_CHECKING, Any

from cloudcore.cluster.cutter import load
from cloudcore.cluster.layout import ACK_WAIT_S, CONSUMER, COUNT, PLACE_BITS, log_of, plans_of
from cloudcore.cluster.link import Link, Lost, Reader, end, is_transient, time_of
from cloudcore.cluster.transforming import Around
from cloudcore.cluster.transforming import deliver as deliver_transformed
from cloudcore.firehose.destinations import kinds
from cloudcore.firehose.destinations.s3 import deliver as s3
from cloudcore.firehose.journal import Plan
from cloudcore.firehose.records import Piece

if TYPE_CHECKING:
    from cloudcore.cluster.catalogue import Place

logger = logging.getLogger("cloudcore.cluster")
_AT_ONCE = 2  # plans of one stream on one node
_READ = 64
_PAUSE_MAX_S = 60.0
_RETENTION_S = 86_400.0
_TOLD_EVERY_S = 10.0


class Gone(Exception):
    """The log no longer has all batches of a plan."""


class Carrier:
    """Delivers plans of one stream. `described(version)` gives a description that knows the version;
    `objects` is the account's store, `places` bounds what a node delivers at once, `counters` are its own,
    `around` is for transforms."""

    def __init__(
        self, link: Link, place: Place, identity: str, described: Any, objects: Any,
        places: asyncio.Semaphore, wall: Any, counters: dict[str, int], around: Around,
    ):  # fmt: skip
        self._link, self._place, self._identity = link, place, identity
        self._described, self._objects, self._places = described, objects, places
        self._wall, self._counters, self._around = wall, counters, around
        self._running: set[asyncio.Task[None]] = set()
        self._left = False
        self.task: asyncio.Task[None]
        self._schemas: dict[str, Any] = {}
        self._told = -1e9

    def start(self) -> None:
        """Begin, until `task` is cancelled; what is on its way then is another node's."""
        self.task = asyncio.create_task(self._pull())

    def leave(self) -> None:
        """Take no more plans; `task` ends when what is on its way is delivered."""
        self._left = True
        self.task.cancel()

    async def _pull(self) -> None:
        free = asyncio.Semaphore(_AT_ONCE)
        try:
            while not self._left:
                try:
                    async with Reader(self._link, plans_of(self._identity), CONSUMER) as reader:
                        while not self._left:
                            await self._take(reader, free)
                except Exception as error:
                    if not is_transient(error):
                        logger.exception("%s: no plans can be read; again in a second", self._place[2])
                    await asyncio.sleep(1)
        except asyncio.CancelledError:
            if not self._left:
                raise
        finally:
            if self._left:
                await asyncio.gather(*self._running)
            await end(*self._running)

    async def _take(self, reader: Reader, free: asyncio.Semaphore) -> None:
        await free.acquire()
        try:
            messages = await reader.next(1, 10.0)
        except BaseException:
            free.release()
            raise
        if not messages:
            free.release()
            return
        task = asyncio.create_task(self._carry(messages[0]))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        task.add_done_callback(lambda _: free.release())

    async def _carry(self, message: Any) -> None:
        plan = load(json.loads(message.data)).plan
        beating = asyncio.create_task(_beat(message))
        try:
            async with self._places:
                moved = await self._deliver(plan, message.metadata.num_delivered > 1)
            await self._acknowledge(message)
            for name, count in moved.items():
                self._counters[name] = self._counters.get(name, 0) + count
        except Gone:
            await self._acknowledge(message)
        except Exception as error:
            await self._later(message, plan, error)
        finally:
            beating.cancel()

    async def _deliver(self, plan: Plan, again: bool) -> dict[str, int]:
        description = await self._described(plan.version)
        if description is None:  # only a log that has moved on says that a plan is done
            raise Lost("the stream is not in the catalogue")
        config = kinds.parse(_version_of(description, plan.version))
        pieces = await self._pieces(plan)
        schema = self._schema(config)
        if config.processed:
            return await asyncio.to_thread(
                deliver_transformed, plan, pieces, config, schema, self._objects, self._place[2],
                self._around, again,
            )  # fmt: skip
        return await asyncio.to_thread(
            s3.deliver, plan, pieces, config, schema, self._objects, self._place[2], None
        )

    async def _pieces(self, plan: Plan) -> list[Piece]:
        """All batches of a plan, read again from where a reader was lost. Raises Gone, Lost."""
        from nats.js.api import DeliverPolicy

        first, last = plan.ranges[0]
        pieces: list[Piece] = []
        tries = 0
        while first <= last:
            reader = Reader(
                self._link,
                log_of(self._identity),
                deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
                opt_start_seq=first,
            )
            try:
                async with reader:
                    while first <= last:
                        messages = await reader.next(min(_READ, last + 1 - first), 2.0)
                        if not messages:
                            raise Lost(f"batch {first} does not come")
                        for message in messages:
                            if message.metadata.sequence.stream != first:
                                raise Lost(f"batch {first} was passed over")
                            pieces.append(_piece(message))
                            first += 1
            except Exception as error:
                tries += 1
                if not is_transient(error):
                    raise
                info = await self._link.until(lambda: self._link.js.stream_info(log_of(self._identity)), 10)
                if info.state.first_seq > first:
                    raise Gone from None
                if tries > 5:
                    raise
        return pieces

    def _schema(self, config: Any) -> Any:
        if config.conversion is None:
            return None
        from cloudcore.firehose import schema

        text = config.conversion.schema
        if text not in self._schemas:
            self._schemas[text] = schema.load(text)
        return self._schemas[text]

    async def _acknowledge(self, message: Any) -> None:
        # An acknowledgement that is lost is a redelivery, which writes the same object again.
        with contextlib.suppress(Exception):
            await message.ack_sync(timeout=2)

    async def _later(self, message: Any, plan: Plan, error: Exception) -> None:
        """It could not be delivered now: again after a pause, or never when it is too old."""
        delivered = message.metadata.num_delivered
        if isinstance(error, OSError) and self._wall() - plan.time_ms / 1000 > _RETENTION_S:
            logger.error("%s: %d records are past their retention and lost: %s could not be written (%s)",
                         self._place[2], plan.records, plan.key, error)  # fmt: skip
            self._counters["expired"] = self._counters.get("expired", 0) + plan.records
            await self._acknowledge(message)
            return
        pause = min(2.0 ** min(delivered, 10) / 2, _PAUSE_MAX_S)
        self._counters["retries"] = self._counters.get("retries", 0) + 1
        if self._link.now() - self._told > _TOLD_EVERY_S:
            self._told = self._link.now()
            unexpected = None if is_transient(error) else error
            logger.warning("%s: cannot deliver %s (%s), next try in %.0f s",
                           self._place[2], plan.key, error, pause, exc_info=unexpected)  # fmt: skip
        with contextlib.suppress(Exception):
            await message.nak(delay=pause)


async def _beat(message: Any) -> None:
    """Keep a plan while it is worked on."""
    while True:
        await asyncio.sleep(ACK_WAIT_S / 3)
        with contextlib.suppress(Exception):
            await message.in_progress()


def _piece(message: Any) -> Piece:
    first = message.metadata.sequence.stream << PLACE_BITS
    count = int(message.headers[COUNT])
    return Piece(
        message.data, range(first, first + count), time_of(message)
    )


def _version_of(description: dict[str, Any], version: int) -> dict[str, Any]:
    """The configuration of a version. Raises OSError when the description no longer knows it."""
    if int(description["VersionId"]) == version:
        return description
    earlier: dict[str, Any] | None = description.get("Earlier", {}).get(str(version))
    if earlier is None:
        raise OSError(f"version {version} of its configuration is not known any more")
    return earlier
