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
from urllib.parse import urlencode

from cloudcore.endpoint.transport import Remote, parsed, region_of, remote, scope
from cloudcore.errors import CloudcoreError

ADDRESS = "endpoint.json"
_TARGETS = {
    "dynamodb": ("DynamoDB_20120810", "1.0"),
    "dynamodbstreams": ("DynamoDBStreams_20120810", "1.0"),
    "firehose": ("Firehose_20150804", "1.1"),
}
Answer = tuple[int, dict[str, str], bytes]


def add_target(parser: argparse.ArgumentParser, json_help: str = "print JSON") -> None:
    """Give a verb --data, --endpoint and --json."""
    parser.add_argument(
        "--data",
        metavar="DIR",
        action=_Directory,
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
    parser.add_argument(
        "--region", default=os.environ.get("AWS_REGION"), help="default: $AWS_REGION, or the cloud's"
    )
    parser.add_argument("--account", help="12 digits; default: the cloud's")


class _Directory(argparse.Action):
    """--data, which goes before the endpoint of the environment (but not before --endpoint)."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option: Any = None
    ) -> None:
        namespace.data = values
        if namespace.endpoint is parser.get_default("endpoint"):  # the same object: nobody said --endpoint
            namespace.endpoint = None


class Refusal(CloudcoreError):
    """A verb cannot do what it was asked; `hint` says what would help."""

    def __init__(self, message: str, hint: str = ""):
        super().__init__(message)
        self.hint = hint


class Connection:
    """Requests to one cloud. `where` says which, for people; `place` is a query that names whose data;
    `cloud` is the cloud itself when it was opened here."""

    def __init__(
        self,
        where: str,
        send: Any,
        region: str | None = None,
        account: str | None = None,
        cloud: Any = None,
    ):
        self.where = where
        self.cloud = cloud
        self._send = send
        self._region, self._account = region, account
        named = {"region": region, "account": account}
        self.place = urlencode({name: value for name, value in named.items() if value})

    def request(
        self, method: str, target: str, headers: dict[str, str] | None = None, body: bytes = b""
    ) -> Answer:
        """(status, headers by lower-case name, body) of one request; a refusal is an answer too."""
        headers = dict(headers or {})
        if not target.startswith("/_cloudcore/"):
            headers["authorization"] = self._scope(target, headers)
        answer: Answer = self._send(method, target, headers, body)
        return answer

    def _scope(self, target: str, headers: dict[str, str]) -> str:
        named = headers.get("x-amz-target", "")
        service = "firehose" if named.startswith("Firehose") else "dynamodb" if named else "lambda"
        if not named and not target.startswith("/20"):
            service = "s3"
        return scope(self._region, self._account, service)

    def call(self, service: str, operation: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        """One operation of a JSON service, in the wire's form. Raises ApiError when it is refused."""
        prefix, version = _TARGETS[service]
        headers = {
            "x-amz-target": f"{prefix}.{operation}",
            "content-type": f"application/x-amz-json-{version}",
        }
        return parsed(*self.request("POST", "/", headers, json.dumps(params or {}).encode()))

    def post(self, target: str, params: dict[str, Any], method: str = "POST") -> dict[str, Any]:
        """A JSON document sent, and the one that comes back. Raises ApiError when it is refused."""
        headers = {"content-type": "application/json", "x-cloudcore": "cli"}
        return parsed(*self.request(method, target, headers, json.dumps(params).encode()))

    def delete(self, target: str) -> dict[str, Any]:
        """One of Lambda's REST deletions."""
        return parsed(*self.request("DELETE", target))

    def get(self, target: str) -> dict[str, Any]:
        """A JSON document: Lambda's REST reads, or the endpoint's own under /_cloudcore/."""
        return parsed(*self.request("GET", target))


def delivery_streams(connection: Connection) -> list[str]:
    """The names of all delivery streams, in order."""
    names: list[str] = []
    while True:
        page = {"ExclusiveStartDeliveryStreamName": names[-1]} if names else {}
        answer = connection.call("firehose", "ListDeliveryStreams", page)
        names += answer["DeliveryStreamNames"]
        if not answer["HasMoreDeliveryStreams"]:
            return names


@contextlib.contextmanager
def connect(options: argparse.Namespace, make: bool = False) -> Iterator[Connection]:
    """The cloud that the options name. Without `make` a directory that is absent is an error.

    Raises CloudcoreError (with a hint) when there is none, OSError when an endpoint does not answer.
    """
    url, ca = (options.endpoint, None) if options.endpoint else served(options.data)
    if url:
        with contextlib.closing(remote(url, ca)) as send_to:
            yield Connection(url, send_to, options.region or region_of(url), options.account)
        return
    if not make and not os.path.isdir(options.data):
        raise Refusal(
            f"there is no cloud in {options.data}",
            "name one with --data DIR, or a served one with --endpoint URL",
        )
    import cloudcore
    from cloudcore.wire.router import Router, whole

    named = {"region": options.region, "account": options.account}
    with cloudcore.open(options.data, **{name: value for name, value in named.items() if value}) as cloud:
        router = Router(cloud)

        def send(method: str, target: str, headers: dict[str, str], body: bytes) -> Answer:
            status, out, data = whole(router.answer(method, target, headers, body))
            return status, {name.lower(): value for name, value in out}, data

        yield Connection(str(cloud.path), send, cloud.region, cloud.account, cloud)


def publish(directory: str, url: str, region: str, certificate: str | None = None) -> None:
    """Leave the address of the process that serves `directory` in it."""
    path = os.path.join(directory, ADDRESS)
    with open(path + ".new", "w", encoding="utf-8") as file:
        found = {"url": url, "region": region, "pid": os.getpid()}
        json.dump(found | ({"ca": os.path.abspath(certificate)} if certificate else {}), file)
    os.replace(path + ".new", path)


def retract(directory: str) -> None:
    """The directory is served no more."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(os.path.join(directory, ADDRESS))


def served_at(directory: str) -> str | None:
    """The endpoint of the process that serves `directory`; None when nobody does."""
    return served(directory)[0]


def served(directory: str) -> tuple[str | None, str | None]:
    """That endpoint and the file of the certificate it speaks TLS by."""
    try:
        with open(os.path.join(directory, ADDRESS), encoding="utf-8") as file:
            found = json.load(file)
        url, ca = str(found["url"]), found.get("ca")
        with contextlib.closing(Remote(url, ca)) as asked:
            status, _, body = asked("GET", "/_cloudcore/health", {}, b"")
    except (OSError, ValueError, KeyError, TypeError):
        return None, None
    return (url, ca) if status == 200 and b'"cloudcore"' in body else (None, None)
