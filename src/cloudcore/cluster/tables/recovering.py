"""Recovering: transactions over several ranges whose coordinator is gone, or is slow, are brought to an end.

The leader of a range looks at what was prepared or decided in it for some seconds. Of what was prepared, the
range that decides is asked, which from then on does not decide otherwise; of what was decided, the others are
told. Whoever brings it to its end, and how often, it is the same end.
Thread rule: on the link's loop.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from cloudcore.cluster.tables.entry import WRITE
from cloudcore.cluster.tables.transacting import FINISH, FORGET, RESOLVE, Part, packed, unpacked

if TYPE_CHECKING:
    from cloudcore.cluster.tables.range import Range

_LOOK_S = 0.5
_OLD_S = 2.0
_AT_ONCE = 100


async def run(range_: Range) -> None:
    """Look after a range, whenever this node leads it."""
    since: dict[str, float] = {}
    while True:
        await asyncio.sleep(_LOOK_S)
        replica = range_.replica if range_.leading else None
        if replica is None:
            since.clear()
            continue
        found, now = replica.transactions, asyncio.get_running_loop().time()
        known = {*found.prepared, *found.decided}
        since = {txn: since.get(txn, now) for txn in known}
        old = [txn for txn, first in since.items() if now > first + _OLD_S][:_AT_ONCE]
        prepared = [_prepared(range_, txn, found.prepared[txn]) for txn in old if txn in found.prepared]
        decided = [_decided(range_, txn, found.decided[txn]) for txn in old if txn in found.decided]
        await asyncio.gather(*prepared, *decided)


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
