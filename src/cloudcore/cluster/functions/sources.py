"""Event sources on a cluster: one node at a time runs a mapping, the one that has its lease.

What a mapping is, is a document; how far it came is the newest message of a subject of its own, appended by
the sequence of the one before: a node that lost the lease and does not know it moves no place.

    cc-places-ACCOUNT-REGION    cloudcore.places.ACCOUNT.REGION.UUID    JSON
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cloudcore.cluster.layout import LEASE_S, places_log, places_subject
from cloudcore.cluster.leases import Lease, Turns
from cloudcore.cluster.link import Link, Lost, is_transient
from cloudcore.errors import FullError, StaleError
from cloudcore.lambda_.event_sources.mappings import Mappings
from cloudcore.lambda_.event_sources.opening import poller

if TYPE_CHECKING:
    from cloudcore.cluster.node import Node

logger = logging.getLogger("cloudcore.cluster")
_SAVE_S = 6.0
_STOP_S = 10.0
Held = dict[str, Any]


class Places:
    """How far mappings came: a shelf of which only the one who read a place last can move it."""

    def __init__(self, link: Link, account: str, region: str, run: Callable[[Coroutine[Any, Any, int]], int]):
        """`run` waits for an append."""
        self._link, self._run = link, run
        self._stream, self._subject = places_log(account, region), places_subject(account, region)
        self._at: dict[str, int] = {}
        link.run(self._make())

    async def read(self, uuid: str) -> Held | None:
        """Where a mapping is; this node may move it from now on. On the loop."""
        message = await self._link.newest(self._stream, f"{self._subject}.{uuid}")
        if message is None or not message.data:
            return None
        self._at[uuid] = message.seq
        found: Held = json.loads(message.data)
        return found

    def save(self, uuid: str, place: Held) -> None:
        """Raises StaleError when another node moved it, Lost, FullError."""
        self._append(uuid, json.dumps(place).encode())

    def remove(self, uuid: str) -> None:
        """Forget it, whoever moved it last."""
        self._run(self._link.append(f"{self._subject}.{uuid}", b"", {}, _SAVE_S))
        self._at.pop(uuid, None)

    def _append(self, uuid: str, data: bytes) -> None:
        headers = {"Nats-Expected-Last-Subject-Sequence": str(self._at.get(uuid, 0))}
        self._at[uuid] = self._run(self._link.append(f"{self._subject}.{uuid}", data, headers, _SAVE_S))

    async def _make(self) -> None:
        await self._link.ensure(self._stream, f"{self._subject}.>", max_msgs_per_subject=1)


@dataclass(slots=True)
class _Lead:
    """A mapping that this node runs, as it was when that began."""

    held: Held
    over: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None


class ClusterMappings(Mappings):
    """The mappings of a node's functions."""

    def __init__(self, service: Any, node: Node, places: Places):
        self._node = node
        super().__init__(service)
        self._places: Any = places
        self._lock = service.lock  # what is saved is saved behind it; no thread is waited for here
        self._leads: dict[str, _Lead] = {}
        self._turns = Turns(node.link, node.name)
        self._others: dict[str, Held] = {}

    def result(self, uuid: str) -> str:
        """LastProcessingResult, as the node that runs the mapping said a second ago."""
        found = self._pollers.get(uuid)
        if found is not None:
            return found.result
        return str(self._others.get(f"source.{uuid}", {}).get("result", "No records processed"))

    def close(self) -> None:
        with self._lock:
            self._closed = True
        with contextlib.suppress(Exception):
            self._node.link.run(self._leave(), _STOP_S)

    def _start(self, uuid: str) -> None:
        """Whoever gets the lease does."""

    def _stop(self, uuid: str) -> None:
        """Whoever has the lease does."""

    # -- on the loop ---------------------------------------------------------------------------------

    async def tend(self, leases: dict[str, Held], nodes: list[str]) -> None:
        """Run what nobody runs, end what is not to run any more; `leases` as they are now."""
        if self._closed:
            return
        self._others = leases
        found = dict(self._shelf.documents)
        wanted = {uuid: held for uuid, held in found.items() if held["State"] == "Enabled"}
        for uuid, lead in self._leads.items():
            if wanted.get(uuid) is not lead.held:
                lead.over.set()
        for uuid, held in wanted.items():
            if not self._turns.mine(uuid, uuid in self._leads or f"source.{uuid}" in leases, nodes):
                continue
            lease = await self._node.leases.take(f"source.{uuid}", self._told(uuid))
            if lease is not None:
                lead = self._leads[uuid] = _Lead(held)
                lead.task = asyncio.create_task(self._lead(uuid, lead, lease))

    def _told(self, uuid: str) -> Held:
        # Without the lock: who has it may wait for what the loop has to do.
        return {"node": self._node.name, "result": self.result(uuid)}

    async def _lead(self, uuid: str, lead: _Lead, lease: Lease) -> None:
        """Run a mapping until the lease is lost, or it is over."""
        try:
            place = await self._places.read(uuid)
            if place is None:
                return
            loop = asyncio.get_running_loop()

            def keep(moved: Held) -> None:
                try:
                    self._places.save(uuid, moved)
                except StaleError:
                    logger.info("event source %s: another node runs it", uuid)
                    loop.call_soon_threadsafe(lead.over.set)
                except (Lost, FullError) as error:
                    logger.warning("event source %s: its place is not kept: %s", uuid, error)

            thread = await asyncio.to_thread(poller, self._service, lead.held, place, keep)
            self._pollers[uuid] = thread
            thread.start()
            try:
                while thread.is_alive() and not lead.over.is_set() and await lease.renew(self._told(uuid)):
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(lead.over.wait(), LEASE_S / 3)
            finally:
                await asyncio.to_thread(_ended, thread)
        except Exception as error:
            if not is_transient(error):
                logger.exception("event source %s", uuid)
        finally:
            self._pollers.pop(uuid, None)
            self._leads.pop(uuid, None)
            with contextlib.suppress(Exception):
                await lease.give_up()

    async def _leave(self) -> None:
        leads = list(self._leads.values())
        for lead in leads:
            lead.over.set()
        await asyncio.gather(*(lead.task for lead in leads if lead.task), return_exceptions=True)


def _ended(thread: Any) -> None:
    thread.stop()
    thread.join()
