"""Multipart uploads, kept beside the bucket's objects until they are completed.

<bucket>/.cloudcore/uploads/<id>/upload.json    key and what CreateMultipartUpload said
<bucket>/.cloudcore/uploads/<id>/<part>         a part's bytes; <part>.json its digest and its checksum
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
from cloudcore.objects.keys import PRIVATE
from cloudcore.wire.s3 import body as bodies
from cloudcore.wire.s3 import checksums, xml
from cloudcore.wire.s3.checksums import Checksum
from cloudcore.wire.s3.objects import described, may_write, source_of
from cloudcore.wire.s3.request import Reply, Request

PART_BYTES_MIN = 5 << 20
_BLOCK = 4 << 20


def create_upload(request: Request) -> Reply:
    """Begin an upload."""
    told = described(request.headers)
    kind, of = checksums.of_upload(request.headers)
    upload = secrets.token_hex(16)
    directory = os.path.join(request.directory(), PRIVATE, "uploads", upload)
    os.makedirs(directory)
    with open(os.path.join(directory, "upload.json"), "w", encoding="utf-8") as file:
        json.dump({"key": request.key, "told": told, "checksum": kind, "checksum_type": of}, file)
    members = [("Bucket", request.bucket), ("Key", request.key), ("UploadId", upload)]
    headers = [("x-amz-checksum-algorithm", kind.upper()), ("x-amz-checksum-type", of)] if kind else []
    return 200, [*xml.HEADERS, *headers], xml.document("InitiateMultipartUploadResult", members)


def put_part(request: Request) -> Reply:
    """Take one part, replacing an earlier one of its number; or copy it from an object."""
    directory, upload = _upload(request)
    number = request.query["partNumber"]
    if not number.isdecimal() or not 1 <= int(number) <= 10_000:
        raise ApiError("InvalidArgument", "Part number must be an integer between 1 and 10000, inclusive")
    copied, kind = "x-amz-copy-source" in request.headers, upload["checksum"]
    claim = None
    if copied:
        data = _copied(request)
    else:
        data, claim = bodies.read(request.headers, request.body)
        if kind is not None and (claim is None or claim.kind != kind):
            raise ApiError(
                "InvalidRequest",
                f"Checksum Type mismatch occurred, expected checksum Type: {kind}, actual checksum Type: "
                f"{claim.kind if claim else 'null'}",
            )
    checksum = claim or checksums.calculate(kind or checksums.DEFAULT, [data])
    etag = hashlib.md5(data).hexdigest()
    path = os.path.join(directory, str(int(number)))
    temporary = f"{path}.{secrets.token_hex(4)}.tmp"
    with open(temporary, "wb") as file:
        file.write(data)
    os.replace(temporary, path)
    with open(path + ".json", "w", encoding="ascii") as file:
        json.dump({"etag": etag, "checksum": checksum[:2]}, file)
    if copied:
        members = [("ETag", f'"{etag}"'), ("LastModified", xml.moment(os.stat(path).st_mtime))]
        members += [(checksum.member, checksum.value)] if kind else []
        return 200, list(xml.HEADERS), xml.document("CopyPartResult", members)
    return 200, [("ETag", f'"{etag}"'), checksum.headers()[0]], b""


def complete_upload(request: Request) -> Reply:
    """Make the object of the parts that are named, in their order."""
    directory, upload = _upload(request)
    wanted = _wanted(request.body)
    composed = upload["checksum"] is not None and upload["checksum_type"] == checksums.COMPOSITE
    paths, digests, sums = [], b"", []
    for number, part in wanted:
        path = os.path.join(directory, str(number))
        etag, checksum = _said(path) if os.path.exists(path) else ("", Checksum("", ""))
        said = part.get("ETag", "").strip('"'), part.get(checksum.member, checksum.value)
        if said != (etag, checksum.value):
            raise ApiError(
                "InvalidPart",
                "One or more of the specified parts could not be found.  The part may not have been "
                "uploaded, or the specified entity tag may not match the part's entity tag.",
            )
        if composed and checksum.member not in part:
            raise ApiError(
                "InvalidRequest",
                f"The upload was created using a {checksum.kind} checksum. The complete request must include "
                f"the checksum for each part. It was missing for part {number} in the request.",
            )
        paths.append(path)
        digests += bytes.fromhex(etag)
        sums.append(checksum.value)
    sizes = [os.path.getsize(path) for path in paths]
    if any(size < PART_BYTES_MIN for size in sizes[:-1]):
        raise ApiError("EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size")
    may_write(request)
    kind = upload["checksum"] or checksums.DEFAULT
    whole = checksums.composite(kind, sums) if composed else checksums.calculate(kind, _blocks(paths))
    _check_whole(request, upload, whole, sum(sizes))
    etag = f"{hashlib.md5(digests).hexdigest()}-{len(paths)}"
    told = upload["told"]
    told["metadata"] |= {":etag": etag, **whole.kept()}
    request.put(_blocks(paths), cause="CompleteMultipartUpload", **told)
    shutil.rmtree(directory)
    members = [
        ("Location", f"/{request.bucket}/{request.key}"),
        ("Bucket", request.bucket),
        ("Key", request.key),
        ("ETag", f'"{etag}"'),
        *whole.members(),
    ]
    return 200, list(xml.HEADERS), xml.document("CompleteMultipartUploadResult", members)


def _check_whole(request: Request, upload: dict[str, Any], whole: Checksum, size: int) -> None:
    """What the request says of the object that its parts make. Raises ApiError."""
    of = request.headers.get("x-amz-checksum-type")
    if of is not None and of != whole.type:
        raise ApiError(
            "InvalidRequest",
            f"The upload was created using the {whole.type} checksum mode. The complete request must use the "
            "same checksum mode.",
        )
    claim = checksums.claimed(request.headers)
    if claim is not None and claim.kind != whole.kind:
        raise ApiError(
            "InvalidRequest",
            f"Checksum Type mismatch occurred, expected checksum Type: {whole.kind}, actual checksum Type: "
            f"{claim.kind}",
        )
    if claim is not None and claim.value not in (whole.value, whole.value.partition("-")[0]):
        raise checksums.mismatch(claim.kind)
    said = request.headers.get("x-amz-mp-object-size", str(size))
    if said != str(size):
        raise ApiError(
            "InvalidRequest",
            f"The provided 'x-amz-mp-object-size' header value {said} does not match what was computed: "
            f"{size}",
        )


def abort_upload(request: Request) -> Reply:
    """Forget an upload and its parts."""
    shutil.rmtree(_upload(request)[0])
    return 204, [], b""


def list_parts(request: Request) -> Reply:
    """The parts taken so far."""
    directory, upload = _upload(request)
    members: list[tuple[str, Any]] = [
        ("Bucket", request.bucket), ("Key", request.key), ("UploadId", request.query["uploadId"]),
        ("IsTruncated", False), *_algorithm(upload),
    ]  # fmt: skip
    for number in sorted(int(name) for name in os.listdir(directory) if name.isdecimal()):
        path = os.path.join(directory, str(number))
        stat = os.stat(path)
        part = [("PartNumber", number), ("LastModified", xml.moment(stat.st_mtime))]
        etag, checksum = _said(path)
        part += [("ETag", f'"{etag}"'), ("Size", stat.st_size)]
        members.append(("Part", part + ([(checksum.member, checksum.value)] if upload["checksum"] else [])))
    return 200, list(xml.HEADERS), xml.document("ListPartsResult", members)


def list_uploads(request: Request) -> Reply:
    """The uploads begun and not yet completed, by key."""
    home, prefix = os.path.join(request.directory(), PRIVATE, "uploads"), request.query.get("prefix", "")
    found = []
    for name in os.listdir(home) if os.path.isdir(home) else []:
        path = os.path.join(home, name, "upload.json")
        with contextlib.suppress(FileNotFoundError):  # completed meanwhile
            with open(path, encoding="utf-8") as file:
                upload = json.load(file)
            if upload["key"].startswith(prefix):
                found.append((upload["key"], os.stat(path).st_mtime, name, _algorithm(upload)))
    members: list[tuple[str, Any]] = [("Bucket", request.bucket), ("Prefix", prefix), ("IsTruncated", False)]
    for key, begun, name, algorithm in sorted(found):
        row = [("Key", key), ("UploadId", name), ("Initiated", xml.moment(begun))]
        members.append(("Upload", [*row, ("StorageClass", "STANDARD"), *algorithm]))
    return 200, list(xml.HEADERS), xml.document("ListMultipartUploadsResult", members)


def _algorithm(upload: dict[str, Any]) -> list[tuple[str, Any]]:
    kind = upload["checksum"]
    return [("ChecksumAlgorithm", kind.upper()), ("ChecksumType", upload["checksum_type"])] if kind else []


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


def _wanted(body: bytes) -> list[tuple[int, dict[str, str]]]:
    """Number and members of the parts that are named, in ascending order. Raises ApiError."""
    parts = [{member.tag: member.text or "" for member in part} for part in xml.parse(body).findall("Part")]
    try:
        found = [(int(part["PartNumber"]), part) for part in parts]
    except (KeyError, ValueError):
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


def _said(path: str) -> tuple[str, Checksum]:
    """The digest and the checksum of a part."""
    with open(path + ".json", encoding="ascii") as file:
        kept = json.load(file)
    return kept["etag"], Checksum(*kept["checksum"])


def _blocks(paths: list[str]) -> Iterator[bytes]:
    for path in paths:
        with open(path, "rb") as file:
            while block := file.read(_BLOCK):
                yield block
