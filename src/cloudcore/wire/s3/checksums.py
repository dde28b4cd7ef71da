"""Checksums of objects and of the parts of uploads: what a request claims, what is kept, what is answered.

An object has one: of all its bytes (FULL_OBJECT), or of the checksums of its parts (COMPOSITE, "-<parts>"
behind it). Where the request names none it is CRC64NVME, as on S3. It stands in the metadata that the store
keeps, under NAME. Source: "Checking object integrity" in the S3 user guide, and the S3 model in botocore.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import zlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from cloudcore.errors import ApiError

NAME = ":checksum"
DEFAULT = "crc64nvme"
FULL, COMPOSITE = "FULL_OBJECT", "COMPOSITE"
_PREFIX = "x-amz-checksum-"
_BYTES = {"crc32": 4, "crc32c": 4, "crc64nvme": 8, "sha1": 20, "sha256": 32, "sha512": 64, "md5": 16}
_CRCS = ("crc32", "crc32c", "crc64nvme")
_NO_VALUES = (_PREFIX + "type", _PREFIX + "algorithm", _PREFIX + "mode")
_OTHER = ("xxhash64", "xxhash3", "xxhash128")


class Checksum(NamedTuple):
    """`value` in base64, of the algorithm `kind` in lower case."""

    kind: str
    value: str
    type: str = FULL

    @property
    def member(self) -> str:
        """Its name in documents: ChecksumCRC32C."""
        return "Checksum" + self.kind.upper()

    def headers(self) -> list[tuple[str, str]]:
        """As the answer about an object has it."""
        return [(_PREFIX + self.kind, self.value), (_PREFIX + "type", self.type)]

    def members(self) -> list[tuple[str, Any]]:
        """As a document about an object has it."""
        return [(self.member, self.value), ("ChecksumType", self.type)]

    def kept(self) -> dict[str, str]:
        """As the store's metadata has it."""
        return {NAME: " ".join(self)}


def of_object(metadata: Mapping[str, str]) -> Checksum | None:
    """What was kept; delivered objects have none."""
    return Checksum(*metadata[NAME].split(" ")) if NAME in metadata else None


def claimed(headers: Mapping[str, str]) -> Checksum | None:
    """The checksum that a request states. Raises ApiError for several, for a malformed and an unknown one."""
    found = {
        name[len(_PREFIX) :]: value.strip()
        for name, value in headers.items()
        if name.startswith(_PREFIX) and name not in _NO_VALUES
    }
    if len(found) > 1:
        raise _invalid("Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
    for kind, value in found.items():
        check_kind(kind)
        raw = _raw(value.partition("-")[0])
        if raw is None or len(raw) != _BYTES[kind]:
            raise _invalid(f"Value for x-amz-checksum-{kind} header is invalid.")
        return Checksum(kind, value)
    return None


def check(claim: Checksum, data: bytes) -> None:
    """Raises ApiError BadDigest when `data` has another checksum."""
    if calculate(claim.kind, [data]).value != claim.value:
        raise mismatch(claim.kind)


def mismatch(kind: str) -> ApiError:
    """What a wrong checksum is answered with."""
    return ApiError("BadDigest", f"The {kind.upper()} you specified did not match the calculated checksum.")


def wanted(headers: Mapping[str, str]) -> str | None:
    """The algorithm that x-amz-checksum-algorithm asks for. Raises ApiError."""
    kind = headers.get(_PREFIX + "algorithm")
    if kind is None:
        return None
    check_kind(kind.lower())
    return kind.lower()


def check_kind(kind: str) -> None:
    """Raises ApiError for an algorithm that is not S3's, or not here."""
    if kind in _OTHER:
        raise ApiError("NotImplemented", f"Checksums by {kind.upper()} are not supported here.", 501)
    if kind not in _BYTES:
        raise _invalid(
            "Checksum algorithm provided is unsupported. Please try again with any of the valid types: "
            f"[{', '.join(_BYTES).upper()}]"
        )


def calculate(kind: str, blocks: Iterable[bytes | memoryview]) -> Checksum:
    """The checksum of all bytes."""
    if kind in _CRCS:
        step, value = _step(kind), 0
        for block in blocks:
            value = step(block, value)
        digest = value.to_bytes(_BYTES[kind], "big")
    else:
        running = hashlib.new(kind, usedforsecurity=False)
        for block in blocks:
            running.update(block)
        digest = running.digest()
    return Checksum(kind, base64.b64encode(digest).decode())


def _step(kind: str) -> Callable[[bytes | memoryview, int], int]:
    if kind == "crc32":
        return zlib.crc32
    from cloudcore import _checksum

    return _checksum.crc32c if kind == "crc32c" else _checksum.crc64nvme


def composite(kind: str, parts: Iterable[str]) -> Checksum:
    """The checksum of the checksums of parts."""
    raws = [base64.b64decode(part) for part in parts]
    value = calculate(kind, raws).value
    return Checksum(kind, f"{value}-{len(raws)}", COMPOSITE)


def of_upload(headers: Mapping[str, str]) -> tuple[str | None, str]:
    """(algorithm or None, type) of the object that a multipart upload will make. Raises ApiError."""
    kind, of = wanted(headers), headers.get(_PREFIX + "type")
    if of not in (None, FULL, COMPOSITE):
        raise _invalid("Value for x-amz-checksum-type header is invalid.")
    if kind is None:
        if of is not None:
            raise _invalid(
                "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header."
            )
        return None, FULL
    if of is None:
        return kind, FULL if kind == DEFAULT else COMPOSITE
    if (of == FULL and kind not in _CRCS) or (of == COMPOSITE and kind == DEFAULT):
        raise _invalid(f"The {of} checksum type cannot be used with the {kind} checksum algorithm.")
    return kind, of


def _raw(value: str) -> bytes | None:
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error:
        return None


def _invalid(words: str) -> ApiError:
    return ApiError("InvalidRequest", words)
