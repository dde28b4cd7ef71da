"""Calls of function URLs: found by their id, held against the resource policy, run, answered."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from cloudcore.errors import ApiError, ClosedError
from cloudcore.lambda_ import policies
from cloudcore.lambda_.rest import Start, Streamed
from cloudcore.lambda_.streaming import Stream
from cloudcore.lambda_.url_event import Reply, cors_headers, event_of, identity_of, reply_of

_WITH_PRELUDE = "application/vnd.awslambda.http-integration-response"
_PRELUDE_END = bytes(8)
_PRELUDE_MAX = 1 << 20


def handle(
    service: Any, url_id: str, method: str, path: str, query: str, headers: dict[str, str], body: bytes,
    caller: Callable[[str], dict[str, str] | None],
) -> Reply | Streamed:  # fmt: skip
    """Answer one request to a function URL."""
    found = find(service, url_id)
    if found is None:
        return _refusal(ApiError("ResourceNotFoundException", "Not Found", 404))
    name, qualifier, held, open_to_all = found
    cors = held.get("Cors") or {}
    if method == "OPTIONS" and cors and "access-control-request-method" in headers:
        return 200, cors_headers(cors, headers, preflight=True), b""
    who = caller(service.arn(name, qualifier)) if held["AuthType"] == "AWS_IAM" else None
    if who is None and (not open_to_all or held["AuthType"] == "AWS_IAM"):
        return _refusal(ApiError("AccessDeniedException", "Forbidden", 403))
    told_event = event_of(url_id, method, path, query, headers, body, service.clock.now())
    if who is not None:
        told_event["requestContext"] |= identity_of(who)
    event = json.dumps(told_event).encode()

    def with_cors(told: list[tuple[str, str]]) -> list[tuple[str, str]]:
        # The URL's own settings take the place of what the function says about CORS.
        kept = [pair for pair in told if not (cors and pair[0].lower().startswith("access-control-"))]
        return kept + (cors_headers(cors, headers, preflight=False) if cors else [])

    try:
        if held["InvokeMode"] == "RESPONSE_STREAM" and method != "HEAD":
            stream = Stream(service, function=name, payload=event, qualifier=qualifier)
            return lambda start: _stream(stream, lambda status, told: start(status, with_cors(told)))
        reply = reply_of(service.invoke(name, event, qualifier=qualifier))
    except ClosedError:
        reply = _refusal(ApiError("ServiceException", "The service is shutting down.", 503))
    except ApiError as error:
        reply = _refusal(error)
    status, told, data = reply
    return status, with_cors(told), b"" if method == "HEAD" else data


def _stream(stream: Stream, start: Start) -> Reply | None:
    """Pass on what a function streams; an answer when it fails before its first byte."""
    pieces = iter(stream)
    try:
        status, told, first = _head(stream, pieces)
        if stream.result is not None and stream.result.function_error and not first:
            return reply_of(stream.result)
        write = start(status, told)
        if first and not write(first):
            return None
        for piece in pieces:
            if not write(piece):
                return None
    except (ValueError, ApiError):  # a prelude that is no JSON
        return 502, [("Content-Type", "text/plain")], b"Internal Server Error"
    finally:
        stream.close()
    return None


def _head(stream: Stream, pieces: Iterator[bytes]) -> tuple[int, list[tuple[str, str]], bytes]:
    """Status, headers and the first bytes of the body: from the prelude that awslambda.HttpResponseStream
    writes, or 200 with the content type of the stream."""
    first = next(pieces, b"")
    if stream.content_type != _WITH_PRELUDE:
        return 200, [("Content-Type", stream.content_type or "application/json")], first
    while (end := first.find(_PRELUDE_END)) < 0:
        piece = next(pieces, None)
        if piece is None or len(first) > _PRELUDE_MAX:
            raise ValueError("no prelude")
        first += piece
    told = json.loads(first[:end])
    headers = [(str(name), str(value)) for name, value in (told.get("headers") or {}).items()]
    headers += [("Set-Cookie", str(cookie)) for cookie in told.get("cookies") or ()]
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", "application/octet-stream"))
    status = int(told.get("statusCode", 200))
    if not 100 <= status <= 599 or any(c in name + value for name, value in headers for c in "\r\n\0"):
        raise ValueError("no HTTP")
    return status, headers, first[end + len(_PRELUDE_END) :]


def find(service: Any, url_id: str) -> tuple[str, str | None, dict[str, Any], bool] | None:
    """(function, qualifier, configuration, whether everybody may call) of a URL's id."""
    with service.lock:
        for name, function in service.registry.functions.items():
            for qualifier, held in function.urls.items():
                if held["Id"] == url_id:
                    opened = policies.opens_url(function.policies, qualifier, held["AuthType"])
                    return name, qualifier or None, held, opened
    return None


def _refusal(error: ApiError) -> Reply:
    body = {"Message": error.message} | error.fields
    headers = [("Content-Type", "application/json"), ("x-amzn-ErrorType", error.code)]
    return error.status, headers, json.dumps(body).encode()
