"""Objects: put, get with ranges and conditions, head, copy, delete.

The store keeps content type, encoding and metadata; what else S3 keeps stands in the metadata under names
that begin with a colon, which no header can have.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from email.utils import formatdate, parsedate_to_datetime
from typing import Any
from urllib.parse import unquote

from cloudcore.errors import ApiError
from cloudcore.wire.s3 import body as bodies
from cloudcore.wire.s3 import checksums, xml
from cloudcore.wire.s3.request import Reply, Request, parse_query

OVERRIDDEN = (
    "content-type", "cache-control", "content-disposition", "content-encoding", "content-language", "expires",
)  # fmt: skip
"""Headers of an answer that its request may name: response-content-type=..."""
KEPT = ("cache-control", "content-disposition", "content-language", "expires")
_META = "x-amz-meta-"
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_REFUSED = (
    "x-amz-server-side-encryption-customer-key", "x-amz-object-lock-mode", "x-amz-grant-read",
    "x-amz-website-redirect-location", "x-amz-object-lock-legal-hold", "x-amz-tagging",
    "x-amz-grant-full-control",
)  # fmt: skip


def etag_of(head: Any) -> str:
    """The MD5 of what was put here; of delivered objects a tag of size and time, as of many parts."""
    kept = head.metadata.get(":etag")
    if kept is None:
        kept = hashlib.md5(f"{head.size} {head.modified!r}".encode()).hexdigest() + "-1"
    return f'"{kept}"'


def described(headers: Mapping[str, str]) -> dict[str, Any]:
    """What an upload says of its object, as keywords of the store's put. Raises ApiError NotImplemented."""
    for name in _REFUSED:
        if name in headers:
            raise ApiError(
                "NotImplemented",
                f"A header you provided implies functionality that is not implemented: {name}", 501,
            )  # fmt: skip
    metadata = {name[len(_META) :]: value for name, value in headers.items() if name.startswith(_META)}
    metadata |= {":" + name: headers[name] for name in KEPT if name in headers}
    return {
        "content_type": headers.get("content-type", "binary/octet-stream"),
        "content_encoding": bodies.content_encoding(headers),
        "metadata": metadata,
    }


def put_object(request: Request) -> Reply:
    """Store an object, or copy one."""
    request.directory()
    if "x-amz-copy-source" in request.headers:
        return _copy(request)
    data, claim = bodies.read(request.headers, request.body)
    told = described(request.headers)
    may_write(request)
    etag, checksum = hashlib.md5(data).hexdigest(), claim or checksums.calculate(checksums.DEFAULT, [data])
    told["metadata"] |= {":etag": etag, **checksum.kept()}
    request.put(data, **told)
    return 200, [("ETag", f'"{etag}"'), *checksum.headers()], b""


def get_object(request: Request) -> Reply:
    """The bytes, or a range of them."""
    head, headers, early = _looked_up(request)
    if early is not None:
        return early
    span = _span(request.headers.get("range"), head.size)
    with open(request.store.path_of(request.bucket, request.key), "rb") as file:
        if span is None:
            return 200, headers, file.read()
        file.seek(span[0])
        data = file.read(span[1] - span[0])
    ranged = ("Content-Range", f"bytes {span[0]}-{span[1] - 1}/{head.size}")
    return 206, [*headers, ranged], data


def head_object(request: Request) -> Reply:
    """What get_object would give, without the bytes."""
    head, headers, early = _looked_up(request)
    if early is not None:
        return early
    span = _span(request.headers.get("range"), head.size)
    if span is None:
        return 200, [*headers, ("Content-Length", str(head.size))], b""
    ranged = ("Content-Range", f"bytes {span[0]}-{span[1] - 1}/{head.size}")
    return 206, [*headers, ranged, ("Content-Length", str(span[1] - span[0]))], b""


def delete_object(request: Request) -> Reply:
    """Remove an object; an absent one is no error."""
    request.directory()
    request.store.delete(request.bucket, request.key)
    return 204, [], b""


def delete_objects(request: Request) -> Reply:
    """Remove up to 1,000 objects."""
    request.directory()
    body, _ = bodies.read(request.headers, request.body)
    root = xml.parse(body)
    keys = [element.findtext("Key") or "" for element in root.findall("Object")]
    if not 0 < len(keys) <= 1000:
        raise ApiError("MalformedXML", "The XML you provided was not well-formed.")
    rows: list[tuple[str, Any]] = []
    quiet = root.findtext("Quiet") == "true"
    for key in keys:
        try:
            request.store.delete(request.bucket, key)
        except ApiError as error:
            rows.append(("Error", [("Key", key), ("Code", error.code), ("Message", error.message)]))
        else:
            rows += [] if quiet else [("Deleted", [("Key", key)])]
    return 200, list(xml.HEADERS), xml.document("DeleteResult", rows)


def source_of(request: Request) -> tuple[str, str]:
    """(bucket, key) of x-amz-copy-source. Raises ApiError."""
    path, _, query = request.headers["x-amz-copy-source"].partition("?")
    bucket, slash, key = unquote(path).lstrip("/").partition("/")
    if not slash or not key or parse_query(query).get("versionId", "null") != "null":
        raise ApiError("InvalidArgument", "Copy Source must mention the source bucket and key")
    return bucket, key


