"""Multipart uploads, kept beside the bucket's objects until they are completed.

<bucket>/.cloudcore/uploads/<id>/upload.json    key and what CreateMultipartUpload said
<bucket>/.cloudcore/uploads/<id>/<part>         a part's bytes; <part>.md5 its digest
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from typing import Any

from cloudcore.errors import ApiError
from cloudcore.wire.s3 import body as bodies
from cloudcore.wire.s3 import xml
from cloudcore.wire.s3.buckets import PRIVATE
from cloudcore.wire.s3.objects import described, source_of
from cloudcore.wire.s3.request import Reply, Request

PART_BYTES_MIN = 5 << 20
_BLOCK = 4 << 20


def create_upload(request: Request) -> Reply:
    """Begin an upload."""
    told = described(request.headers)
    upload = secrets.token_hex(16)
    directory = os.path.join(request.directory(), PRIVATE, "uploads", upload)
    os.makedirs(directory)
    with open(os.path.join(directory, "upload.json"), "w", encoding="utf-8") as file:
        json.dump({"key": request.key, "told": told}, file)
    members = [("Bucket", request.bucket), ("Key", request.key), ("UploadId", upload)]
    return 200, list(xml.HEADERS), xml.document("InitiateMultipartUploadResult", members)


def put_part(request: Request) -> Reply:
    """Take one part, replacing an earlier one of its number; or copy it from an object."""
    directory, _ = _upload(request)
    number = request.query["partNumber"]
    if not number.isdecimal() or not 1 <= int(number) <= 10_000:
        raise ApiError("InvalidArgument", "Part number must be an integer between 1 and 10000, inclusive")
    copied = "x-amz-copy-source" in request.headers
    if copied:
        data = _copied(request)
        checksum: dict[str, str] = {}
    else:
        data, checksum = bodies.read(request.headers, request.body)
    etag = hashlib.md5(data).hexdigest()
    path = os.path.join(directory, str(int(number)))
    temporary = f"{path}.{secrets.token_hex(4)}.tmp"
    with open(temporary, "wb") as file:
        file.write(data)
    os.replace(temporary, path)
    with open(path + ".md5", "w", encoding="ascii") as file:
        file.write(etag)
    if copied:
        members = [("ETag", f'"{etag}"'), ("LastModified", xml.moment(os.stat(path).st_mtime))]
        return 200, list(xml.HEADERS), xml.document("CopyPartResult", members)
    return 200, [("ETag", f'"{etag}"'), *checksum.items()], b""


def complete_upload(request: Request) -> Reply:
    """Make the object of the parts that are named, in their order."""
    directory, upload = _upload(request)
    wanted = _wanted(request.body)
    paths, digests = [], b""
    for number, etag in wanted:
        path = os.path.join(directory, str(number))
        if not os.path.exists(path) or _digest(path) != etag:
            raise ApiError(
                "InvalidPart",
                "One or more of the specified parts could not be found.  The part may not have been "
                "uploaded, or the specified entity tag may not match the part's entity tag.",
            )
        paths.append(path)
        digests += bytes.fromhex(etag)
    if any(os.path.getsize(path) < PART_BYTES_MIN for path in paths[:-1]):
        raise ApiError("EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size")
    etag = f"{hashlib.md5(digests).hexdigest()}-{len(paths)}"
    told = upload["told"]
    told["metadata"][":etag"] = etag
    request.put(_blocks(paths), cause="CompleteMultipartUpload", **told)
    shutil.rmtree(directory)
    members = [
        ("Location", f"/{request.bucket}/{request.key}"),
        ("Bucket", request.bucket),
        ("Key", request.key),
        ("ETag", f'"{etag}"'),
    ]
    return 200, list(xml.HEADERS), xml.document("CompleteMultipartUploadResult", members)


def abort_upload(request: Request) -> Reply:
    """Forget an upload and its parts."""
    shutil.rmtree(_upload(request)[0])
    return 204, [], b""


def list_parts(request: Request) -> Reply:
    """The parts taken so far."""
    directory, _ = _upload(request)
    members: list[tuple[str, Any]] = [
        ("Bucket", request.bucket), ("Key", request.key), ("UploadId", request.query["uploadId"]),
        ("IsTruncated", False),
    ]  # fmt: skip
    for number in sorted(int(name) for name in os.listdir(directory) if name.isdecimal()):
        path = os.path.join(directory, str(number))
        stat = os.stat(path)
        part = [("PartNumber", number), ("LastModified", xml.moment(stat.st_mtime))]
        members.append(("Part", [*part, ("ETag", f'"{_digest(path)}"'), ("Size", stat.st_size)]))
    return 200, list(xml.HEADERS), xml.document("ListPartsResult", members)


def list_uploads(request: Request) -> Reply:
    """The uploads begun and not yet completed, by key."""
    home, prefix = os.path.join(request.directory(), PRIVATE, "uploads"), request.query.get("prefix", "")
    found = []
    for name in os.listdir(home) if os.path.isdir(home) else []:
        path = os.path.join(home, name, "upload.json")
        with contextlib.suppress(FileNotFoundError):  # completed meanwhile
            with open(path, encoding="utf-8") as file:
                key = json.load(file)["key"]
            if key.startswith(prefix):
                found.append((key, os.stat(path).st_mtime, name))
    members: list[tuple[str, Any]] = [("Bucket", request.bucket), ("Prefix", prefix), ("IsTruncated", False)]
    for key, begun, name in sorted(found):
        upload = [("Key", key), ("UploadId", name), ("Initiated", xml.moment(begun))]
        members.append(("Upload", [*upload, ("StorageClass", "STANDARD")]))
    return 200, list(xml.HEADERS), xml.document("ListMultipartUploadsResult", members)


def _upload(request: Request) -> tuple[str, dict[str, Any]]:
    name = request.query["uploadId"]
    directory = os.path.join(request.directory(), PRIVATE, "uploads", name)
    try:
        if not name.isalnum():
            raise FileNotFoundError
        with open(os.path.join(directory, "upload.json"), encoding="utf-8") as file:
            upload: dict[str, Any] = json.load(file)
    except FileNotFoundError:
        upload = {}
    if upload.get("key") != request.key:
        raise ApiError(
            "NoSuchUpload",
            "The specified upload does not exist. The upload ID may be invalid, or the upload may have been "
            "aborted or completed.",
            404,
        )
    return directory, upload


def _wanted(body: bytes) -> list[tuple[int, str]]:
    try:
        found = [
            (int(part.findtext("PartNumber") or ""), (part.findtext("ETag") or "").strip('"'))
            for part in xml.parse(body).findall("Part")
        ]
    except ValueError:
        found = []
    if not found:
        raise ApiError("MalformedXML", "The XML you provided was not well-formed.")
    if [number for number, _ in found] != sorted({number for number, _ in found}):
        raise ApiError("InvalidPartOrder", "The list of parts was not in ascending order.")
    return found


def _copied(request: Request) -> bytes:
    bucket, key = source_of(request)
    data: bytes = request.store.get(bucket, key)
    span = request.headers.get("x-amz-copy-source-range")
    if span is None:
        return data
    first, _, last = span.removeprefix("bytes=").partition("-")
    if not (first.isdecimal() and last.isdecimal() and int(first) <= int(last) < len(data)):
        raise ApiError(
            "InvalidArgument", "The x-amz-copy-source-range value must be of the form bytes=first-last"
        )
    return data[int(first) : int(last) + 1]


def _digest(path: str) -> str:
    with open(path + ".md5", encoding="ascii") as file:
        return file.read()


def _blocks(paths: list[str]) -> Iterator[bytes]:
    for path in paths:
        with open(path, "rb") as file:
            while block := file.read(_BLOCK):
                yield block
