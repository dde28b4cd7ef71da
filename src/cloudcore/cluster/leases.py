"""Leases: keys that go by themselves when nobody renews them; who is there, and who leads what.

A lease is a convenience, never a proof: what must not be done twice is fenced by JetStream's sequences. So
neither a stalled node nor a clock that jumps can do harm by believing in one that is over.
Thread rule: coroutines on the link's loop.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from cloudcore.cluster.layout import LEASE_S, LEASES
from cloudcore.cluster.link import Link

_TURN_S = 0.5  # between those who might take what nobody has


class Leases:
    """The bucket of leases."""

    def __init__(self, link: Link):
        self._link = link
        self._bucket: Any = None

    async def open(self) -> None:
        """Make the bucket if it is absent."""
        from nats.js.api import KeyValueConfig, StorageType
        from nats.js.errors import BadRequestError

        config = KeyValueConfig(
            bucket=LEASES, ttl=LEASE_S, storage=StorageType.MEMORY, replicas=self._link.replicas
        )
        try:
            self._bucket = await self._link.until(lambda: self._link.js.create_key_value(config), 20)
        except BadRequestError:  # it is there, with other replicas
            self._bucket = await self._link.made(lambda: self._link.js.key_value(LEASES), 20)

    async def read(self) -> dict[str, dict[str, Any]]:
        """Every lease that lasts: key -> what its holder says."""
        return {key: json.loads(value) for key, (value, _) in (await self._link.snapshot(LEASES)).items()}

    async def find(self, key: str) -> dict[str, Any] | None:
        """What the holder of a lease says; None when nobody has it."""
        from nats.js.errors import KeyNotFoundError

        try:
            return dict(json.loads((await self._bucket.get(key)).value))
        except KeyNotFoundError:
            return None

    async def take(self, key: str, value: dict[str, Any]) -> Lease | None:
        """The lease, if nobody has it."""
        from nats.js.errors import KeyNotFoundError, KeyWrongLastSequenceError

        try:
            revision = await self._bucket.create(key, json.dumps(value).encode())
        except (KeyWrongLastSequenceError, KeyNotFoundError):  # it was there, and went as it was looked at
            return None
        return Lease(self._link, self._bucket, key, revision)


class Lease:
    """A lease that this node holds."""

    def __init__(self, link: Link, bucket: Any, key: str, revision: int):
        self.key = key
        self._link, self._bucket, self._revision = link, bucket, revision
        self._until = link.now() + LEASE_S

    @property
    def sure(self) -> bool:
        """Whether nobody else can have it yet."""
        return self._link.now() < self._until

    async def renew(self, value: dict[str, Any]) -> bool:
        """Hold it for longer; False when it is lost. One that could not be renewed in time is lost too."""
        from nats.js.errors import KeyWrongLastSequenceError

        from cloudcore.cluster.link import is_transient

        asked = self._link.now()
        try:
            self._revision = await self._bucket.update(self.key, json.dumps(value).encode(), self._revision)
        except KeyWrongLastSequenceError:
            return False
        except Exception as error:
            if not is_transient(error):
                raise
            return self._link.now() < self._until
        self._until = asked + LEASE_S
        return True

    async def give_up(self) -> None:
        """Let somebody else have it at once."""
        await self._bucket.delete(self.key, last=self._revision)


class Turns:
    """When a node may take what nobody has. Each thing has an order of its own, so that things spread."""

    def __init__(self, link: Link, name: str):
        self._link, self._name = link, name
        self._since: dict[str, float] = {}

    def mine(self, what: str, held: bool, nodes: list[str]) -> bool:
        """Whether this node may take it now; `held`: somebody has it."""
        if held:
            self._since.pop(what, None)
            return False
        since = self._since.setdefault(what, self._link.now())
        order = in_turn(nodes, what)
        turn = order.index(self._name) if self._name in order else len(order)
        return self._link.now() >= since + turn * _TURN_S

    def took(self, what: str) -> None:
        """It is taken."""
        self._since.pop(what, None)


def in_turn(nodes: Iterable[str], what: str) -> list[str]:
    """Nodes in the order in which they stand for something: another one for each, the same at every node."""
    return sorted(nodes, key=lambda node: hashlib.sha256(f"{what}/{node}".encode()).digest())
