"""Catalogue: the descriptions of delivery streams, the same for all nodes.

A description is what stream.json holds on one machine, with its revision as "Revision"; a write names the
revision that it replaces, so that of two nodes that change a stream at the same time one is refused. Reads
are from memory, which is never older than a second or so; what is not there is asked for.
Thread rule: coroutines on the link's loop; find() and all() from anywhere.
"""

from __future__ import annotations

import json
from typing import Any

from cloudcore.cluster.layout import (
    ACK_WAIT_S,
    CATALOGUE,
    CONSUMER,
    catalogue_key,
    log_of,
    log_subject,
    of_catalogue_key,
    plans_of,
    plans_subject,
)  # fmt: skip
from cloudcore.cluster.link import Link
from cloudcore.errors import StaleError

Place = tuple[str, str, str]
"""Account, region, name."""
_STREAM = f"KV_{CATALOGUE}"


class Catalogue:
    """All delivery streams of the cluster."""

    def __init__(self, link: Link):
        self._link = link
        self._bucket: Any = None
        self._known: dict[Place, dict[str, Any]] = {}
        self._seen = -1

    async def open(self) -> None:
        """Make the bucket if it is absent."""
        from nats.js.api import KeyValueConfig
        from nats.js.errors import BadRequestError

        config = KeyValueConfig(bucket=CATALOGUE, replicas=self._link.replicas)
        try:
            self._bucket = await self._link.until(lambda: self._link.js.create_key_value(config), 20)
        except BadRequestError:
            self._bucket = await self._link.made(lambda: self._link.js.key_value(CATALOGUE), 20)
        await self.refresh()

    async def refresh(self) -> bool:
        """Read what changed; whether anything did."""
        info = await self._link.js.stream_info(_STREAM)
        if info.state.last_seq == self._seen:
            return False
        found = await self._link.snapshot(CATALOGUE)
        known = {of_catalogue_key(key): _described(*entry) for key, entry in found.items()}
        for place, description in self._known.items():  # a replica may be behind what was read before
            newer = known.get(place)
            if newer is not None and newer["Revision"] < description["Revision"]:
                known[place] = description
        self._known = known
        self._seen = info.state.last_seq
        return True

    def all(self) -> dict[Place, dict[str, Any]]:
        """Every description."""
        return dict(self._known)

    def find(self, place: Place) -> dict[str, Any] | None:
        """A description from memory."""
        return self._known.get(place)

    async def ask(self, place: Place) -> dict[str, Any] | None:
        """A description as the leader of the bucket has it now."""
        message = await self._link.newest(_STREAM, f"$KV.{CATALOGUE}.{catalogue_key(*place)}")
        if message is None or not message.data:
            self._known.pop(place, None)
            return None
        found = _described(message.data, message.seq)
        self._known[place] = found
        return found

    async def store(self, place: Place, description: dict[str, Any]) -> dict[str, Any]:
        """Write a description over the revision that it names, or where none is. Raises StaleError, Lost."""
        from nats.js.errors import KeyWrongLastSequenceError

        kept = {name: value for name, value in description.items() if name != "Revision"}
        data, revision = json.dumps(kept).encode(), description.get("Revision", 0)
        key = catalogue_key(*place)
        wrote = self._bucket.update if revision else self._bucket.create

        async def write() -> int:
            return await (wrote(key, data, revision) if revision else wrote(key, data))

        try:
            revision = await self._link.until(write, 15)
        except KeyWrongLastSequenceError:
            found = await self.ask(place)  # the answer to a write that is there already may have been lost
            if found is None or {k: v for k, v in found.items() if k != "Revision"} != json.loads(data):
                raise StaleError(f"{place[2]} was changed at the same time", "stale") from None
            return found
        found = {**kept, "Revision": revision}
        self._known[place] = found
        return found

    async def remove(self, place: Place, description: dict[str, Any]) -> None:
        """A deleted stream and everything of it go."""
        from nats.js.errors import KeyWrongLastSequenceError, NotFoundError

        for stream in (log_of(description["Identity"]), plans_of(description["Identity"])):
            try:
                await self._link.until(lambda stream=stream: self._link.js.delete_stream(stream), 10)
            except NotFoundError:
                continue
        try:
            await self._bucket.delete(catalogue_key(*place), last=description["Revision"])
        except KeyWrongLastSequenceError:
            return  # another node did it
        if (self._known.get(place) or {}).get("Identity") == description["Identity"]:
            self._known.pop(place, None)

    async def ensure(self, description: dict[str, Any]) -> None:
        """Make what a stream keeps in JetStream, as far as it is not there."""
        from nats.js.api import AckPolicy, ConsumerConfig, DiscardPolicy

        identity, link = description["Identity"], self._link
        bound = int((description.get("Ours") or {}).get("disk_bound") or -1)
        streams = (
            (log_of(identity), log_subject(identity), bound),
            (plans_of(identity), plans_subject(identity), -1),
        )
        for name, subject, most in streams:
            await link.ensure(name, subject, max_bytes=most, discard=DiscardPolicy.NEW)
        consumer = ConsumerConfig(
            durable_name=CONSUMER, ack_policy=AckPolicy.EXPLICIT, ack_wait=ACK_WAIT_S, max_ack_pending=256,
            max_waiting=512,
        )  # fmt: skip
        await link.made(lambda: link.js.add_consumer(plans_of(identity), consumer), 20)


def _described(value: bytes, revision: int) -> dict[str, Any]:
    return {**json.loads(value), "Revision": revision}
