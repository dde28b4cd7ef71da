"""Courier: messages from node to node over plain NATS, of any size. They may be lost; who waits, asks again.

    KIND FROM NUMBER PART PARTS \\n bytes

Thread rule: on the link's loop.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable
from typing import Any

from cloudcore.cluster.layout import node_subject
from cloudcore.cluster.link import Link

_PART_MAX = (1 << 20) - 4096
_KEPT = 256  # messages of which parts are missing


class Courier:
    """Sends, and hands what comes to `take(kind, from, bytes)`; nodes are called by
    the instances of their links."""

    def __init__(self, link: Link, take: Callable[[str, str, bytes], None]):
        self._link, self._take = link, take
        self._numbers = itertools.count(1)
        self._parts: dict[tuple[str, str], list[bytes | None]] = {}
        self._subscription: Any = None

    async def open(self) -> None:
        """Begin to take."""
        subject = node_subject(self._link.instance)
        self._subscription = await self._link.nc.subscribe(
            subject, cb=self._came, pending_bytes_limit=512 << 20
        )

    async def close(self) -> None:
        """Take no more."""
        with contextlib.suppress(Exception):
            await self._subscription.unsubscribe()

    async def send(self, to: str, kind: str, data: bytes) -> None:
        """Send; what cannot be sent now is lost."""
        number, count = next(self._numbers), max(1, -(-len(data) // _PART_MAX))
        for part in range(count):
            head = f"{kind} {self._link.instance} {number} {part} {count}\n".encode()
            piece = data[part * _PART_MAX : (part + 1) * _PART_MAX]
            with contextlib.suppress(Exception):
                await self._link.nc.publish(node_subject(to), head + piece)

    async def _came(self, message: Any) -> None:
        try:
            head, _, data = message.data.partition(b"\n")
            kind, sender, number, part, count = head.decode("ascii").split(" ")
            at, parts = int(part), int(count)
        except ValueError:
            return  # somebody else writes to this subject
        if parts > 1:
            found = self._parts.setdefault((sender, number), [None] * parts)
            found[at] = data
            if len(self._parts) > _KEPT:
                self._parts.pop(next(iter(self._parts)))
            whole = [one for one in found if one is not None]
            if len(whole) < parts:
                return
            del self._parts[sender, number]
            data = b"".join(whole)
        self._take(kind, sender, data)
