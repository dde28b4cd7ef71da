"""Recovering: transactions over several ranges whose coordinator is gone, or is slow, are brought to an end.

The leader of a range looks at what was prepared or decided in it for some seconds. Of what was prepared, the
range that decides is asked, which from then on does not decide otherwise; of what was decided, the others are
told. Whoever brings it to its end, and how often, it is the same end.
Thread rule: on the link's loop.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from cloudcore.cluster.tables.entry import WRITE
from cloudcore.cluster.tables.transacting import (
    FINISH,
    FORGET,
    RESOLVE,
    Part,
    Transactions,
    packed,
    unpacked,
)

if TYPE_CHECKING:
    from cloudcore.cluster.tables.range import Range

logger = logging.getLogger("cloudcore.cluster")
_LOOK_S = 0.5
_OLD_S = 2.0
_AT_ONCE = 100


async def run(range_: Range) -> None:
    """Look after a range, whenever this node leads it."""
    since: dict[str, float] = {}
    ending: set[str] = set()
    async with asyncio.TaskGroup() as tasks:
        while True:
            await asyncio.sleep(_LOOK_S)
            replica = range_.replica if range_.leading else None
            if replica is None:
                since.clear()
                continue
            found, now = replica.transactions, asyncio.get_running_loop().time()
            since = {txn: since.get(txn, now) for txn in (*found.prepared, *found.decided)}
            old = [txn for txn, first in since.items() if now > first + _OLD_S and txn not in ending]
            for txn in old[: _AT_ONCE - len(ending)]:
                ending.add(txn)
                tasks.create_task(_ended(range_, found, txn)).add_done_callback(
                    lambda _, txn=txn: ending.discard(txn)  # type: ignore[misc]
                )


async def _ended(range_: Range, found: Transactions, txn: str) -> None:
    try:
        if (part := found.prepared.get(txn)) is not None:
            await _prepared(range_, txn, part)
        if (others := found.decided.get(txn)) is not None:
            await _decided(range_, txn, others)
    except Exception:  # it is looked at again
        logger.exception("transaction %s is not brought to its end", txn)


async def _prepared(range_: Range, txn: str, part: Part) -> None:
    commit = False
    if not part.reads:
        told = {"txn": txn, "hash": part.at, "until": part.until}
        answer = await _asked(range_.owner(part.at), RESOLVE, told)
        if answer is None:
            return
        commit = answer["commit"]
    await _asked(range_, FINISH, {"txn": txn, "commit": commit})


async def _decided(range_: Range, txn: str, others: list[int]) -> None:
    for each in others:
        told = {"txn": txn, "hash": each, "commit": True}
        if await _asked(range_.owner(each), FINISH, told) is None:
            return
    await _asked(range_, FORGET, {"txn": txn})


async def _asked(range_: Range, operation: str, told: dict[str, Any]) -> dict[str, Any] | None:
    """What the range says; None: it does not, now."""
    status, body = await asyncio.wrap_future(range_.ask(WRITE, operation, packed(told)))
    return unpacked(body)[0] if status == 200 else None
