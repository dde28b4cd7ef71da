"""Router: one request of AWS's HTTP protocols, without a socket, to the service that answers it.

A guard (auth/) is asked first where there is one; what lies under /_cloudcore/ is the endpoint's own: health,
metrics, the console.

Function URLs by Host or /lambda-url/<id>/..., the JSON services by X-Amz-Target, Lambda by its dated path,
STS by its form; what is none of these is S3, and what was signed for another service is refused
(elsewhere.py). Whose services in which region is said by the credentials (credentials.py). The endpoint uses
it behind its sockets, boto3's in-process transport without any.
"""

from __future__ import annotations

import functools
import itertools
import json
import re
import time
import zlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from cloudcore._http import request_id
from cloudcore.errors import ApiError
from cloudcore.wire import credentials, elsewhere

if TYPE_CHECKING:
    from cloudcore.console import Console
    from cloudcore.wire.auth import Guard

_BODY_MAX = 16 << 20
_GZIP_MIN = 1024  # bytes; a shorter answer fits a packet as it is
_PACKAGE_MAX = 70_167_211  # the largest request of Lambda: CreateFunction with a zip
_DATED = re.compile(r"/20\d\d-\d\d-\d\d/")  # Lambda's paths begin with the date of an API version
_FUNCTION_URL = re.compile(r"([a-z0-9]+)\.lambda-url\.")
_JSON = {
    "DynamoDB_20120810": "dynamodb",
    "DynamoDBStreams_20120810": "dynamodbstreams",
    "Firehose_20150804": "firehose",
}
"""Prefixes of X-Amz-Target: the service's attribute of a Place."""
_FORM = "application/x-www-form-urlencoded"
_OWN = "/_cloudcore/"
_TARGET = re.compile(r"[A-Za-z]+_\d{8}\.[A-Za-z]{1,64}")
_METHODS = ("GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS")
_HEALTH = ("/_cloudcore/health", "/_localstack/health")
TOO_LARGE = (  # csrc/http/dynamodb.c says the same when it sees the size coming
    b'{"__type":"com.amazon.coral.service#RequestEntityTooLargeException",'
    b'"message":"Request size exceeds 16 MB"}'
)
Headers = Mapping[str, str]
Reply = tuple[int, list[tuple[str, str]], bytes]
Start = Callable[[int, list[tuple[str, str]]], Callable[[bytes], bool]]
Streamed = Callable[[Start], "Reply | None"]
"""An answer in parts: calls start(status, headers) and what that returns for each part; or returns an
answer."""


