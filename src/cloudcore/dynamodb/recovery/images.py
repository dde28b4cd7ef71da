"""Image files: all items of a table as they were at one moment, compressed and checksummed.

docs/internals/backup.md has the bytes. A file is written under another name, synced and renamed, so under
its own name it is whole; that its end block is there says so too. Readers check every block before they
give it out.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO

from cloudcore.dynamodb.recovery.blocks import corrupt, read_block, sync_directory, write_block
from cloudcore.errors import FormatError

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB

MAGIC = b"ccimage1"
BLOCK_BYTES = 1 << 18
"""Bytes of entries that make a block, about."""
_HEAD, _ITEMS, _END = b"head", b"item", b"end."


class ImageWriter:
    """Writes one file. `fields` is kept with it. Use finish() or abort()."""

    def __init__(self, path: str, fields: dict[str, Any]):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        self._path, self._temporary = path, f"{path}.part"
        self._file: BinaryIO = open(self._temporary, "wb")  # noqa: SIM115 (finish or abort closes it)
        self._items = self._blocks = 0
        self._file.write(MAGIC)
        write_block(self._file, _HEAD, json.dumps(fields).encode())

    def add(self, entries: bytes, count: int) -> None:
        """Append entries of a snapshot."""
        write_block(self._file, _ITEMS, entries, count)
        self._items += count
        self._blocks += 1

    def finish(self) -> int:
        """Make the file durable under its name; its size in bytes."""
        write_block(self._file, _END, json.dumps({"items": self._items, "blocks": self._blocks}).encode())
        self._file.flush()
        os.fsync(self._file.fileno())
        size = self._file.tell()
        self._file.close()
        os.replace(self._temporary, self._path)
        sync_directory(os.path.dirname(self._path))
        return size

    def abort(self) -> None:
        """Leave nothing behind."""
        self._file.close()
        if os.path.exists(self._temporary):
            os.unlink(self._temporary)


class ImageReader:
    """Reads one file. Raises FileNotFoundError, CorruptError and FormatError, which name file and offset."""

    def __init__(self, path: str):
        self._path = path
        self._file: BinaryIO = open(path, "rb")  # noqa: SIM115 (close does)
        try:
            if self._file.read(len(MAGIC)) != MAGIC:
                raise FormatError(f"{path} is no image of this build's format", "format")
            kind, raw, _ = read_block(self._file, path)
            if kind != _HEAD:
                raise corrupt(self._file, path, "it does not begin with its head")
            self.fields: dict[str, Any] = json.loads(raw)
        except BaseException:
            self._file.close()
            raise

    def blocks(self) -> Iterator[tuple[bytes, int]]:
        """(entries, their number), block by block; the file must be whole to its end."""
        items = blocks = 0
        while True:
            kind, raw, count = read_block(self._file, self._path)
            if kind == _ITEMS:
                items += count
                blocks += 1
                yield raw, count
                continue
            if kind != _END or json.loads(raw) != {"items": items, "blocks": blocks} or self._file.read(1):
                raise corrupt(self._file, self._path, "its end does not match what it holds")
            return

    def close(self) -> None:
        """Close the file. Idempotent."""
        self._file.close()

    def __enter__(self) -> ImageReader:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def write_image(snapshot: Any, path: str, fields: dict[str, Any], check: Any) -> int:
    """Write what a snapshot shows into a file; its size. `check` comes before each block and may raise."""
    writer = ImageWriter(path, fields)
    try:
        while True:
            check()
            entries, count = snapshot.read(BLOCK_BYTES)
            if count == 0:
                return writer.finish()
            writer.add(entries, count)
    except BaseException:
        writer.abort()
        raise


class Images:
    """Where the image files of backups are kept: beside the store."""

    def __init__(self, service: DynamoDB):
        self._service = service

    def path(self, id_: str) -> str:
        """Where a backup's image is written."""
        return os.path.join(self._service.files(), "backups", f"{id_}.image")

    def keep(self, id_: str) -> dict[str, Any]:
        """The image of a backup is written; what its record is told of that."""
        return {}

    @contextlib.contextmanager
    def file(self, id_: str, record: dict[str, Any]) -> Iterator[str]:
        """The path of a backup's image, as long as the block lasts."""
        yield self.path(id_)

    def forget(self, id_: str) -> None:
        """Remove a backup's image."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path(id_))
