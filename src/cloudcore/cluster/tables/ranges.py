"""Ranges: the ranges of one account and region at this node, in the order of their hashes.

Which there are, their logs say: a range ends where the next one begins, and begins with an entry of the log
of the one that had its keys before. While a split is under way here, reads that any replica may answer are
answered by the range that had the keys; `version` tells who reads whether that changed meanwhile.
Thread rule: on the link's loop, but owner(), shown(), last_of() and what is plainly read.
"""

from __future__ import annotations

import asyncio
import logging
from bisect import bisect_right
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from cloudcore._table import set_bounds
from cloudcore.cluster.layout import ALL
from cloudcore.cluster.tables import splitting
from cloudcore.cluster.tables.entry import WRITE

if TYPE_CHECKING:
    from cloudcore._table import Tables
    from cloudcore.cluster.tables.range import Range
    from cloudcore.cluster.tables.replica import Replica

logger = logging.getLogger("cloudcore.cluster")
_LOOK_S = 0.05
_AGAIN_S = 0.5


class Ranges:
    """`make(range, seed)` gives this node's part in the log of a range, not begun; `root` has the hash 0, and
    the control plane."""

    def __init__(self, make: Callable[[str, int], Range]):
        self._make = make
        self.order: list[Range] = []
        self.all: dict[str, Range] = {}
        self.version = 0
        """Odd while what reads are to be answered by changes."""
        self._published: dict[str, tuple[int, int]] = {}
        self._turns: dict[str, asyncio.Lock] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.root = self._new(ALL, 0)
        self.root.publish = self._publish
        self.root.beside = self._beside

    @property
    def split(self) -> bool:
        """Whether there is more than one."""
        return len(self.order) > 1

    def owner(self, hash_: int) -> Range:
        """Whose log has requests for a hash."""
        order = self.order
        return order[bisect_right(order, hash_, key=lambda each: each.first) - 1]

    def last_of(self, range_: Range) -> int:
        """The last hash of a range, as far as this node knows."""
        after = [each.first for each in self.order if each.first > range_.first]
        return min(after) - 1 if after else splitting.LAST

    def now_ms(self) -> int:
        """By this node's clock, or that of a leader that goes before it."""
        replicas = (each.replica for each in self.order)
        heard = (replica.transactions.now_ms for replica in replicas if replica is not None)
        return max(self.root.now_ms(), *heard)

    def shown(self, hash_: int) -> Replica | None:
        """The replica here whose walks show a hash; None: none is ready."""
        for each in self.order:
            replica = each.whole()
            if replica is not None and replica.first <= hash_ <= replica.shown_last:
                return replica
        return None

    def start(self) -> None:
        """Begin."""
        self.root.start()

    def found(self, range_: str) -> None:
        """There is a log of that range."""
        if range_ not in self.all:
            self._new(range_, 0).start()

    async def stop(self) -> None:
        """Leave: other nodes may lead at once."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*(each.stop() for each in self.order), return_exceptions=True)

    def told_of(self) -> dict[str, dict[str, Any]]:
        """What this node says of its parts to the others."""
        return {each.range: each.told_of() for each in self.order}

    def _new(self, range_: str, seed: int) -> Range:
        made = self.all[range_] = self._make(range_, seed)
        made.on_split, made.owner = self._splits, self.owner
        self.order = sorted(self.all.values(), key=lambda each: each.first)
        return made

    def _beside(self) -> list[Tables]:
        found = (each.whole() for each in self.order[1:])
        return [replica.tables for replica in found if replica is not None]

    # -- splits ----------------------------------------------------------------------------------------

    def _splits(self, range_: Range, taken: splitting.Taken) -> None:
        """A range's replica here has come past a split."""
        replica = range_.replica
        assert replica is not None
        replica.settling += 1
        if taken.range not in self.all:
            self._new(taken.range, range_.seed)
        task = asyncio.create_task(self._settle(range_, replica, taken))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _settle(self, range_: Range, replica: Replica, taken: splitting.Taken) -> None:
        child = self.all[taken.range]
        try:
            async with self._turns.setdefault(range_.range, asyncio.Lock()):
                await self._derive(child, range_, taken)
                while not child.ready.is_set():
                    await asyncio.sleep(_LOOK_S)
                self.version += 1
                try:
                    splitting.narrow(replica, taken.first - 1)
                finally:
                    self.version += 1
                logger.info("%s of %s %s is here", taken.range, range_.account, range_.region)
                above = taken.first - 1
                await asyncio.to_thread(splitting.prune_above, replica, above, lambda: not range_.left)
                set_bounds(replica.tables, 0, splitting.LAST)
        except Exception:
            if range_.replica is replica and not range_.left:
                logger.exception("the split at %s is not done here", taken.range)
            child.start()  # it may begin with a checkpoint
        finally:
            taken.close()
        while child.checkpoints.newest is None:  # until then who begins needs the log of the range it was
            await asyncio.sleep(_AGAIN_S)
        replica.settling -= 1

    async def _derive(self, child: Range, range_: Range, taken: splitting.Taken) -> None:
        """Begin the new range here with what this node has of it."""
        if child.replica is None:
            child.seed = range_.seed
            made = child.made()
            try:
                await asyncio.to_thread(taken.derive, made)
                child.derived = made
            except Exception as error:  # no memory; it may begin with a checkpoint that another node makes
                made.close()
                logger.warning("%s cannot be made of what is here: %s", taken.range, error)
        child.start()

    # -- the control plane -----------------------------------------------------------------------------

    async def _publish(self, root: Range) -> None:
        """Have every range know the tables that the first one knows, before anybody is told of them."""
        replica, term = root.replica, root.leading
        if not self.split or replica is None:
            return
        version, body = replica.catalogue, splitting.catalogue_of(replica)
        await asyncio.gather(*(self._tell(root, each, term, version, body) for each in self.order[1:]))

    async def _tell(self, root: Range, child: Range, term: int, version: int, body: bytes) -> None:
        while root.leading == term and self._published.get(child.range, (0, -1)) < (term, version):
            known = child.replica
            if known is None or known.catalogue < version:
                answer = await asyncio.wrap_future(child.ask(WRITE, splitting.CATALOGUE, body))
                if answer[0] != 200:
                    await asyncio.sleep(_AGAIN_S)
                    continue
            self._published[child.range] = term, version
