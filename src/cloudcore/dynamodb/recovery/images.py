"""Image files: all items of a table as they were at one moment, compressed and checksummed.

docs/internals/backup.md has the bytes. A file is written under another name, synced and renamed, so under
its own name it is whole; that its end block is there says so too. Readers check every block before they
give it out.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO

from cloudcore.errors import CorruptError, FormatError

MAGIC = b"ccimage1"
BLOCK_BYTES = 1 << 18
"""Bytes of entries that make a block, about."""
_BLOCK = struct.Struct("<4sIIII")
"""Kind, stored size, raw size, count, CRC-32 of the first 16 bytes and the body."""
_HEAD, _ITEMS, _END = b"head", b"item", b"end."
_RAW_MAX = 1 << 30


class ImageWriter:
    """Writes one file. `fields` is kept with it. Use finish() or abort()."""

    def __init__(self, path: str, fields: dict[str, Any]):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        self._path, self._temporary = path, f"{path}.part"
        self._file: BinaryIO = open(self._temporary, "wb")  # noqa: SIM115 (finish or abort closes it)
        self._items = self._blocks = 0
        self._file.write(MAGIC)
        self._write(_HEAD, json.dumps(fields).encode(), 0)

    def add(self, entries: bytes, count: int) -> None:
        """Append entries of a snapshot."""
        self._write(_ITEMS, entries, count)
        self._items += count
        self._blocks += 1

    def finish(self) -> int:
        """Make the file durable under its name; its size in bytes."""
        self._write(_END, json.dumps({"items": self._items, "blocks": self._blocks}).encode(), 0)
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

    def _write(self, kind: bytes, raw: bytes, count: int) -> None:
        import lz4.block  # not every service keeps images

        stored = lz4.block.compress(raw, store_size=False)
        head = _BLOCK.pack(kind, len(stored), len(raw), count, 0)[:16]
        self._file.write(head + struct.pack("<I", zlib.crc32(stored, zlib.crc32(head))))
        self._file.write(stored)


class ImageReader:
    """Reads one file. Raises FileNotFoundError, CorruptError and FormatError, which name file and offset."""

    def __init__(self, path: str):
        self._path = path
        self._file: BinaryIO = open(path, "rb")  # noqa: SIM115 (close does)
        if self._file.read(len(MAGIC)) != MAGIC:
            self._file.close()
            raise FormatError(f"{path} is no image of this build's format", "format")
        kind, raw, _ = self._block()
        if kind != _HEAD:
            raise self._corrupt("it does not begin with its head")
        self.fields: dict[str, Any] = json.loads(raw)

    def blocks(self) -> Iterator[tuple[bytes, int]]:
        """(entries, their number), block by block; the file must be whole to its end."""
        items = blocks = 0
        while True:
            kind, raw, count = self._block()
            if kind == _ITEMS:
                items += count
                blocks += 1
                yield raw, count
                continue
            if kind != _END or json.loads(raw) != {"items": items, "blocks": blocks} or self._file.read(1):
                raise self._corrupt("its end does not match what it holds")
            return

    def close(self) -> None:
        """Close the file. Idempotent."""
        self._file.close()

    def __enter__(self) -> ImageReader:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _block(self) -> tuple[bytes, bytes, int]:
        import lz4.block

        head = self._file.read(_BLOCK.size)
        if len(head) < _BLOCK.size:
            raise self._corrupt("it is cut short")
        kind, stored_size, raw_size, count, crc = _BLOCK.unpack(head)
        stored = self._file.read(stored_size) if stored_size <= _RAW_MAX else b""
        if len(stored) < stored_size or raw_size > _RAW_MAX:
            raise self._corrupt("it is cut short")
        if zlib.crc32(stored, zlib.crc32(head[:16])) != crc:
            raise self._corrupt("a block fails its checksum")
        return kind, lz4.block.decompress(stored, uncompressed_size=raw_size), count

    def _corrupt(self, why: str) -> CorruptError:
        offset = self._file.tell()
        self._file.close()
        return CorruptError(f"{self._path}, before byte {offset}: {why}", "corrupt", offset)


def sync_directory(path: str) -> None:
    """Make the names in a directory durable."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
