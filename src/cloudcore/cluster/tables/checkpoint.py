"""Checkpoints: all tables as they were behind one batch of the log, in a stream of JetStream beside it.

    cc-checkpoints, subject cloudcore.checkpoints.ACCOUNT.REGION.RANGE.SEQUENCE-ID: the parts of one, in order

    8 bytes "cctabls2", blocks (dynamodb/recovery/blocks.py):
    "head"    JSON: {"sequence": of the batch, "time_ms": by the leader's clock, "spaces": the number of the
              next table, "changes": of the last change that followers may be told, "first", "last": hashes
              of the range, "catalogue": which tables are known (replica.py)}
    "name"    JSON: {"name", "space": its number, "description"}, for each table in the order of the numbers
    "item"    entries of that table, any number of these
    "feed"    changes of the last 24 hours that followers may be told (csrc/store/feed_copy.h), any number
    "end."    JSON: {"tables", "items"}

One of "cctabls1" has no numbers and no changes; a version that wrote those had no streams of tables.

The leader makes one, names it in a lease (`Keeper.told`), and drops what the log holds in front of it: behind
that lease nobody needs it, and whoever has not read so far begins anew, from the checkpoint.
Thread rule: coroutines on the link's loop; files are written and read on threads.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import tempfile
from collections.abc import Callable, Coroutine
from typing import Any, BinaryIO, cast

from cloudcore._table import (
    FeedCopy,
    Snapshot,
    Tables,
    begin_feed,
    feed_state,
    load,
    next_space,
    set_time,
    skip_spaces,
    space_id,
    take_feed,
)
from cloudcore.cluster.layout import ALL, CHECKPOINTS, checkpoint_subject, tables_log, tables_subject
from cloudcore.cluster.link import Link, end, is_transient
from cloudcore.cluster.tables import parts
from cloudcore.cluster.tables.replica import TOKENS, Replica
from cloudcore.dynamodb.recovery.blocks import corrupt, read_block, write_block
from cloudcore.dynamodb.recovery.catalogue import SPACE
from cloudcore.errors import CloudcoreError, CorruptError, FullError

logger = logging.getLogger("cloudcore.cluster")
LOG_BYTES = int(os.environ.get("CLOUDCORE_CHECKPOINT_BYTES", str(64 << 20)))
"""A log that is shorter than this, or than its checkpoint, is not worth another one."""
_MAGIC, _EARLIER = b"cctabls2", b"cctabls1"
_BLOCK_BYTES = 1 << 18
_IN_MEMORY = 32 << 20
_AGAIN_S = 10.0


class Taken:
    """The tables as they are now, to be read while the replica goes on; made between two batches."""

    def __init__(self, replica: Replica):
        tables = replica.tables
        self.tables: list[tuple[int, str, bytes, Snapshot]] = []
        self.feed = FeedCopy(tables)
        self.head = {"spaces": next_space(tables), "changes": self.feed.last}
        try:
            for name in (TOKENS, SPACE, *tables.names()):
                described, space = tables.describe(name), space_id(tables, name)
                if described is not None and space is not None:
                    self.tables.append((space, name, described[0], Snapshot(tables, name)))
        except BaseException:
            self.close()
            raise
        self.tables.sort(key=lambda each: each[0])

    def close(self) -> None:
        """Give back what was kept. Idempotent."""
        self.feed.close()
        for *_, snapshot in self.tables:
            snapshot.close()


def write(file: BinaryIO, head: dict[str, Any], taken: Taken) -> int:
    """Write a checkpoint; its bytes. What was taken is closed as soon as it is read."""
    try:
        file.write(_MAGIC)
        write_block(file, b"head", json.dumps(head | taken.head).encode())
        items = 0
        for space, name, description, snapshot in taken.tables:
            told = {"name": name, "space": space, "description": description.decode()}
            write_block(file, b"name", json.dumps(told).encode())
            with snapshot:
                while (read := snapshot.read(_BLOCK_BYTES))[1]:
                    write_block(file, b"item", *read)
                    items += read[1]
        while (changes := taken.feed.read(_BLOCK_BYTES))[1]:
            write_block(file, b"feed", *changes)
        write_block(file, b"end.", json.dumps({"tables": len(taken.tables), "items": items}).encode())
        return file.tell()
    finally:
        taken.close()


def read(file: BinaryIO, tables: Tables) -> dict[str, Any]:
    """Fill tables that are empty; the head. Raises CorruptError."""
    where = "the checkpoint"
    if file.read(len(_MAGIC)) not in (_MAGIC, _EARLIER):
        raise corrupt(file, where, "it has a format that this version does not know")
    kind, raw, _ = read_block(file, where)
    head: dict[str, Any] = json.loads(raw)
    name, items = "", 0
    described: dict[str, bytes] = {}
    while kind != b"end.":
        kind, raw, _ = read_block(file, where)
        if kind == b"name":
            told = json.loads(raw)
            name = told["name"]
            described[name] = told["description"].encode()
            if name != TOKENS:  # a replica has it from the start
                skip_spaces(tables, told.get("space", next_space(tables)))
                Tables.create(tables, name, _unfollowed(described[name]))
        elif kind == b"item":
            items += load(tables, name, raw)
        elif kind == b"feed":
            take_feed(tables, raw)
    if json.loads(raw) != {"tables": len(described), "items": items} or file.read(1):
        raise corrupt(file, where, "its end does not match what it holds")
    _follow_on(tables, head, described)
    set_time(tables, head["time_ms"])
    return head


def _unfollowed(description: bytes) -> bytes:
    """A description of a table of which nobody is told while it is filled."""
    stored = json.loads(description)
    return json.dumps({member: value for member, value in stored.items() if member != "Feed"}).encode()


def _follow_on(tables: Tables, head: dict[str, Any], described: dict[str, bytes]) -> None:
    """From here on changes are numbered as they are by the replica that the checkpoint was made of."""
    last = head.get("changes", 0)
    if last and feed_state(tables)[0] != last:  # those up to there are older than a day
        begin_feed(tables, last)
    for name, description in described.items():
        if b'"Feed"' in description:
            Tables.set_description(tables, name, description)
    skip_spaces(tables, head.get("spaces", next_space(tables)))


class Keeper:
    """The checkpoints of one log. `newest`: what the log names, {"sequence", "id", "parts", "bytes"};
    `wake()`: another one is there to be named."""

    def __init__(
        self, link: Link, account: str, region: str, wake: Callable[[], None], range_: str = ALL
    ):
        self._link, self._place, self._wake = link, (account, region), wake
        self._range = range_
        self.newest: dict[str, Any] | None = None
        self.made: dict[str, Any] | None = None
        self._grown = 0  # bytes of the log behind the newest one, as far as this node has seen
        self._not_before = 0.0
        self._writing: asyncio.Task[None] | None = None
        self._shortening: asyncio.Task[None] | None = None

    def grew(self, size: int) -> None:
        """A message of the log came by."""
        self._grown += size

    @property
    def told(self) -> dict[str, Any] | None:
        """What the next lease says: the one that was just made, else the newest one."""
        return self.made if self.made is not None and self.made["sequence"] > self.sequence else self.newest

    def heard(self, told: dict[str, Any] | None) -> None:
        """A lease names a checkpoint."""
        if told is not None and told["sequence"] > self.sequence:
            self.newest, self._grown = told, 0

    @property
    def sequence(self) -> int:
        """Of the batch behind which the newest one is; 0 without one."""
        return int(self.newest["sequence"]) if self.newest else 0

    # -- the leader's ----------------------------------------------------------------------------------

    def tend(self, replica: Replica, time_ms: int) -> None:
        """Begin one, if the log has grown enough; between two batches."""
        least = max(LOG_BYTES, self.newest["bytes"] if self.newest else 0)
        if self._range != ALL and self.newest is None:
            least = 0  # a node that starts later finds it in no other way
        busy = self._writing is not None or self.made is not None or self._link.now() < self._not_before
        busy = busy or replica.settling > 0
        if busy or self._grown < least or replica.after <= self.sequence:
            return
        try:
            taken = Taken(replica)
        except CloudcoreError as error:  # no memory
            logger.warning("no checkpoint of the tables of %s: %s", self._place[1], error)
            self._not_before = self._link.now() + _AGAIN_S
            return
        head = {"sequence": replica.after, "time_ms": time_ms, **replica.part()}
        self._writing = asyncio.create_task(self._write(head, taken, self._grown))
        self._grown = 0

    def named(self, told: dict[str, Any] | None) -> None:
        """A lease that says `told` is in the log: what is in front of a new one may go."""
        if told is not None and told is self.made:
            self.newest, self.made = told, None
            self._shortening = asyncio.create_task(self._shorten(self.sequence))

    def leave(self) -> Coroutine[Any, Any, None]:
        """This node leads no longer: what it was at is dropped at once; await what this returns."""
        tasks = [task for task in (self._writing, self._shortening) if task is not None]
        self._writing = self._shortening = self.made = None
        return end(*tasks)

    async def _write(self, head: dict[str, Any], taken: Taken, grown: int) -> None:
        identity = f"{head['sequence']}-{self._link.message_id()}"
        began = self._link.now()
        try:
            with tempfile.SpooledTemporaryFile(_IN_MEMORY) as file:
                size = await asyncio.to_thread(write, cast(BinaryIO, file), head, taken)
                await asyncio.to_thread(file.seek, 0)
                await self._open()
                count = await parts.put(self._link, self._subject(identity), cast(BinaryIO, file))
        except Exception as error:  # the log grows on; another try is made
            if not is_transient(error) and not isinstance(error, FullError):
                logger.exception("no checkpoint of the tables of %s", self._place[1])
            else:
                logger.warning("no checkpoint of the tables of %s: %s", self._place[1], error)
            self._grown += grown
            self._not_before = self._link.now() + _AGAIN_S
        else:
            if self._writing is not asyncio.current_task():
                return
            self.made = {"sequence": head["sequence"], "id": identity, "parts": count, "bytes": size}
            logger.info("a checkpoint of the tables of %s behind %d: %d bytes, %.1f s", self._place[1],
                        head["sequence"], size, self._link.now() - began)  # fmt: skip
            self._wake()
        finally:
            if self._writing is asyncio.current_task():
                self._writing = None

    def _subject(self, identity: str) -> str:
        return checkpoint_subject(*self._place, identity, self._range)

    async def _open(self) -> None:
        from nats.js.api import DiscardPolicy

        every = checkpoint_subject("*", "*", "*", "*")
        info = await self._link.ensure(CHECKPOINTS, every, discard=DiscardPolicy.NEW)
        if info.config.subjects != [every]:  # it was made before there were ranges
            info.config.subjects = [every]
            await self._link.until(lambda: self._link.js.update_stream(info.config), 20)

    async def _shorten(self, sequence: int) -> None:
        """Drop what is in front of a checkpoint that the log names: batches, and older checkpoints."""
        js = self._link.js
        log = tables_log(*self._place, self._range)
        requests = f"{tables_subject(*self._place, self._range)}.requests"
        try:
            await self._link.until(lambda: js.purge_stream(log, seq=sequence + 1, subject=requests), 60)
            # One of a later sequence is another leader's: this node may have been deposed meanwhile.
            older = lambda word: int(word.partition("-")[0]) < sequence  # noqa: E731
            await parts.purge(self._link, CHECKPOINTS, self._subject("*"), older)
        except Exception as error:  # the next one does it
            logger.warning("the log of tables of %s is not shortened: %s", self._place[1], error)

    # -- who begins ------------------------------------------------------------------------------------

    async def fill(self, replica: Replica) -> int:
        """Fill an empty replica from the newest checkpoint; its time. Raises Lost when it is gone, because
        there is a newer one."""
        assert self.newest is not None
        told = self.newest
        with tempfile.SpooledTemporaryFile(_IN_MEMORY) as file:
            subject = self._subject(told["id"])
            await parts.get(self._link, CHECKPOINTS, subject, told["parts"], cast(BinaryIO, file))
            await asyncio.to_thread(file.seek, 0)
            try:
                head = await asyncio.to_thread(read, cast(BinaryIO, file), replica.tables)
            except CorruptError as error:
                raise ValueError(str(error)) from None
        replica.filled()
        replica.after = int(head["sequence"])
        replica.is_part(head)
        return int(head["time_ms"])
