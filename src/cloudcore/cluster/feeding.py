"""Feeding: a Kinesis stream or a Kafka topic into the log of a delivery stream, by one node at a time.

    source -> Reader (firehose/sources), on the node that has the lease feed.ID -> ClusterFeed -> log

Only who reads the source appends to such a log, by the sequence of the message before, and each message says
in its header Cc-Fed up to where the source was read with it. So of two nodes that believe in the lease one
appends, and whoever reads next begins where the newest message says: what was appended is not read again,
what was not is. The planner leaves that message in the log when it was delivered.
Thread rule: Feeders, and open() of a feed, on the link's loop; all else of a feed on its reader's thread.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import logging
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cloudcore.cluster.layout import BATCH_BYTES, COUNT, LEASE_S, ORIGINS, log_of, log_subject
from cloudcore.cluster.leases import Lease, Turns
from cloudcore.cluster.link import Link, Lost, is_transient
from cloudcore.errors import ApiError, ClosedError, FullError, StaleError
from cloudcore.firehose import sources
from cloudcore.firehose.records import frame
from cloudcore.firehose.sources.feed import Feed, Reader
from cloudcore.firehose.sources.origins import Origins
from cloudcore.firehose.sources.table import no_tables

if TYPE_CHECKING:
    from cloudcore.cluster.catalogue import Place

logger = logging.getLogger("cloudcore.cluster")
FED = "Cc-Fed"
_SAVE_S, _STOP_S = 20.0, 25.0


class ClusterFeed(Feed):
    """The positions of a stream's source, and its log."""

    def __init__(self, link: Link, name: str, identity: str):
        self.name = name
        self._link, self._identity = link, identity
        self._fence = 0
        self.positions: dict[str, Any] = {}
        self._skip: dict[str, int] = {}  # by shard: how many records behind its position are stored already

    async def open(self) -> None:
        """Find out how far the source was read. Raises Lost."""
        stream, subject = log_of(self._identity), log_subject(self._identity)
        info = await self._link.until(lambda: self._link.js.stream_info(stream), 10)
        newest = await self._link.newest(stream, subject)
        if newest is None and not info.state.last_seq:
            return
        if newest is None or FED not in (newest.headers or {}):
            raise ClosedError("its log does not say how far its source was read", "closed")
        self._fence = int(newest.seq)
        told = json.loads(zlib.decompress(base64.b64decode(newest.headers[FED])))
        self.positions, self._skip = told["at"], told["skip"]

    def store(self, records: list[bytes], moved: dict[str, Any], origins: Origins | None = None) -> None:
        """Append the records, all of one shard, and go to the positions `moved`. Raises ApiError
        ServiceUnavailableException when the log is full: what was stored until then is skipped when it comes
        again; ClosedError when another node reads the source, or what became of a message is not known."""
        key = next(iter(moved), "")
        there = min(self._skip.get(key, 0), len(records))
        records, origins = records[there:], origins and origins.cut(there)
        positions, skip = {**self.positions, **moved}, {**self._skip, key: self._skip.get(key, 0) - there}
        skip = {shard: count for shard, count in skip.items() if count}
        stored = 0
        for some, theirs in _batches(records, origins):
            stored += len(some)
            behind = {**self._skip, key: self._skip.get(key, 0) + len(some)}
            if stored == len(records):
                self._append(some, theirs, positions, skip)
            else:
                self._append(some, theirs, self.positions, behind)
                self._skip = behind
        self.positions, self._skip = positions, skip

    def _append(
        self, records: list[bytes], origins: Origins | None, at: dict[str, Any], skip: dict[str, int]
    ) -> None:
        told = base64.b64encode(zlib.compress(json.dumps({"at": at, "skip": skip}).encode())).decode()
        payload = frame(records)
        headers = {COUNT: str(len(records)), FED: told}
        if origins is not None:
            payload, headers[ORIGINS] = origins.before(payload), "1"
        subject = log_subject(self._identity)
        try:
            self._fence = self._link.run(
                self._link.append(subject, payload, headers, _SAVE_S, fence=self._fence)
            )
        except FullError:
            raise ApiError("ServiceUnavailableException", "Slow down.", 503) from None
        except (StaleError, Lost) as error:
            raise ClosedError(f"{self.name}: the source is read anew: {error}", "closed") from None


@dataclass(slots=True)
class _Lead:
    """A source that this node reads."""

    over: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None


class Feeders:
    """The sources that a node reads. `take(key, told)` is Leases.take, `reach` as the node has it."""

    def __init__(self, link: Link, name: str, take: Any, reach: Mapping[str, str]):
        self._link, self._name, self._take, self._reach = link, name, take, reach
        self._turns = Turns(link, name)
        self._leads: dict[str, _Lead] = {}

    async def tend(
        self, wanted: dict[str, tuple[Place, dict[str, Any]]], leases: Mapping[str, Any], nodes: list[str]
    ) -> None:
        """Read the sources that nobody reads, end what is not wanted any more. `wanted`: by identity."""
        for identity, lead in self._leads.items():
            if identity not in wanted:
                lead.over.set()
        for identity, (place, description) in wanted.items():
            key = f"feed.{identity}"
            if not sources.fills(description.get("Source")) or identity in self._leads:
                continue
            if not self._turns.mine(key, key in leases, nodes):
                continue
            lease = await self._take(key, self._told())
            if lease is not None:
                lead = self._leads[identity] = _Lead()
                lead.task = asyncio.create_task(self._lead(identity, place, description, lead, lease))

    async def close(self) -> None:
        """Let others read, at once."""
        leads = list(self._leads.values())
        for lead in leads:
            lead.over.set()
        await asyncio.gather(*(lead.task for lead in leads if lead.task), return_exceptions=True)

    def _told(self) -> dict[str, Any]:
        return {"node": self._name}

    async def _lead(
        self, identity: str, place: Place, description: dict[str, Any], lead: _Lead, lease: Lease
    ) -> None:
        """Read a source until the lease is lost, or the stream is gone."""
        try:
            feed = ClusterFeed(self._link, place[2], identity)
            await feed.open()
            reach = {**self._reach, **(description.get("Ours") or {}).get("reach", {})}
            reader = sources.reader(description["Source"], feed, reach, no_tables)
            assert reader is not None
            reader.start()
            try:
                while reader.is_alive() and not lead.over.is_set() and await lease.renew(self._told()):
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(lead.over.wait(), LEASE_S / 3)
            finally:
                await asyncio.to_thread(_ended, reader)
        except Exception as error:
            if not is_transient(error):
                logger.exception("%s: its source is not read", place[2])
        finally:
            del self._leads[identity]
            with contextlib.suppress(Exception):
                await lease.give_up()


def _ended(reader: Reader) -> None:
    reader.stop()
    reader.join(_STOP_S)


def _batches(
    records: list[bytes], origins: Origins | None
) -> Iterator[tuple[list[bytes], Origins | None]]:
    """Records in parts that fit a message."""
    start = 0
    while start < len(records):
        end, size = start, 0
        while end < len(records):
            grown = size + len(records[end]) + 4 + (origins.row_bytes(end) if origins else 0)
            if end > start and grown > BATCH_BYTES:
                break
            end, size = end + 1, grown
        yield records[start:end], origins and origins.cut(start, end)
        start = end
