"""Requests to an endpoint: ours, or any that speaks DynamoDB's protocol, real DynamoDB among them."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import select
import time
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from cloudcore.errors import ApiError, CloudcoreError

if TYPE_CHECKING:
    from http.client import HTTPConnection

    from cloudcore.endpoint.over_nats import OverNats

_TIMEOUT_SECONDS = 910  # a function's longest call and then some
_REGION = re.compile(r"[.-]([a-z]{2}(?:-[a-z]+)+-\d)\.(?:amazonaws\.com|api\.aws)")
Answer = tuple[int, dict[str, str], bytes]


class Address(NamedTuple):
    """What a URL says: the endpoint, the table if it names one, and whose data is meant where."""

    endpoint: str
    table: str | None
    region: str | None
    account: str | None


def address_of(url: str) -> Address:
    """The parts of URL[/TABLE][?region=..&account=..]. Raises ValueError."""
    parts = urlsplit(url)
    table = parts.path.strip("/")
    if "/" in table:
        raise ValueError(f"{url} names no table; an endpoint and a table: http://127.0.0.1:4566/orders")
    asked = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    if unknown := asked.keys() - {"region", "account"}:
        raise ValueError(f"{url} says {', '.join(sorted(unknown))}; region and account are what it can say")
    endpoint = f"{parts.scheme}://{parts.netloc}"
    return Address(endpoint, table or None, asked.get("region") or region_of(endpoint), asked.get("account"))


def scope(region: str | None, account: str | None, service: str) -> str:
    """Whose data is meant, in the form in which SDKs say it; a Remote with keys has it signed."""
    return f"Credential={account or 'cli'}/0/{region or 'us-east-1'}/{service}/aws4_request"


def parsed(status: int, headers: dict[str, str], body: bytes) -> dict[str, Any]:
    """The JSON of an answer. Raises ApiError for a refusal, with its further members as `fields`."""
    try:
        answer: dict[str, Any] = json.loads(body) if body else {}
    except ValueError:
        if status >= 500:
            raise ApiError("InternalFailure", f"the answer is no JSON: {body[:80]!r}", status) from None
        raise CloudcoreError(f"the answer is no JSON: {body[:80]!r}") from None
    if status >= 400:
        code = headers.get("x-amzn-errortype") or str(answer.get("__type", status))
        message = answer.get("message") or answer.get("Message") or ""
        fields = {
            name: value for name, value in answer.items() if name not in ("__type", "message", "Message")
        }
        raise ApiError(code.rsplit("#", 1)[-1].partition(":")[0], str(message), status, fields)
    return answer


def region_of(url: str) -> str | None:
    """The region that the name of one of AWS's own endpoints says."""
    found = _REGION.search(urlsplit(url).hostname or "")
    return found[1] if found else None


def remote(url: str, ca: str | None = None) -> Remote | OverNats:
    """What sends to an endpoint, or to the nodes of a cluster nats://a,b,c. Raises ValueError."""
    if url.startswith(("nats://", "tls://")):
        from cloudcore.endpoint.over_nats import OverNats

        return OverNats(url)
    return Remote(url, ca)


class Remote:
    """Sends to an http:// or https:// endpoint; signed, if keys are found where an SDK would find them: in
    the environment, and for https:// also where botocore looks, if it is installed. Without keys the
    signature is one that nobody can check; emulators want to see one all the same.

    `ca`: a file of certificates to trust, in the place of $AWS_CA_BUNDLE. Connections are kept and
    used again. Any thread may call; close() when done.
    """

    def __init__(self, url: str, ca: str | None = None):
        self._ca = ca
        self._parts = urlsplit(url)
        if self._parts.scheme not in ("http", "https") or not self._parts.hostname:
            raise ValueError(f"{url!r} is no endpoint; one looks like http://127.0.0.1:4566")
        self._free: list[HTTPConnection] = []
        self._keys: tuple[str, str, str] | None = None

    def __call__(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Answer:
        """One request and its answer. Raises OSError."""
        key, secret, token = self._credentials()
        if "authorization" in headers:
            headers = _signed(self._parts.netloc, (key, secret, token), method, target, headers, body)
        elif key and secret:  # the endpoint's own pages: a browser would ask for these
            headers = {
                **headers,
                "authorization": "Basic " + base64.b64encode(f"{key}:{secret}".encode()).decode(),
            }
        connection = self._take()
        try:
            connection.request(method, target, body, headers)
            answer = connection.getresponse()
            data = answer.read()
        except ConnectionRefusedError:
            connection.close()
            raise OSError(f"nobody answers at {self._parts.geturl()}") from None
        except BaseException as error:
            connection.close()
            from http.client import HTTPException

            if isinstance(error, HTTPException) and not isinstance(error, OSError):
                raise OSError(f"the answer of {self._parts.geturl()} is no HTTP: {error!r}") from None
            raise
        if answer.will_close:
            connection.close()
        else:
            self._free.append(connection)
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, data

    def close(self) -> None:
        """Close the connections."""
        while self._free:
            self._free.pop().close()

    def _take(self) -> HTTPConnection:
        """A connection that nobody uses: a kept one unless the other side has closed it, or a new one."""
        while True:
            try:
                connection = self._free.pop()
            except IndexError:
                return self._open()
            if connection.sock and not select.select([connection.sock], [], [], 0)[0]:
                return connection
            connection.close()

    def _open(self) -> HTTPConnection:
        from http.client import HTTPConnection, HTTPSConnection

        host, port = self._parts.hostname or "", self._parts.port
        if self._parts.scheme == "http":
            return HTTPConnection(host, port or 80, timeout=_TIMEOUT_SECONDS)
        import ssl

        context = ssl.create_default_context(cafile=self._ca or os.environ.get("AWS_CA_BUNDLE"))
        return HTTPSConnection(host, port or 443, timeout=_TIMEOUT_SECONDS, context=context)

    def _credentials(self) -> tuple[str, str, str]:
        if self._keys is None:
            names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
            key, secret, token = (os.environ.get(name, "") for name in names)
            if self._parts.scheme == "http" or (key and secret):
                self._keys = (key, secret, token)
        return self._keys or self._found()

    def _found(self) -> tuple[str, str, str]:
        """Of a profile, a role, single sign-on: asked for anew each time, because they run out."""
        with contextlib.suppress(ImportError):
            import botocore.session

            self._session: Any = getattr(self, "_session", None) or botocore.session.get_session()
            found = self._session.get_credentials()
            if found is not None:
                frozen = found.get_frozen_credentials()
                return frozen.access_key, frozen.secret_key, frozen.token or ""
        return "", "", ""


def _signed(
    host: str, keys: tuple[str, str, str], method: str, target: str, headers: dict[str, str], body: bytes
) -> dict[str, str]:
    from cloudcore.wire.auth.signature import sign_request

    key, secret, token = keys
    account, _, region, service, _ = headers["authorization"].removeprefix("Credential=").split("/")
    if not (key and secret):
        key, secret = account, "none"
    named = account if account.isdigit() and key.isdigit() else key
    plain = {name: value for name, value in headers.items() if name != "authorization"}
    plain["host"] = host
    if token:
        plain["x-amz-security-token"] = token
    return sign_request(named, secret, region, service, method, target, plain, body, time.time())
