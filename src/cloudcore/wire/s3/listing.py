"""ListObjects and ListObjectsV2."""

from __future__ import annotations

import base64
import contextlib
from typing import Any
from urllib.parse import quote

from cloudcore.errors import ApiError
from cloudcore.wire.s3 import checksums, xml
from cloudcore.wire.s3.objects import etag_of
from cloudcore.wire.s3.request import Reply, Request

PAGE_MAX = 1000


def list_objects(request: Request) -> Reply:
    """One page of keys and common prefixes, of either version of the operation."""
    request.directory()
    query, second = request.query, request.query.get("list-type") == "2"
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    most = _size(query.get("max-keys"))
    after = _after(query, second)
    rows, more = _page(request, prefix, delimiter, most, after)
    encoded = query.get("encoding-type") == "url"

    def text(value: str) -> str:
        return quote(value, safe="/") if encoded else value

    last = rows[-1][1] if rows else ""
    members: list[tuple[str, Any]] = [("Name", request.bucket), ("Prefix", text(prefix))]
    members += [("Delimiter", text(delimiter))] if delimiter else []
    members += [("MaxKeys", most), ("IsTruncated", more)]
    if encoded:
        members.append(("EncodingType", "url"))
    if second:
        members.append(("KeyCount", len(rows)))
        members.append(("ContinuationToken", query.get("continuation-token")))
        members.append(("StartAfter", query.get("start-after")))
        members.append(("NextContinuationToken", _token(last) if more else None))
    else:
        members.append(("Marker", text(query.get("marker", ""))))
        members.append(("NextMarker", text(last) if more and delimiter else None))
    for kind, value in rows:
        if kind == "prefix":
            members.append(("CommonPrefixes", [("Prefix", text(value))]))
        else:
            with contextlib.suppress(ApiError):  # deleted since it was listed
                members.append(("Contents", _contents(request, value, text(value))))
    return 200, list(xml.HEADERS), xml.document("ListBucketResult", members)


def _page(
    request: Request, prefix: str, delimiter: str, most: int, after: str
) -> tuple[list[tuple[str, str]], bool]:
    """At most `most` rows ("key" or "prefix", text) after `after`, and whether there are more."""
    rows: list[tuple[str, str]] = []
    keys = request.store.keys(request.bucket, prefix, after)
    if delimiter and after.startswith(prefix) and _group(after, prefix, delimiter) == after:
        keys.pass_over(after)  # the page before ended with it
    for key in keys:
        group = _group(key, prefix, delimiter) if delimiter else None
        if len(rows) == most:
            return rows, most > 0
        if group is None:
            rows.append(("key", key))
        else:
            rows.append(("prefix", group))
            keys.pass_over(group)
    return rows, False


def _group(key: str, prefix: str, delimiter: str) -> str | None:
    """The common prefix that stands for a key."""
    cut = key.find(delimiter, len(prefix))
    return None if cut < 0 else key[: cut + len(delimiter)]


def _contents(request: Request, key: str, shown: str) -> list[tuple[str, Any]]:
    head = request.store.head(request.bucket, key)
    checksum = checksums.of_object(head.metadata)
    kind = [("ChecksumAlgorithm", checksum.kind.upper()), ("ChecksumType", checksum.type)] if checksum else []
    return [
        ("Key", shown),
        ("LastModified", xml.moment(head.modified)),
        ("ETag", etag_of(head)),
        *kind,
        ("Size", head.size),
        ("StorageClass", "STANDARD"),
    ]


def _size(text: str | None) -> int:
    if text is None:
        return PAGE_MAX
    if not text.isdecimal():
        raise ApiError("InvalidArgument", "Provided max-keys not an integer or within integer range")
    return min(int(text), PAGE_MAX)


def _after(query: dict[str, str], second: bool) -> str:
    if not second:
        return query.get("marker", "")
    token = query.get("continuation-token")
    if token is None:
        return query.get("start-after", "")
    try:
        return base64.urlsafe_b64decode(token).decode()
    except ValueError:
        raise ApiError("InvalidArgument", "The continuation token provided is incorrect") from None


def _token(last: str) -> str:
    return base64.urlsafe_b64encode(last.encode()).decode()
