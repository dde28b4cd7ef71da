"""Bodies: aws-chunked uploads undone, checksums held against what came."""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Mapping

from cloudcore.errors import ApiError

_PREFIX = "x-amz-checksum-"
_BROKEN = ApiError("IncompleteBody", "The request body terminated unexpectedly")


def read(headers: Mapping[str, str], body: bytes) -> tuple[bytes, dict[str, str]]:
    """(the bytes meant, the checksum header to repeat). Raises ApiError BadDigest, IncompleteBody."""
    declared = dict(headers)
    if headers.get("x-amz-content-sha256", "").startswith("STREAMING-") or "aws-chunked" in headers.get(
        "content-encoding", ""
    ):
        body, trailers = _unchunk(body)
        length = headers.get("x-amz-decoded-content-length")
        if length is not None and length != str(len(body)):
            raise _BROKEN
        declared |= trailers
    digest = declared.get("content-md5")
    if digest is not None and digest != base64.b64encode(hashlib.md5(body).digest()).decode():
        raise ApiError("BadDigest", "The Content-MD5 you specified did not match what we received.")
    found = {}
    for name, value in declared.items():
        if name.startswith(_PREFIX) and name not in (_PREFIX + "type", _PREFIX + "algorithm"):
            if _checksum(name[len(_PREFIX) :], body) != value:
                kind = name[len(_PREFIX) :].upper()
                raise ApiError(
                    "BadDigest", f"The {kind} you specified did not match the calculated checksum."
                )
            found[name] = value
    return body, found


def content_encoding(headers: Mapping[str, str]) -> str | None:
    """The encoding of the object itself, without the one of its upload."""
    kept = [e.strip() for e in headers.get("content-encoding", "").split(",")]
    return ",".join(e for e in kept if e and e != "aws-chunked") or None


def _checksum(kind: str, body: bytes) -> str:
    if kind == "crc32":
        digest = zlib.crc32(body).to_bytes(4, "big")
    elif kind in ("sha1", "sha256"):
        digest = hashlib.new(kind, body).digest()
    else:
        raise ApiError("NotImplemented", f"Checksums by {kind.upper()} are not supported here.", 501)
    return base64.b64encode(digest).decode()


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
