"""Router: one request of AWS's HTTP protocols, without a socket, to the service that answers it.

Function URLs by Host or /lambda-url/<id>/..., the JSON services by X-Amz-Target, Lambda by its dated path,
STS by its form; what is none of these is S3. The endpoint uses it behind its sockets, boto3's in-process
transport without any.
"""

from __future__ import annotations

import functools
import gzip
import io
import itertools
import json
import re
import time
import zlib
from collections.abc import Callable, Mapping
from typing import Any

from cloudcore._http import request_id

_BODY_MAX = 16 << 20
_PACKAGE_MAX = 70_167_211  # the largest request of Lambda: CreateFunction with a zip
_DATED = re.compile(r"/20\d\d-\d\d-\d\d/")  # Lambda's paths begin with the date of an API version
_FUNCTION_URL = re.compile(r"([a-z0-9]+)\.lambda-url\.")
_FORM = "application/x-www-form-urlencoded"
_HEALTH = ("/_cloudcore/health", "/_localstack/health")
Headers = Mapping[str, str]
Reply = tuple[int, list[tuple[str, str]], bytes]


class Router:
    """Answers requests from the services of `cloud`. Any thread may call."""

    def __init__(self, cloud: Any):
        self._cloud = cloud
        self._serial = itertools.count(time.monotonic_ns())
        self._services: dict[str, Callable[[], Any]] = {
            "DynamoDB_20120810": lambda: cloud.dynamodb,
            "Firehose_20150804": lambda: cloud.firehose,
        }

    @functools.cached_property
    def _s3(self) -> Any:
        # Not every endpoint is asked for objects, and the door's libraries are not small.
        from cloudcore.wire.s3 import Door

        return Door(lambda: self._cloud.objects, self._cloud.account, self._cloud.region)

    def answer(self, method: str, target: str, headers: Headers, body: bytes) -> Reply:
        """(status, headers, body); `headers` by lower-case name. Refusals are answers too."""
        path, _, query = target.partition("?")
        url = _FUNCTION_URL.match(headers.get("host", ""))
        if url or path.startswith("/lambda-url/"):
            return self._function_url(url[1] if url else None, method, path, query, headers, body)
        if "x-amz-target" in headers:
            return self._json(method, headers, body)
        if path in _HEALTH and method in ("GET", "HEAD"):
            return 200, [("Content-Type", "application/json")], self._health()
        if method == "OPTIONS":
            return 200, _cors(headers), b""
        if _DATED.match(path):
            return self._rest(method, path, query, headers, body)
        if method == "POST" and path == "/" and headers.get("content-type", "").startswith(_FORM):
            from cloudcore.wire import sts

            return sts.answer(body, self._cloud.account, self._new_id())
        if method == "GET" and path == "/" and "authorization" not in headers and not query:
            return 200, [("Content-Type", "application/json")], self._health()
        status, out, data = self._s3.answer(method, path, query, headers, body)
        out = [*out, ("x-amz-request-id", self._new_id()[:16])]
        return status, out + _cors(headers) if "origin" in headers else out, data

    def _new_id(self) -> str:
        return request_id(next(self._serial))

    def _health(self) -> bytes:
        from cloudcore import __version__

        services = dict.fromkeys(("dynamodb", "firehose", "lambda", "s3", "sts"), "running")
        return json.dumps(
            {"status": "ok", "services": services, "edition": "cloudcore", "version": __version__}
        ).encode()

    def _json(self, method: str, headers: Headers, body: bytes) -> Reply:
        prefix, _, operation = headers["x-amz-target"].partition(".")
        version = "1.1" if prefix.startswith("Firehose") else "1.0"
        status, answer = self._call(method, headers, body, prefix, operation)
        out = [
            ("Content-Type", f"application/x-amz-json-{version}"),
            ("x-amzn-RequestId", self._new_id()),
            *(_cors(headers) if "origin" in headers else ()),
        ]
        if version == "1.0":
            out.append(("x-amz-crc32", str(zlib.crc32(answer))))
        return status, out, answer

    def _function_url(
        self, url_id: str | None, method: str, path: str, query: str, headers: Headers, body: bytes
    ) -> Reply:
        if url_id is None:
            url_id, _, path = path.removeprefix("/lambda-url/").partition("/")
            path = "/" + path
        status, out, data = self._cloud.lambda_.handle_url(url_id, method, path, query, headers, body)
        return status, [*out, ("x-amzn-RequestId", self._new_id())], data

    def _rest(self, method: str, path: str, query: str, headers: Headers, body: bytes) -> Reply:
        request = ("x-amzn-RequestId", self._new_id())
        if len(body) > _PACKAGE_MAX:
            status, data = _plain(
                413,
                "RequestEntityTooLargeException",
                f"Request must be smaller than {_PACKAGE_MAX} bytes for the CreateFunction operation",
            )
            return status, [("Content-Type", "application/json"), request], data
        status, out, data = self._cloud.lambda_.handle(method, path, query, headers, body)
        out = [*out, request]
        if "origin" in headers:
            out += [*_cors(headers), ("Access-Control-Expose-Headers", "*")]
        return status, out, data

    def _call(
        self, method: str, headers: Headers, body: bytes, prefix: str, operation: str
    ) -> tuple[int, bytes]:
        if headers.get("content-encoding", "").lower() == "gzip":
            try:
                body = _gunzip(body)
            except (OSError, EOFError, zlib.error):
                return _plain(400, "SerializationException", "The request body is not valid gzip")
        if len(body) > _BODY_MAX:
            return _plain(413, "RequestEntityTooLargeException", "Request size exceeds 16 MB")
        service = self._services.get(prefix)
        if method != "POST" or service is None:
            return _plain(400, "UnknownOperationException", "")
        account, region = scope(headers.get("authorization", ""))
        if account not in (None, self._cloud.account) or region not in (None, self._cloud.region):
            return _plain(
                400, "UnrecognizedClientException",
                f"This endpoint serves account {self._cloud.account} in {self._cloud.region} only",
            )  # fmt: skip
        reply: tuple[int, bytes] = service().call_json(operation, body)
        return reply


def scope(authorization: str) -> tuple[str | None, str | None]:
    """(account, region) of a SigV4 credential scope; a 12-digit access key names the account."""
    _, found, rest = authorization.partition("Credential=")
    parts = rest.split("/")
    if not found or len(parts) < 5:
        return None, None
    key = parts[0]
    return (key if len(key) == 12 and key.isdigit() else None), parts[2]


def failure() -> Reply:
    """The answer when answering failed."""
    status, body = _plain(500, "InternalServerError", "The request processing has failed")
    return status, [("Content-Type", "application/x-amz-json-1.0")], body


def _gunzip(data: bytes) -> bytes:
    """At most one byte over the limit is ever made of a bomb."""
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as packed:
        return packed.read(_BODY_MAX + 1)


def _cors(headers: Headers) -> list[tuple[str, str]]:
    asked = headers.get("access-control-request-headers", "*")
    return [
        ("Access-Control-Allow-Origin", "*"),
        ("Access-Control-Allow-Headers", asked),
        ("Access-Control-Allow-Methods", "DELETE, GET, HEAD, OPTIONS, POST, PUT"),
        ("Access-Control-Max-Age", "172800"),
    ]


def _plain(status: int, code: str, message: str) -> tuple[int, bytes]:
    kind = "com.amazon.coral.service#" + code
    return status, json.dumps({"__type": kind, "message": message} if message else {"__type": kind}).encode()
