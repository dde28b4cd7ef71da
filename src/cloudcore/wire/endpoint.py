"""The endpoint: one port for all services of a Cloud.

Item verbs never come here: csrc/http answers them in C. Every other request goes to the Router, and
the service's own body goes back. A thread that takes a request sees to it that another one is
waiting, so a function that runs for minutes, or that calls another function, holds up nobody.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from cloudcore import errors
from cloudcore._http import Request, Server
from cloudcore.wire.observed import WATCHED_SECONDS, Call, Observed
from cloudcore.wire.router import Reply, Router, Streamed, failure, operation_of

if TYPE_CHECKING:
    import logging

    from cloudcore.console import Console
    from cloudcore.wire.auth import Guard
    from cloudcore.wire.tls import Terminator

LOOPBACK = ("127.0.0.1", "::1")
_BODY_MAX = 256 << 20
"""Bytes of a request; the services set bounds of their own below it (DynamoDB 16 MiB, a package 67 MiB)."""
_JOIN_S = 1.0
_THREADS_MAX = 1100  # the functions' concurrency and then some


class Endpoint:
    """An HTTP endpoint over `cloud`, on a loopback address.

    `port` 0 takes any free one. `threads` wait for what C does not answer; more come when they are busy.
    Without a guard signatures are not checked, and another address than loopback is refused (ValueError).
    With one, item verbs are answered here too, behind the guard. `console`: "write", "read" or None; by
    default it is written to from loopback and read from elsewhere. `unix`: a path to listen at in the place
    of host and port; a file that a killed process left there is replaced. `tls`: the port
    speaks TLS alone, by the files of a certificate and its key, or by one of its own (True).
    """

    def __init__(
        self, cloud: Any, host: str = "127.0.0.1", port: int = 0, threads: int = 2, *,
        guard: Guard | None = None, console: str | None = "", unix: str | None = None,
        tls: bool | tuple[str, str] = False,
    ):  # fmt: skip
        if host not in LOOPBACK and guard is None:
            raise ValueError(
                f"{host} is not loopback: without access keys (auth=) only {', '.join(LOOPBACK)} are served"
            )
        console = console if console != "" else "write" if host in LOOPBACK else "read"
        certificate = _certificate(tls, cloud.path, host)
        self._guarded = guard is not None
        self._observed = Observed()

        def make_console() -> Console:
            from cloudcore.console import Console

            return Console(cloud, (host,), writable=console == "write", any_host=host not in LOOPBACK)

        self._router = Router(cloud, guard, make_console if console else None, certificate is not None)
        self._files = contextlib.ExitStack()  # what goes when nobody listens any more
        with self._files:
            listener = self._listen_locally(unix, certificate is not None)
            self._server = Server(
                host,
                port,
                account=cloud.account,
                region=cloud.region,
                shared=cloud.shared,
                body_max=_BODY_MAX,
                listener=listener,
            )
            self._terminator = self._front(certificate, host, port)
            self._files = self._files.pop_all()
        self.host, self.port = host, (self._terminator or self._server).port
        scheme = "http" if certificate is None else "https"
        self.certificate = None if certificate is None else certificate[0]
        """The certificate's file; AWS_CA_BUNDLE of clients, if it is its own authority."""
        self.url = f"{scheme}://{'[' + host + ']' if ':' in host else host}:{self.port}"
        self._addresses = cloud.addresses
        if unix is not None:
            self.url = "unix:" + os.path.abspath(unix)
        else:
            self._addresses.append(self.url)
        self._lock = threading.Lock()
        self._threads: set[threading.Thread] = set()
        self._waiting = 0
        self._threads_min = threads
        for _ in range(threads):
            self._start()

    def _listen_locally(self, unix: str | None, hidden: bool) -> int:
        """The Unix socket that is listened on: at `unix`, or where TLS alone finds it; 0: none."""
        if unix is None and not hidden:
            return 0
        from cloudcore.wire import sockets

        if unix is None:
            import tempfile

            directory = self._files.enter_context(tempfile.TemporaryDirectory(prefix="cloudcore-tls-"))
            unix = os.path.join(directory, "http")
        self._socket = os.path.abspath(unix)
        made = sockets.listen(self._socket)
        self._files.callback(sockets.remove, self._socket, sockets.identity(self._socket))
        self._files.callback(made.close)  # the server has a copy
        return made.fileno()

    def _front(self, certificate: tuple[str, str] | None, host: str, port: int) -> Terminator | None:
        if certificate is None:
            return None
        from cloudcore.wire.tls import Terminator, context

        return Terminator(context(*certificate), host, port, self._socket)

    def answer_items_of(self, place: Any) -> None:
        """Item verbs of a place's tables are answered in C from now on."""
        if not self._guarded:
            self._server.answer_items_of(place.account, place.region, place.dynamodb.tables)

    def operations(self) -> dict[str, dict[str, Any]]:
        """What was answered: operation -> count, refused, seconds, buckets (observed.py says of which)."""
        found = self._observed.operations()
        for name, (count, refused, seconds, buckets) in self._server.observed().items():
            found["DynamoDB_20120810." + name] = {
                "count": count, "refused": refused, "seconds": seconds, "buckets": buckets,
            }  # fmt: skip
        return found

    def calls(self) -> list[Call]:
        """The last calls, newest first, since somebody began to look, until two minutes after."""
        found = [
            Call(at, "DynamoDB_20120810." + name, status, seconds, size, out, "POST", "/", body)
            for at, name, status, seconds, size, out, body in self._server.calls(WATCHED_SECONDS)
        ]
        return sorted(found + self._observed.calls(), key=lambda call: -call.at)

    def close(self, grace_seconds: float = 5) -> None:
        """Answer what is in flight, then stop. Idempotent; the Cloud stays open."""
        if self.url in self._addresses:
            self._addresses.remove(self.url)
        if self._terminator is not None:
            self._terminator.stop()
        self._server.stop(int(grace_seconds * 1000))
        if self._terminator is not None:
            self._terminator.close()
            self._terminator = None
        self._files.close()
        end = time.monotonic() + _JOIN_S
        with self._lock:
            threads = list(self._threads)
        for thread in threads:  # one that is still in a function after the grace has nobody to answer
            thread.join(max(0.0, end - time.monotonic()))

    def __enter__(self) -> Endpoint:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start(self) -> None:
        """One more thread that waits for requests, unless there are too many."""
        with self._lock:
            if len(self._threads) >= _THREADS_MAX:
                return
            thread = threading.Thread(target=self._work, name="cloudcore-wire", daemon=True)
            try:
                thread.start()  # under the lock: close() joins only what runs
            except RuntimeError as error:  # no memory or process left: the busy ones go on by themselves
                _log().warning("no further thread for requests: %s", error)
                return
            self._threads.add(thread)
            self._waiting += 1

    def _work(self) -> None:
        try:
            while (request := self._next()) is not None:
                self._reply(request)
                with self._lock:
                    if self._waiting >= self._threads_min:
                        return
                    self._waiting += 1
        finally:
            with self._lock:
                self._threads.discard(threading.current_thread())

    def _next(self) -> Request | None:
        """The next request; None when the server has stopped. Leaves somebody else waiting behind."""
        request = None
        while request is None:
            try:
                request = self._server.next(60.0)
            except errors.ClosedError:
                break
        with self._lock:
            self._waiting -= 1
            alone = self._waiting == 0
        if alone and request is not None:
            self._start()
        return request

    def _stream(self, request: Request, run: Streamed, began: float) -> Reply | None:
        """Answer in parts; an answer that is still to be given when nothing was begun."""
        begun = 0
        size = 0

        def start(status: int, headers: list[tuple[str, str]]) -> Callable[[bytes], bool]:
            nonlocal begun
            self._server.begin(request, status, headers)
            begun = status

            def more(part: bytes) -> bool:
                nonlocal size
                size += len(part)
                return self._server.more(request, part)

            return more

        try:
            answer = run(start)
        except Exception:
            _log().exception("%s %s failed", request.method, request.target)
            answer = failure()
        if begun:
            self._note(request, begun, began, size)
            self._server.more(request, b"", True)
        return None if begun else answer

    def _note(self, request: Request, status: int, began: float, size: int) -> None:
        operation = operation_of(request.method, request.target, request.headers)
        if operation is not None:
            self._observed.note(
                operation,
                status,
                time.perf_counter() - began,
                request.method,
                request.target,
                request.body,
                size,
            )

    def _reply(self, request: Request) -> None:
        began = time.perf_counter()
        answer: Reply | Streamed | None
        try:
            answer = self._router.answer(
                request.method, request.target, request.headers, request.body, request.peer
            )
        except Exception:
            _log().exception("%s %s failed", request.method, request.target)
            answer = failure()
        try:
            if callable(answer):
                answer = self._stream(request, answer, began)
            if isinstance(answer, tuple):
                status, headers, body = answer
                self._note(request, status, began, len(body))
                self._server.reply(request, status, headers, body)
        except Exception:
            _log().exception("no reply to %s %s", request.method, request.target)


def _certificate(tls: bool | tuple[str, str], directory: str, host: str) -> tuple[str, str] | None:
    """The files of the certificate and key to serve by."""
    if tls is not True:
        return tls or None
    from cloudcore.wire.tls import self_signed

    return self_signed(os.path.join(directory, "tls"), host)


def _log() -> logging.Logger:
    import logging  # what it imports in its turn is a tenth of the time until the first answer

    return logging.getLogger("cloudcore.wire")
