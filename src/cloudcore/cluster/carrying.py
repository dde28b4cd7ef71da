"""Carrying: plans of one delivery stream -> its destination, on every node that follows it.

    pull a plan -> read its batches -> objects (s3/deliver.py), or an endpoint (endpoints.py) --> acknowledge
                                 +---> the backup of the records as they were put ------------+

A plan that is not acknowledged, because its node was killed, goes to another one. One that the store does not
take now comes back after a pause, on any node. One whose batches are gone was delivered by somebody else.
An endpoint may hang, and what is sent to it is small: it has a thread of its own, and no place of the node's.
Thread rule: on the link's loop; what computes and stores is on threads.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from cloudcore.cluster.cutter import load
from cloudcore.cluster.endpoints import Endpoints, Postponed
from cloudcore.cluster.layout import (
    ACK_WAIT_S,
    CONSUMER,
    COUNT,
    ORIGINS,
    PLACE_BITS,
    SEALED,
    log_of,
    plans_of,
)
from cloudcore.cluster.link import Link, Lost, Reader, end, is_transient, time_of
from cloudcore.cluster.schemas import Schemas
from cloudcore.cluster.sealing import Sealing
from cloudcore.cluster.threads import on_thread
from cloudcore.cluster.transforming import Around
from cloudcore.cluster.transforming import deliver as deliver_transformed
from cloudcore.firehose.delivering import Delivering
from cloudcore.firehose.destinations import kinds, sending
from cloudcore.firehose.destinations.config import Config
from cloudcore.firehose.destinations.s3 import deliver as s3
from cloudcore.firehose.journal import Plan
from cloudcore.firehose.records import Piece
from cloudcore.firehose.sources.origins import parted

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


@dataclass(frozen=True)
class Way:
    """How the plans of one version of a stream's configuration are delivered."""

    config: Config
    objects: Any
    delivering: Delivering


