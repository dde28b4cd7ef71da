"""TableLog: the stream of JetStream that orders the requests of an account's tables in a region.

Thread rule: coroutines on the link's loop.
"""

from __future__ import annotations

import json
import secrets
from typing import Any

from cloudcore.cluster.layout import ALL, tables_log, tables_subject
from cloudcore.cluster.link import Link, Reader


class TableLog:
    """One log. `seed`: of the hashes of every replica; 0 before open(), unless it is that of the range from
    which this one was split."""

    def __init__(self, link: Link, account: str, region: str, range_: str = ALL, seed: int = 0):
        self._link = link
        self.name = tables_log(account, region, range_)
        subject = tables_subject(account, region, range_)
        self.requests, self.lease = f"{subject}.requests", f"{subject}.lease"
        self._subjects = f"{subject}.>"
        self.seed = seed

    async def open(self) -> int:
        """Make it, if it is absent; its last sequence."""
        from nats.js.api import DiscardPolicy

        info = await self._link.ensure(
            self.name, self._subjects, discard=DiscardPolicy.NEW, allow_rollup_hdrs=True, deny_delete=True,
            metadata={"cloudcore-seed": str(self.seed or secrets.randbits(63) | 1)},
        )  # fmt: skip
        self.seed = int((info.config.metadata or {})["cloudcore-seed"])
        return int(info.state.last_seq)

    async def last(self) -> int:
        """The last sequence."""
        return int((await self._link.until(lambda: self._link.js.stream_info(self.name), 10)).state.last_seq)

    async def append(self, message: bytes, identity: str, fence: int, seconds: float) -> int:
        """Append a part of a batch behind the message `fence`; its sequence. It may be tried again with
        the same `identity`. Raises StaleError, FullError, Lost."""
        return await self._link.append(
            self.requests, message, {"Nats-Msg-Id": identity}, seconds, fence=fence
        )

    async def append_lease(self, told: dict[str, Any], identity: str, fence: int, seconds: float) -> int:
        """Append a lease, in the place of the one before it. As append()."""
        headers = {"Nats-Msg-Id": identity, "Nats-Rollup": "sub"}
        return await self._link.append(self.lease, json.dumps(told).encode(), headers, seconds, fence=fence)

    async def lease_now(self) -> tuple[dict[str, Any], int] | None:
        """The last lease and its sequence."""
        message = await self._link.newest(self.name, self.lease)
        return None if message is None else (json.loads(message.data), int(message.seq))

    def reader(self, first: int) -> Reader:
        """Reads from a sequence on."""
        from nats.js.api import DeliverPolicy

        return Reader(
            self._link, self.name, deliver_policy=DeliverPolicy.BY_START_SEQUENCE, opt_start_seq=first
        )
