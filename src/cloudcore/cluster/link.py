"""Link: one connection to the NATS servers, on an event loop of its own thread.

Everything of a node that waits runs on that loop; what computes or talks to an object store runs on threads.
Thread rule: run() and start() from any thread but the loop's, coroutines on the loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import logging
import threading
import uuid
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from cloudcore.errors import CloudcoreError, FullError, StaleError

T = TypeVar("T")
logger = logging.getLogger("cloudcore.cluster")
_JOIN_S = 12.0
_ACK_S = 2.0
_BEAT_S = 1.0
_STALE = (10071, 10164)
_BUSY = (10158, 10167)  # the same message is being stored, or too many are
_FEW = (10005, 10074)  # servers that are there: they have not all met yet
_FULL = (10023, 10047, 10077, 10122)
_PAYLOAD_MIN = 1_048_576
_THREADS = 32
_DUPLICATES_S = 120.0  # for how long a message that is sent again is known by its id


class Lost(CloudcoreError):
    """The cluster did not answer in time; what was asked for may have happened."""


class Link:
    """A connection that comes back by itself. Raises ImportError with the install line, CloudcoreError."""

    def __init__(self, servers: tuple[str, ...], name: str):
        try:
            import nats
        except ImportError:
            raise ImportError("a cluster needs nats-py: pip install 'cloudcore[cluster]'") from None
        self._nats = nats
        self.instance = uuid.uuid4().hex
        self._numbers = itertools.count(1)
        self._loop = asyncio.new_event_loop()
        # asyncio's own number, six on two cores, is taken by a few deliveries whose function takes its time.
        self._loop.set_default_executor(ThreadPoolExecutor(_THREADS, "cluster-work"))
        self._thread = threading.Thread(target=self._loop.run_forever, name="cluster", daemon=True)
        self._thread.start()
        try:
            self.run(self._connect(servers, name), _JOIN_S)
        except BaseException as error:
            self._end()
            if isinstance(error, CloudcoreError | KeyboardInterrupt):
                raise
            shown = ",".join(server.rpartition("@")[2].rpartition("/")[2] for server in servers)
            raise CloudcoreError(
                f"no NATS server with JetStream answers at {shown}: {_told(error)}"
            ) from None

    async def _connect(self, servers: tuple[str, ...], name: str) -> None:
        self.nc = await self._nats.connect(
            servers=list(servers), name=f"cloudcore {name or 'observer'}", connect_timeout=2,
            max_reconnect_attempts=-1, reconnect_time_wait=0.2, ping_interval=2, max_outstanding_pings=2,
            pending_size=64 << 20, error_cb=self._failed,
        )  # fmt: skip
        if self.nc.max_payload < _PAYLOAD_MIN:
            raise CloudcoreError(f"the NATS servers' max_payload is below {_PAYLOAD_MIN} bytes")
        self.js = self.nc.jetstream(timeout=_ACK_S * 2)
        await self.until(self.js.account_info, _JOIN_S - 3)
        self.replicas = 3 if max(len(servers), len(self.nc.servers)) >= 3 else 1

    async def _failed(self, error: Exception) -> None:
        logger.debug("NATS: %s", _told(error))

    def run(self, work: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
        """What a coroutine gives. Raises what it raises, TimeoutError."""
        future = self.start(work)
        try:
            return future.result(timeout)
        except TimeoutError:
            future.cancel()
            raise

    def start(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Begin a coroutine."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def soon(self, call: Callable[..., Any], *arguments: Any) -> None:
        """Have something called on the loop."""
        self._loop.call_soon_threadsafe(call, *arguments)

    def close(self) -> None:
        """Leave the servers and end the loop. Idempotent."""
        if self._loop.is_closed():
            return
        with contextlib.suppress(Exception):
            self.run(self.nc.close(), 3)
        self._end()

    def _end(self) -> None:
        async def cancel() -> None:
            current = asyncio.current_task()
            await asyncio.wait_for(end(*(task for task in asyncio.all_tasks() if task is not current)), 2)

        with contextlib.suppress(Exception):
            self.run(cancel(), 3)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        if not self._thread.is_alive():
            self._loop.close()

    # -- on the loop ---------------------------------------------------------------------------------

    def now(self) -> float:
        """Monotonic seconds."""
        return self._loop.time()

    def message_id(self) -> str:
        """An id that no other message has."""
        return f"{self.instance}-{next(self._numbers)}"

    async def until(self, ask: Any, seconds: float) -> Any:
        """What `await ask()` gives, asked again while the servers do not answer or have no leader. What a
        server refuses is raised at once. Raises Lost."""
        end = self.now() + seconds
        while True:
            try:
                return await asyncio.wait_for(ask(), max(0.1, end - self.now()))
            except Exception as error:
                if not is_transient(error):
                    raise
                if self.now() >= end:
                    raise Lost(f"the cluster does not answer: {_told(error)}") from None
            await asyncio.sleep(0.1)

    async def made(self, ask: Any, seconds: float) -> Any:
        """As until(), of what was just made: a server that has not heard of it yet has it soon."""
        from nats.js.errors import NotFoundError

        async def there() -> Any:
            try:
                return await ask()
            except NotFoundError as error:
                raise Lost(str(error)) from None

        return await self.until(there, seconds)

    async def append(
        self, subject: str, payload: bytes, headers: Mapping[str, str], seconds: float, *,
        fence: int | None = None,
    ) -> int:  # fmt: skip
        """Append a message, once: it is repeated under the same id until it is acknowledged. Its sequence.

        `fence`: the last sequence that the stream must have. Raises StaleError when it has another,
        FullError, Lost after `seconds`; after Lost it may be there.
        """
        from nats.js.errors import APIError

        sent = {"Nats-Msg-Id": self.message_id(), **headers}
        if fence is not None:
            sent["Nats-Expected-Last-Sequence"] = str(fence)

        async def publish() -> int:
            try:
                ack = await self.js.publish(subject, payload, timeout=_ACK_S, headers=dict(sent))
            except APIError as error:
                if error.err_code in _STALE:
                    raise StaleError(f"{subject} has another last message", "stale") from None
                if error.err_code in _BUSY:
                    raise Lost(f"{subject}: {error.description}") from None
                if error.err_code in _FULL:
                    raise FullError(f"{subject}: {error.description}", "full") from None
                raise
            return int(ack.seq)

        return int(await self.until(publish, seconds))

    async def ensure(self, name: str, subjects: str, **more: Any) -> Any:
        """Make a stream of these subjects, if it is absent, and wait until it is there; `more` is of its
        StreamConfig. Its info: one that was there may have another configuration."""
        from nats.js.api import StreamConfig
        from nats.js.errors import BadRequestError

        config = StreamConfig(
            name=name, subjects=[subjects], num_replicas=self.replicas, duplicate_window=_DUPLICATES_S, **more
        )
        try:
            await self.until(lambda: self.js.add_stream(config), 20)
        except BadRequestError as error:
            if error.err_code != 10058:  # it is there, made when the cluster had other replicas
                raise
        return await self.made(lambda: self.js.stream_info(name), 20)

    async def newest(self, stream: str, subject: str) -> Any:
        """The last message of a subject, by the stream's leader (seq, data, headers, time); None without."""
        from nats.js.errors import NotFoundError

        async def ask() -> Any:
            try:
                return await self.js.get_last_msg(stream, subject)
            except NotFoundError as error:
                if error.err_code == 10037:  # the stream is there, the message is not
                    return None
                raise

        return await self.until(ask, 10)

    async def streams(self, subject: str) -> list[str]:
        """The names of the streams that take messages of a subject."""
        from nats.js.errors import APIError

        names: list[str] = []
        while True:
            asked = json.dumps({"subject": subject, "offset": len(names)}).encode()
            reply = await self.nc.request("$JS.API.STREAM.NAMES", asked, timeout=_ACK_S * 2)
            told = json.loads(reply.data)
            if "error" in told:
                APIError.from_error(told["error"])
            names += told.get("streams") or []
            if len(names) >= told.get("total", 0) or not told.get("streams"):
                return names

    async def snapshot(self, bucket: str) -> dict[str, tuple[bytes, int]]:
        """What a bucket of keys holds: key -> value, revision."""
        prefix = f"$KV.{bucket}."
        return {
            message.subject.removeprefix(prefix): (message.data, message.metadata.sequence.stream)
            for message in await self.latest(f"KV_{bucket}", f"{prefix}>")
            if (message.headers or {}).get("KV-Operation") not in ("DEL", "PURGE")
        }

    async def latest(self, stream: str, subjects: str, headers_only: bool = False) -> list[Any]:
        """The last message of each of these subjects that a stream has. Raises Lost."""
        from nats.js.api import DeliverPolicy

        found: list[Any] = []
        async with Reader(
            self, stream, deliver_policy=DeliverPolicy.LAST_PER_SUBJECT, filter_subject=subjects,
            headers_only=headers_only,
        ) as reader:  # fmt: skip
            while len(found) < reader.pending:
                batch = await reader.next(min(reader.pending - len(found), 500), 2.0)
                if not batch:
                    raise Lost(f"the last messages of {stream} end early")
                found += batch
        return found


