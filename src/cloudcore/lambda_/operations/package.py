"""The code that CreateFunction and UpdateFunctionCode are given: a zip, or one in an object store."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cloudcore.errors import ApiError
from cloudcore.lambda_.code import sha256_base64
from cloudcore.lambda_.configuration import refused

_TAKEN = {"ZipFile", "S3Bucket", "S3Key"}


@dataclass
class Package:
    """SHA-256 in hex and bytes of a zip; or a directory of this machine, for callers in this process."""

    name: str | None
    size: int
    directory: str | None = None

    def members(self) -> dict[str, Any]:
        """What a configuration says of it."""
        return {"CodeSize": self.size, "CodeSha256": sha256_base64(self.name) if self.name else ""}


@contextlib.contextmanager
def package_of(service: Any, source: dict[str, Any]) -> Iterator[Package]:
    """The code that `source` (FunctionCode) stands for, kept for the block: save a function that needs it.

    Raises ApiError.
    """
    package = _take(service, source)
    try:
        yield package
    finally:
        service.packages.release(package.name)


def _take(service: Any, source: dict[str, Any]) -> Package:
    other = sorted(set(source) - _TAKEN)
    if other:
        raise refused(
            f"{other[0]} is not supported by this endpoint: code comes as ZipFile or from an object store."
        )
    data = source.get("ZipFile")
    if data is None:
        data = _from_object(service, source)
    elif "S3Bucket" in source or "S3Key" in source:
        raise refused("Please do not provide other FunctionCode parameters when providing a ZipFile.")
    if not isinstance(data, (bytes, bytearray)) or not data:
        raise refused("Uploaded file must be a non-empty zip")
    return Package(service.packages.add(bytes(data)), len(data))


def _from_object(service: Any, source: dict[str, Any]) -> bytes:
    bucket, key = source.get("S3Bucket"), source.get("S3Key")
    if not bucket or not key:
        raise refused("Please provide a source for function code.")
    if service.read_object is None:
        raise refused("This endpoint has no object store to read code from.")
    try:
        data: bytes = service.read_object(bucket, key)
    except ApiError as error:
        raise refused(
            f"Error occurred while GetObject. S3 Error Code: {error.code}. S3 Error Message: {error.message}"
        ) from None
    return data
