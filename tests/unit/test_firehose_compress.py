"""Compressed objects: read back by other programs' decoders, and byte-exact in their framing."""

from __future__ import annotations

import gzip
import io
import struct
import subprocess
import sys
import uuid
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from cloudcore.firehose.destinations.s3.compress import FORMATS, MEMBER_BYTES, compress

SMALL = [b"one\n", b"", b"two\n"]
LARGE = [(b"%09d," % n) * 1000 for n in range(1500)]  # 15 MB: several members, many blocks


def unsnappy(data: bytes, hadoop: bool) -> bytes:
    """The reader's side of the two framings, from their specifications."""
    codec = pa.Codec("snappy")
    out, at = [], 0
    if not hadoop:
        assert data[:16] == b"\x82SNAPPY\x00" + struct.pack(">II", 1, 1)
        at = 16
    while at < len(data):
        if hadoop:
            (size,) = struct.unpack_from(">I", data, at)
            at += 4
        (packed,) = struct.unpack_from(">I", data, at)
        block = data[at + 4 : at + 4 + packed]
        at += 4 + packed
        if not hadoop:  # raw Snappy begins with its size as a varint
            size = shift = 0
            for byte in block:
                size |= (byte & 127) << shift
                shift += 7
                if byte < 128:
                    break
        assert 0 < size <= 32768
        out.append(codec.decompress(block, size, asbytes=True))
    return b"".join(out)


DECODERS: dict[str, Any] = {
    "UNCOMPRESSED": bytes,
    "GZIP": gzip.decompress,
    "ZIP": lambda data: zipfile.ZipFile(io.BytesIO(data)).read(
        zipfile.ZipFile(io.BytesIO(data)).namelist()[0]
    ),
    "Snappy": lambda data: unsnappy(data, False),
    "HADOOP_SNAPPY": lambda data: unsnappy(data, True),
}


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("parts", [SMALL, LARGE, [b""], [b"x" * 32768], [b"x" * 32769]])
def test_round_trip_and_the_same_bytes_again(kind: str, parts: list[bytes]) -> None:
    packed = b"".join(compress(iter(parts), kind, "key"))
    assert DECODERS[kind](packed) == b"".join(parts)
    assert b"".join(compress(parts, kind, "key")) == packed


def test_gzip_members_that_the_command_reads() -> None:
    packed = compress(LARGE, "GZIP", "key")
    assert len(packed) == -(-sum(map(len, LARGE)) // MEMBER_BYTES)
    done = subprocess.run(["gzip", "-dc"], input=b"".join(packed), capture_output=True, check=True)
    assert done.stdout == b"".join(LARGE)


def test_a_zip_has_one_entry_named_by_a_uuid() -> None:
    archive = zipfile.ZipFile(io.BytesIO(b"".join(compress(SMALL, "ZIP", "key"))))
    (entry,) = archive.infolist()
    assert str(uuid.UUID(entry.filename)) == entry.filename
    assert entry.compress_type == zipfile.ZIP_DEFLATED
    assert archive.testzip() is None


@pytest.mark.parametrize("parts", [SMALL, LARGE])
def test_a_zip_is_what_other_programs_read(tmp_path: Path, parts: list[bytes]) -> None:
    path = tmp_path / "one.zip"
    path.write_bytes(b"".join(compress(parts, "ZIP", "key")))
    done = subprocess.run(
        [sys.executable, "-m", "zipfile", "-t", path], capture_output=True, text=True, check=True
    )
    assert "Done testing" in done.stdout
    with zipfile.ZipFile(path) as archive:
        (entry,) = archive.infolist()
        assert (entry.file_size, entry.date_time[0]) == (sum(map(len, parts)), 1980)


def test_snappy_is_what_another_library_reads() -> None:
    import cramjam

    block = b"".join(compress([b"abc" * 1000], "HADOOP_SNAPPY", "key"))[8:]
    assert bytes(cramjam.snappy.decompress_raw(block)) == b"abc" * 1000
