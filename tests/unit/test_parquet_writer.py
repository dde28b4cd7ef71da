"""Our Parquet writer (csrc/parquet) against pyarrow's and DuckDB's readers: random tables of every type, every option."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from isal import igzip
from random_tables import random_table

from cloudcore._stream import ParquetWriter


def compressor(codec: str) -> Callable[[memoryview], Any] | None:
    if codec == "GZIP":
        return lambda page: igzip.compress(page, 1, mtime=0)
    return None if codec == "UNCOMPRESSED" else pa.Codec(codec.lower()).compress


def written(table: pa.Table, codec: str = "SNAPPY", groups: int = 1, **options: Any) -> bytes:
    """The batches of a table as a file, in about so many row groups."""
    writer = ParquetWriter(table.schema, codec, compressor(codec), **options)
    parts, batches = [], table.to_batches()
    for at, batch in enumerate(batches):
        writer.append(batch)
        if at * groups // len(batches) != (at + 1) * groups // len(batches):
            parts.append(writer.end_group())
    return b"".join([*parts, writer.finish()])


def read(data: bytes, schema: pa.Schema) -> pa.Table:
    return pq.read_table(io.BytesIO(data)).cast(schema)


@pytest.mark.parametrize("seed", range(30))
def test_random_tables_are_read_as_they_were(seed: int) -> None:
    rng = random.Random(seed)
    table = random_table(rng)
    options: dict[str, Any] = {
        "codec": rng.choice(["UNCOMPRESSED", "SNAPPY", "GZIP", "ZSTD"]), "dictionary": rng.random() < 0.7, "v2": rng.random() < 0.5,
        "page_bytes": rng.choice([1, 100, 5000, 1 << 20]), "dictionary_bytes": rng.choice([10, 1000, 1 << 17]), "groups": rng.choice([1, 3]),
    }  # fmt: skip
    data = written(table, **options)
    assert data == written(table, **options)
    assert read(data, table.schema).equals(table)
    check_statistics(data, table)


def check_statistics(data: bytes, table: pa.Table) -> None:
    """Minimum, maximum and nulls of flat columns hold in every row group."""
    file = pq.ParquetFile(io.BytesIO(data))
    for at in range(file.metadata.num_row_groups):
        group, rows = file.metadata.row_group(at), file.read_row_group(at)
        for n in range(group.num_columns):
            found = group.column(n)
            assert found.total_compressed_size <= len(data) and found.num_values >= len(rows)
            if "." in found.path_in_schema or not found.statistics:
                continue
            given = rows[found.path_in_schema].drop_null()
            assert found.statistics.null_count == rows[found.path_in_schema].null_count
            if not found.statistics.has_min_max or pa.types.is_timestamp(given.type) or pa.types.is_decimal(given.type):
                continue
            kept = [found.statistics.min, found.statistics.max]
            assert kept == [min(given.to_pylist()), max(given.to_pylist())]


@pytest.mark.parametrize("distinct", [True, False])
def test_long_texts_leave_the_dictionary_and_end_their_pages(distinct: bool) -> None:
    texts = [f"{n if distinct else n % 40:07d}" * 1000 for n in range(1000)]
    table = pa.table({"t": [None] * 10 + texts})
    data = written(table, codec="UNCOMPRESSED", page_bytes=1 << 16)
    assert read(data, table.schema).equals(table)
    column = pq.ParquetFile(io.BytesIO(data)).metadata.row_group(0).column(0)
    first = column.dictionary_page_offset if column.has_dictionary_page else column.data_page_offset
    assert column.data_page_offset - first < 3 * (128 << 10)  # the dictionary page, where there is one
    assert len(data) > 6_000_000  # 40 texts of 7,000 bytes are more than a dictionary may hold