class Reader:
    """Reads a stream from some place on, by pulling. Use it with `async with`; it goes by itself when nobody
    reads. `pending`: how many messages it found. With `durable` it is a consumer that is there already."""

    def __init__(self, link: Link, stream: str, durable: str | None = None, **config: Any):
        self._link, self._stream = link, stream
        self._name, self._config = durable, config
        self.pending = 0

    async def __aenter__(self) -> Reader:
        from nats.js.api import AckPolicy, ConsumerConfig

        if self._name is None:
            config = ConsumerConfig(
                ack_policy=AckPolicy.NONE, mem_storage=True, num_replicas=1, inactive_threshold=30.0,
                max_deliver=1, **self._config,
            )  # fmt: skip
            info = await asyncio.wait_for(self._link.js.add_consumer(self._stream, config), 4)
            self._name, self.pending = info.name, info.num_pending or 0
        self._inbox = self._link.nc.new_inbox()
        self._sub = await self._link.nc.subscribe(self._inbox, pending_bytes_limit=512 << 20)
        return self

    async def __aexit__(self, *_: object) -> None:
        with contextlib.suppress(Exception):
            await self._sub.unsubscribe()
            if self._config:
                await self._link.nc.publish(f"$JS.API.CONSUMER.DELETE.{self._stream}.{self._name}", b"")

    async def next(self, count: int, seconds: float) -> list[Any]:
        """Up to `count` messages: those that are there, else the first ones that come within `seconds`; []
        when none did. Raises Lost when the consumer is silent or gone."""
        taken = await self._pull({"batch": count, "no_wait": True}, count, _BEAT_S * 2)
        if taken:
            return taken
        wait = {"batch": 1, "expires": int(seconds * 1e9)}
        if seconds > 2 * _BEAT_S:
            wait["idle_heartbeat"] = int(_BEAT_S * 1e9)
        return await self._pull(wait, 1, min(seconds, 2 * _BEAT_S) + _BEAT_S)

    async def _pull(self, request: dict[str, Any], count: int, silence_s: float) -> list[Any]:
        from nats.errors import TimeoutError as Silent

        ask = f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{self._name}"
        await self._link.nc.publish(ask, json.dumps(request).encode(), reply=self._inbox)
        taken: list[Any] = []
        while len(taken) < count:
            try:
                message = await self._sub.next_msg(timeout=silence_s)
            except Silent:
                if taken:  # what came is whole; the next pull finds out what is wrong
                    return taken
                raise Lost(f"{self._stream}: its consumer is silent") from None
            status = (message.headers or {}).get("Status")
            if status is None:
                taken.append(message)
            elif status in ("404", "408"):
                break
            elif status != "100":
                if taken:
                    return taken
                raise Lost(f"{self._stream}: {(message.headers or {}).get('Description', status)}")
        return taken


async def end(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks until they have ended: what they wait for may take a cancellation for an error."""
    left = {task for task in tasks if not task.done()}
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=0.2)


def time_of(message: Any) -> int:
    """When JetStream stored a message, in ms since 1970."""
    return int(message.metadata.timestamp.timestamp() * 1000)


def is_transient(error: BaseException) -> bool:
    """Whether asking again may help: no answer, no leader, no room for the moment."""
    from nats import errors
    from nats.js.errors import APIError, NoStreamResponseError, ServerError, ServiceUnavailableError

    if isinstance(error, APIError):
        few = getattr(error, "err_code", None) in _FEW  # not every kind of them has a code
        return few or isinstance(error, ServerError | ServiceUnavailableError)
    lost = (
        TimeoutError, errors.TimeoutError, errors.NoRespondersError, errors.ConnectionClosedError, Lost,
        errors.ConnectionReconnectingError, errors.NoServersError, errors.OutboundBufferLimitError,
        errors.StaleConnectionError, NoStreamResponseError, OSError,
    )  # fmt: skip
    return isinstance(error, lost)


def _told(error: BaseException) -> str:
    return str(error).strip() or type(error).__name__
