"""Time to live on a cluster: the leader looks for items that have expired in its own replica, and orders that
each be deleted if it still has. So an item goes at one place of the log, for all replicas, by one clock; its
record in the table's stream says that time to live took it.

AWS deletes within days; here it takes about a second, or a sweep in big tables, and a sweep takes a
twentieth of a core at most, as on one machine (dynamodb/expiry.py).
Thread rule: run() on the link's loop; it looks on a thread.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any

from cloudcore.cluster.tables.entry import EXPIRE
from cloudcore.cluster.tables.pending import Answer
from cloudcore.cluster.tables.replica import Replica
from cloudcore.dynamodb.expiry import AGE_MAX_SECONDS, PAUSE_SECONDS, SHARE
from cloudcore.errors import CloudcoreError

logger = logging.getLogger("cloudcore.cluster")
_LOOK = 1000  # items in one turn of the store's lock
_AT_ONCE = 100
_EXPIRED = "#t < :now AND #t >= :first"
Ask = Callable[[str, str, bytes], "Future[Answer]"]


async def run(leading: Callable[[], Replica | None], now: Callable[[], float], ask: Ask) -> None:
    """Sweep, whenever this node leads: leading() is its replica then."""
    pause = PAUSE_SECONDS
    while True:
        await asyncio.sleep(pause)
        replica, looked, pause = leading(), 0.0, PAUSE_SECONDS
        if replica is None:
            continue
        try:
            for table, attribute in watched(replica):
                looked += await _sweep(leading, replica, table, attribute, int(now()), ask)
        except CloudcoreError as error:
            logger.warning("expired items were not deleted: %s", error)
        pause = max(PAUSE_SECONDS, looked / SHARE)


def watched(replica: Replica) -> list[tuple[str, str]]:
    """Tables with a time to live, and its attribute."""
    found = []
    for name in replica.tables.names():
        described = replica.tables.describe(name)
        if described is not None and b'"TimeToLive"' in described[0]:
            attribute = json.loads(described[0]).get("TimeToLive")
            if attribute:
                found.append((name, str(attribute)))
    return found


async def _sweep(
    leading: Callable[[], Replica | None], replica: Replica, table: str, attribute: str, now: int, ask: Ask
) -> float:
    """One table; the seconds that looking took, without those that the log took."""
    condition = {
        "ExpressionAttributeNames": {"#t": attribute},
        "ExpressionAttributeValues": {":now": {"N": str(now)}, ":first": {"N": str(now - AGE_MAX_SECONDS)}},
    }
    pages = _expired(replica, table, condition)
    looked, began = 0.0, time.monotonic()
    while (keys := await asyncio.to_thread(next, pages, None)) is not None:
        looked += time.monotonic() - began
        for first in range(0, len(keys), _AT_ONCE):
            if leading() is not replica:
                return looked
            asked = [
                ask(EXPIRE, "DeleteItem", json.dumps(
                    {"TableName": table, "Key": key, "ConditionExpression": _EXPIRED, **condition}).encode())
                for key in keys[first : first + _AT_ONCE]
            ]  # fmt: skip
            await asyncio.gather(*(asyncio.wrap_future(each) for each in asked))
        began = time.monotonic()
    return looked + time.monotonic() - began


def _expired(replica: Replica, table: str, condition: dict[str, Any]) -> Iterator[list[dict[str, Any]]]:
    """Keys of items that have expired, page by page."""
    described = replica.tables.describe(table)
    if described is None:
        return
    names = [element["AttributeName"] for element in json.loads(described[0])["KeySchema"]]
    scan: dict[str, Any] = {"TableName": table, "Limit": _LOOK, "FilterExpression": _EXPIRED, **condition}
    while True:
        status, body = replica.tables.call_json("Scan", json.dumps(scan).encode())
        if status != 200:  # the table went meanwhile
            return
        page = json.loads(body)
        if page["Items"]:
            yield [{name: item[name] for name in names} for item in page["Items"]]
        if "LastEvaluatedKey" not in page:
            return
        scan["ExclusiveStartKey"] = page["LastEvaluatedKey"]