class Router:
    """Answers requests from the services of `cloud`. Any thread may call.

    `cloud` is a Cloud, or the Place in one that is meant where a request names no account or region. `guard`
    says who asks and whether they may; without one nobody looks at signatures. `console` makes the pages.
    `secure`: requests come over TLS.
    """

    def __init__(
        self, cloud: Any, guard: Guard | None = None, console: Callable[[], Console] | None = None,
        secure: bool = False,
    ):  # fmt: skip
        self._cloud = cloud
        self._guard = guard
        self._secure = secure
        self._make_console = console
        self._serial = itertools.count(time.monotonic_ns())

    @functools.cached_property
    def _console(self) -> Console | None:
        return self._make_console() if self._make_console is not None else None

    def answer(
        self, method: str, target: str, headers: Headers, body: bytes, source: str = ""
    ) -> Reply | Streamed:
        """(status, headers, body), or Streamed; `headers` by lower-case name. Refusals are answers too.

        `source`: the address that the request came from, if it came from one.
        """
        path, _, query = target.partition("?")
        url = _FUNCTION_URL.match(headers.get("host", ""))
        if url or path.startswith("/lambda-url/"):
            return self._function_url(url[1] if url else None, method, path, query, headers, body, source)
        if path in _HEALTH and method in ("GET", "HEAD"):
            return 200, [("Content-Type", "application/json")], self._health()
        if path.startswith(_OWN) or path == _OWN[:-1]:
            return self._own(method, path, query, headers, body)
        if method == "OPTIONS":
            return 200, _cors(headers), b""
        service = credentials.service(headers)
        if service is not None and elsewhere.is_elsewhere(service):
            return elsewhere.answer(service, headers, self._new_id())
        if self._guard is not None:
            try:
                identity = self._guard.check(method, target, headers, body, source, self._secure)
            except ApiError as error:
                return self._refused(error, method, path, headers)
            # From here on a request means what its key is for, whatever account its key looks like.
            scope = f"{identity.account}/0/{identity.region}/{identity.service}/aws4_request"
            headers = {**headers, "authorization": f"AWS4-HMAC-SHA256 Credential={scope}"}
            if identity.service == "sts":
                return _sts().answer(body, identity.account, self._new_id(), identity.arn)
        if "x-amz-target" in headers:
            return self._json(method, headers, body)
        if _DATED.match(path):
            return self._rest(method, path, query, headers, body)
        if method == "POST" and path == "/" and headers.get("content-type", "").startswith(_FORM):
            try:
                account = self._place(headers, query).account
            except ApiError as error:
                return _sts().refusal(error.code, error.message, self._new_id(), error.status)
            return _sts().answer(body, account, self._new_id())
        if path == "/" and "authorization" not in headers and not query:
            if method in ("GET", "HEAD"):
                return self._front_door()
            if method == "POST":
                return self._no_target(headers)
        return self._s3(method, path, query, headers, body)

    def _own(self, method: str, path: str, query: str, headers: Headers, body: bytes) -> Reply:
        """What is the endpoint's own. With a guard its readers sign in by an access key and its secret."""
        writes = method not in ("GET", "HEAD")
        if self._guard is not None and not self._guard.signed_in(headers, write=writes):
            return 401, [("WWW-Authenticate", 'Basic realm="cloudcore: access key and secret"')], b""
        from cloudcore.wire import own

        if own.answers(method, path):
            return own.answer(self._cloud, method, path, query, headers, body)
        if path.startswith("/_cloudcore/schedules"):
            reply: Reply = self._place(headers, query).lambda_.handle_schedules(method, path, body)
            return reply
        if self._console is None:
            return 404, [("Content-Type", "text/plain")], b"There is no console here\n"
        return self._console.answer(method, path, query, headers, body)

    def _refused(self, error: ApiError, method: str, path: str, headers: Headers) -> Reply:
        """A refusal of the guard, in the form of the service that was asked."""
        request = ("x-amzn-RequestId", self._new_id())
        if "x-amz-target" in headers:
            status, data = _plain(error.status, error.code, error.message)
            return status, [("Content-Type", "application/x-amz-json-1.0"), request], data
        if _DATED.match(path):
            told = [("Content-Type", "application/json"), ("x-amzn-ErrorType", error.code), request]
            return error.status, told, json.dumps({"message": error.message}).encode()
        if headers.get("content-type", "").startswith(_FORM):
            return _sts().refusal(error.code, error.message, self._new_id(), error.status)
        from cloudcore.wire.s3.door import refusal

        return refusal(error, method, path)

    def _place(self, headers: Headers, query: str = "") -> Any:
        """The account's services in the region that the credentials name. Raises ApiError."""
        account, region = credentials.scope(headers, query)
        try:
            return self._cloud.at(region, account)
        except ValueError:
            raise ApiError(
                "InvalidSignatureException",
                f"Credential should be scoped to a valid region, not '{region}'. ",
            ) from None

    def _s3(self, method: str, path: str, query: str, headers: Headers, body: bytes) -> Reply:
        # Not every endpoint is asked for objects, and the door's libraries are not small.
        from cloudcore.wire.s3 import Door

        door = Door(lambda: self._place(headers, query))
        status, out, data = door.answer(method, path, query, headers, body)
        out = [*out, ("x-amz-request-id", self._new_id()[:16])]
        return status, out + _cors(headers) if "origin" in headers else out, data

    def _new_id(self) -> str:
        return request_id(next(self._serial))

    def _health(self) -> bytes:
        from cloudcore import __version__

        services = dict.fromkeys(elsewhere.SERVED, "running")
        return json.dumps(
            {"status": "ok", "services": services, "edition": "cloudcore", "version": __version__}
        ).encode()

    def _front_door(self) -> Reply:
        """What an endpoint of DynamoDB says to a browser and to load balancers."""
        text = f"healthy: dynamodb.{self._cloud.region}.amazonaws.com ".encode()
        crc = ("x-amz-crc32", str(zlib.crc32(text)))
        return 200, [("Content-Type", "text/plain"), ("x-amzn-RequestId", self._new_id()), crc], text

    def _no_target(self, headers: Headers) -> Reply:
        """A POST that names no operation."""
        if headers.get("content-type", "").startswith("application/x-amz-json-1."):
            return self._json("POST", {**headers, "x-amz-target": ""}, b"")
        text = b"<UnknownOperationException/>\n"
        crc = ("x-amz-crc32", str(zlib.crc32(text)))
        return 404, [("x-amzn-RequestId", self._new_id()), crc], text

    def _json(self, method: str, headers: Headers, body: bytes) -> Reply:
        prefix, _, operation = headers["x-amz-target"].partition(".")
        version = "1.1" if prefix.startswith("Firehose") else "1.0"
        status, answer = self._call(method, headers, body, prefix, operation)
        out = [
            ("Content-Type", f"application/x-amz-json-{version}"),
            ("x-amzn-RequestId", self._new_id()),
            *(_cors(headers) if "origin" in headers else ()),
        ]
        if len(answer) >= _GZIP_MIN and _takes_gzip(headers.get("accept-encoding", "")):
            import gzip

            answer = gzip.compress(answer, 1, mtime=0)
            out.append(("Content-Encoding", "gzip"))
        if version == "1.0":  # of the bytes as they are sent
            out.append(("x-amz-crc32", str(zlib.crc32(answer))))
        return status, out, answer

    def _function_url(
        self, url_id: str | None, method: str, path: str, query: str, headers: Headers, body: bytes,
        source: str,
    ) -> Reply | Streamed:  # fmt: skip
        target = f"{path}?{query}" if query else path
        if url_id is None:
            url_id, _, path = path.removeprefix("/lambda-url/").partition("/")
            path = "/" + path
        # Urls need no credentials: their ids are unique among all accounts and regions.
        open_here = [place for place in self._cloud.places() if place.has_url(url_id)] or [self._cloud]

        def caller(resource: str) -> dict[str, str] | None:
            return self._caller(resource, method, target, headers, body)

        forwarded = {
            **headers,
            "x-forwarded-for": source or "127.0.0.1",
            "x-forwarded-proto": "https" if self._secure else "http",
        }
        reply = open_here[0].lambda_.handle_url(url_id, method, path, query, forwarded, body, caller)
        return _with(reply, [("x-amzn-RequestId", self._new_id())])

    def _caller(
        self, resource: str, method: str, target: str, headers: Headers, body: bytes
    ) -> dict[str, str] | None:
        """Who calls a function URL that wants signatures; without a guard whoever signed for Lambda."""
        if self._guard is not None:
            found = self._guard.signer(
                "lambda", "lambda:InvokeFunctionUrl", resource, method, target, headers, body
            )
            if found is None:
                return None
            return {"account": found.account, "arn": found.arn, "access_key": found.access_key}
        _, signed, credential = headers.get("authorization", "").partition("Credential=")
        parts = credential.partition(",")[0].split("/")
        if not signed or len(parts) != 5 or parts[3] != "lambda":
            return None
        account = credentials.account_of(parts[0]) or self._cloud.account
        return {"account": account, "arn": f"arn:aws:iam::{account}:root", "access_key": parts[0]}

    def _rest(self, method: str, path: str, query: str, headers: Headers, body: bytes) -> Reply | Streamed:
        request = ("x-amzn-RequestId", self._new_id())
        if len(body) > _PACKAGE_MAX:
            status, data = _plain(
                413,
                "RequestEntityTooLargeException",
                f"Request must be smaller than {_PACKAGE_MAX} bytes for the CreateFunction operation",
            )
            return status, [("Content-Type", "application/json"), request], data
        try:
            service = self._place(headers, query).lambda_
        except ApiError as error:
            told = [("Content-Type", "application/json"), ("x-amzn-ErrorType", error.code), request]
            return 403, told, json.dumps({"message": error.message}).encode()
        more = [request]
        if "origin" in headers:
            more += _cors(headers)
        return _with(service.handle(method, path, query, headers, body), more)

    def _call(
        self, method: str, headers: Headers, body: bytes, prefix: str, operation: str
    ) -> tuple[int, bytes]:
        if headers.get("content-encoding", "").lower() == "gzip":
            try:
                body = _gunzip(body)
            except (OSError, EOFError, zlib.error):
                return _plain(400, "SerializationException", "The request body is not valid gzip")
        if len(body) > _BODY_MAX:
            return 413, TOO_LARGE
        if method != "POST" or prefix not in _JSON:
            return _plain(400, "UnknownOperationException", "")
        try:
            place = self._place(headers)
        except ApiError as error:
            return _plain(400, error.code, error.message)
        reply: tuple[int, bytes] = getattr(place, _JSON[prefix]).call_json(operation, body)
        return reply


