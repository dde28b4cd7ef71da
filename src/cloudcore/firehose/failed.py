"""Failed records: objects of JSON lines under a stream's error prefix, read back, put into a stream again.

An object whose records were all acknowledged moves to replayed/<its key>; a replay that is killed before that
puts them in again at the next one.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

from cloudcore.errors import CloudcoreError
from cloudcore.firehose import envelope

MOVED = "replayed/"
_TYPES = ("processing-failed", "format-conversion-failed", "http-endpoint-failed", "splunk-failed",
          "AmazonOpenSearchService-failed", "iceberg-failed")  # fmt: skip
_RECORDS, _BYTES = 500, 4 << 20
Line = dict[str, Any]


class Objects(Protocol):
    """What is asked of an object store."""

    def list(self, bucket: str, prefix: str = "") -> Iterable[str]: ...
    def get(self, bucket: str, key: str) -> bytes: ...
    def put(self, bucket: str, key: str, data: bytes) -> object: ...
    def delete(self, bucket: str, key: str) -> object: ...


def place(description: dict[str, Any]) -> tuple[str, str] | None:
    """(bucket, what keys begin with) of a described stream's failed records; None: it has no bucket."""
    for destination in description["Destinations"]:
        for found in (block for block in destination.values() if isinstance(block, dict)):
            block = found.get("S3DestinationDescription") or found
            if "BucketARN" in block:
                front = (block.get("ErrorOutputPrefix") or "").partition("!{")[0]
                return block["BucketARN"].rpartition(":::")[2], front
    return None


def objects_of(objects: Objects, bucket: str, front: str, stream: str) -> Iterator[tuple[str, list[Line]]]:
    """(key, its records) of every object of failed records of a stream.

    Raises CloudcoreError for one that is compressed by another format than GZIP.
    """
    name = re.compile(rf"(?:.*/)?{re.escape(stream)}-\d+-\d{{4}}-\d\d-\d\d-\d\d-\d\d-\d\d-[0-9a-f-]{{36}}\S*")
    for key in list(objects.list(bucket, front)):
        if not key.startswith(MOVED) and name.fullmatch(key) and any(kind in key for kind in _TYPES):
            yield key, _lines(key, envelope.read(objects, bucket, key))


def replay(
    objects: Objects, put: Callable[[list[str]], int], bucket: str, front: str, stream: str, code: str = ""
) -> tuple[int, int]:
    """Put failed records whose code contains `code` in again; how many were put, and how many are left.

    `put` takes records in base64 and says how many of them were refused. Raises CloudcoreError when any was.
    """
    sent = left = 0
    for key, lines in objects_of(objects, bucket, front, stream):
        chosen = [line for line in lines if code in code_of(line)]
        for batch in _batches([line["rawData"] for line in chosen]):
            if put(batch):
                raise CloudcoreError(f"records of {key} were not taken: try again later")
            sent += len(batch)
        if len(chosen) == len(lines):
            objects.put(bucket, MOVED + key, objects.get(bucket, key))
            objects.delete(bucket, key)
        elif chosen:
            rest = b"".join(json.dumps(line).encode() + b"\n" for line in lines if line not in chosen)
            objects.put(bucket, key, gzip.compress(rest, mtime=0) if key.endswith(".gz") else rest)
        left += len(lines) - len(chosen)
    return sent, left


def code_of(line: Line) -> str:
    """The error code of a failed record."""
    return str(line.get("errorCode") or line.get("lastErrorCode"))


def message_of(line: Line) -> str:
    """What was said of a failed record."""
    return str(line.get("errorMessage") or line.get("lastErrorMessage"))


def _lines(key: str, body: bytes) -> list[Line]:
    if key.endswith(".gz"):
        body = gzip.decompress(body)
    elif key.endswith((".zip", ".snappy")):
        raise CloudcoreError(f"{key} is compressed by another format than GZIP: unpack it by hand")
    found = []
    for text in body.splitlines():
        try:
            line = json.loads(text)
        except ValueError:
            break  # a partition's object that could not be written in time: records as they were
        if isinstance(line, dict) and isinstance(line.get("rawData"), str):
            found.append(line)
    return found


def _batches(records: list[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    size = 0
    for record in records:
        length = len(record) * 3 // 4
        if batch and (len(batch) == _RECORDS or size + length > _BYTES):
            yield batch
            batch, size = [], 0
        batch.append(record)
        size += length
    if batch:
        yield batch
