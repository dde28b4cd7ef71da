"""The endpoint: one port for all services of a Cloud.

Item verbs never come here: csrc/http answers them in C. A request that does is looked up by its
X-Amz-Target in one table (Lambda: by its path; function URLs: by Host, or /lambda-url/<id>/...) and handed
to the service as bytes; the service's own body goes back. A thread that takes a request sees to it that
another one is waiting, so a function that runs for minutes, or that calls another function, holds up
nobody.
"""

from __future__ import annotations

import gzip
import io
import itertools
import json
import logging
import re
import threading
import time
import zlib
from collections.abc import Callable
from typing import Any

from cloudcore import errors
from cloudcore._http import Request, Server, request_id

LOOPBACK = ("127.0.0.1", "::1")
_BODY_MAX = 16 << 20
_PACKAGE_MAX = 70_167_211  # the largest request of all: CreateFunction with a zip
_THREADS_MAX = 1100  # the functions' concurrency and then some
_DATED = re.compile(r"/20\d\d-\d\d-\d\d/")  # Lambda's paths begin with the date of an API version
_FUNCTION_URL = re.compile(r"([a-z0-9]+)\.lambda-url\.")
_log = logging.getLogger("cloudcore.wire")
Reply = tuple[int, list[tuple[str, str]], bytes]


class Endpoint:
    """An HTTP endpoint over `cloud`, on a loopback address.

    `port` 0 takes any free one. `threads` wait for what C does not answer; more come when they are busy.
    Signatures are not checked, so another address than loopback is refused (ValueError).
    """

    def __init__(self, cloud: Any, host: str = "127.0.0.1", port: int = 0, threads: int = 2):
        if host not in LOOPBACK:
            raise ValueError(
                f"{host} is not loopback: requests are not authenticated, so only {LOOPBACK} are served"
            )
        self._cloud = cloud
        self._serial = itertools.count(time.monotonic_ns())
        self._server = Server(
            host,
            port,
            tables=cloud.dynamodb.tables,
            account=cloud.account,
            region=cloud.region,
            body_max=_PACKAGE_MAX,
        )
        self.host, self.port = host, self._server.port
        self.url = f"http://{'[' + host + ']' if ':' in host else host}:{self.port}"
        self._services: dict[str, Callable[[], Any]] = {
            "DynamoDB_20120810": lambda: cloud.dynamodb,
            "Firehose_20150804": lambda: cloud.firehose,
        }
        self._addresses = cloud.dynamodb.addresses
        self._addresses.append(self.url)
        self._lock = threading.Lock()
        self._threads: set[threading.Thread] = set()
        self._waiting = 0
        self._threads_min = threads
        for _ in range(threads):
            self._start()

    def close(self, grace_seconds: float = 5) -> None:
        """Answer what is in flight, then stop. Idempotent; the Cloud stays open."""
        if self.url in self._addresses:
            self._addresses.remove(self.url)
        self._server.stop(int(grace_seconds * 1000))
        while self._threads:
            with self._lock:
                thread = next(iter(self._threads), None)
            if thread is not None:
                thread.join()

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
                _log.warning("no further thread for requests: %s", error)
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

    def _reply(self, request: Request) -> None:
        try:
            status, headers, body = self._answer(request)
        except Exception:
            _log.exception("%s %s failed", request.method, request.target)
            status, headers, body = _error(500, "InternalServerError", "The request processing has failed")
        try:
            self._server.reply(request, status, headers, body)
        except Exception:
            _log.exception("no reply to %s %s", request.method, request.target)

    def _answer(self, request: Request) -> Reply:
        path, _, query = request.target.partition("?")
        url = _FUNCTION_URL.match(request.headers.get("host", ""))
        if url or path.startswith("/lambda-url/"):
            return self._function_url(request, url[1] if url else None, path, query)
        if request.method == "GET" and path in ("/", "/_cloudcore/health"):
            return (
                200,
                [("Content-Type", "application/json")],
                b'{"status":"ok","services":["dynamodb","lambda","firehose"]}',
            )
        if request.method == "OPTIONS":
            return 200, _cors(request), b""
        if _DATED.match(path):
            return self._rest(request, path, query)
        prefix, _, operation = request.headers.get("x-amz-target", "").partition(".")
        version = "1.1" if prefix.startswith("Firehose") else "1.0"
        status, body = self._call(request, prefix, operation)
        headers = [
            ("Content-Type", f"application/x-amz-json-{version}"),
            ("x-amzn-RequestId", request_id(next(self._serial))),
            *(_cors(request) if "origin" in request.headers else ()),
        ]
        if version == "1.0":
            headers.append(("x-amz-crc32", str(zlib.crc32(body))))
        return status, headers, body

    def _function_url(self, request: Request, url_id: str | None, path: str, query: str) -> Reply:
        if url_id is None:
            url_id, _, path = path.removeprefix("/lambda-url/").partition("/")
            path = "/" + path
        status, headers, body = self._cloud.lambda_.handle_url(
            url_id, request.method, path, query, request.headers, request.body
        )
        return status, [*headers, ("x-amzn-RequestId", request_id(next(self._serial)))], body

    def _rest(self, request: Request, path: str, query: str) -> Reply:
        status, headers, body = self._cloud.lambda_.handle(
            request.method, path, query, request.headers, request.body
        )
        headers = [*headers, ("x-amzn-RequestId", request_id(next(self._serial)))]
        if "origin" in request.headers:
            headers += [*_cors(request), ("Access-Control-Expose-Headers", "*")]
        return status, headers, body

    def _call(self, request: Request, prefix: str, operation: str) -> tuple[int, bytes]:
        body = request.body
        if request.headers.get("content-encoding", "").lower() == "gzip":
            try:
                body = _gunzip(body)
            except (OSError, EOFError, zlib.error):
                return _plain(400, "SerializationException", "The request body is not valid gzip")
        if len(body) > _BODY_MAX:
            return _plain(413, "RequestEntityTooLargeException", "Request size exceeds 16 MB")
        service = self._services.get(prefix)
        if request.method != "POST" or service is None:
            return _plain(400, "UnknownOperationException", "")
        account, region = _scope(request.headers.get("authorization", ""))
        if account not in (None, self._cloud.account) or region not in (None, self._cloud.region):
            return _plain(
                400, "UnrecognizedClientException",
                f"This endpoint serves account {self._cloud.account} in {self._cloud.region} only",
            )  # fmt: skip
        reply: tuple[int, bytes] = service().call_json(operation, body)
        return reply


