"""What a stream delivered, read back as Arrow: the newest objects under its prefix.

Parquet and ORC are read as they are, JSON lines get their columns from their content, and anything else is
one column `line`. Objects that were compressed by the stream are decompressed; Snappy needs cramjam.
"""

from __future__ import annotations

import gzip
import io
import re
import zipfile
from typing import Any

_FAILED = re.compile(r"(?:^|/)[a-z0-9-]+-failed/")
_SUFFIX = re.compile(r"\.(gz|zip|snappy)$")


def keys(objects: Any, bucket: str, stream: str, prefix: str, errors: str) -> list[str]:
    """Keys of what `stream` delivered under `prefix`, oldest first, without its error objects."""
    own = re.compile(rf"{re.escape(stream)}-\d+-(\d{{4}}(?:-\d\d){{5}})-")
    found = []
    for key in objects.list(bucket, prefix):
        named = own.match(key.rpartition("/")[2])
        failed = _FAILED.search(key) or (errors and errors != prefix and key.startswith(errors))
        if named and not failed:
            found.append((named[1], key))
    return [key for _, key in sorted(found)]


def table(data: bytes, key: str) -> Any:
    """One object."""
    import pyarrow as pa

    name = _SUFFIX.sub("", key)
    if data[:4] == b"PAR1":
        import pyarrow.parquet as pq

        return pq.read_table(io.BytesIO(data))
    if data[:3] == b"ORC" and name.endswith(".orc"):
        import pyarrow.orc as orc

        return orc.read_table(io.BytesIO(data))
    plain = _decompressed(data, key)
    if plain.lstrip()[:1] == b"{":
        import pyarrow.json as json

        try:
            return json.read_json(io.BytesIO(_lines(plain)))
        except pa.ArrowInvalid:
            pass  # not JSON after all, or columns of two types: lines
    return pa.table({"line": [line.decode("utf-8", "replace") for line in plain.splitlines()]})


def _lines(plain: bytes) -> bytes:
    """Objects that follow each other without a newline, as a stream without a delimiter writes them."""
    return plain if b"\n" in plain.strip() or b"}{" not in plain else plain.replace(b"}{", b"}\n{")


def _decompressed(data: bytes, key: str) -> bytes:
    if data[:2] == b"\x1f\x8b":
        return gzip.decompress(data)
    if data[:4] == b"PK\3\4":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return b"".join(archive.read(name) for name in archive.namelist())
    if not key.endswith(".snappy"):
        return data
    try:
        import cramjam
    except ImportError:
        raise ImportError("objects in Snappy are read with cramjam: pip install cramjam") from None
    return _unframed(data, cramjam.snappy)


def _unframed(data: bytes, snappy: Any) -> bytes:
    """The blocks of snappy-java's stream, or of Hadoop's."""
    xerial = data[:8] == b"\x82SNAPPY\0"
    at, parts = (16 if xerial else 0), []
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        at += 4
        if xerial:
            parts.append(bytes(snappy.decompress_raw(data[at : at + size])))
            at += size
            continue
        made = 0
        while made < size:  # Hadoop: the plain size, then chunks that add up to it
            packed = int.from_bytes(data[at : at + 4], "big")
            part = bytes(snappy.decompress_raw(data[at + 4 : at + 4 + packed]))
            parts.append(part)
            made, at = made + len(part), at + 4 + packed
    return b"".join(parts)
