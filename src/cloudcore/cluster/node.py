"""Node: what one process of a cluster runs: its own lease, the catalogue, a carrier for each delivery stream
that it follows and a planner for each that it leads; for every log of tables a Range.

Thread rule: made and closed from any thread but the link's; coroutines on the link's loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from cloudcore.clock import Clock
from cloudcore.cluster import address
from cloudcore.cluster.asking import Answering
from cloudcore.cluster.carrying import Carrier
from cloudcore.cluster.catalogue import Catalogue, Place
from cloudcore.cluster.cutter import load
from cloudcore.cluster.feeding import Feeders
from cloudcore.cluster.following import followers
from cloudcore.cluster.functions.blobs import OLD_S, Blobs
from cloudcore.cluster.functions.calls import Calls
from cloudcore.cluster.layout import (
    FUNCTIONS,
    LEASE_S,
    TABLES,
    VERSION,
    of_functions_log,
    of_tables_log,
    plans_of,
    plans_subject,
)  # fmt: skip
from cloudcore.cluster.leading import Planner
from cloudcore.cluster.leases import Lease, Leases, Turns
from cloudcore.cluster.link import Link, Lost, end, is_transient
from cloudcore.cluster.notes import Notes
from cloudcore.cluster.schemas import Schemas
from cloudcore.cluster.sealing import Sealing, described_by
from cloudcore.cluster.service import ClusterFirehose
from cloudcore.cluster.tables.courier import Courier
from cloudcore.cluster.transforming import Around
from cloudcore.errors import ClosedError, CloudcoreError, StaleError
from cloudcore.firehose.destinations.sending import Around as Surroundings
from cloudcore.firehose.records import frame, split
from cloudcore.firehose.sealed import Keys
from cloudcore.firehose.sources.origins import told_of

if TYPE_CHECKING:
    from cloudcore.cluster.functions.service import ClusterLambda
    from cloudcore.cluster.tables.ranges import Ranges
    from cloudcore.dynamodb import DynamoDB, Table
    from cloudcore.dynamodb.kinesis import Sink
    from cloudcore.lambda_.metering import Result

logger = logging.getLogger("cloudcore.cluster")
_TEND_S = 1.0
_PLACES = 4  # plans that a node delivers at once
_BURY_S = 15.0
_SWEEP_S = 600.0
_CALLS = 4  # of functions on a core, beside which a node has no room for those of others


class Node:
    """A node of the cluster at `text` (address.py), which delivers until close().

    `objects` gives the store of an account; `reach` and `meter` as Cloud takes them. Raises ValueError,
    ImportError, and CloudcoreError when no server answers or when a node of that name is there.
    """

    def __init__(
        self, text: str, objects: Callable[[str], Any], clock: Clock, node: str | None = None,
        reach: Mapping[str, str] | None = None, meter: bool = True,
    ):  # fmt: skip
        found = address.parse(text, node)
        if not found.node:
            raise ValueError("a node needs a name: nats://SERVERS/NAME, or --node NAME")
        _import_all()
        self.name = found.node
        self._key = f"node.{self.name}"
        self.counters: dict[str, int] = {}
        self.url: str | None = None
        self._objects, self._clock, self._reach, self._meter = objects, clock, reach or {}, meter
        self.link = Link(found.servers, self.name)
        self.catalogue, self.leases = Catalogue(self.link), Leases(self.link)
        self._lease: Lease | None = None
        self._carriers: dict[str, Carrier] = {}
        self._planners: dict[str, asyncio.Task[None]] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._turns = Turns(self.link, self.name)
        self._feeders = Feeders(self.link, self.name, self.leases.take, self._reach)
        self._places = asyncio.Semaphore(_PLACES)
        self._ranges: dict[tuple[str, str], Ranges] = {}
        self._courier = Courier(self.link, self._took)
        self._answering = Answering(
            lambda account, region: self.dynamodb(account, region, []), self._courier.send
        )
        self.nodes: dict[str, str] = {}
        """The nodes that are in the cluster, and their instances."""
        self.blobs = Blobs(self.link)
        self.calls = Calls(
            self.link, self._courier.send, lambda: set(self.nodes.values()), self._call,
            _CALLS * (os.cpu_count() or 1),
        )  # fmt: skip
        self.opens: Callable[[str, str], object] | None = None
        """Opens the functions of an account in a region, once the cloud can."""
        self.stores: Callable[[str, str, Mapping[str, Any]], Any] | None = None
        self.keys: Callable[[str, str], Keys] | None = None
        """The data keys of the delivery streams of an account in a region; as opens."""
        self.sinks: Callable[[str, str, str], Sink] | None = None
        """Where tables of an account in a region send their changes to, by its ARN; as opens."""
        self._functions: dict[tuple[str, str], ClusterLambda] = {}
        self._closed = False
        self._leaving = threading.Event()
        self._swept = self.link.now()
        self._tending: asyncio.Task[None]
        try:
            self.link.run(self._join())
        except BaseException:
            self.link.close()
            raise

    def dynamodb(self, account: str, region: str, addresses: list[str]) -> DynamoDB:
        """The tables of an account in a region; `addresses` as DynamoDB takes them. The service has the same
        calls, but is of another class."""
        from cloudcore.cluster.tables.service import ClusterDynamoDB

        found: Any = ClusterDynamoDB(
            account, region, lambda: self.link.run(self._follow(account, region, addresses), 10)
        )
        service: DynamoDB = found
        return service

    def table(self, service: Any, name: str, pk: str | None, sk: str | None, floats: bool) -> Table:
        """A table of such a service, as Cloud.table() has it."""
        found: Table = service.table(name, pk, sk, floats)
        return found

    def firehose(self, **settings: Any) -> ClusterFirehose:
        """The delivery streams of an account in a region; settings as Firehose takes them."""
        return ClusterFirehose(self, **settings)

    def functions(self, directory: str, account: str, region: str, **settings: Any) -> ClusterLambda:
        """The functions of an account in a region; arguments as Lambda takes them."""
        from cloudcore.cluster.functions.service import ClusterLambda

        found = ClusterLambda(self, directory, account, region, **settings)
        self._functions[account, region] = found
        return found

    def around(self, place: Place, objects: Any, ours: Mapping[str, Any]) -> Surroundings:
        """What senders of a delivery stream find around them; `ours` is of its description."""
        _, region, name = place
        return Surroundings(
            name, _arn(place), region, objects, self._clock, {**self._reach, **ours.get("reach", {})}
        )

    def store(self, place: Place, ours: Mapping[str, Any]) -> Any:
        """Where a delivery stream's objects go, on a thread. Raises ClosedError while this node begins."""
        account, region, _ = place
        if not ours.get("encrypt_objects"):
            return self._objects(account)
        if self.stores is None:
            raise ClosedError("this node begins", "closed")
        return self.stores(account, region, ours)

    def sealing(self, place: Place, identity: str) -> Sealing:
        """How batches of a delivery stream are encrypted."""
        account, region, _ = place
        described = described_by(
            lambda: self.catalogue.find(place), lambda: self.link.run(self.catalogue.ask(place)), identity
        )
        return Sealing(lambda: self._keys(account, region), described)

    def _keys(self, account: str, region: str) -> Keys:
        if self.keys is None:
            raise ClosedError("this node begins", "closed")
        return self.keys(account, region)

    def counted(self, identity: str) -> dict[str, int]:
        """What this node counted of a delivery stream that it carries."""
        carrier = self._carriers.get(identity)
        return {} if carrier is None else dict(carrier.counted)

    def wall(self) -> float:
        """Seconds since 1970."""
        return self._clock.now()

    def close(self) -> None:
        """Leave: leases are given up, so that others take over at once. Idempotent."""
        if self._closed:
            return
        self._closed = True
        self._leaving.set()
        with contextlib.suppress(Exception):
            self.link.run(self._leave(), 10)
        self.link.close()

    # -- on the loop ---------------------------------------------------------------------------------

    async def _join(self) -> None:
        await self.leases.open()
        await self.link.made(self.catalogue.open, 15)
        await self._courier.open()
        await self.calls.open()
        latest = self.link.now() + LEASE_S + 3
        while self._lease is None:  # of a node that was killed it lasts a few seconds more
            self._lease = await self.link.until(
                lambda: self.leases.take(f"node.{self.name}", self._told()), 15
            )
            if self._lease is None and self.link.now() > latest:
                raise CloudcoreError(f"a node {self.name!r} is in the cluster already")
            if self._lease is None:
                await asyncio.sleep(0.3)
        self.nodes = _nodes_of(await self.link.until(self.leases.read, 15))
        self._tending = asyncio.create_task(self._tend())

    async def _leave(self) -> None:
        await end(self._tending)  # first: it begins others
        await self._feeders.close()
        await asyncio.gather(*(each.stop() for each in self._ranges.values()), return_exceptions=True)
        self._answering.close()
        await self.calls.close()
        await self._courier.close()
        carrying = [carrier.task for carrier in self._carriers.values()]
        await end(*self._planners.values(), *carrying, *self._ending)
        if self._lease is not None:
            await self._lease.give_up()

    def _told(self) -> dict[str, Any]:
        """What this node says of itself to the others."""
        return {
            "instance": self.link.instance, "pid": os.getpid(), "url": self.url, "version": VERSION,
            **{name: self.counters.get(name, 0) for name in ("objects", "bytes_out", "retries")},
            "tables": {"/".join(place): each.told_of() for place, each in self._ranges.items()},
            "functions": {"/".join(place): each.told_of() for place, each in self._functions.items()},
            "ready": {"/".join(place): each.ready() for place, each in self._functions.items()},
            "carries": len(self._carriers),
            "failed": sum(self.counters.get(name, 0) for name in ("conversion_failed", "failed")),
            "expired": self.counters.get("expired", 0),
        }  # fmt: skip

    async def _tend(self) -> None:
        while True:
            looks = (self._look, self._look_for_tables, self._look_for_functions)
            for step in (self._stay, *looks, self._sweep):
                try:
                    await step()
                except Exception as error:
                    if not is_transient(error):
                        logger.exception("the node %s goes on in a second", self.name)
            await asyncio.sleep(_TEND_S)

    async def _stay(self) -> None:
        """Renew the node's lease; one that was lost, because the servers or this process stood still, is
        taken again."""
        if self._lease is None or not await self._lease.renew(self._told()):
            self._lease = await self.leases.take(self._key, self._told())

    async def _look(self) -> None:
        """Take up the streams that are there, let go of those that are not, lead those that nobody leads."""
        await self.catalogue.refresh()
        held = await self.leases.read()
        nodes, before = _nodes_of(held), self.nodes
        self.nodes = nodes
        if nodes.keys() != before.keys():
            for functions in list(self._functions.values()):
                await asyncio.to_thread(functions.nodes_changed)
        active: dict[str, Place] = {}
        for place, description in self.catalogue.all().items():
            if description["State"] == "ACTIVE":
                active[description["Identity"]] = place
            elif self.wall() > description["DeletedAt"] + _BURY_S:  # whoever deleted it was killed
                await self.catalogue.remove(place, description)
        for functions in list(self._functions.values()):
            await functions.tend(held, sorted(nodes))
        for identity, place in active.items():
            if identity not in self._carriers and self._follows(identity, len(active)):
                await self._take_up(identity, place)
            if identity not in self._planners and f"lead.{identity}" not in held:
                await self._stand_for(identity, place, sorted(nodes))
            else:
                self._turns.took(identity)
        fed = {identity: (place, self.catalogue.all()[place]) for identity, place in active.items()}
        await self._feeders.tend(fed, held, sorted(nodes))
        for identity in list(self._carriers):
            if identity not in active:
                self._until_ended(asyncio.create_task(end(self._carriers.pop(identity).task)))
            elif not self._follows(identity, len(active)):
                carrier = self._carriers.pop(identity)
                carrier.leave()
                self._until_ended(carrier.task)
        for identity in self._planners.keys() - active.keys():
            self._until_ended(asyncio.create_task(end(self._planners.pop(identity))))

    def _follows(self, identity: str, streams: int) -> bool:
        """Whether this node carries a stream's plans. One that the others do not see goes on as it did."""
        if self.name not in self.nodes:
            return identity in self._carriers
        return self.name in followers(self.nodes, identity, streams)

    def _until_ended(self, task: asyncio.Task[None]) -> None:
        """A task of this node until it has ended."""
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _take_up(self, identity: str, place: Place) -> None:
        """Carry plans of a stream, of which its maker may have been killed before everything was made."""
        from nats.js.errors import NotFoundError

        try:
            await self.link.js.consumer_info(plans_of(identity), "deliver")
        except NotFoundError:
            found = await self.catalogue.ask(place)
            if found is None or found["Identity"] != identity or found["State"] != "ACTIVE":
                return
            await self.catalogue.ensure(found)

        async def described(version: int) -> dict[str, Any] | None:
            found = self.catalogue.find(place)
            if found is None or int(found["VersionId"]) < version:
                found = await self.catalogue.ask(place)
            return found if found is not None and found["Identity"] == identity else None

        account, region, _ = place
        around = Around(
            _arn(place), region,
            lambda arn, payload: self._opened(account, region).invoke(arn, payload), self._clock, self._sleep,
            Notes(self.link, identity), told_of((self.catalogue.find(place) or {}).get("Source")),
        )  # fmt: skip

        async def kept(text: str | None) -> str | None:
            while True:
                found = await self.catalogue.ask(place)
                if found is None or found["Identity"] != identity:
                    raise Lost("the stream is not in the catalogue")
                if text is None or "Inferred" in found:
                    return found.get("Inferred")
                with contextlib.suppress(StaleError):
                    await self.catalogue.store(place, {**found, "Inferred": text})

        schemas = Schemas(lambda text: self.link.run(kept(text)))
        carrier = Carrier(
            self.link, place, identity, described, self.store, self._places, self.wall, self.counters, around,
            self.around, schemas, self.sealing(place, identity),
        )  # fmt: skip
        carrier.start()
        self._carriers[identity] = carrier

    async def _stand_for(self, identity: str, place: Place, nodes: list[str]) -> None:
        """Lead a stream that nobody leads, when it is this node's turn: each stream has an order of its own,
        so that streams spread over the nodes."""
        if not self._turns.mine(identity, False, nodes):
            return

        def described() -> dict[str, Any]:
            found = self.catalogue.find(place)
            return found if found is not None and found["Identity"] == identity else last[0]

        last = [self.catalogue.all()[place]]
        planner = Planner(self.link, place, described, self.name, self.wall)
        lease = await self.leases.take(f"lead.{identity}", planner.told())
        if lease is None:
            return
        task = self._planners[identity] = asyncio.create_task(planner.run(lease))

        def ended(done: asyncio.Task[None]) -> None:
            if self._planners.get(identity) is done:
                del self._planners[identity]

        task.add_done_callback(ended)
        self._turns.took(identity)

    async def _look_for_tables(self) -> None:
        """Follow every log of tables that is there."""
        for name in await self.link.streams(f"{TABLES}.>"):
            place = of_tables_log(name)
            if place is not None:
                (await self._follow(*place[:2], [])).found(place[2])

    async def _follow(self, account: str, region: str, addresses: list[str]) -> Ranges:
        """This node's parts in the logs of tables."""
        found = self._ranges.get((account, region))
        if found is None:
            from cloudcore.cluster.tables.range import Range
            from cloudcore.cluster.tables.ranges import Ranges

            found = self._ranges[account, region] = Ranges(lambda range_, seed: Range(
                self.link, account, region, self._clock, self.name, lambda: sorted(self.nodes), self._give,
                addresses, lambda arn: self._sink(account, region, arn), lambda: self._objects(account),
                range_, seed, self._meter,
            ))  # fmt: skip
            found.start()
        return found

    async def _look_for_functions(self) -> None:
        """Follow every log of functions that is there."""
        for name in await self.link.streams(f"{FUNCTIONS}.>"):
            place = of_functions_log(name)
            if place is not None and place not in self._functions and self.opens is not None:
                await asyncio.to_thread(self.opens, *place)

    async def _sweep(self) -> None:
        """Forget packages that no function needs, from time to time and on one node."""
        if self.link.now() < self._swept + _SWEEP_S or self.name != min(self.nodes, default=""):
            return
        self._swept = self.link.now()
        logs = {of_functions_log(name) for name in await self.link.streams(f"{FUNCTIONS}.>")}
        if logs and logs <= self._functions.keys():
            found = list(self._functions.values())
            keep = [await asyncio.to_thread(functions.kept) for functions in found]
            await self.blobs.sweep(set().union(*keep), OLD_S)

    def _sink(self, account: str, region: str, arn: str) -> Sink:
        """Where a table sends its changes to. Raises ApiError, and ClosedError while this node begins."""
        if self.sinks is None:
            raise ClosedError("this node begins", "closed")
        return self.sinks(account, region, arn)

    def _call(self, head: dict[str, Any], payload: bytes) -> Result:
        """Run a function for another node, on a thread of its own."""
        return self._opened(head["account"], head["region"]).answer(head, payload)

    def _opened(self, account: str, region: str) -> ClusterLambda:
        """The functions of an account in a region, on a thread. Raises ClosedError."""
        if (account, region) not in self._functions:
            if self.opens is None:
                raise ClosedError("this node begins", "closed")
            self.opens(account, region)
        return self._functions[account, region]

    def _sleep(self, seconds: float) -> None:
        """Wait on a thread; ClosedError when the node leaves."""
        if self._leaving.wait(seconds):
            raise ClosedError("this node leaves", "closed")

    def _give(self, instance: str, kind: str, messages: list[bytes]) -> None:
        """Send to another node."""
        self._until_ended(asyncio.create_task(self._courier.send(instance, kind, frame(messages))))

    def _took(self, kind: str, sender: str, data: bytes) -> None:
        """Another node asks or answers, or somebody who is none asks."""
        from cloudcore.cluster.tables.entry import load as load_entry

        if kind.startswith("invoke"):
            return self.calls.took(kind, sender, data)
        if kind == "call":
            return self._until_ended(asyncio.create_task(self._answering.asked(sender, data)))
        head, *rest = split(data)
        account, region, range_, term, lowest = bytes(head).decode().split(" ")
        ranges = self._ranges.get((account, region))
        found = None if ranges is None else ranges.all.get(range_)
        if found is None:
            return
        if kind == "ask":
            found.asked(sender, int(term), int(lowest), [load_entry(each) for each in rest])
        elif kind == "answer":
            found.told([bytes(each) for each in rest])

    async def planned(self, identity: str, batch: int) -> int:
        """The sequence of the last plan, if it is of this batch or of later ones; else 0."""
        message = await self.link.newest(plans_of(identity), plans_subject(identity))
        return message.seq if message and load(json.loads(message.data)).last >= batch else 0


def _import_all() -> None:
    """What is imported where it is used, because it imports this: now, by one thread. Two that begin with
    different parts of a package may each wait for the other, which Python ends with an error."""
    import cloudcore.cluster.functions.service
    import cloudcore.cluster.tables.ranges
    import cloudcore.cluster.tables.service  # noqa: F401


def _arn(place: Place) -> str:
    account, region, name = place
    return f"arn:aws:firehose:{region}:{account}:deliverystream/{name}"


def _nodes_of(held: dict[str, dict[str, Any]]) -> dict[str, str]:
    """The names of the nodes that have a lease, and their instances."""
    return {
        key.partition(".")[2]: value["instance"] for key, value in held.items() if key.startswith("node.")
    }