def _gunzip(data: bytes) -> bytes:
    """At most one byte over the limit is ever made of a bomb."""
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as packed:
        return packed.read(_BODY_MAX + 1)


def _scope(authorization: str) -> tuple[str | None, str | None]:
    """(account, region) of a SigV4 credential scope; a 12-digit access key names the account."""
    _, found, scope = authorization.partition("Credential=")
    parts = scope.split("/")
    if not found or len(parts) < 5:
        return None, None
    key = parts[0]
    return (key if len(key) == 12 and key.isdigit() else None), parts[2]


def _cors(request: Request) -> list[tuple[str, str]]:
    asked = request.headers.get("access-control-request-headers", "*")
    return [
        ("Access-Control-Allow-Origin", "*"),
        ("Access-Control-Allow-Headers", asked),
        ("Access-Control-Allow-Methods", "DELETE, GET, HEAD, OPTIONS, POST, PUT"),
        ("Access-Control-Max-Age", "172800"),
    ]


def _plain(status: int, code: str, message: str) -> tuple[int, bytes]:
    kind = "com.amazon.coral.service#" + code
    return status, json.dumps({"__type": kind, "message": message} if message else {"__type": kind}).encode()


def _error(status: int, code: str, message: str) -> Reply:
    return status, [("Content-Type", "application/x-amz-json-1.0")], _plain(status, code, message)[1]
