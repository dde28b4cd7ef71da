"""What lands in the bucket: compression formats, error objects, Parquet and ORC by every reader and writer."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from pyarrow import orc
from test_firehose_wire import conversion, create, refused

from cloudcore.firehose import Firehose
from cloudcore.objects import LocalObjects


@pytest.fixture
def objects(tmp_path: Path) -> LocalObjects:
    return LocalObjects(tmp_path / "objects")


@pytest.fixture
def firehose(tmp_path: Path, objects: LocalObjects) -> Iterator[Firehose]:
    service = Firehose(tmp_path / "firehose", objects=objects)
    service.define_table("d", "t", "n int, name string, at timestamp, tags array<string>, s struct<x:int>")
    yield service
    service.close()


def deliver(service: Firehose, records: list[Any], **destination: Any) -> dict[str, bytes]:
    """Objects by key, of a stream with this destination that took the records."""
    create(service, **destination)
    data = [record if isinstance(record, bytes) else json.dumps(record).encode() for record in records]
    service.call("PutRecordBatch", {"DeliveryStreamName": "s", "Records": [{"Data": d} for d in data]})
    assert service.get("s").flush(20)
    return {key: service.objects.get("bucket", key) for key in service.objects.list("bucket")}


@pytest.mark.parametrize(
    ("kind", "extension", "encoding", "begins"),
    [
        ("GZIP", ".gz", "gzip", b"\x1f\x8b"),
        ("ZIP", ".zip", "zip", b"PK"),
        ("Snappy", ".snappy", "snappy-java", b"\x82SNAPPY"),
        ("HADOOP_SNAPPY", ".snappy", "hadoop-snappy", b"\0\0\0\3"),
    ],
)
def test_names_and_encodings(
    firehose: Firehose, objects: LocalObjects, kind: str, extension: str, encoding: str, begins: bytes
) -> None:
    ((key, data),) = deliver(firehose, [b"abc"], CompressionFormat=kind).items()
    assert key.endswith(extension)
    head = objects.head("bucket", key)
    assert (head.content_type, head.content_encoding) == ("application/octet-stream", encoding)
    assert data.startswith(begins)


def test_a_file_extension_replaces_the_name_only(firehose: Firehose, objects: LocalObjects) -> None:
    (key,) = deliver(firehose, [b"abc"], CompressionFormat="GZIP", FileExtension=".log.z")
    assert key.endswith(".log.z")
    assert objects.head("bucket", key).content_encoding == "gzip"


ROWS = [
    {"n": 1, "name": "a", "at": "2026-07-04 05:06:07.5", "tags": ["x", "y"], "s": {"x": 7}},
    {"n": 2, "name": None, "tags": [], "s": None},
]
AT = datetime(2026, 7, 4, 5, 6, 7, 500_000)


def rows_of(data: bytes) -> list[dict[str, Any]]:
    read = pq.read_table if data[:4] == b"PAR1" else orc.read_table
    rows = read(io.BytesIO(data)).to_pylist()
    for row in rows:
        row["at"] = row["at"] and row["at"].astimezone(UTC).replace(tzinfo=None) if (
            row["at"] is not None and row["at"].tzinfo
        ) else row["at"]  # fmt: skip
    return rows


@pytest.mark.parametrize(
    ("writer", "extension"),
    [
        (None, ".parquet"),
        ({"ParquetSerDe": {"Compression": "GZIP", "WriterVersion": "V2", "PageSizeBytes": 65536}}, ".parquet"),
        ({"ParquetSerDe": {"Compression": "UNCOMPRESSED", "EnableDictionaryCompression": False,
                           "BlockSizeBytes": 67108864}}, ".parquet"),
        ({"OrcSerDe": {}}, ".orc"),
        ({"OrcSerDe": {"Compression": "ZLIB", "StripeSizeBytes": 8 << 20, "RowIndexStride": 1000,
                       "BloomFilterColumns": ["name", "n"], "DictionaryKeyThreshold": 0.8}}, ".orc"),
        ({"OrcSerDe": {"Compression": "NONE", "FormatVersion": "V0_11"}}, ".orc"),
    ],
)  # fmt: skip
def test_columnar_files(firehose: Firehose, writer: Any, extension: str) -> None:
    found = deliver(firehose, ROWS, **conversion(writer=writer, table="t"))
    ((key, data),) = found.items()
    assert key.endswith(extension)
    assert rows_of(data) == [
        {"n": 1, "name": "a", "at": AT, "tags": ["x", "y"], "s": {"x": 7}},
        {"n": 2, "name": None, "at": None, "tags": [], "s": None},
    ]
    options = next(iter((writer or {}).values()), {})
    if extension == ".parquet":
        meta = pq.ParquetFile(io.BytesIO(data)).metadata.row_group(0).column(0)
        assert meta.compression == options.get("Compression", "SNAPPY")
        assert any("DICTIONARY" in e for e in meta.encodings) == options.get(
            "EnableDictionaryCompression", True
        )
    else:
        file = orc.ORCFile(io.BytesIO(data))
        wanted = {"NONE": "UNCOMPRESSED"}.get(
            options.get("Compression", "SNAPPY"), options.get("Compression")
        )
        assert file.compression == (wanted or "SNAPPY")
        assert file.row_index_stride == options.get("RowIndexStride", 10_000)


def failures(found: dict[str, bytes]) -> list[tuple[Any, str]]:
    """(raw record, message) of the lines under the error prefix."""
    lines = [
        json.loads(line)
        for key, data in found.items()
        if key.startswith("format-conversion-failed/")
        for line in data.splitlines()
    ]
    for line in lines:
        assert line["dataCatalogTable"]["tableName"] == "t"
    return [(json.loads(base64.b64decode(line["rawData"])), line["lastErrorMessage"]) for line in lines]


def good(found: dict[str, bytes]) -> list[Any]:
    return [row for key, data in found.items() if key.endswith(".parquet") for row in rows_of(data)]


def test_openx_options(firehose: Firehose) -> None:
    reader = {"OpenXJsonSerDe": {
        "CaseInsensitive": False, "ConvertDotsInJsonKeysToUnderscores": True,
        "ColumnToJsonKeyMappings": {"name": "the.name"},
    }}  # fmt: skip
    firehose.define_table("d", "t", "n int, name string, a_b int")
    create(firehose, **conversion(reader, table="t"))
    for data in ({"n": 1, "N": 2, "the.name": "x", "name": "y", "a.b": 3}, {"a_b": 4, "A.b": 9}):
        firehose.call("PutRecord", {"DeliveryStreamName": "s", "Record": {"Data": json.dumps(data).encode()}})
    assert firehose.get("s").flush(20)
    (key,) = firehose.objects.list("bucket")
    assert pq.read_table(io.BytesIO(firehose.objects.get("bucket", key))).to_pylist() == [
        {"n": 1, "name": "x", "a_b": 3}, {"n": None, "name": None, "a_b": 4},
    ]  # fmt: skip


def test_openx_by_default_reads_keys_in_any_case(firehose: Firehose) -> None:
    found = deliver(firehose, [{"N": 1, "NAME": 5}], **conversion(table="t"))
    assert [(row["n"], row["name"]) for row in good(found)] == [(1, "5")]


def test_hive_is_strict_where_openx_coerces(firehose: Firehose) -> None:
    bad: list[tuple[Any, str]] = [
        ({"n": "1"}, "Current token (VALUE_STRING) not numeric"), ({"tags": 5}, "Start of Array expected"),
        ({"s": 5}, "Start of Object expected"), ({"name": {"a": 1}}, "expected a scalar"),
        ({"at": 1751600000000}, "not a timestamp"), ({"at": "2026-07-04T05:06:07Z"}, "not a timestamp"),
    ]  # fmt: skip
    fine = {"n": 1, "name": 5, "at": "2026-7-4 05:06:07"}
    found = deliver(
        firehose, [*(record for record, _ in bad), fine], **conversion({"HiveJsonSerDe": {}}, table="t")
    )
    told = failures(found)
    assert [record for record, _ in told] == [record for record, _ in bad]
    for (_, message), (_, wanted) in zip(told, bad, strict=True):
        assert wanted in message
    assert [(row["n"], row["name"]) for row in good(found)] == [(1, "5")]


def test_hive_takes_milliseconds_when_told(firehose: Firehose) -> None:
    reader = {"HiveJsonSerDe": {"TimestampFormats": ["millis"]}}
    found = deliver(firehose, [{"at": 1_783_141_567_500}, {"at": 1000}], **conversion(reader, table="t"))
    assert [row["at"] for row in good(found)] == [AT, datetime(1970, 1, 1, 0, 0, 1)]


@pytest.mark.parametrize(
    ("reader", "writer", "words"),
    [
        ({"HiveJsonSerDe": {"TimestampFormats": ["yyyy"]}}, None, "not supported"),
        ({"HiveJsonSerDe": {}, "OpenXJsonSerDe": {}}, None, "Exactly one"),
        ({"OpenXJsonSerDe": {"ColumnToJsonKeyMappings": {"zz": "a"}}}, None, "no column zz"),
        (None, {"OrcSerDe": {"BloomFilterColumns": ["zz"]}}, "no column zz"),
        (None, {"OrcSerDe": {"EnablePadding": True}}, "EnablePadding"),
        (None, {"OrcSerDe": {"StripeSizeBytes": 1}}, "greater than or equal to 8388608"),
        (None, {"OrcSerDe": {"Compression": "GZIP"}}, "enum value set: [NONE, ZLIB, SNAPPY]"),
        (None, {"OrcSerDe": {"PaddingTolerance": 2}}, "less than or equal to 1"),
        (None, {"ParquetSerDe": {"MaxPaddingBytes": 1}}, "MaxPaddingBytes"),
        (None, {"ParquetSerDe": {"Compression": "ZSTD"}}, "enum value set"),
        (None, {"ParquetSerDe": {"BlockSizeBytes": 1}}, "greater than or equal to 67108864"),
    ],
)
def test_options_that_are_refused(firehose: Firehose, reader: Any, writer: Any, words: str) -> None:
    error = refused(create, firehose, **conversion(reader, writer, table="t"))
    assert words in error.message
    assert refused(create, firehose, CompressionFormat="GZIP", **conversion(table="t")).message


def test_tables_are_found_again(firehose: Firehose, tmp_path: Path, objects: LocalObjects) -> None:
    again = Firehose(tmp_path / "firehose", objects=objects)
    create(again, **conversion(table="t"))
    assert again.names() == ["s"]
    again.close()


@pytest.mark.parametrize(("format", "compression"), [("orc", "zlib"), ("parquet", "zstd"), ("orc", None)])
def test_columnar_through_the_library(firehose: Firehose, format: str, compression: str | None) -> None:
    stream = firehose.stream("l", bucket="lib", format=format, compression=compression)
    stream.put(b'{"a": 1, "b": "x"}')
    assert stream.flush(20)
    (key,) = firehose.objects.list("lib")
    assert key.endswith("." + format)
    read = pq.read_table if format == "parquet" else orc.read_table
    assert read(io.BytesIO(firehose.objects.get("lib", key))).to_pylist() == [{"a": 1, "b": "x"}]
