"""ORC files of a stream, written by the encoder of csrc/orc as the records come; docs/internals/orc.md."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa

from cloudcore._stream import Columns, OrcWriter
from cloudcore.firehose.destinations.s3.compress import deflated
from cloudcore.firehose.destinations.s3.conversion import Orc

_LEAST = 1e-9  # a filter that is never wrong would have no end


class OrcFile:
    """One file. A stripe ends when its streams hold StripeSizeBytes before compression."""

    def __init__(self, schema: pa.Schema, options: Orc):
        self._stripe_bytes = options.stripe_bytes
        self._parts: list[memoryview] = []
        self._writer = OrcWriter(
            schema, options.compression, _compressor(options.compression), v11=options.version == "V0_11",
            stride=options.row_index_stride, dictionary_threshold=options.dictionary_threshold,
            bloom_fields=map(schema.get_field_index, options.bloom_columns),
            bloom_probability=min(max(options.bloom_probability, _LEAST), 1 - _LEAST),
        )  # fmt: skip

    def add(self, columns: Columns) -> None:
        """Encode the rows of a builder, which is empty then."""
        self._writer.append_columns(columns)
        if self._writer.stripe_bytes >= self._stripe_bytes:
            self._parts.append(self._writer.end_stripe())

    def finish(self) -> list[memoryview]:
        """The parts of the file."""
        self._parts.append(self._writer.end_stripe())
        self._parts.append(self._writer.finish())
        return self._parts


def _compressor(codec: str) -> Callable[[memoryview], Any] | None:
    if codec == "NONE":
        return None
    if codec == "ZLIB":
        return deflated
    compress: Callable[[memoryview], Any] = pa.Codec("snappy").compress
    return compress
