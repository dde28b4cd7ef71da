"""Documents: JSON documents of the functions of one account in a region, the same for all nodes.

A document is the newest message of its subject in a stream of JetStream. Every node follows the stream into
its memory, and appends with the last sequence that it has followed as the expected one: who changes a
document has seen all that was changed before, or is refused (StaleError) and has to look again.

Thread rule: any call from any thread but the link's loop. A lock that is the service's own guards what is in
memory, so that what an operation that holds it looked at is what it is saved upon. While JetStream is slow to
take what is saved, the lock is let go, so that calls of functions go on: of two operations of this node that
look at the same, JetStream refuses one, and what other nodes changed waits until the operation is done.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import json
import logging
import threading
import zlib
from collections.abc import Callable, Coroutine, Iterator
from typing import Any
from urllib.parse import quote, unquote

from cloudcore.cluster.layout import functions_log, functions_subject
from cloudcore.cluster.link import Link, Lost, Reader, end, is_transient
from cloudcore.errors import ApiError
from cloudcore.lambda_.shelf import Shelf

logger = logging.getLogger("cloudcore.cluster")
Document = dict[str, Any]
Take = Callable[[str, str, Document | None], None]
"""(kind, name, document, None for one that went)"""
_SAVE_S = 6.0
_HOLD_S, _LOOK_S = 0.05, 0.005  # an append that takes longer is waited for without the lock
_REACH_S = 10.0
_DOCUMENT_MAX = (1 << 20) - 8192


class Documents:
    """Those of one account in a region; none before follow()."""

    def __init__(self, link: Link, account: str, region: str):
        self._link = link
        self._stream = functions_log(account, region)
        self._subject = functions_subject(account, region)
        self._kinds: dict[str, dict[str, Document]] = {}
        self._reached = 0
        self._moved = threading.Condition()
        self._mine = threading.local()
        self._apart = 0  # operations that let the lock go since they began
        self._following: asyncio.Task[None] | None = None
        self._taken: Take

    def follow(self, lock: threading.RLock, taken: Take) -> None:
        """Make the stream if it is absent, read what is there, and follow it: what this node did not save
        itself is handed to `taken`, behind `lock`. Raises Lost."""
        self._moved, self._taken = threading.Condition(lock), taken
        self._link.run(self._open())
        self.catch_up()

    def close(self) -> None:
        """Follow no more."""
        if self._following is not None:
            self._link.run(end(self._following), 5)

    @property
    def reached(self) -> int:
        """The sequence of the newest message that is in memory."""
        return self._reached

    def of(self, kind: str) -> dict[str, Document]:
        """All of a kind, by name; changed by what is followed."""
        return self._kinds.setdefault(kind, {})

    def catch_up(self, sequence: int | None = None) -> None:
        """Wait until all that is in the stream by now is in memory, or all up to `sequence`. Raises Lost."""
        if sequence is None:
            info = self._link.run(
                self._link.until(lambda: self._link.js.stream_info(self._stream), _REACH_S)
            )
            sequence = int(info.state.last_seq)
        with self._moved:
            if not self._moved.wait_for(lambda: self._reached >= sequence, _REACH_S):
                raise Lost("this node is behind with the changes of functions")

    @contextlib.contextmanager
    def change(self) -> Iterator[None]:
        """One operation, from what it looks at first to what it saves last; the lock is not held yet."""
        if getattr(self._mine, "within", False):
            yield
            return
        self._mine.within, self._mine.apart = True, False
        try:
            yield
        finally:
            self._mine.within = False
            if self._mine.apart:
                with self._moved:
                    self._apart -= 1
                    self._moved.notify_all()

    def run(self, append: Coroutine[Any, Any, int]) -> int:
        """What an append gives. Within change() the lock, which is held, is let go for as long as that takes
        more than a moment; what others changed is taken up again when the operation ends."""
        told = self._link.start(append)
        concurrent.futures.wait([told], _HOLD_S)
        if getattr(self._mine, "within", False) and not told.done():
            self._apart += not self._mine.apart
            self._mine.apart = True
            while not told.done():
                self._moved.wait(_LOOK_S)
        return told.result()

    def save(self, kind: str, name: str, document: Document | None) -> None:
        """Make `document` what the name stands for, None: nothing. Raises StaleError, ApiError, FullError."""
        data = b"" if document is None else zlib.compress(json.dumps(document).encode(), 6)
        if len(data) > _DOCUMENT_MAX:
            raise ApiError(
                "CodeStorageExceededException",
                f"What a cluster keeps of {name} exceeds {_DOCUMENT_MAX} bytes: delete versions of it.",
            )
        subject = f"{self._subject}.{kind}.{_token(name)}"
        with self._moved:
            self._reached = self.run(self._link.append(subject, data, {}, _SAVE_S, fence=self._reached))
            self._put(kind, name, document)
            self._moved.notify_all()

    def _put(self, kind: str, name: str, document: Document | None) -> None:
        held = self._kinds.setdefault(kind, {})
        if document is None:
            held.pop(name, None)
        else:
            held[name] = document

    # -- on the loop ---------------------------------------------------------------------------------

    async def _open(self) -> None:
        await self._link.ensure(self._stream, f"{self._subject}.>", max_msgs_per_subject=1)
        self._following = asyncio.create_task(self._follow())

    async def _follow(self) -> None:
        from nats.js.api import DeliverPolicy

        while True:
            try:
                async with Reader(
                    self._link, self._stream, deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
                    opt_start_seq=self._reached + 1,
                ) as reader:  # fmt: skip
                    while True:
                        messages = await reader.next(256, 5.0)
                        if messages:
                            await asyncio.to_thread(self._take, messages)
            except Exception as error:
                if not is_transient(error):
                    logger.exception("%s cannot be followed; again in a second", self._stream)
                await asyncio.sleep(0.5)

    def _take(self, messages: list[Any]) -> None:
        for message in messages:
            kind, name = message.subject.removeprefix(f"{self._subject}.").split(".", 1)
            sequence = message.metadata.sequence.stream
            document = json.loads(zlib.decompress(message.data)) if message.data else None
            with self._moved:
                self._moved.wait_for(lambda: not self._apart)
                if sequence <= self._reached:  # this node's own
                    continue
                self._put(kind, unquote(name), document)
                self._reached = sequence
                try:
                    self._taken(kind, unquote(name), document)
                except Exception:
                    logger.exception("%s %s cannot be taken up", kind, unquote(name))
                self._moved.notify_all()


class ClusterShelf(Shelf):
    """A Shelf of one kind of documents, in the memory of all nodes in the place of a directory."""

    def __init__(self, documents: Documents, kind: str):
        self._documents, self._kind = documents, kind
        self.documents = documents.of(kind)

    def save(self, name: str, document: Document) -> None:
        """Make `document` what the name stands for, at every node. Raises as Documents.save()."""
        self._documents.save(self._kind, name, document)

    def remove(self, name: str) -> None:
        """Forget a name; one that is not there is no error."""
        if name in self.documents:
            self._documents.save(self._kind, name, None)


def _token(name: str) -> str:
    """A name as one token of a subject."""
    return quote(name, safe="").replace(".", "%2E")