def _copy(request: Request) -> Reply:
    bucket, key = source_of(request)
    head = request.store.head(bucket, key)
    if _unmet(request.headers, "x-amz-copy-source-", head) is not None:
        raise _precondition()
    data = request.store.get(bucket, key)
    etag = head.metadata.get(":etag") or hashlib.md5(data).hexdigest()
    if request.headers.get("x-amz-metadata-directive") == "REPLACE":
        told = described(request.headers)
    else:
        told = {
            "content_type": head.content_type,
            "content_encoding": head.content_encoding,
            "metadata": dict(head.metadata),
        }
        if (bucket, key) == (request.bucket, request.key):
            raise ApiError(
                "InvalidRequest",
                "This copy request is illegal because it is trying to copy an object to itself without "
                "changing the object's metadata, storage class, website redirect location or encryption "
                "attributes.",
            )
    before = checksums.of_object(head.metadata)
    kind = checksums.wanted(request.headers) or (before.kind if before else checksums.DEFAULT)
    checksum = checksums.calculate(kind, [data])  # of the whole, also where the source has one of its parts
    told["metadata"] |= {":etag": etag, **checksum.kept()}
    request.put(data, cause="Copy", **told)
    made = request.store.head(request.bucket, request.key)
    members = [("LastModified", xml.moment(made.modified)), ("ETag", f'"{etag}"'), *checksum.members()]
    return 200, list(xml.HEADERS), xml.document("CopyObjectResult", members)


def may_write(request: Request) -> None:
    """Raises ApiError where the conditions of a write do not hold."""
    wanted = request.headers.get("if-match")
    absent = request.headers.get("if-none-match")
    if wanted is None and absent is None:
        return
    if absent not in (None, "*"):
        raise ApiError("NotImplemented", "If-None-Match takes * only", 501)
    try:
        head = request.store.head(request.bucket, request.key)
    except ApiError:
        if wanted is None:
            return
        raise
    if absent == "*" or etag_of(head).strip('"') != (wanted or "").strip('"'):
        raise _precondition()


def _looked_up(request: Request) -> tuple[Any, list[tuple[str, str]], Reply | None]:
    """The head, its headers, and the answer when a condition has settled it."""
    request.directory()
    if not os.path.isfile(request.store.path_of(request.bucket, request.key)):
        raise ApiError("NoSuchKey", "The specified key does not exist.", 404, {"Key": request.key})
    head = request.store.head(request.bucket, request.key)
    etag = etag_of(head)
    headers = [
        ("ETag", etag),
        ("Last-Modified", formatdate(head.modified, usegmt=True)),
        ("Accept-Ranges", "bytes"),
        ("Content-Type", head.content_type),
    ]
    if head.content_encoding:
        headers.append(("Content-Encoding", head.content_encoding))
    for name, value in head.metadata.items():
        if not name.startswith(":"):
            headers.append((_META + name, value))
        elif name[1:] in KEPT:
            headers.append((name[1:], value))
    checksum = checksums.of_object(head.metadata)
    asked = request.headers.get("x-amz-checksum-mode") == "ENABLED" and "range" not in request.headers
    if checksum and asked:
        headers += checksum.headers()
    named = {name: request.query.get(f"response-{name}") for name in OVERRIDDEN}
    headers = [(name, value) for name, value in headers if not named.get(name.lower())]
    headers += [(name, value) for name, value in named.items() if value]
    unmet = _unmet(request.headers, "", head)
    if unmet == 412:
        raise _precondition()
    return head, headers, None if unmet is None else (304, [("ETag", etag)], b"")


def _unmet(headers: Mapping[str, str], prefix: str, head: Any) -> int | None:
    """412 or 304 where the conditions of a read do not hold; tags go before times (RFC 9110)."""
    etag = etag_of(head).strip('"')

    def tags(name: str) -> set[str] | None:
        text = headers.get(prefix + name)
        return None if text is None else {tag.strip(' W/"') for tag in text.split(",")}

    def moment(name: str) -> float | None:
        try:
            return parsedate_to_datetime(headers.get(prefix + name, "")).timestamp()
        except ValueError:
            return None  # as if it were not there

    wanted, known = tags("if-match"), tags("if-none-match")
    before, since = moment("if-unmodified-since"), moment("if-modified-since")
    changed = int(head.modified)
    if wanted is not None and not wanted & {etag, "*"}:
        return 412
    if wanted is None and before is not None and changed > before:
        return 412
    if known is not None:
        return 304 if known & {etag, "*"} else None
    return 304 if since is not None and changed <= since else None


def _precondition() -> ApiError:
    return ApiError(
        "PreconditionFailed", "At least one of the pre-conditions you specified did not hold", 412
    )


def _span(text: str | None, size: int) -> tuple[int, int] | None:
    """[first, behind) of a Range header; None for the whole, also for what is no single range."""
    match = _RANGE.fullmatch(text or "")
    if match is None or match[0] == "bytes=-":
        return None
    if match[1] == "":
        first, behind = max(0, size - int(match[2])), size
    else:
        first, behind = int(match[1]), min(size, int(match[2]) + 1 if match[2] else size)
        if match[2] and int(match[2]) < first:
            return None
    if first >= behind:
        raise ApiError(
            "InvalidRange", "The requested range is not satisfiable", 416, {"ActualObjectSize": size}
        )
    return first, behind
