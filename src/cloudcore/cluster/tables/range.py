"""Range: one node's part in one log of requests: it follows, and leads when nobody else does.

    follow: read -> apply                                      until nothing came for as long as a lease lasts
    lead:   gather -> append behind the last message -> apply  until an append is refused

docs/internals/cluster.md says why this is linearizable.
Thread rule: on the link's loop, but read(), ask() and order().
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from cloudcore.cluster.layout import ALL, LEASE_S, VERSION, first_of
from cloudcore.cluster.link import Link, Lost, end, is_transient
from cloudcore.cluster.tables import expiring, recovering, splitting
from cloudcore.cluster.tables.acting import Acting, Means
from cloudcore.cluster.tables.checkpoint import Keeper
from cloudcore.cluster.tables.entry import PRIMITIVE, WRITE, Batch, Entry, Joiner
from cloudcore.cluster.tables.log import TableLog
from cloudcore.cluster.tables.pending import (
    CONTROL,
    DESCRIBE,
    KNOWN,
    READ,
    REFUSED,
    Pending,
    number_of,
    starts,
    unknown,
)
from cloudcore.cluster.tables.replica import Answer, Replica
from cloudcore.cluster.tables.transacting import BUSY, TOGETHER
from cloudcore.cluster.tables.versions import Foreign, Versions
from cloudcore.dynamodb.errors import error_body
from cloudcore.dynamodb.usage import Counts, add
from cloudcore.errors import ApiError, ClosedError, FullError, StaleError

if TYPE_CHECKING:
    from cloudcore._table import Tables
    from cloudcore.clock import Clock
    from cloudcore.dynamodb.kinesis import Sink

logger = logging.getLogger("cloudcore.cluster")
_BATCH_BYTES = 768 << 10
_READ = 64
_LOOK_S = 0.25
_TEND_S = 1.0
_DRAIN_S = 25.0
_TURN_S = 0.3  # between those who might lead
_BEGUN_S = 0.2
_CONTROL_KEPT = 256
Send = Callable[[str, str, list[bytes]], None]


def awake() -> float:
    """Seconds that also pass while the machine sleeps, of this machine alone."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Seen:
    """The requests of one node that this leader has taken, by their numbers. None is taken twice, however
    late it comes again: what is below the lowest number that the node still waits for, is done."""

    def __init__(self) -> None:
        self._lowest, self._numbers = 0, set[int]()

    def drop(self, lowest: int) -> None:
        """Numbers below are done."""
        if lowest > self._lowest:
            self._lowest = lowest
            self._numbers = {number for number in self._numbers if number >= lowest}

    def add(self, number: int) -> bool:
        """Whether it is new."""
        if number < self._lowest or number in self._numbers:
            return False
        self._numbers.add(number)
        return True


