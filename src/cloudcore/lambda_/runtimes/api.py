"""The Lambda Runtime API (2018-06-01) inside an execution environment: a program asks here for its events.

    program  --GET next-->  Api  --channel-->  the owner's Pool
             --POST response or error-->

The first GET next says that the program is initialised. An answer that is posted in pieces (chunked, response
mode "streaming") goes on to the owner piece by piece: it says GO before it gets the next one, so that nobody
holds a whole stream. What a program does out of turn is refused as AWS's own endpoint does.
Source: AWS, "Using the Lambda runtime API for custom runtimes".
"""

from __future__ import annotations

import binascii
import json
import os
import socket
import threading
from collections.abc import Callable

from cloudcore._channel import Channel
from cloudcore.lambda_.payload import RESPONSE_MAX, too_large
from cloudcore.lambda_.runtime import BEGIN, ERROR, FAILED, PIECE, READY, RESULT, Head
from cloudcore.lambda_.runtimes.connection import Connection, Ended

_WAIT_MS = 3_600_000
_PREFIX = "/2018-06-01/runtime/"
_PIECE_MAX = 1 << 20
_JSON = [("Content-Type", "application/json")]
_ACCEPTED = ("202 Accepted", _JSON, b'{"status":"OK"}\n')


class Refused(Exception):
    """A request that this API does not take: status, error type, message."""

    def __init__(self, status: str, kind: str, message: str):
        super().__init__(message)
        self.status = status
        self.body = json.dumps({"errorMessage": message, "errorType": kind}).encode()


