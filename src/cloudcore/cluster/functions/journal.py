"""The journal of a function's durable executions in JetStream, written by one node at a time.

    cloudcore.durable.ACCOUNT.REGION.FUNCTION    header Cc-Record: "KIND PART PARTS"; of a record's JSON, zlib

Whoever is to write reads to the end and appends TAKEN, by the sequence of the last message of the subject. It
has read all there is then, and nobody who wrote before can append any more, because each message is appended
by the sequence of the one before. The sequence of TAKEN is the term. Parts of which the last one is missing
were begun by a node that was lost; the next TAKEN drops them. What nobody needs any more is purged, but for
the last message.
"""

from __future__ import annotations

import json
import logging
import zlib
from concurrent.futures import Future
from typing import Any

from cloudcore.cluster.layout import durable_log, durable_subject
from cloudcore.cluster.link import Link, Lost, Reader
from cloudcore.errors import ClosedError, FullError, StaleError
from cloudcore.lambda_.durable.journal import Executions, packed

logger = logging.getLogger("cloudcore.cluster")
TAKEN = 0
_RECORD = "Cc-Record"
_PART_MAX = 900_000
_OPEN_S, _SAVE_S, _PURGE_S = 60.0, 10.0, 30.0


class Unknown(ClosedError):
    """A record was sent, and whether it is in the journal is not known here."""


class ClusterJournal(Executions):
    """That of one function. open() on the link's loop; all else from any thread but that, one at a time."""

    def __init__(self, link: Link, account: str, region: str, function: str):
        super().__init__()
        self._link, self._stream = link, durable_log(account, region)
        self._subject = f"{durable_subject(account, region)}.{function}"
        self._last = 0
        self._parts: list[bytes] = []
        self._began = 0

    async def open(self) -> None:
        """Read all there is, and be the one who writes. Raises Lost, FullError."""
        while True:
            await self._link.until(self._read, _OPEN_S)
            try:
                self.term = await self._put(TAKEN, b"", 0, 1)
                return
            except StaleError:
                logger.info("%s: another node wrote a moment ago", self._subject)

    def append(self, kind: int, told: dict[str, Any]) -> int:
        data = zlib.compress(packed(told), 1)
        parts = [data[at : at + _PART_MAX] for at in range(0, len(data), _PART_MAX)]
        try:
            found = [
                self._link.run(self._put(kind, part, at, len(parts))) for at, part in enumerate(parts)
            ]
        except StaleError:
            raise ClosedError("another node keeps these executions now", "closed") from None
        except (Lost, RuntimeError) as error:  # whoever reads the journal next knows
            raise Unknown(f"what was asked for may have happened: {error}", "closed") from None
        except FullError as error:  # but parts of it may be there
            raise ClosedError(str(error), "closed") from None
        return found[0]

    def drop(self) -> None:
        sequence = min(self.oldest(self._last), self._last)  # of the last message the fence goes by
        js, stream, subject = self._link.js, self._stream, self._subject
        purge = self._link.until(lambda: js.purge_stream(stream, seq=sequence, subject=subject), _PURGE_S)
        self._link.start(purge).add_done_callback(_purged)

    def close(self) -> None:
        """Nothing is held."""

    # -- on the loop ---------------------------------------------------------------------------------

    async def _put(self, kind: int, data: bytes, part: int, parts: int) -> int:
        headers = {
            _RECORD: f"{kind} {part} {parts}", "Nats-Expected-Last-Subject-Sequence": str(self._last),
        }  # fmt: skip
        self._last = await self._link.append(self._subject, data, headers, _SAVE_S)
        return self._last

    async def _read(self) -> None:
        from nats.js.api import DeliverPolicy

        newest = await self._link.newest(self._stream, self._subject)
        end = 0 if newest is None else newest.seq
        if end <= self._last:
            return
        async with Reader(
            self._link, self._stream, deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=self._last + 1, filter_subject=self._subject,
        ) as reader:  # fmt: skip
            while self._last < end:
                messages = await reader.next(256, 5.0)
                if not messages:
                    raise Lost(f"{self._subject} ends early")  # a replica that is behind
                for message in messages:
                    self._take(message)

    def _take(self, message: Any) -> None:
        kind, part, parts = (int(word) for word in message.headers[_RECORD].split(" "))
        self._last = message.metadata.sequence.stream
        if kind == TAKEN:
            self._parts = []
            return
        if part == 0:
            self._parts, self._began = [], self._last
        self._parts.append(message.data)
        if part + 1 == parts and len(self._parts) == parts:  # else what is over was purged, this among it
            told = json.loads(zlib.decompress(b"".join(self._parts)))
            self.replay(kind, told, self._began)


def _purged(done: Future[Any]) -> None:
    if not done.cancelled() and done.exception() is not None:
        logger.info("what is over of durable executions stays for now: %s", done.exception())