class Carrier:
    """Delivers plans of one stream. `described(version)` gives a description that knows the version;
    `store` (Node.store) says where objects go, `places` bounds what a node delivers at once, `counters` are
    its own, `around` is for transforms, `surroundings` (Node.around) for senders."""

    def __init__(
        self, link: Link, place: Place, identity: str, described: Any, store: Any,
        places: asyncio.Semaphore, wall: Any, counters: dict[str, int], around: Around,
        surroundings: Any, schemas: Schemas, sealing: Sealing,
    ):  # fmt: skip
        self._link, self._place, self._identity = link, place, identity
        self._described, self._store, self._places = described, store, places
        self._wall, self._counters, self._around = wall, counters, around
        self._surroundings = surroundings
        self.counted: dict[str, int] = {}
        """What this node counted of the stream since it carries it."""
        self._ways: dict[int, Way] = {}
        self._backed_up: set[int] = set()  # of plans that are not delivered yet
        self._stopping = threading.Event()
        self._running: set[asyncio.Task[None]] = set()
        self._left = False
        self.task: asyncio.Task[None]
        self._schemas, self._sealing = schemas, sealing
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
            self._stopping.set()
            await end(*self._running)
            for way in self._ways.values():
                way.delivering.close()

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
            way = await self._way(plan.version)
            async with self._places if way.config.endpoint is None else contextlib.nullcontext():
                moved = await self._deliver(plan, way, message.metadata.num_delivered > 1)
            await self._acknowledge(message)
            self._backed_up.discard(plan.id)
            for name, count in moved.items():
                self._count(name, count)
        except Gone:
            await self._acknowledge(message)
        except Exception as error:
            await self._later(message, plan, error)
        finally:
            beating.cancel()

    async def _way(self, version: int) -> Way:
        """How plans of a version are delivered."""
        found = self._ways.get(version)
        if found is None:
            description = await self._described(version)
            if description is None:  # only a log that has moved on says that a plan is done
                raise Lost("the stream is not in the catalogue")
            chosen = _version_of(description, version)
            config, ours = kinds.parse(chosen), chosen.get("Ours") or {}
            objects = await asyncio.to_thread(self._store, self._place, ours)
            around = replace(self._surroundings(self._place, objects, ours), stopping=self._stopping)
            found = self._ways[version] = Way(config, objects, Delivering({version: config}, around, None))
        return found

    async def _deliver(self, plan: Plan, way: Way, again: bool) -> dict[str, int]:
        """The data and the backup; done when both are."""
        pieces = await self._pieces(plan)
        parts = [self._data(plan, pieces, way, again)]
        if way.config.backup is not None and plan.id not in self._backed_up:
            parts.append(self._back_up(plan, pieces, way))
        done = await asyncio.gather(*parts, return_exceptions=True)
        moved: dict[str, int] = {}
        for counts in done:
            if isinstance(counts, BaseException):
                raise counts
            for name, count in counts.items():
                moved[name] = moved.get(name, 0) + count
        return moved

    async def _data(self, plan: Plan, pieces: list[Piece], way: Way, again: bool) -> dict[str, int]:
        config, schemas, stream = way.config, self._schemas, self._place[2]
        if config.endpoint is not None:
            endpoints = Endpoints(way.delivering, way.objects, stream, self._around)
            return await on_thread(
                f"deliver-{stream}", lambda: endpoints.deliver(plan, pieces, config, again)
            )
        if config.processed:
            return await asyncio.to_thread(
                deliver_transformed, plan, pieces, config, schemas, way.objects, stream, self._around, again
            )
        return await asyncio.to_thread(
            lambda: s3.deliver(plan, pieces, config, schemas.of(config, pieces), way.objects, stream, None)
        )

    async def _back_up(self, plan: Plan, pieces: list[Piece], way: Way) -> dict[str, int]:
        backup = backup_of(plan, way.config, self._place[2])
        moved = await asyncio.to_thread(way.delivering.deliver, backup, pieces, None, sending.Progress())
        self._backed_up.add(plan.id)
        return moved

    async def _pieces(self, plan: Plan) -> list[Piece]:
        """All batches of a plan, read again from where a reader was lost. Raises Gone, Lost."""
        from nats.js.api import DeliverPolicy

        first, last = plan.ranges[0]
        batches: list[Any] = []
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
                            batches.append(message)
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
        if not any(SEALED in message.headers for message in batches):
            return [_piece(message, message.data) for message in batches]
        opened = await asyncio.to_thread(lambda: [self._sealing.open(each) for each in batches])
        return [_piece(message, data) for message, data in zip(batches, opened, strict=True)]

    def _count(self, name: str, count: int) -> None:
        for counters in (self._counters, self.counted):
            counters[name] = counters.get(name, 0) + count

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
            self._count("expired", plan.records)
            await self._acknowledge(message)
            return
        pause = min(2.0 ** min(delivered, 10) / 2, _PAUSE_MAX_S)
        if isinstance(error, Postponed):
            pause = error.pause
        self._count("retries", 1)
        if self._link.now() - self._told > _TOLD_EVERY_S:
            self._told = self._link.now()
            cause = error.__cause__ if isinstance(error, Postponed) else error
            unexpected = None if cause is None or is_transient(cause) else cause
            logger.warning("%s: cannot deliver %s (%s), next try in %.0f s",
                           self._place[2], plan.key, error, pause, exc_info=unexpected)  # fmt: skip
        with contextlib.suppress(Exception):
            await message.nak(delay=pause)


def backup_of(plan: Plan, config: Config, stream: str) -> Plan:
    """The plan of the object that has a plan's records as they were put."""
    assert config.backup is not None
    identity = f"{plan.key}/backup"
    settled = replace(config.backup, prefix=config.backup.prefix.settled(identity))
    bucket, key = s3.object_key(
        replace(config, backup=settled), stream, plan.version, identity, "backup", plan.time_ms, {}
    )
    return replace(plan, lane="backup", bucket=bucket, key=key)


async def _beat(message: Any) -> None:
    """Keep a plan while it is worked on."""
    while True:
        await asyncio.sleep(ACK_WAIT_S / 3)
        with contextlib.suppress(Exception):
            await message.in_progress()


def _piece(message: Any, data: bytes) -> Piece:
    first = message.metadata.sequence.stream << PLACE_BITS
    count = int(message.headers[COUNT])
    origins, payload = parted(data) if ORIGINS in message.headers else (None, data)
    return Piece(payload, range(first, first + count), time_of(message), origins)


def _version_of(description: dict[str, Any], version: int) -> dict[str, Any]:
    """The configuration of a version. Raises OSError when the description no longer knows it."""
    if int(description["VersionId"]) == version:
        return description
    earlier: dict[str, Any] | None = description.get("Earlier", {}).get(str(version))
    if earlier is None:
        raise OSError(f"version {version} of its configuration is not known any more")
    return earlier
