"""The objects of an export: compressed data files, the manifest that lists them, and its checksum.

    [prefix/]AWSDynamoDB/<id>/_started
                             /manifest-files.json, manifest-files.md5
                             /manifest-summary.json, manifest-summary.md5
                             /data/<name>.json.gz                            of a full export
    [prefix/]AWSDynamoDB/data/<name>.json.gz                                 of an incremental one

Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataExport.Output.html
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import zlib
from types import ModuleType
from typing import Any

from cloudcore.errors import ApiError

deflater: ModuleType = zlib
with contextlib.suppress(ImportError):  # no wheel for this machine
    from isal import isal_zlib

    deflater = isal_zlib  # four times zlib's rate at level 1
_LEVEL = 1
_GZIP = 31
"""zlib's word for a gzip header."""
FILE_BYTES = 64 << 20
"""Bytes of lines that make a data file, about."""


class Files:
    """Writes the objects of one export. The names of data files follow from its id and their order, so an
    export that is begun again writes over what the first attempt left."""

    def __init__(self, store: Any, bucket: str, prefix: str, id_: str, ending: str, **more: Any):
        self._store, self._bucket, self._id, self._more = store, bucket, id_, more
        root = f"{prefix.rstrip('/')}/AWSDynamoDB" if prefix else "AWSDynamoDB"
        self.home = f"{root}/{id_}"
        self.data = f"{self.home}/data"
        self.shared_data = f"{root}/data"
        self._ending = ending
        self.entries: list[dict[str, Any]] = []
        self._begin()

    def _begin(self) -> None:
        self._parts: list[bytes] = []
        self._lines = self._size = 0
        self._deflate = deflater.compressobj(_LEVEL, deflater.DEFLATED, _GZIP)

    def put(self, name: str, content: bytes) -> str:
        """Write an object of the export; its key."""
        key = f"{self.home}/{name}"
        self._store.put(self._bucket, key, content, **self._more)
        return key

    def put_summed(self, name: str, content: bytes) -> str:
        """The same, with an object beside it that holds the MD5 of it."""
        key = self.put(f"{name}.json", content)
        self.put(f"{name}.md5", _md5(content))
        return key

    def add(self, lines: bytes, count: int) -> None:
        """Append lines to the data."""
        self._parts.append(self._deflate.compress(lines))
        self._lines += count
        self._size += len(lines)
        if self._size >= FILE_BYTES:
            self._end_file()

    def _end_file(self) -> None:
        self._parts.append(self._deflate.flush())
        content = b"".join(self._parts)
        key = f"{self.data}/{self._name(len(self.entries))}"
        self._store.put(self._bucket, key, content, **self._more)
        self.entries.append(
            {
                "itemCount": self._lines,
                "md5Checksum": _md5(content).decode(),
                "etag": hashlib.md5(content, usedforsecurity=False).hexdigest(),
                "dataFileS3Key": key,
            }
        )
        self._begin()

    def _name(self, number: int) -> str:
        digest = hashlib.sha256(f"{self._id}/{number}".encode()).digest()
        return base64.b32encode(digest)[:26].decode().lower() + self._ending

    def finish(self) -> str:
        """Write what is left, at least one file, and the list of files; its key."""
        if self._lines or not self.entries:
            self._end_file()
        self._remove_left()
        text = "".join(json.dumps(entry, separators=(",", ":")) + "\n" for entry in self.entries)
        return self.put_summed("manifest-files", text.encode())

    def _remove_left(self) -> None:
        """An earlier attempt may have written more files than this one."""
        number = len(self.entries)
        while True:
            key = f"{self.data}/{self._name(number)}"
            try:
                self._store.head(self._bucket, key)
            except ApiError:
                return
            self._store.delete(self._bucket, key)
            number += 1


def _md5(content: bytes) -> bytes:
    return base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest())