def operation_of(method: str, target: str, headers: Headers) -> str | None:
    """The name under which a request is counted; None for what is the endpoint's own."""
    path, _, query = target.partition("?")
    if "x-amz-target" in headers:
        named = headers["x-amz-target"]
        return named if _TARGET.fullmatch(named) else "unknown"
    if path.startswith((_OWN, "/_localstack")):
        return None
    if _FUNCTION_URL.match(headers.get("host", "")) or path.startswith("/lambda-url/"):
        return "Lambda.FunctionUrl"
    if _DATED.match(path):
        from urllib.parse import parse_qs

        from cloudcore.validation import rest

        match = rest.routes("lambda").match(method, path, parse_qs(query, keep_blank_values=True))
        return f"Lambda.{match.operation}" if match else "unknown"
    if headers.get("content-type", "").startswith(_FORM):
        return "STS"
    return f"S3.{method}" if method in _METHODS else "unknown"


def failure() -> Reply:
    """The answer when answering failed."""
    status, body = _plain(500, "InternalServerError", "The request processing has failed")
    return status, [("Content-Type", "application/x-amz-json-1.0")], body


def _with(reply: Reply | Streamed, more: list[tuple[str, str]]) -> Reply | Streamed:
    """The reply with these headers as well."""
    if not callable(reply):
        return reply[0], [*reply[1], *more], reply[2]
    run = reply

    def streamed(start: Start) -> Reply | None:
        left = run(lambda status, headers: start(status, [*headers, *more]))
        return None if left is None else (left[0], [*left[1], *more], left[2])

    return streamed


