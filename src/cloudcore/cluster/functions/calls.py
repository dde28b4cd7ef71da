"""Calls: a call of a function that another node runs.

    who has room?   a request to one of those that listen at cloudcore.room: nodes that have free places
    invoke          the request, to that node
    invoke?         how is it? asked once a second -> running, or unknown, upon which it is sent again
    invoked         what the function gave; kept until the one who asked has it (invoke.)

Messages between nodes may be lost, with the server that had them; so both sides repeat. A node that says
nothing for ten seconds, or for three and is no longer in the cluster, is lost, and what it was doing may have
happened. Thread rule: room(), somewhere(), call(), entered() and left() from any thread but the loop's; all
else on the loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from cloudcore.cluster.layout import ROOM
from cloudcore.cluster.link import Link, is_transient
from cloudcore.errors import ApiError, ClosedError
from cloudcore.firehose.records import frame, split
from cloudcore.lambda_.metering import Result, members

logger = logging.getLogger("cloudcore.cluster")
_ASK_S = 1.0
_SILENT_S, _GONE_S = 10.0, 3.0
_KEPT_S = 60.0
_PROMISED_S = 1.0
_THREADS = 1024
Send = Callable[[str, str, bytes], Awaitable[None]]
Run = Callable[[dict[str, Any], bytes], Result]


class Refused(Exception):
    """The node did not begin the call."""


@dataclass(slots=True)
class _Call:
    """One that another node runs."""

    to: str
    message: bytes
    heard: float
    answer: asyncio.Future[bytes] = field(default_factory=asyncio.Future)


class Calls:
    """Those of one node. `send(instance, kind, data)` to another node; `there()`: instances of the nodes
    that are in the cluster; `run(head, payload)` runs a call here; `places`: how many calls make a node full,
    which then takes none of others and asks them to take its own."""

    def __init__(self, link: Link, send: Send, there: Callable[[], set[str]], run: Run, places: int):
        self._link, self._send, self._there, self._run, self.places = link, send, there, run, places
        self._lock = threading.Lock()
        self._active = 0
        self._promised: list[float] = []  # until when places are kept for those who asked
        self._room: Any = None
        self._balancing = asyncio.Lock()
        self._mine: dict[str, _Call] = {}
        self._theirs: dict[str, bytes | None] = {}  # None: it runs
        self._threads = ThreadPoolExecutor(_THREADS, "cloudcore-call")
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Begin to take calls."""
        await self._balance()

    async def close(self) -> None:
        """Take no more."""
        self.places = 0
        with contextlib.suppress(Exception):
            await self._balance()
        self._threads.shutdown(wait=False, cancel_futures=True)

    # -- from threads --------------------------------------------------------------------------------

    @property
    def active(self) -> int:
        """Calls that run here."""
        return self._active

    def room(self) -> bool:
        """Whether one more call should run here."""
        return self._active < self.places

    def entered(self) -> None:
        """A call begins to run here."""
        with self._lock:
            self._active += 1
            full = self._active == self.places
        if full:
            self._link.soon(self._weigh)

    def left(self) -> None:
        """It ended."""
        with self._lock:
            self._active -= 1
            room = self._active == self.places * 3 // 4
        if room:
            self._link.soon(self._weigh)

    def somewhere(self) -> str | None:
        """The instance of a node with room, which keeps a place for a second; None when none has."""
        found = self._link.run(self._ask_for_room())
        return None if found == self._link.instance else found

    def call(self, instance: str, head: dict[str, Any], payload: bytes) -> Result:
        """Have a node run a call. Raises Refused, and ApiError: what the node's service raised, or
        ServiceException when the node is lost."""
        return self._link.run(self._call(instance, head, payload))

    # -- one's own calls -----------------------------------------------------------------------------

    async def _ask_for_room(self) -> str | None:
        try:
            reply = await self._link.nc.request(ROOM, b"", timeout=_PROMISED_S)
        except Exception as error:
            if not is_transient(error):
                raise
            return None
        return reply.data.decode("ascii") or None

    async def _call(self, instance: str, head: dict[str, Any], payload: bytes) -> Result:
        identity = self._link.message_id()
        message = frame([json.dumps({**head, "id": identity}).encode(), payload])
        call = self._mine[identity] = _Call(instance, message, self._link.now())
        try:
            await self._send(instance, "invoke", message)
            while not (await asyncio.wait({call.answer}, timeout=_ASK_S))[0]:
                silent = self._link.now() - call.heard
                if silent > _SILENT_S or (silent > _GONE_S and instance not in self._there()):
                    raise ApiError(
                        "ServiceException", "The node that ran the function is lost; it may have run.", 500
                    )
                await self._send(instance, "invoke?", identity.encode())
            return _result(call.answer.result())
        finally:
            del self._mine[identity]
            await self._send(instance, "invoke.", identity.encode())

    def took(self, kind: str, sender: str, data: bytes) -> None:
        """What another node says."""
        if kind == "invoke":
            self._begin(sender, data)
        elif kind == "invoked":
            head, answer = split(data)
            call = self._mine.get(bytes(head).decode())
            if call is not None and not call.answer.done():
                call.answer.set_result(bytes(answer))
        elif kind == "invoke!":
            told = json.loads(data)
            call = self._mine.get(told["id"])
            if call is not None:
                call.heard = self._link.now()
                if not told["runs"]:
                    self._post(call.to, "invoke", call.message)
        elif kind == "invoke.":
            identity = data.decode()
            if self._theirs.get(identity) is not None:
                del self._theirs[identity]
        elif kind == "invoke?":
            self._say(sender, data.decode())

    def _say(self, sender: str, identity: str) -> None:
        """How a call of another node is."""
        answer = self._theirs.get(identity)
        if answer is not None:
            self._post(sender, "invoked", frame([identity.encode(), answer]))
        else:
            told = {"id": identity, "runs": identity in self._theirs}
            self._post(sender, "invoke!", json.dumps(told).encode())

    # -- others' calls -------------------------------------------------------------------------------

    def _begin(self, sender: str, data: bytes) -> None:
        head, payload = split(data)
        told = json.loads(bytes(head))
        if told["id"] in self._theirs:
            return
        self._theirs[told["id"]] = None
        if self._promised:
            self._promised.pop()
        try:
            self._threads.submit(self._answer, sender, told, bytes(payload))
        except RuntimeError:  # this node leaves
            self._answered(sender, told["id"], _refusal("refused", "this node leaves"))

    def _answer(self, sender: str, told: dict[str, Any], payload: bytes) -> None:
        try:
            answer = _told(self._run(told, payload))
        except ApiError as error:
            answer = _refusal("error", _said(error))
        except ClosedError as error:
            answer = _refusal("refused", str(error))
        except Exception as error:
            logger.exception("a call for another node")
            answer = _refusal("error", _said(ApiError("ServiceException", str(error), 500)))
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._link.soon(self._answered, sender, told["id"], answer)

    def _answered(self, sender: str, identity: str, answer: bytes) -> None:
        self._theirs[identity] = answer
        self._post(sender, "invoked", frame([identity.encode(), answer]))
        asyncio.get_running_loop().call_later(_KEPT_S, self._theirs.pop, identity, None)

    def _post(self, to: str, kind: str, data: bytes) -> None:
        task = asyncio.ensure_future(self._send(to, kind, data))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # -- room ----------------------------------------------------------------------------------------

    def _weigh(self) -> None:
        task = asyncio.create_task(self._balance())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _balance(self) -> None:
        """Listen for those who look for room while there is some."""
        async with self._balancing:
            if self.room() and self._room is None:
                self._room = await self._link.nc.subscribe(ROOM, queue="room", cb=self._asked_for_room)
            elif not self.room() and self._room is not None:
                room, self._room = self._room, None
                await room.unsubscribe()

    async def _asked_for_room(self, message: Any) -> None:
        now = self._link.now()
        self._promised = [until for until in self._promised if until > now]
        room = self._active + len(self._promised) < self.places
        if room:
            self._promised.append(now + _PROMISED_S)
        await message.respond(self._link.instance.encode() if room else b"")


def _told(result: Result) -> bytes:
    head = {"kind": "result", **members(result)}
    return frame([json.dumps(head).encode(), result.payload, result.log])


def _said(error: ApiError) -> dict[str, Any]:
    return {"code": error.code, "message": error.message, "status": error.status, "fields": error.fields}


def _refusal(kind: str, said: Any) -> bytes:
    return frame([json.dumps({"kind": kind, "said": said}).encode()])


def _result(answer: bytes) -> Result:
    """What _told() was given. Raises Refused, ApiError."""
    head, *rest = split(answer)
    told = json.loads(bytes(head))
    kind = told.pop("kind")
    if kind == "refused":
        raise Refused(told["said"])
    if kind == "error":
        raise ApiError(**told["said"])
    return Result(bytes(rest[0]), log=bytes(rest[1]), **told)
