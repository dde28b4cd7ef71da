"""Presigned URLs of Signature Version 2: boto3's default for S3 at an endpoint of one's own.

Source: AWS, "Signing and authenticating REST requests (AWS Signature Version 2)", query string alternative.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import parse_qsl

from cloudcore.wire.auth.signature import SignatureError
from cloudcore.wire.s3.request import place

_SIGNED = frozenset((
    "acl", "cors", "defaultObjectAcl", "location", "logging", "partNumber", "policy", "requestPayment",
    "torrent", "versioning", "versionId", "versions", "website", "uploads", "uploadId",
    "response-content-type", "response-content-language", "response-expires", "response-cache-control",
    "response-content-disposition", "response-content-encoding", "delete", "lifecycle", "tagging",
    "restore", "storageClass", "notification", "replication", "analytics", "metrics", "inventory",
    "select", "select-type", "object-lock",
))  # fmt: skip
"""Members of the query that the signature covers."""


def key_of(query: str) -> str | None:
    """The access key of such a URL; None if it is none."""
    members = dict(parse_qsl(query, keep_blank_values=True))
    return members.get("AWSAccessKeyId") if "Signature" in members else None


def check(secret: str, method: str, path: str, query: str, headers: Mapping[str, str], now: float) -> None:
    """Raises SignatureError unless the holder of `secret` made this URL, and it is still good."""
    members = dict(parse_qsl(query, keep_blank_values=True))
    expires = members.get("Expires", "")
    if not expires.isdigit():
        raise SignatureError("incomplete", "Expires must be a number of seconds since 1970")
    bucket, _ = place(path, headers.get("host", ""))
    hosted = bucket and not path.startswith(f"/{bucket}")
    covered = sorted((name, value) for name, value in members.items() if name in _SIGNED)
    asked = "&".join(f"{name}={value}" if value else name for name, value in covered)
    amazon = {
        name: value for name, value in {**headers, **members}.items() if name.lower().startswith("x-amz-")
    }
    text = "\n".join((
        method, headers.get("content-md5", members.get("content-md5", "")),
        headers.get("content-type", members.get("content-type", "")), expires,
        "".join(f"{name.lower()}:{value.strip()}\n" for name, value in sorted(amazon.items()))
        + (f"/{bucket}" if hosted else "") + path + ("?" + asked if asked else ""),
    ))  # fmt: skip
    made = base64.b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha1).digest()).decode()
    if not hmac.compare_digest(made, members["Signature"]):
        raise SignatureError(
            "mismatch",
            "The request signature we calculated does not match the signature you provided. Check your key "
            "and signing method.",
        )
    if now > int(expires):
        raise SignatureError("expired", "Request has expired")