def whole(reply: Reply | Streamed) -> Reply:
    """The reply with its body in one piece."""
    if not callable(reply):
        return reply
    told: list[Any] = []
    parts: list[bytes] = []

    def start(status: int, headers: list[tuple[str, str]]) -> Callable[[bytes], bool]:
        told[:] = [status, headers]

        def write(part: bytes) -> bool:
            parts.append(part)
            return True

        return write

    left = reply(start)
    return (told[0], told[1], b"".join(parts)) if left is None else left


def _gunzip(data: bytes) -> bytes:
    """At most one byte over the limit is ever made of a bomb."""
    import gzip
    import io

    with gzip.GzipFile(fileobj=io.BytesIO(data)) as packed:
        return packed.read(_BODY_MAX + 1)


def _takes_gzip(accepted: str) -> bool:
    for coding in accepted.lower().split(","):
        name, _, weight = coding.partition(";")
        if name.strip() in ("gzip", "x-gzip"):
            return not re.fullmatch(r"\s*q\s*=\s*0(\.0*)?\s*", weight)
    return False


def _cors(headers: Headers) -> list[tuple[str, str]]:
    asked = headers.get("access-control-request-headers", "*")
    return [
        ("Access-Control-Allow-Origin", "*"),
        ("Access-Control-Allow-Headers", asked),
        ("Access-Control-Allow-Methods", "DELETE, GET, HEAD, OPTIONS, POST, PUT"),
        ("Access-Control-Max-Age", "172800"),
        ("Access-Control-Expose-Headers", "x-amzn-RequestId,x-amzn-ErrorType,x-amz-crc32,ETag,Date"),
    ]


def _plain(status: int, code: str, message: str) -> tuple[int, bytes]:
    body = {"__type": "com.amazon.coral.service#" + code}
    if message:
        body["Message" if code == "SerializationException" else "message"] = message
    return status, json.dumps(body).encode()


def _sts() -> Any:
    from cloudcore.wire import sts

    return sts