class Range:
    """`name`, `nodes()`: this node, and those that are there; `send(instance, kind, messages)` gives them to
    the courier; `range_`, `seed`: which one, and that of the hashes where it is known."""

    def __init__(
        self, link: Link, account: str, region: str, clock: Clock, name: str,
        nodes: Callable[[], list[str]], send: Send, addresses: list[str], sinks: Callable[[str], Sink],
        objects: Callable[[], Any],
        range_: str = ALL, seed: int = 0, meter: bool = True,
    ):  # fmt: skip
        self.account, self.region, self.range, self.first = account, region, range_, first_of(range_)
        self._link, self._clock, self._name, self._nodes, self._send = link, clock, name, nodes, send
        self._addresses = addresses
        self._log = TableLog(link, account, region, range_, seed)
        self.replica: Replica | None = None
        self.pending = Pending(link, self._to_leader, lambda: self.term, lambda: self.sequence)
        self.checkpoints = Keeper(link, account, region, lambda: self._wake.set(), range_)
        self.versions = Versions()
        self.ready = threading.Event()
        self._used: dict[str, Counts] = {}  # of replicas that were made anew
        self.term, self.sequence = 0, 0
        self.leader: dict[str, Any] | None = None
        self.leading = 0  # the term in which this node leads; 0: it does not
        self._lease_until = 0.0
        self._heard = awake()
        self._vacant = False
        self._target = 0
        self._missing = True  # there is no replica that can go on
        self._gap_at = -1
        self._joiner = Joiner()
        self._time_ms = 0
        self._queue: deque[Entry] = deque()
        self._barriers: list[Callable[[], None]] = []
        self._wake = asyncio.Event()
        self._working: set[str] = set()
        self._seen: dict[str, Seen] = {}
        self._controlled: dict[str, Answer] = {}
        self._acting = Acting(lambda: self.leading)
        self._means = Means(self._acting, link, sinks, objects, self._put, meter)
        self._resuming: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._running: asyncio.Task[None] | None = None
        self.derived: Replica | None = None
        """What this range begins with here when it was split from another one."""
        self.on_split: Callable[[Range, splitting.Taken], None] | None = None
        self.publish: Callable[[Range], Awaitable[None]] | None = None
        self.beside: Callable[[], list[Tables]] = list
        self.owner: Callable[[int], Range] = lambda _: self
        """Which range has a hash, as far as this node knows."""
        self.left = False
        self._splitting = False  # one was sent, and is not applied here
        self._heir = ""  # the node that is to lead from now on
        self._named = ""  # and of whom the last lease says so

    def start(self) -> None:
        """Begin, if it has not."""
        if self._running is not None:
            return
        self._running = asyncio.create_task(self._run())
        self._keep(asyncio.create_task(self._looking()))
        self._keep(asyncio.create_task(self._passing_time()))
        sweeping = expiring.run(
            lambda: self.replica if self.leading else None, self._clock.now, self.pending.submit
        )
        self._keep(asyncio.create_task(sweeping))
        self._keep(asyncio.create_task(recovering.run(self)))

    async def stop(self) -> None:
        """Leave: another node may lead at once."""
        term, self.left = self.leading, True
        if self._running is not None:
            await end(self._running)
        if term and self.term == term:
            with contextlib.suppress(Exception):
                await self._log.append_lease(
                    self._told(term, True), self._link.message_id(), self.sequence, 2
                )
        await end(*self._tasks)
        self.pending.close()
        if self.replica is not None:
            await asyncio.to_thread(self.replica.close)

    def told_of(self) -> dict[str, Any]:
        """What this node says of its part to the others."""
        return {"term": self.term, "leads": bool(self.leading), "sequence": self.sequence}

    def made(self) -> Replica:
        """A replica that holds nothing yet."""
        made = Replica(
            self.account, self.region, self._log.seed, self._clock, self._addresses, self.order, self._means
        )
        made.tables.beside = self.beside
        return made

    @property
    def seed(self) -> int:
        """Of the hashes."""
        return self._log.seed

    @seed.setter
    def seed(self, seed: int) -> None:
        self._log.seed = seed

    # -- from any thread -----------------------------------------------------------------------------

    def now_ms(self) -> int:
        """By this node's clock."""
        return self._clock.now_ms()

    def whole(self) -> Replica | None:
        """The replica, if it is as far as the log was when it began."""
        replica = self.replica  # first: one that is made anew is not ready before it is whole
        return replica if self.ready.is_set() else None

    def used(self) -> dict[str, Counts]:
        """What tables took at this node, by name."""
        found = {name: dict(counts) for name, counts in self._used.items()}
        replica = self.whole()
        with contextlib.suppress(ClosedError):
            for table, counts in {} if replica is None else replica.used().items():
                add(found, table, counts)
        return found

    def ask(self, kind: str, operation: str, body: bytes) -> Future[Answer]:
        """Have the leader answer, by way of the log or not."""
        return self.pending.submit(kind, operation, body)

    def read(self, operation: str, body: bytes) -> Answer | None:
        """The answer to a strong read, if this node leads beyond doubt. "Scan@LAST" is a walk by who believes
        that the range goes up to there."""
        term, replica = self.leading, self.replica
        if not term or replica is None or self._splitting:
            return None
        operation, _, believed = operation.partition("@")
        last, turn = replica.last, replica.transactions.turn
        answer = replica.tables.call_json(operation, body)
        # The lease is looked at behind the read: it held, so nobody else wrote before. But once a split is
        # sent, another node may have come past it, and lead what went.
        if self._splitting or self.leading != term or awake() >= self._lease_until:
            return None
        if replica.partial or believed:
            hashes = splitting.covered(replica, operation, body, believed)
            if hashes is None or last != replica.last:
                return splitting.MOVED, b""
            if operation in TOGETHER:
                return replica.transactions.passed(hashes, turn) or answer
        return answer

    def order(self, operation: str, arguments: dict[str, Any]) -> Answer:
        """A step of the control plane, by the leader that its operation began with."""
        term = self._acting.term
        if not term:
            return _failed("only the leader changes tables")
        until = time.monotonic() + _DRAIN_S
        while True:
            answer = self.pending.submit(PRIMITIVE, operation, json.dumps(arguments).encode(), term).result()
            if answer[0] != BUSY:
                break
            if time.monotonic() > until:
                return _failed("transactions over several ranges are under way")
            time.sleep(_LOOK_S / 5)
        return answer if answer[0] < 500 else _failed(json.loads(answer[1])["message"])

    def _put(self, body: bytes) -> Answer:
        """A PutItem of a job, by the leader that it began with."""
        term = self._acting.term
        if not term:
            raise ClosedError("this node leads no longer", "closed")
        return self.pending.submit(WRITE, "PutItem", body, term).result()

    # -- following -----------------------------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            try:
                if self._missing:
                    await self._begin()
                await self._follow()
                await self._lead()
            except Foreign as error:
                self._missing = True
                self.ready.clear()
                self.pending.give_up(str(error))
                await self.versions.stand_aside(error, self._log)
            except ValueError:
                logger.exception("the tables of %s are made anew", self.region)
                self._missing = True
                await asyncio.sleep(1)  # it may be the same again
            except Exception as error:
                if not is_transient(error):
                    logger.exception("the log of tables of %s stopped; again in a second", self.region)
                    await asyncio.sleep(1)
            await asyncio.sleep(0.05)

    async def _begin(self) -> None:
        """A replica of the newest checkpoint, or of nothing."""
        self._target = await self._log.open()
        self._vacant = self._target == 0
        self.ready.clear()
        self._joiner.drop()
        self.pending.jumped()
        lease = await self._log.lease_now()
        if lease is not None:
            self.versions.check(*lease)
            self.checkpoints.heard(lease[0].get("checkpoint"))
        if self.range != ALL and self.derived is None and self.checkpoints.newest is None:
            await asyncio.sleep(_BEGUN_S)
            raise Lost("the range has begun nowhere yet")
        before, self.sequence = self.replica, 0
        derived, self.derived = self.derived, None
        if derived is not None and self.checkpoints.newest is not None:
            self._keep(asyncio.create_task(asyncio.to_thread(derived.close)))
            derived = None
        self.replica = replica = derived or self.made()
        replica.on_split = self._went
        if before is not None:
            for table, counts in before.used().items():
                add(self._used, table, counts)
            self._keep(asyncio.create_task(asyncio.to_thread(before.close)))
        if derived is None and self.checkpoints.newest is not None:
            self._time_ms = await self.checkpoints.fill(replica)
            self.sequence = replica.after
        if lease is not None and lease[1] <= self.sequence:
            self._lease_came(lease[0])
        self._heard = awake()
        self._missing = False

    def _gap(self, why: str) -> Lost:
        """Messages are missing. They were lost on their way here, and are read again; if they are gone,
        because a checkpoint has them, this node begins anew."""
        assert self.replica is not None
        self._missing = self._gap_at == self.replica.after
        self._gap_at = self.sequence = self.replica.after
        self._joiner.drop()
        return Lost(why)

    async def _follow(self) -> None:
        """Apply what comes; returns when this node leads."""
        async with self._log.reader(self.sequence + 1) as reader:
            while True:
                for message in await reader.next(_READ, 0.5):
                    self._came(message.metadata.sequence.stream, message.subject, message.data)
                    await asyncio.sleep(0)
                if self.sequence >= self._target:
                    if self.replica is not None:
                        self.replica.count()
                    self.ready.set()
                    if self._may_stand() and await self._take_over():
                        return

    def _came(self, sequence: int, subject: str, data: bytes) -> None:
        if sequence <= self.sequence:
            return
        assert self.replica is not None
        self._heard = awake()
        if subject == self._log.lease:
            told = json.loads(data)
            self.versions.check(told, sequence)
            named = (told.get("checkpoint") or {}).get("sequence", 0)
            if named > self.replica.after:  # every lease says so from then on: who has read all has read one
                raise self._gap(f"a checkpoint behind {named} came behind {self.replica.after}")
            self.sequence = sequence
            self._lease_came(told)
            return
        self.checkpoints.grew(len(data))
        batch = self._joiner.add(data)
        if batch is not None:
            if batch.after > self.replica.after:
                raise self._gap(f"the batch behind {batch.after} came behind {self.replica.after}")
            self._apply(batch, sequence)
        self.sequence = sequence
        self.pending.came_to(sequence)

    def _apply(self, batch: Batch, sequence: int) -> dict[str, list[bytes]]:
        """Execute a batch; what the nodes that were asked are to be told."""
        assert self.replica is not None
        ours = self._link.instance + "."
        told: dict[str, list[bytes]] = {}

        def answered(entry: Entry, answer: Answer) -> None:
            if entry.id.startswith(ours):
                self.pending.applied(entry.id, answer)
            told.setdefault(entry.id.partition(".")[0], []).append(_answer(entry.id, sequence, answer))

        self.replica.apply(batch, sequence, answered)
        self._time_ms = batch.time_ms
        return told

    def _lease_came(self, told: dict[str, Any]) -> None:
        self._vacant = bool(told.get("vacant"))
        self._named = str(told.get("heir", ""))
        self.checkpoints.heard(told.get("checkpoint"))
        if told["term"] > self.term:
            self.term, self.leader = told["term"], told
            self._joiner.drop()
            self.pending.new_term(self.term)
        elif self._vacant:
            self.leader = None

    def _went(self, taken: splitting.Taken) -> None:
        if self.on_split is not None:
            self.on_split(self, taken)

    def _may_stand(self) -> bool:
        """Whether nobody leads, and it is this node's turn: each log has an order of its own."""
        order = sorted({*self._nodes(), self._name}, key=self._rank)
        turn = order.index(self._name) * _TURN_S
        if self._vacant and self._named in order:  # it was given to one of them
            turn = 0 if self._named == self._name else turn + LEASE_S
        return awake() > self._heard + turn + (0 if self._vacant else LEASE_S)

    def _rank(self, node: str) -> bytes:
        return hashlib.sha256(f"{self._log.name}/{node}".encode()).digest()

    def _told(self, term: int, vacant: bool = False) -> dict[str, Any]:
        told = {"term": term, "node": self._name, "instance": self._link.instance, "vacant": vacant}
        return {**told, "version": VERSION, "checkpoint": self.checkpoints.told}

    async def _take_over(self) -> bool:
        """Append the lease of a new term behind all that this node knows; whether that is all there is."""
        told, sent = self._told(self.term + 1), awake()
        try:
            sequence = await self._log.append_lease(told, self._link.message_id(), self.sequence, 6)
        except (StaleError, Lost, FullError):
            self._heard = awake()
            return False
        self.sequence = sequence
        self._lease_until = sent + LEASE_S
        self.leading = told["term"]
        logger.info(
            "%s leads the tables of %s %s, term %d", self._name, self.account, self.region, self.leading
        )
        self._lease_came(told)
        return True

    # -- leading -------------------------------------------------------------------------------------

    async def _lead(self) -> None:
        """Order what comes; returns when an append was refused, because another node leads."""
        self._resuming = asyncio.create_task(self._resume())
        try:
            while True:
                await self._gathered()
                if self._heir:
                    return await self._give_up()
                waiting, self._barriers = self._barriers, []
                entries = self._next_entries()
                assert self.replica is not None
                if entries or (self.range != ALL and not self.replica.after):  # it can have a checkpoint then
                    await self._order(entries)
                if not entries or self.checkpoints.made is not None:
                    await self._renew()
                self.checkpoints.tend(self.replica, self._time_ms)
                for passed in waiting:
                    passed()
        except StaleError:
            logger.info("%s leads the tables of %s no longer", self._name, self.region)
        finally:
            self.leading, self._heir, self._splitting = 0, "", False
            self._keep(asyncio.create_task(self.checkpoints.leave()))
            self._heard = awake()
            self._queue.clear()
            self._barriers.clear()
            self._working.clear()
            self._seen.clear()

    async def _gathered(self) -> None:
        """Until there is something to order, or the lease is to be renewed."""
        if not self._queue and not self._barriers and not self._heir:
            left = self._lease_until - LEASE_S * 2 / 3 - awake()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), max(0.0, left))
        self._wake.clear()

    def _next_entries(self) -> list[Entry]:
        taken: list[Entry] = []
        size = 0
        while self._queue and (not taken or size + len(self._queue[0].body) <= _BATCH_BYTES):
            taken.append(self._queue.popleft())
            size += len(taken[-1].body)
        return taken

    async def _order(self, entries: list[Entry]) -> None:
        assert self.replica is not None
        now = max(self._clock.now_ms(), self._time_ms)
        batch = Batch(self.leading, now, self.replica.after, entries)
        self._splitting = any(entry.operation == splitting.SPLIT for entry in entries)
        for message in batch.messages():
            self.checkpoints.grew(len(message))
            identity = self._link.message_id()
            await self._sure(lambda m=message, i=identity: self._log.append(m, i, self.sequence, 5))
        applied = self._apply(batch, self.sequence)
        self._splitting = False
        for instance, answers in applied.items():
            if instance == self._link.instance:
                for answer in answers:
                    self.pending.answered(*_answer_of(answer))
            else:
                self._tell(instance, answers)
        self._working.difference_update(entry.id for entry in entries)
        self.pending.came_to(self.sequence)

    async def _give_up(self) -> None:
        """Let another node lead at once."""
        told = {**self._told(self.leading, True), "heir": self._heir}
        identity = self._link.message_id()
        await self._sure(lambda: self._log.append_lease(told, identity, self.sequence, 5))
        self.leading = 0
        self._lease_came(told)

    async def _renew(self) -> None:
        told, identity = self._told(self.leading), self._link.message_id()
        await self._sure(lambda: self._log.append_lease(told, identity, self.sequence, 5))
        self.checkpoints.named(told["checkpoint"])

    async def _sure(self, append: Any) -> None:
        """Append, again and again until it is acknowledged. Raises StaleError, also when the lease is long
        over: then the log says what became of it, to a follower."""
        sent = awake()  # of the first try: the one that was stored may be that
        while True:
            try:
                self.sequence = await append()
                self._lease_until = max(self._lease_until, sent + LEASE_S)
                return
            except (Lost, FullError) as error:
                logger.warning("the log of tables of %s takes nothing: %s", self.region, error)
                if awake() > sent + 3 * LEASE_S:
                    raise StaleError("the lease is over", "stale") from None
                await asyncio.sleep(0.2)

    def asked(self, sender: str, term: int, lowest: int, entries: list[Entry]) -> None:
        """Another node, or this one, wants something of the leader of `term`; its requests below the number
        `lowest` are done."""
        refused: list[bytes] = []
        seen = self._seen.setdefault(sender, Seen()) if self.leading == term else Seen()
        seen.drop(lowest)
        for entry in entries:
            if not term or self.leading != term:
                refused.append(_answer(entry.id, 0, (REFUSED, b"")))
            elif entry.kind == READ:
                self._read_for(sender, entry)
            elif entry.kind == DESCRIBE:
                self._keep(asyncio.create_task(self._control_for(sender, entry)))
            elif entry.id in self._controlled:
                self._tell(sender, [_answer(entry.id, 0, self._controlled[entry.id])])
            elif not seen.add(number_of(entry.id)):
                if entry.id not in self._working:
                    refused.append(_answer(entry.id, 0, (KNOWN, b"")))
            else:
                self._take(sender, entry)
        if refused:
            self._tell(sender, refused)

    def _take(self, sender: str, entry: Entry) -> None:
        self._working.add(entry.id)
        if starts(entry.kind):
            self._queue.append(entry)
            self._wake.set()
        else:
            self._keep(asyncio.create_task(self._control_for(sender, entry)))

    def _read_for(self, sender: str, entry: Entry) -> None:
        """Read now, or when the next append has proved that this node still leads."""
        answer = self.read(entry.operation, entry.body)
        if answer is not None:
            self._tell(sender, [_answer(entry.id, 0, answer)])
        elif self.leading:
            self._barriers.append(lambda: self._read_for(sender, entry))
            self._wake.set()

    async def _control_for(self, sender: str, entry: Entry) -> None:
        """An operation of the control plane, on a thread, as the leader of this term."""
        term, replica = self.leading, self.replica
        assert replica is not None
        waits = entry.kind == CONTROL or entry.operation == "DescribeContinuousBackups"
        if waits and self._resuming is not None:
            await asyncio.wait((self._resuming,))  # what an earlier leader was at is known then

        def run() -> Answer:
            try:
                if entry.operation.startswith("#"):
                    return self._managed(entry.operation, json.loads(entry.body))
                splitting.refuse(replica, entry.operation, entry.body)
                return replica.call_json(entry.operation, entry.body)
            except ApiError as error:
                return error.status, error_body(error)
            except Exception as error:
                logger.warning("%s stopped: %s", entry.operation, error)
                return unknown(f"{error}")

        answer = await asyncio.to_thread(self._acting.run, term, run)
        if self.publish is not None and self.leading == term:
            await self.publish(self)
        if self.leading != term:
            answer = (REFUSED, b"") if entry.kind == DESCRIBE else unknown("its leader was lost")
        elif entry.kind == CONTROL:
            self._controlled[entry.id] = answer
            if len(self._controlled) > _CONTROL_KEPT:
                self._controlled.pop(next(iter(self._controlled)))
        self._working.discard(entry.id)

        def tell() -> None:
            self._tell(sender, [_answer(entry.id, self.sequence, answer)])

        if entry.kind == DESCRIBE and self.leading and awake() >= self._lease_until:
            self._barriers.append(tell)
            self._wake.set()
        else:
            tell()
        if entry.operation == "#move" and answer[0] == 200:
            self._name_heir(json.loads(answer[1])["to"])

    def _managed(self, operation: str, told: dict[str, Any]) -> Answer:
        """"#split" at a hash, or in the middle; "#move" to a node; by the leader, on a thread."""
        replica = self.replica
        assert replica is not None
        if operation == "#split":
            at = replica.first + (replica.last - replica.first + 1) // 2 if told["at"] is None else told["at"]
            return self.order(splitting.SPLIT, {"at": at})
        if told["to"] not in self._nodes():
            return 400, json.dumps({"message": f"no node {told['to']!r} is in the cluster"}).encode()
        return 200, json.dumps({"range": self.range, "to": told["to"]}).encode()

    def _name_heir(self, node: str) -> None:
        """Let that node lead, once what has been answered is on its way."""
        if self.leading and node != self._name:
            self._heir = node
            self._wake.set()

    # -- between nodes -------------------------------------------------------------------------------

    def _to_leader(self, entries: list[Entry]) -> int:
        leader = self.leader
        if leader is None or not self.term:
            return 0
        if leader["instance"] == self._link.instance:
            self.asked(self._link.instance, self.term, self.pending.lowest(), entries)
        else:
            self._send(leader["instance"], "ask", [self._head(), *(entry.dump() for entry in entries)])
        return self.term

    def _tell(self, instance: str, answers: list[bytes]) -> None:
        if instance == self._link.instance:
            for answer in answers:
                self._link.soon(self.pending.answered, *_answer_of(answer))
        else:
            self._send(instance, "answer", [self._head(), *answers])

    def told(self, answers: list[bytes]) -> None:
        """The leader answers."""
        for answer in answers:
            self.pending.answered(*_answer_of(answer))

    def _head(self) -> bytes:
        return f"{self.account} {self.region} {self.range} {self.term} {self.pending.lowest()}".encode()

    async def _resume(self) -> None:
        """What the leader before this one was at goes on."""
        term, replica = self.leading, self.replica
        assert replica is not None
        try:
            await asyncio.to_thread(self._acting.run, term, replica.led)
        except Exception as error:
            logger.warning("what was begun for the tables of %s waits: %s", self.region, error)

    async def _passing_time(self) -> None:
        """The leader begins the shards of streams that are due, and forgets those that are a day old."""
        while True:
            await asyncio.sleep(_TEND_S)
            term, replica, now = self.leading, self.replica, self._clock.now()
            if not term or replica is None or not replica.streams.due(now):
                continue
            try:
                await asyncio.to_thread(self._acting.run, term, replica.pass_time, now)
            except Exception as error:  # it is due a second later too
                logger.warning("the streams of tables of %s stay as they are: %s", self.region, error)

    async def _looking(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_S)
            self.pending.look()

    def _keep(self, task: asyncio.Task[Any]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _failed(why: str) -> Answer:
    """A step of the control plane that was not done, or of which nobody knows."""
    return 400, json.dumps({"type": "ClosedError", "message": why}).encode()


def _answer(identity: str, sequence: int, answer: Answer) -> bytes:
    return b"%b %d %d\n%b" % (identity.encode(), answer[0], sequence, answer[1])


def _answer_of(data: bytes) -> tuple[str, int, int, bytes]:
    head, _, body = bytes(data).partition(b"\n")
    identity, status, sequence = head.decode().split(" ")
    return identity, int(status), int(sequence), body
