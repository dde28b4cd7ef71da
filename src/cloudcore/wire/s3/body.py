"""Bodies: aws-chunked uploads undone, checksums held against what came."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping

from cloudcore.errors import ApiError
from cloudcore.wire.s3 import checksums
from cloudcore.wire.s3.checksums import Checksum

_BROKEN = ApiError("IncompleteBody", "The request body terminated unexpectedly")


def read(headers: Mapping[str, str], body: bytes) -> tuple[bytes, Checksum | None]:
    """(the bytes meant, the checksum that they came with). Raises ApiError BadDigest, IncompleteBody."""
    declared = dict(headers)
    if headers.get("x-amz-content-sha256", "").startswith("STREAMING-") or "aws-chunked" in headers.get(
        "content-encoding", ""
    ):
        body, trailers = _unchunk(body)
        length = headers.get("x-amz-decoded-content-length")
        if length is not None and length != str(len(body)):
            raise _BROKEN
        declared |= trailers
    for name in filter(None, map(str.strip, headers.get("x-amz-trailer", "").lower().split(","))):
        if name not in declared:
            raise ApiError(
                "MalformedTrailerError",
                "The request contained trailing data that was not well-formed or did not conform to our "
                "published schema.",
            )
    digest = declared.get("content-md5")
    if digest is not None and digest != base64.b64encode(hashlib.md5(body).digest()).decode():
        raise ApiError("BadDigest", "The Content-MD5 you specified did not match what we received.")
    claim = checksums.claimed(declared)
    if claim is not None:
        checksums.check(claim, body)
    elif "x-amz-sdk-checksum-algorithm" in headers:
        raise ApiError(
            "InvalidRequest",
            "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer "
            "headers were found.",
        )
    return body, claim


def content_encoding(headers: Mapping[str, str]) -> str | None:
    """The encoding of the object itself, without the one of its upload."""
    kept = [e.strip() for e in headers.get("content-encoding", "").split(",")]
    return ",".join(e for e in kept if e and e != "aws-chunked") or None


def _unchunk(body: bytes) -> tuple[bytes, dict[str, str]]:
    """`size;extensions CRLF data CRLF ... 0 CRLF trailers CRLF`."""
    parts, at = [], 0
    while True:
        end = body.find(b"\r\n", at)
        try:
            size = int(body[at:end].partition(b";")[0], 16) if end >= 0 else -1
        except ValueError:
            size = -1
        if size < 0:
            raise _BROKEN
        at = end + 2
        if size == 0:
            break
        if body[at + size : at + size + 2] != b"\r\n":
            raise _BROKEN
        parts.append(body[at : at + size])
        at += size + 2
    trailers = {}
    for line in body[at:].decode("latin-1").splitlines():
        name, colon, value = line.partition(":")
        if colon:
            trailers[name.strip().lower()] = value.strip()
    return b"".join(parts), trailers
