"""How exports, imports and bulk operations fail on the object store's account."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

from cloudcore.errors import ApiError

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB

_CODE = re.compile(r"\((?P<code>\w+)\)")
_CODES = {
    "NoSuchBucket": ("S3NoSuchBucket", "The specified bucket does not exist", 404),
    "InvalidBucketName": ("S3NoSuchBucket", "The specified bucket does not exist", 404),
    "NoSuchKey": ("S3NoSuchKey", "The specified key does not exist", 404),
    "AccessDenied": ("S3AccessDenied", "Access Denied", 403),
}


def of(error: Exception) -> tuple[str, str]:
    """(FailureCode, FailureMessage) of what went wrong."""
    found = _CODE.search(str(error))
    code = error.code if isinstance(error, ApiError) else found["code"] if found else ""
    if code in _CODES:
        name, words, status = _CODES[code]
        shown = "NoSuchBucket" if code == "InvalidBucketName" else code
        return name, f"{words} (Service: Amazon S3; Status Code: {status}; Error Code: {shown})"
    if isinstance(error, ApiError):
        return error.code, error.message
    logging.getLogger("cloudcore.dynamodb").error("a transfer failed", exc_info=error)
    if isinstance(error, OSError):
        return "S3Error", str(error)
    return "UNKNOWN", f"{type(error).__name__}: {error}"


def no_bucket() -> ApiError:
    """What a store says of an absent bucket; raise what this returns."""
    return ApiError("NoSuchBucket", "The specified bucket does not exist", 404)


def check_owner(service: DynamoDB, owner: str | None) -> None:
    """All buckets of a store belong to its account. Raises ApiError AccessDenied."""
    if owner is not None and owner != service.account:
        raise ApiError("AccessDenied", "Access Denied", 403)
