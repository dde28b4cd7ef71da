"""boto3 without a socket: the prepared request goes to the Router, its answer back to botocore's parsers.

Everything above the socket is boto3's own: resources, paginators, waiters, retries, streaming bodies. Of
signatures only the credential scope is there, except in presigned URLs: nobody would look at the rest.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from cloudcore.errors import CloudcoreError
from cloudcore.wire import credentials
from cloudcore.wire.elsewhere import SERVED, words
from cloudcore.wire.router import Router, whole

_SIGNER = "cloudcore"


class Raw(io.BytesIO):
    """A body as botocore reads it from urllib3."""

    def stream(self, amt: int = 1 << 16, decode_content: bool | None = None) -> Iterator[bytes]:
        """The rest, `amt` bytes at a time."""
        del decode_content
        while chunk := self.read(amt):
            yield chunk

    def release_conn(self) -> None:
        """There is no connection."""


def respond(router: Router, request: Any) -> Any:
    """botocore's AWSPreparedRequest -> AWSResponse."""
    from botocore.awsrequest import AWSResponse, HeadersDict

    url = urlsplit(request.url)
    headers = {name.lower(): _text(value) for name, value in request.headers.items()}
    headers.setdefault("host", url.netloc)
    target = (url.path or "/") + ("?" + url.query if url.query else "")
    status, out, body = whole(router.answer(request.method, target, headers, _bytes(request.body)))
    if request.method != "HEAD":
        out = [*out, ("Content-Length", str(len(body)))]
    return AWSResponse(request.url, status, HeadersDict(out), Raw(body))


def sign_scope(request: Any, region: str, service: str, key: str = "") -> None:
    """Say in a request who asks, and in which region."""
    del request.headers["Authorization"]  # of an attempt before; assigning adds
    scope = f"{key}/-/{region}/{service}/aws4_request"
    request.headers["Authorization"] = f"AWS4-HMAC-SHA256 Credential={scope}"


@functools.cache
def _scoped() -> type[Any]:
    from botocore.auth import BaseSigner

    class Scoped(BaseSigner):  # type: ignore[misc]
        """A signer that signs nothing."""

        REQUIRES_REGION = True

        def __init__(self, credentials: Any, service_name: str, region_name: str):
            self._key = credentials.access_key if credentials is not None else ""
            self._region, self._service = region_name, service_name

        def add_auth(self, request: Any) -> None:
            sign_scope(request, self._region, self._service, self._key)

    return Scoped


def session(cloud: Any) -> Any:
    """A boto3.Session whose clients and resources all reach `cloud`. Needs boto3."""
    try:
        import boto3
    except ImportError:
        raise ImportError("boto3_session() is boto3's own session: pip install boto3") from None
    import botocore.auth
    import botocore.session

    router = Router(cloud)

    def answer(request: Any, event_name: str, **_: Any) -> Any:
        service = event_name.split(".")[1].replace("-", "")  # the event says dynamodb-streams
        if service not in SERVED:
            signed = credentials.service({"authorization": _text(request.headers.get("Authorization", ""))})
            raise CloudcoreError(words(signed or service))  # the event says cloudwatch-logs
        return respond(router, request)

    def signer(context: dict[str, Any], **_: Any) -> Any:
        return None if context.get("is_presign_request") else _SIGNER

    botocore.auth.AUTH_TYPE_MAPS[_SIGNER] = _scoped()
    core = botocore.session.Session()
    core.set_config_variable("ignore_configured_endpoint_urls", True)
    core.register("before-send", answer)
    core.register("choose-signer", signer)
    return boto3.Session(
        aws_access_key_id=cloud.account, aws_secret_access_key="cloudcore", region_name=cloud.region,
        botocore_session=core,
    )  # fmt: skip


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _bytes(body: Any) -> bytes:
    if body is None:
        return b""
    if hasattr(body, "read"):
        body = body.read()
    return body.encode() if isinstance(body, str) else bytes(body)
