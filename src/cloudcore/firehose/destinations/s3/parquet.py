"""Parquet: builders of columns -> the parts of one file, by the encoder of csrc/parquet.

It honours every option of ParquetSerDe and knows every type that the builders know. Pages are compressed by
pyarrow's Snappy and Zstandard, or by ISA-L or zlib at level 1 in the GZIP framing of csrc/compress. The Arrow
schema goes along, as pyarrow writes it, so that it reads back as it was.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pyarrow as pa

from cloudcore._stream import Columns, ParquetWriter
from cloudcore.firehose.destinations.s3.compress import gzip_page
from cloudcore.firehose.destinations.s3.conversion import Parquet

_DICTIONARY_BYTES = 128 << 10  # where it grows larger, it costs more than it saves: measured


class ParquetFile:
    """One file. A row group ends when its pages hold BlockSizeBytes before compression."""

    def __init__(self, schema: pa.Schema, options: Parquet):
        self._schema, self._block_bytes = schema, options.block_bytes
        self._parts: list[memoryview] = []
        self._writer = ParquetWriter(
            schema, options.compression, _compressor(options.compression), dictionary=options.dictionary,
            v2=options.version == "V2", page_bytes=options.page_bytes, dictionary_bytes=_DICTIONARY_BYTES,
        )  # fmt: skip

    def add(self, columns: Columns) -> None:
        """Encode the rows of a builder, which is empty then."""
        self._writer.append_columns(columns)
        if self._writer.group_bytes >= self._block_bytes:
            self._parts.append(self._writer.end_group())

    def finish(self) -> list[memoryview]:
        """The parts of the file."""
        self._parts.append(self._writer.end_group())
        self._parts.append(
            self._writer.finish(b"ARROW:schema", b64encode(self._schema.serialize().to_pybytes()))
        )
        return self._parts


def _compressor(codec: str) -> Callable[[memoryview], Any] | None:
    if codec == "UNCOMPRESSED":
        return None
    if codec == "GZIP":
        return gzip_page
    compress: Callable[[memoryview], Any] = pa.Codec(codec.lower()).compress
    return compress
