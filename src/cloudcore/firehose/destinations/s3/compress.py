"""Compression of delivered objects: GZIP, ZIP, Snappy (xerial) and HADOOP_SNAPPY, as Firehose writes them.

The codecs are ISA-L or zlib, and pyarrow's Snappy; the framing is csrc/compress. Everything here is a
pure function of the data and the object's key, so that a redelivery writes the same bytes.

    format           extension   Content-Encoding   bytes
    GZIP             .gz         gzip               RFC 1952, one member for each 4 MiB of input
    ZIP              .zip        zip                one deflated entry, named by a UUID
    Snappy           .snappy     snappy-java        the stream of snappy-java, 32 KiB blocks
    HADOOP_SNAPPY    .snappy     hadoop-snappy      Hadoop's block stream, 32 KiB blocks
"""

from __future__ import annotations

import contextlib
import hashlib
import struct
import uuid
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from cloudcore._stream import crc32, gzip_member, snappy_frames
from cloudcore.firehose.destinations.s3.parallel import in_order

deflater: ModuleType = zlib
with contextlib.suppress(ImportError):  # no wheel for this machine
    from isal import isal_zlib

    deflater = isal_zlib  # four times zlib's rate at level 1, at a better ratio

MEMBER_BYTES = 4 << 20
_LEVEL = 1


@dataclass(frozen=True)
class Format:
    """How a CompressionFormat names and encodes an object."""

    extension: str
    content_encoding: str | None


FORMATS = {
    "UNCOMPRESSED": Format("", None),
    "GZIP": Format(".gz", "gzip"),
    "ZIP": Format(".zip", "zip"),
    "Snappy": Format(".snappy", "snappy-java"),
    "HADOOP_SNAPPY": Format(".snappy", "hadoop-snappy"),
}


def compress(parts: Iterable[Any], kind: str, key: str) -> list[Any]:
    """The parts of the compressed object."""
    if kind == "UNCOMPRESSED":
        return list(parts)
    blocks = _blocks(parts)
    if kind == "GZIP":
        return list(in_order(_member, blocks))
    if kind == "ZIP":
        return _zip(blocks, key)
    hadoop = kind == "HADOOP_SNAPPY"
    frames = list(in_order(lambda block: _frames(block, hadoop), blocks))
    if not hadoop:
        frames.insert(0, snappy_frames(b"", _raw_snappy(), hadoop=False))
    return frames


def _blocks(parts: Iterable[Any]) -> Iterator[bytes]:
    """The parts end to end, in blocks of at least MEMBER_BYTES; the same parts give the same blocks."""
    waiting: list[Any] = []
    size = made = 0
    for part in parts:
        if len(part):
            waiting.append(part)
            size += len(part)
        if size >= MEMBER_BYTES:
            yield b"".join(waiting)
            waiting, size, made = [], 0, made + 1
    if waiting or not made:  # of nothing too: an empty file in its format
        yield b"".join(waiting)


def gzip_page(page: memoryview) -> bytes:
    """A page of a Parquet file as one member."""
    return _member(page)


def deflated(block: bytes | memoryview) -> bytes:
    """Raw deflate data: a block of an ORC file of ZLIB."""
    packer = deflater.compressobj(_LEVEL, deflater.DEFLATED, -15)
    packed: bytes = packer.compress(block) + packer.flush()
    return packed


def _member(block: bytes | memoryview) -> bytes:
    return gzip_member(deflated(block), crc32(block), len(block))


def _zip(blocks: Iterator[bytes], key: str) -> list[bytes]:
    """An archive of one entry (PKWARE's APPNOTE 6.3.10, 4.3): sizes follow the data, no dates, no extras."""
    name = str(uuid.UUID(bytes=hashlib.sha256(key.encode()).digest()[:16], version=4)).encode()
    packer = deflater.compressobj(_LEVEL, deflater.DEFLATED, -15)
    crc = size = 0
    data = []
    for block in blocks:
        crc, size = crc32(block, crc), size + len(block)
        data.append(packer.compress(block))
    data.append(packer.flush())
    packed = sum(map(len, data))
    # needed version 2.0, flag 8: sizes behind the data, method 8: deflate, date 1980-01-01
    common = struct.pack("<HHHHH", 20, 8, 8, 0, 0x21)
    local = b"PK\3\4" + common + struct.pack("<IIIHH", 0, 0, 0, len(name), 0) + name
    behind = b"PK\7\10" + struct.pack("<III", crc, packed, size)
    directory = b"PK\1\2" + struct.pack("<H", 20) + common + struct.pack(
        "<IIIHHHHHII", crc, packed, size, len(name), 0, 0, 0, 0, 0, 0
    ) + name  # fmt: skip
    start = len(local) + packed + len(behind)
    end = b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(directory), start, 0)
    return [local, *data, behind, directory, end]


def _frames(block: bytes, hadoop: bool) -> bytes:
    return snappy_frames(block, _raw_snappy(), hadoop=hadoop, begin=False)


def _raw_snappy() -> Callable[[Any], bytes]:
    import pyarrow as pa

    codec = pa.Codec("snappy")
    return lambda data: codec.compress(data, asbytes=True)
