"""Asynchronous events on a cluster: a work queue of JetStream, from which any node takes them.

    accept -> cc-events-ACCOUNT-REGION -> a node that has room -> asynchronous.py -> acknowledged
                      ^                                              | not yet: appended anew
                      +----------------------------------------------+

A node says every second or two that it still has an event; one that says nothing for ACK_WAIT_S is lost, and
another node gets the event, which so runs at least once. What happened so far (attempts, when it is due) is
in the message: an event that is to run again is appended anew before the old message is acknowledged.

    cloudcore.events.ACCOUNT.REGION.run       JSON, a newline, the payload
    cloudcore.events.ACCOUNT.REGION.rest.ID   what of a payload does not fit there, until the event is done
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
from dataclasses import dataclass
from typing import Any

from cloudcore.cluster.functions.documents import Documents
from cloudcore.cluster.layout import ACK_WAIT_S, CONSUMER, events_log, events_subject
from cloudcore.cluster.link import Link, Lost, Reader, end, is_transient
from cloudcore.errors import ApiError, ClosedError, FullError
from cloudcore.lambda_.asynchronous import Asynchronous
from cloudcore.lambda_.events import Event, EventQueue

logger = logging.getLogger("cloudcore.cluster")
_HELD = 32  # events on a core
_PAYLOAD_MAX = 900_000
_ACCEPT_S, _ACK_S, _CLOSE_S = 15.0, 10.0, 5.0
_BEHIND_S = 1.0


@dataclass(slots=True)
class _Taken:
    """An event that this node has. `seen`: it is to run by what functions were at that sequence, or later."""

    message: Any
    event: Event
    seen: int
    rest: str | None


class ClusterQueue(EventQueue):
    """The events of one account in a region; `pending` are those that this node has. Any call from any
    thread but the link's loop."""

    def __init__(self, link: Link, account: str, region: str, documents: Documents):
        self._link, self._documents = link, documents
        self._stream, self._subject = events_log(account, region), events_subject(account, region)
        self._taken: dict[int, _Taken] = {}
        self.pending: dict[int, Event] = {}
        self._places = _HELD * (os.cpu_count() or 1)
        self._freed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._put: Any = None
        link.run(self._make())

    def start(self, put: Any, now: Any) -> None:
        """Begin to take events: put(event) gets each; now() is the time in epoch seconds."""
        self._put, self._now = put, now
        self._link.run(self._begin())

    def accept(self, event: Event, payload: bytes) -> Event:
        """Make the event the cluster's. Raises ApiError."""
        try:
            self._link.run(self._append(event, payload, self._documents.reached, event.request_id))
        except (Lost, FullError) as error:
            words = f"{error}; the event may have been accepted"
            raise ApiError("ServiceException", words, 500) from None
        return event

    def note(self, event: Event) -> None:
        """The event is to run again, when it is due, at any node."""
        taken = self._taken.get(event.number)
        if taken is None:
            return
        told = f"{event.request_id}-{event.attempts}-{event.throttles}"
        try:
            self._link.run(self._append(event, event.payload or b"", taken.seen, told, taken.rest))
        except (Lost, FullError):
            self._forget(event)  # another node has it soon, and knows less
            return
        self._acknowledge(taken)

    def finish(self, event: Event) -> None:
        """The event is done."""
        taken = self._taken.get(event.number)
        if taken is not None:
            self._acknowledge(taken)
            if taken.rest:
                with contextlib.suppress(Lost):
                    self._link.run(self._drop(taken.rest))

    def payload(self, event: Event) -> bytes:
        """The event's bytes."""
        return event.payload or b""

    def ready(self, event: Event) -> bool:
        """Whether this node knows what functions were when the event came; if not, another one may."""
        taken = self._taken.get(event.number)
        try:
            self._documents.catch_up(taken.seen if taken else 0)
            return True
        except Lost:
            if taken is not None:
                self._forget(event)
                self._link.start(_give_back(taken.message, _BEHIND_S))
            return False

    def stop(self) -> None:
        """Take no more."""
        with contextlib.suppress(Exception):
            self._link.run(end(self._tasks[0]), _CLOSE_S)

    def close(self) -> None:
        """Give back what is not done."""
        with contextlib.suppress(Exception):
            self._link.run(self._leave(), _CLOSE_S)

    def _acknowledge(self, taken: _Taken) -> None:
        try:
            self._link.run(self._link.until(lambda: taken.message.ack_sync(timeout=2), _ACK_S))
        except Lost:
            pass  # it runs again
        finally:
            self._forget(taken.event)

    def _forget(self, event: Event) -> None:
        self._taken.pop(event.number, None)
        self.pending.pop(event.number, None)
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._link.soon(self._freed.set)

    # -- on the loop ---------------------------------------------------------------------------------

    async def _make(self) -> None:
        from nats.js.api import AckPolicy, ConsumerConfig, RetentionPolicy

        await self._link.ensure(self._stream, f"{self._subject}.>", retention=RetentionPolicy.WORK_QUEUE)
        consumer = ConsumerConfig(
            durable_name=CONSUMER, ack_policy=AckPolicy.EXPLICIT, ack_wait=ACK_WAIT_S, max_ack_pending=-1,
            max_waiting=512, filter_subject=f"{self._subject}.run",
        )  # fmt: skip
        await self._link.made(lambda: self._link.js.add_consumer(self._stream, consumer), 20)

    async def _begin(self) -> None:
        self._tasks = [asyncio.create_task(self._take()), asyncio.create_task(self._beat())]

    async def _leave(self) -> None:
        await end(*self._tasks)
        for taken in list(self._taken.values()):
            await _give_back(taken.message, 0)

    async def _append(
        self, event: Event, payload: bytes, seen: int, identity: str, rest: str | None = None
    ) -> None:
        if len(payload) > _PAYLOAD_MAX and rest is None:
            rest = event.request_id
            headers = {"Nats-Msg-Id": f"{identity}-rest"}
            await self._link.append(self._rest(rest), payload[_PAYLOAD_MAX:], headers, _ACCEPT_S)
        head = {
            "f": event.name, "q": event.qualifier, "i": event.request_id, "t": event.at, "d": event.due,
            "c": event.client_context, "x": event.trace, "a": event.attempts, "r": event.throttles,
            "s": seen, "rest": rest,
        }  # fmt: skip
        data = json.dumps(head).encode() + b"\n" + payload[:_PAYLOAD_MAX]
        await self._link.append(f"{self._subject}.run", data, {"Nats-Msg-Id": identity}, _ACCEPT_S)

    def _rest(self, identity: str) -> str:
        return f"{self._subject}.rest.{identity}"

    async def _drop(self, rest: str) -> None:
        await self._link.until(
            lambda: self._link.js.purge_stream(self._stream, subject=self._rest(rest)), _ACK_S
        )

    async def _take(self) -> None:
        while True:
            try:
                async with Reader(self._link, self._stream, CONSUMER) as reader:
                    while True:
                        self._freed.clear()
                        free = self._places - len(self._taken)
                        if free <= 0:
                            await self._freed.wait()
                            continue
                        for message in await reader.next(min(free, 16), 10.0):
                            await self._came(message)
            except Exception as error:
                if not is_transient(error):
                    logger.exception("%s cannot be read; again in a second", self._stream)
                await asyncio.sleep(0.5)

    async def _came(self, message: Any) -> None:
        told, _, payload = message.data.partition(b"\n")
        head = json.loads(told)
        wait = head["d"] - self._now()
        if wait > 0:
            await _give_back(message, wait)
            return
        if head["rest"]:
            found = await self._link.newest(self._stream, self._rest(head["rest"]))
            if found is None:  # whoever had it before has finished it
                await message.ack()
                return
            payload += found.data
        event = Event(
            message.metadata.sequence.stream, head["f"], head["q"], head["i"], head["t"], head["d"],
            head["c"], head["x"], head["a"], head["r"], payload,
        )  # fmt: skip
        if event.number in self._taken:  # it came again, because beats were late
            self._taken[event.number].message = message
            return
        self._taken[event.number] = _Taken(message, event, head["s"], head["rest"])
        self.pending[event.number] = event
        self._put(event)

    async def _beat(self) -> None:
        """Keep what is taken."""
        while True:
            await asyncio.sleep(ACK_WAIT_S / 3)
            for taken in list(self._taken.values()):
                with contextlib.suppress(Exception):
                    await taken.message.in_progress()


class ClusterAsynchronous(Asynchronous):
    """The asynchronous side of a node's functions: it runs what the queue gives it."""

    def __init__(self, service: Any, queue: ClusterQueue):
        super().__init__(service, queue)
        self._events = queue
        queue.start(self._put, service.clock.now)

    def stop(self) -> None:
        self._events.stop()
        super().stop()

    def _accepted(self, event: Event) -> None:
        """It comes from the queue, here or at another node."""

    def _wait(self, event: Event) -> None:
        if event.number in self._events.pending:  # else it is in the queue again
            super()._wait(event)

    def _run(self, event: Event) -> None:
        if self._closed:
            raise ClosedError("this service is closed", "closed")
        if self._events.ready(event):
            super()._run(event)


async def _give_back(message: Any, delay: float) -> None:
    """Another node may have the message, after `delay` seconds."""
    with contextlib.suppress(Exception):
        await (message.nak(delay=delay) if delay > 0 else message.nak())
