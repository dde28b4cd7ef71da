"""Versions: all nodes that follow one log run one version of cloudcore, because another one may answer a
request otherwise, and its replica would be another.

A lease says the version of its leader. A node of an older version stands aside: it does not understand what
comes. One of a newer version does so too, until nobody leads any more; then it may lead, and from its lease
on those of the older version stand aside.
Thread rule: on the link's loop; `refused` from anywhere.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from typing import Any

from cloudcore.cluster.layout import LEASE_S, VERSION
from cloudcore.cluster.link import is_transient
from cloudcore.cluster.tables.log import TableLog
from cloudcore.errors import CloudcoreError

logger = logging.getLogger("cloudcore.cluster")
_LOOK_S = 1.0
_BEFORE = "0"
"""What a lease that says none is of."""


class Foreign(CloudcoreError):
    """The leader of a log runs another version."""


class Versions:
    """Which leases a node of this version follows. `refused`: why it follows none; None: it does."""

    def __init__(self) -> None:
        self.refused: str | None = None
        self._past = 0  # leases of older versions up to here are history: nobody leads any more

    def check(self, told: dict[str, Any], sequence: int) -> None:
        """A lease came by. Raises Foreign."""
        theirs = str(told.get("version", _BEFORE))
        if theirs == VERSION or (sequence <= self._past and _order(theirs) < _order(VERSION)):
            return
        raise Foreign(f"the tables are led by cloudcore {theirs}, and this node is {VERSION}")

    async def stand_aside(self, why: Foreign, log: TableLog) -> None:
        """Until the leader is of this version, or of an older one and gone."""
        self.refused = str(why)
        logger.error("this node answers for no table: %s", why)
        seen, since = -1, time.monotonic()
        while True:
            await asyncio.sleep(_LOOK_S)
            try:
                last, lease = await log.last(), await log.lease_now()
            except Exception as error:
                if not is_transient(error):
                    raise
                continue
            if last != seen:
                seen, since = last, time.monotonic()
            theirs = VERSION if lease is None else str(lease[0].get("version", _BEFORE))
            gone = lease is not None and lease[0].get("vacant")
            quiet = gone or time.monotonic() > since + 2 * LEASE_S
            if theirs == VERSION or (quiet and _order(theirs) < _order(VERSION)):
                self._past, self.refused = last, None
                return


def _order(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version))
