"""Blocks: the framing that image files and files of changes share: a head under its checksum, an LZ4 body.

docs/internals/backup.md has the bytes.
"""

from __future__ import annotations

import os
import struct
import zlib
from typing import BinaryIO

from cloudcore.errors import CorruptError

_BLOCK = struct.Struct("<4sIIII")
"""Kind, stored size, raw size, count, CRC-32 of the first 16 bytes and the body."""
_RAW_MAX = 1 << 30
HEAD_SIZE = _BLOCK.size


def write_block(file: BinaryIO, kind: bytes, raw: bytes, count: int = 0) -> int:
    """Append one block; its size in the file."""
    import lz4.block  # not every service keeps files

    stored = lz4.block.compress(raw, store_size=False)
    head = _BLOCK.pack(kind, len(stored), len(raw), count, 0)[:16]
    file.write(head + struct.pack("<I", zlib.crc32(stored, zlib.crc32(head))))
    file.write(stored)
    return HEAD_SIZE + len(stored)


def read_block(file: BinaryIO, path: str) -> tuple[bytes, bytes, int]:
    """(kind, raw, count) of the next block. Raises CorruptError, which names file and offset."""
    import lz4.block

    head = file.read(HEAD_SIZE)
    if len(head) < HEAD_SIZE:
        raise corrupt(file, path, "it is cut short")
    kind, stored_size, raw_size, count, crc = _BLOCK.unpack(head)
    stored = file.read(stored_size) if stored_size <= _RAW_MAX else b""
    if len(stored) < stored_size or raw_size > _RAW_MAX:
        raise corrupt(file, path, "it is cut short")
    if zlib.crc32(stored, zlib.crc32(head[:16])) != crc:
        raise corrupt(file, path, "a block fails its checksum")
    return kind, lz4.block.decompress(stored, uncompressed_size=raw_size), count


def corrupt(file: BinaryIO, path: str, why: str) -> CorruptError:
    """What a damaged file is refused with; raise what this returns."""
    offset = file.tell()
    return CorruptError(f"{path}, before byte {offset}: {why}", "corrupt", offset)


def sync_directory(path: str) -> None:
    """Make the names in a directory durable."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
