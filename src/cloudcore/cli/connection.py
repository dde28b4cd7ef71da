"""How a verb reaches a cloud: over HTTP to the process that serves it, or by opening its directory here.

    --endpoint URL    that endpoint
    --data DIR        the endpoint of the process that owns DIR, else DIR itself, opened for this one command

Both ways a verb sends AWS's own requests, so it does the same thing whoever answers. `serve` writes the
address it serves under into DIR; the file goes with it, and one that a killed process left is not believed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from cloudcore.errors import ApiError, CloudcoreError

ADDRESS = "endpoint.json"
_TARGETS = {
    "dynamodb": ("DynamoDB_20120810", "1.0"),
    "dynamodbstreams": ("DynamoDBStreams_20120810", "1.0"),
    "firehose": ("Firehose_20150804", "1.1"),
}
_TIMEOUT_SECONDS = 910  # a function's longest call and then some
Answer = tuple[int, dict[str, str], bytes]


def add_target(parser: argparse.ArgumentParser, json_help: str = "print JSON") -> None:
    """Give a verb --data, --endpoint and --json."""
    parser.add_argument(
        "--data",
        metavar="DIR",
        default=os.environ.get("CLOUDCORE_DATA", "cloudcore.d"),
        help="the cloud's directory (default: $CLOUDCORE_DATA or cloudcore.d)",
    )
    parser.add_argument(
        "--endpoint",
        metavar="URL",
        default=os.environ.get("CLOUDCORE_ENDPOINT"),
        help="an endpoint that serves it (default: $CLOUDCORE_ENDPOINT)",
    )
    parser.add_argument("--json", action="store_true", help=json_help)


class Refusal(CloudcoreError):
    """A verb cannot do what it was asked; `hint` says what would help."""

    def __init__(self, message: str, hint: str = ""):
        super().__init__(message)
        self.hint = hint


class Connection:
    """Requests to one cloud. `where` says which, for people."""

    def __init__(self, where: str, send: Any):
        self.where = where
        self._send = send

    def request(
        self, method: str, target: str, headers: dict[str, str] | None = None, body: bytes = b""
    ) -> Answer:
        """(status, headers by lower-case name, body) of one request; a refusal is an answer too."""
        answer: Answer = self._send(method, target, headers or {}, body)
        return answer

    def call(self, service: str, operation: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        """One operation of a JSON service, in the wire's form. Raises ApiError when it is refused."""
        prefix, version = _TARGETS[service]
        headers = {
            "x-amz-target": f"{prefix}.{operation}",
            "content-type": f"application/x-amz-json-{version}",
        }
        return _read(*self.request("POST", "/", headers, json.dumps(params or {}).encode()))

    def get(self, target: str) -> dict[str, Any]:
        """A JSON document: Lambda's REST reads, or the endpoint's own under /_cloudcore/."""
        return _read(*self.request("GET", target))


@contextlib.contextmanager
def connect(options: argparse.Namespace, make: bool = False) -> Iterator[Connection]:
    """The cloud that the options name. Without `make` a directory that is absent is an error.

    Raises CloudcoreError (with a hint) when there is none, OSError when an endpoint does not answer.
    """
    url = options.endpoint or served_at(options.data)
    if url:
        yield Connection(url, _Remote(url))
        return
    if not make and not os.path.isdir(options.data):
        raise Refusal(
            f"there is no cloud in {options.data}",
            "name one with --data DIR, or a served one with --endpoint URL",
        )
    import cloudcore
    from cloudcore.wire.router import Router, whole

    with cloudcore.open(options.data) as cloud:
        router = Router(cloud)

        def send(method: str, target: str, headers: dict[str, str], body: bytes) -> Answer:
            status, out, data = whole(router.answer(method, target, headers, body))
            return status, {name.lower(): value for name, value in out}, data

        yield Connection(str(cloud.path), send)


class _Remote:
    """Sends to an http:// endpoint."""

    def __init__(self, url: str):
        self._parts = urlsplit(url)
        if self._parts.scheme != "http" or not self._parts.hostname:
            raise ValueError(f"{url!r} is no endpoint; one looks like http://127.0.0.1:4566")

    def __call__(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Answer:
        from http.client import HTTPConnection

        connection = HTTPConnection(
            self._parts.hostname or "", self._parts.port or 80, timeout=_TIMEOUT_SECONDS
        )
        try:
            connection.request(method, target, body, headers)
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        except ConnectionRefusedError:
            raise OSError(f"nobody answers at {self._parts.geturl()}") from None
        finally:
            connection.close()


def publish(directory: str, url: str, region: str) -> None:
    """Leave the address of the process that serves `directory` in it."""
    path = os.path.join(directory, ADDRESS)
    with open(path + ".new", "w", encoding="utf-8") as file:
        json.dump({"url": url, "region": region, "pid": os.getpid()}, file)
    os.replace(path + ".new", path)


def retract(directory: str) -> None:
    """The directory is served no more."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(os.path.join(directory, ADDRESS))


def served_at(directory: str) -> str | None:
    """The endpoint of the process that serves `directory`; None when nobody does."""
    try:
        with open(os.path.join(directory, ADDRESS), encoding="utf-8") as file:
            found = json.load(file)
        status, _, body = _Remote(str(found["url"]))("GET", "/_cloudcore/health", {}, b"")
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return str(found["url"]) if status == 200 and b'"cloudcore"' in body else None


def _read(status: int, headers: dict[str, str], body: bytes) -> dict[str, Any]:
    try:
        answer: dict[str, Any] = json.loads(body) if body else {}
    except ValueError:
        raise CloudcoreError(f"the answer is no JSON: {body[:80]!r}") from None
    if status >= 400:
        code = headers.get("x-amzn-errortype") or str(answer.get("__type", status))
        message = answer.get("message") or answer.get("Message") or ""
        raise ApiError(code.rsplit("#", 1)[-1].partition(":")[0], str(message), status)
    return answer
