"""Door: finds the operation of an S3 request; refusals become S3's error documents."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cloudcore.errors import ApiError
from cloudcore.wire.s3 import buckets, listing, multipart, notification, objects, xml
from cloudcore.wire.s3.request import Reply, Request, parse_query, place

_PLAIN = {
    "list-type", "prefix", "delimiter", "max-keys", "marker", "start-after", "continuation-token",
    "encoding-type", "fetch-owner", "x-id", "versionId", "max-buckets", "max-uploads",
    *(f"response-{name}" for name in objects.OVERRIDDEN),
}  # fmt: skip
"""Query members that name no operation of their own."""
_BUCKET: dict[tuple[str, str], Callable[[Request], Reply]] = {
    ("GET", ""): listing.list_objects,
    ("PUT", ""): buckets.create_bucket,
    ("HEAD", ""): buckets.head_bucket,
    ("DELETE", ""): buckets.delete_bucket,
    ("GET", "location"): buckets.get_location,
    ("GET", "versioning"): buckets.get_versioning,
    ("GET", "notification"): notification.get_notification,
    ("PUT", "notification"): notification.put_notification,
    ("GET", "uploads"): multipart.list_uploads,
    ("POST", "delete"): objects.delete_objects,
}
_OBJECT: dict[tuple[str, str], Callable[[Request], Reply]] = {
    ("GET", ""): objects.get_object,
    ("PUT", ""): objects.put_object,
    ("HEAD", ""): objects.head_object,
    ("DELETE", ""): objects.delete_object,
    ("POST", "uploads"): multipart.create_upload,
    ("PUT", "partNumber,uploadId"): multipart.put_part,
    ("POST", "uploadId"): multipart.complete_upload,
    ("DELETE", "uploadId"): multipart.abort_upload,
    ("GET", "uploadId"): multipart.list_parts,
}


class Door:
    """S3 over the object store of the place that `place()` gives: the account's, in a region."""

    def __init__(self, place: Callable[[], Any]):
        self._place = place

    def answer(self, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Answer one request; refusals are answers too. Presigned URLs pass, their signature unseen."""
        try:
            bucket, key = place(path, headers.get("host", ""))
            named = parse_query(query)
            here = self._place()
            store = here.objects
            if not hasattr(store, "path_of"):
                raise ApiError(
                    "NotImplemented", "Objects are kept by another S3 endpoint: ask that one.", 501
                )
            request = Request(store, here.account, here.region, method, bucket, key, named, headers, body)
            return _operation(request)(request)
        except ApiError as error:
            return refusal(error, method, path)


def _operation(request: Request) -> Callable[[Request], Reply]:
    if not request.bucket:
        if request.method == "GET":
            return buckets.list_buckets
        raise _method_not_allowed()
    sub = ",".join(sorted(n for n in request.query if n not in _PLAIN and not _signs(n)))
    if request.query.get("versionId", "null") != "null":
        raise ApiError("NoSuchVersion", "The specified version does not exist.", 404)
    table = _OBJECT if request.key else _BUCKET
    found = table.get((request.method, sub))
    if found is not None:
        return found
    if sub:
        raise ApiError(
            "NotImplemented",
            f"A query you provided implies functionality that is not implemented: {sub}",
            501,
        )
    raise _method_not_allowed()


def _signs(name: str) -> bool:
    """Whether a member of the query is part of a presigned URL."""
    return name.lower().startswith("x-amz-") or name in ("Signature", "Expires", "AWSAccessKeyId")


def _method_not_allowed() -> ApiError:
    return ApiError("MethodNotAllowed", "The specified method is not allowed against this resource.", 405)


def refusal(error: ApiError, method: str, path: str) -> Reply:
    """An error document."""
    members = [("Code", error.code), ("Message", error.message), *error.fields.items(), ("Resource", path)]
    body = b"" if method == "HEAD" else xml.document("Error", members, namespace=False)
    length = [("Content-Length", "0")] if method == "HEAD" else []
    return error.status, [*xml.HEADERS, *length], body