class Api:
    """Listens on a port of its own. `peak_kb()` is the memory that the program has used at most."""

    def __init__(self, channel: Channel, peak_kb: Callable[[], int]):
        self._channel, self._peak_kb = channel, peak_kb
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._turn = threading.Lock()  # one request at a time moves the invocation on
        self._asked = threading.Lock()  # one GET next waits at a time
        self._request_id: str | None = None
        self._ready = False
        self.failed = threading.Event()  # the program said that it cannot be initialised

    def start(self) -> None:
        """Take connections from now on."""
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            link, _ = self._listener.accept()
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(link,), daemon=True).start()

    def _serve(self, link: socket.socket) -> None:
        with link:
            connection = Connection(link)
            try:
                while connection.next():
                    try:
                        answer = self._answer(connection)
                    except Refused as refusal:
                        for _ in connection.body():
                            pass
                        answer = (refusal.status, _JSON, refusal.body)
                    connection.answer(*answer)
            except (Ended, ValueError):
                return

    def _answer(self, request: Connection) -> tuple[str, list[tuple[str, str]], bytes]:
        path = request.path.partition("?")[0]
        if path == "/2018-06-01/ping" and request.method == "GET":
            return "200 OK", [], b"pong"
        if path.startswith("/2020-01-01/extension") or path.startswith("/2022-07-01/telemetry"):
            raise Refused(
                "403 Forbidden", "Extension.NotSupported", "Extensions are not supported by this endpoint."
            )
        if not path.startswith(_PREFIX):
            raise Refused("404 Not Found", "NotFound", "There is nothing here.")
        what = path.removeprefix(_PREFIX).split("/")
        if request.method == "GET" and what == ["invocation", "next"]:
            return self._next()
        if request.method == "GET" and what == ["restore", "next"]:
            return "200 OK", [], b""
        if request.method == "POST" and what in (["init", "error"], ["restore", "error"]):
            return self._init_error(b"".join(request.body()))
        if request.method == "POST" and len(what) == 3 and what[0] == "invocation":
            if what[2] == "response":
                return self._response(what[1], request)
            if what[2] == "error":
                return self._error(what[1], request)
        raise Refused("404 Not Found", "NotFound", "There is nothing here.")

    # -- the program's turns ---------------------------------------------------------------------

    def _next(self) -> tuple[str, list[tuple[str, str]], bytes]:
        with self._asked:
            with self._turn:
                if self._request_id is not None:
                    raise _out_of_turn()
                if not self._ready:
                    self._ready = True
                    self._channel.reply(READY, b"", self._peak_kb())
            while (request := self._channel.receive(_WAIT_MS)) is None:
                pass
            packed, event, _ = request
            head = Head.unpack(packed)
            self._request_id = head.request_id
        headers = [
            ("Content-Type", "application/json"),
            ("Lambda-Runtime-Aws-Request-Id", head.request_id),
            ("Lambda-Runtime-Deadline-Ms", str(head.deadline_ms)),
            ("Lambda-Runtime-Invoked-Function-Arn", head.arn),
        ]
        for name, value in (
            ("Trace-Id", head.trace),
            ("Client-Context", head.client_context.decode("utf-8", "replace")),
            ("Aws-Tenant-Id", head.tenant),
        ):
            if value:
                headers.append(("Lambda-Runtime-" + name, value))
        return "200 OK", headers, event

    def _check_turn(self, request_id: str) -> None:
        if request_id != self._request_id:
            raise Refused("400 Bad Request", "InvalidRequestID", "Invalid request ID")

    def _response(self, request_id: str, request: Connection) -> tuple[str, list[tuple[str, str]], bytes]:
        streams = request.headers.get("lambda-runtime-function-response-mode", "").lower() == "streaming"
        with self._turn:
            self._check_turn(request_id)
            if streams:
                self._stream(request)
                return _ACCEPTED
            body = bytearray()
            for piece in request.body():
                if len(body) <= RESPONSE_MAX:
                    body += piece
            self._request_id = None
            if len(body) > RESPONSE_MAX:
                self._channel.reply(ERROR, too_large(), self._peak_kb())
                raise Refused(
                    "413 Request Entity Too Large", "RequestEntityTooLarge",
                    f"Exceeded maximum allowed payload size ({RESPONSE_MAX} bytes).",
                )  # fmt: skip
            self._channel.reply(RESULT, bytes(body), self._peak_kb())
        return _ACCEPTED

    def _stream(self, request: Connection) -> None:
        self._pass_on(BEGIN, request.headers.get("content-type", "application/octet-stream").encode())
        for piece in request.body():
            for at in range(0, len(piece), _PIECE_MAX):
                self._pass_on(PIECE, piece[at : at + _PIECE_MAX])
        self._request_id = None
        kind = request.headers.get("lambda-runtime-function-error-type")
        if kind is None:
            self._channel.reply(RESULT, b"", self._peak_kb())
            return
        body = _from_base64(request.headers.get("lambda-runtime-function-error-body", ""))
        self._channel.reply(ERROR, body or _error_body(kind), self._peak_kb())

    def _pass_on(self, kind: int, data: bytes) -> None:
        self._channel.reply(kind, data, self._peak_kb())
        while self._channel.receive(_WAIT_MS) is None:
            pass

    def _error(self, request_id: str, request: Connection) -> tuple[str, list[tuple[str, str]], bytes]:
        body = b"".join(request.body())
        kind = request.headers.get("lambda-runtime-function-error-type", "Runtime.UnknownReason")
        with self._turn:
            self._check_turn(request_id)
            self._request_id = None
            self._channel.reply(ERROR, body if _is_json(body) else _error_body(kind), self._peak_kb())
        return _ACCEPTED

    def _init_error(self, body: bytes) -> tuple[str, list[tuple[str, str]], bytes]:
        with self._turn:
            if self._ready:
                raise _out_of_turn()
            self._ready = True
            if not _is_json(body):
                body = _error_body("Runtime.Unknown")
            self._channel.reply(FAILED, body, self._peak_kb())
            self.failed.set()
        return _ACCEPTED


def _out_of_turn() -> Refused:
    return Refused("403 Forbidden", "InvalidStateTransition", "State transition is not allowed")


def _error_body(kind: str) -> bytes:
    return json.dumps({"errorType": kind, "errorMessage": ""}, separators=(",", ":")).encode()


def _is_json(body: bytes) -> bool:
    try:
        return isinstance(json.loads(body), dict)
    except ValueError:
        return False


def _from_base64(text: str) -> bytes:
    try:
        body = binascii.a2b_base64(text)
    except ValueError:
        return b""
    return body if _is_json(body) else b""


def environment_of(address: str) -> dict[str, str]:
    """The variables that the program sees: this process's, and where the API is."""
    return {**os.environ, "AWS_LAMBDA_RUNTIME_API": address}
