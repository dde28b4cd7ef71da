"""Blobs: bytes by their SHA-256, in a stream of JetStream.

    cloudcore.blobs.HASH.N    part N of at most half a MiB; part 0 is written last and says how many there are

A blob is there when its part 0 is. One that is put again while it is there is young again, so that sweep(),
which takes what is old and what nobody names, takes none of which the name is on its way.
Thread rule: coroutines on the link's loop.
"""

from __future__ import annotations

import datetime
import hashlib
from typing import Any

from cloudcore.cluster.layout import BLOBS, blob_subject
from cloudcore.cluster.link import Link, Lost, Reader
from cloudcore.errors import CorruptError

_PART = 1 << 19
_PARTS = "Cc-Parts"
_PUT_S, _GET_S = 20.0, 30.0
OLD_S = 3600.0


class Blobs:
    """All blobs of a cluster."""

    def __init__(self, link: Link):
        self._link = link
        self._made = False

    async def put(self, data: bytes) -> str:
        """Keep bytes; their SHA-256 in hex. Raises Lost, FullError."""
        name = hashlib.sha256(data).hexdigest()
        await self._make()
        head = await self._head(name)
        count = max(1, -(-len(data) // _PART))
        if head is not None and _age_s(head) < OLD_S / 2:
            return name
        for part in reversed(range(count if head is None else 1)):
            piece = data[part * _PART : (part + 1) * _PART]
            await self._link.append(blob_subject(name, part), piece, {_PARTS: str(count)}, _PUT_S)
        return name

    async def sweep(self, keep: set[str], old_s: float) -> int:
        """Forget the blobs that are not in `keep` and older than `old_s`; how many. Raises Lost."""
        await self._make()
        info = await self._link.until(
            lambda: self._link.js.stream_info(BLOBS, subjects_filter=blob_subject("*", 0)), 10
        )
        swept = 0
        for subject in info.state.subjects or ():
            name = subject.split(".")[2]
            if name in keep:
                continue
            head = await self._head(name)
            if head is not None and _age_s(head) > old_s:
                await self._link.until(
                    lambda name=name: self._link.js.purge_stream(BLOBS, subject=blob_subject(name, "*")), 10
                )
                swept += 1
        return swept

    async def get(self, name: str) -> bytes:
        """The bytes. Raises KeyError when they are not there, Lost, CorruptError."""
        await self._make()
        head = await self._head(name)
        if head is None:
            raise KeyError(name)
        count = int(head.headers[_PARTS])
        data: bytes = await self._link.until(lambda: self._read(name, count), _GET_S)
        if hashlib.sha256(data).hexdigest() != name:
            raise CorruptError(f"the bytes of {name} in the cluster are not those", "corrupt")
        return data

    async def _read(self, name: str, count: int) -> bytes:
        from nats.js.api import DeliverPolicy

        parts: dict[int, bytes] = {}
        async with Reader(
            self._link, BLOBS, deliver_policy=DeliverPolicy.ALL, filter_subject=blob_subject(name, "*")
        ) as reader:
            while len(parts) < count:
                messages = await reader.next(min(16, count - len(parts)), 2.0)
                if not messages:
                    raise Lost(f"parts of {name} are missing")  # a replica that is behind
                for message in messages:
                    parts[int(message.subject.rpartition(".")[2])] = message.data
        return b"".join(parts[at] for at in range(count))

    async def _head(self, name: str) -> Any:
        return await self._link.newest(BLOBS, blob_subject(name, 0))

    async def _make(self) -> None:
        if self._made:
            return
        await self._link.ensure(BLOBS, blob_subject("*", "*"), max_msgs_per_subject=1)
        self._made = True


def _age_s(message: Any) -> float:
    """Seconds since JetStream stored a message, by this machine's clock."""
    return (datetime.datetime.now(datetime.UTC) - message.time).total_seconds()
