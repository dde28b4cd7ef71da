"""DataFormatConversionConfiguration: which records are read how, and which columnar file they become.

    InputFormatConfiguration   OpenXJsonSerDe, HiveJsonSerDe   -> Reader
    OutputFormatConfiguration  ParquetSerDe, OrcSerDe          -> Parquet, Orc
    SchemaConfiguration        a table of the service's catalogue, or ours: an Arrow schema

Options that only padding to HDFS blocks gives a meaning are refused unless they turn it off.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cloudcore.firehose.checks import decimal, invalid, member, number, one_of, only

MIB = 1 << 20
GIB = 1 << 30
_PARQUET = ("UNCOMPRESSED", "GZIP", "SNAPPY")
_OURS = (*_PARQUET, "ZSTD")
_ORC = ("NONE", "ZLIB", "SNAPPY")
SCHEMA_MEMBERS = {"RoleARN", "CatalogId", "DatabaseName", "TableName", "Region", "VersionId"}


@dataclass(frozen=True)
class Reader:
    """How JSON becomes columns. `keys` maps column names to the JSON keys they are read from."""

    case_insensitive: bool = True
    dots_as_underscores: bool = False
    strict: bool = False
    millis: bool = False
    keys: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Parquet:
    """Options of a Parquet file; sizes in bytes."""

    compression: str = "SNAPPY"
    block_bytes: int = 256 * MIB
    page_bytes: int = MIB
    dictionary: bool = True
    version: str = "V1"
    extension: str = ".parquet"


@dataclass(frozen=True)
class Orc:
    """Options of an ORC file; sizes in bytes."""

    compression: str = "SNAPPY"
    stripe_bytes: int = 64 * MIB
    row_index_stride: int = 10_000
    padding_tolerance: float = 0.05
    dictionary_threshold: float = 0.0
    bloom_columns: tuple[str, ...] = ()
    bloom_probability: float = 0.05
    version: str = "V0_12"
    extension: str = ".orc"


@dataclass(frozen=True)
class Conversion:
    """`schema`: a dumped Arrow schema, or "infer". `table`: what failure lines say of its table."""

    schema: str
    reader: Reader
    writer: Parquet | Orc
    table: dict[str, Any] | None = None


def enabled(block: dict[str, Any] | None) -> bool:
    """A conversion block that is there counts as enabled unless it says otherwise."""
    return block is not None and block.get("Enabled", True) is not False


def parse(raw: dict[str, Any], ours: dict[str, Any]) -> Conversion | None:
    """Read the block of a destination. `ours`: schema, parquet_compression. Raises ApiError."""
    block = member(raw, "DataFormatConversionConfiguration", dict)
    if not enabled(block):
        return None
    only(
        block,
        {"Enabled", "InputFormatConfiguration", "OutputFormatConfiguration", "SchemaConfiguration"},
        "DataFormatConversionConfiguration",
    )
    table = member(block, "SchemaConfiguration", dict)
    if table is not None:
        only(table, SCHEMA_MEMBERS, "SchemaConfiguration")
        for name in ("DatabaseName", "TableName"):
            member(table, name, str, required=True)
    if not ours.get("schema"):
        raise invalid("SchemaConfiguration is required when data format conversion is enabled")
    found = Conversion(ours["schema"], _reader(block), _writer(block, ours), _told(table))
    if found.schema == "infer" and (found.reader.keys or getattr(found.writer, "bloom_columns", ())):
        raise invalid("ColumnToJsonKeyMappings and BloomFilterColumns need a schema that names the columns")
    return found


def table_of(raw: dict[str, Any]) -> tuple[str, str] | None:
    """(database, table) that an enabled conversion names, if it does."""
    block = member(raw, "DataFormatConversionConfiguration", dict)
    table = member(block, "SchemaConfiguration", dict) if enabled(block) else None
    if table is None:
        return None
    return member(table, "DatabaseName", str, required=True), member(table, "TableName", str, required=True)


def _told(table: dict[str, Any] | None) -> dict[str, Any] | None:
    if table is None:
        return None
    names = {"CatalogId": "catalogId", "DatabaseName": "databaseName", "TableName": "tableName",
             "Region": "region", "VersionId": "versionId"}  # fmt: skip
    return {to: table.get(name) for name, to in names.items()}


def _one(block: dict[str, Any], outer: str, inner: str, allowed: tuple[str, ...]) -> tuple[str, dict]:
    """The one structure that is chosen in block.outer.inner, default the first allowed one."""
    around = member(block, outer, dict, default={})
    only(around, {inner}, outer)
    chosen = {name: value for name, value in member(around, inner, dict, default={}).items()
              if value is not None}  # fmt: skip
    only(chosen, allowed, inner)
    if len(chosen) > 1:
        raise invalid(f"Exactly one of {', '.join(allowed)} can be specified in {inner}")
    name = next(iter(chosen), allowed[0])
    return name, member(chosen, name, dict, default={})


def _reader(block: dict[str, Any]) -> Reader:
    name, options = _one(
        block, "InputFormatConfiguration", "Deserializer", ("OpenXJsonSerDe", "HiveJsonSerDe")
    )
    if name == "HiveJsonSerDe":
        only(options, {"TimestampFormats"}, name)
        formats = member(options, "TimestampFormats", list, default=[])
        for each in formats:
            if each != "millis":
                raise invalid(
                    f"HiveJsonSerDe.TimestampFormats {each} is not supported; use millis, or leave it out "
                    "for yyyy-[m]m-[d]d hh:mm:ss[.f...]"
                )
        return Reader(strict=True, millis=bool(formats))
    only(options, {"CaseInsensitive", "ColumnToJsonKeyMappings", "ConvertDotsInJsonKeysToUnderscores"}, name)
    keys = member(options, "ColumnToJsonKeyMappings", dict, default={})
    for column, key in keys.items():
        if not isinstance(key, str) or not key or not column:
            raise invalid(f"ColumnToJsonKeyMappings maps a column to a key: {column}")
    return Reader(
        member(options, "CaseInsensitive", bool, default=True),
        member(options, "ConvertDotsInJsonKeysToUnderscores", bool, default=False),
        keys=tuple(sorted(keys.items())),
    )


def _writer(block: dict[str, Any], ours: dict[str, Any]) -> Parquet | Orc:
    name, options = _one(block, "OutputFormatConfiguration", "Serializer", ("ParquetSerDe", "OrcSerDe"))
    return _orc(options) if name == "OrcSerDe" else _parquet(options, ours)


def _parquet(options: dict[str, Any], ours: dict[str, Any]) -> Parquet:
    only(
        options,
        {"BlockSizeBytes", "PageSizeBytes", "Compression", "EnableDictionaryCompression", "MaxPaddingBytes",
         "WriterVersion"},
        "ParquetSerDe",
    )  # fmt: skip
    if number(options, "MaxPaddingBytes", 0, GIB, 0):
        raise invalid("ParquetSerDe.MaxPaddingBytes other than 0 is not supported: S3 has no HDFS blocks")
    compression = ours.get("parquet_compression") or one_of(options, "Compression", _PARQUET, "SNAPPY")
    if compression not in _OURS:
        raise invalid(f"compression of Parquet is one of {', '.join(_OURS)}, not {compression}")
    return Parquet(
        compression,
        number(options, "BlockSizeBytes", 64 * MIB, GIB, 256 * MIB),
        number(options, "PageSizeBytes", 64 << 10, GIB, MIB),
        member(options, "EnableDictionaryCompression", bool, default=True),
        one_of(options, "WriterVersion", ("V1", "V2"), "V1"),
    )


def _orc(options: dict[str, Any]) -> Orc:
    only(
        options,
        {"StripeSizeBytes", "BlockSizeBytes", "RowIndexStride", "EnablePadding", "PaddingTolerance",
         "Compression", "BloomFilterColumns", "BloomFilterFalsePositiveProbability",
         "DictionaryKeyThreshold", "FormatVersion"},
        "OrcSerDe",
    )  # fmt: skip
    if member(options, "EnablePadding", bool, default=False):
        raise invalid("OrcSerDe.EnablePadding is not supported: S3 has no HDFS blocks")
    number(options, "BlockSizeBytes", 64 * MIB, GIB, 256 * MIB)  # of HDFS: it pads, or does nothing
    columns = member(options, "BloomFilterColumns", list, default=[])
    if not all(isinstance(column, str) and column for column in columns):
        raise invalid("OrcSerDe.BloomFilterColumns must be names of columns")
    return Orc(
        one_of(options, "Compression", _ORC, "SNAPPY"),
        number(options, "StripeSizeBytes", 8 * MIB, GIB, 64 * MIB),
        number(options, "RowIndexStride", 1000, GIB, 10_000),
        decimal(options, "PaddingTolerance", 0, 1, 0.05),
        decimal(options, "DictionaryKeyThreshold", 0, 1, 0.0),
        tuple(columns),
        decimal(options, "BloomFilterFalsePositiveProbability", 0, 1, 0.05),
        one_of(options, "FormatVersion", ("V0_11", "V0_12"), "V0_12"),
    )
