"""DataFormatConversionConfiguration: which records are read how, and which columnar file they become.

    InputFormatConfiguration   OpenXJsonSerDe, HiveJsonSerDe   -> Reader
    OutputFormatConfiguration  ParquetSerDe, OrcSerDe          -> Parquet, Orc
    SchemaConfiguration        a table of the service's catalogue, or ours: an Arrow schema

Options that only padding to HDFS blocks gives a meaning are refused unless they turn it off.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeGuard

from cloudcore.firehose.checks import at_most, failed, invalid, only

MIB = 1 << 20
GIB = 1 << 30
_OURS = ("UNCOMPRESSED", "GZIP", "SNAPPY", "ZSTD")
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


def enabled(block: dict[str, Any] | None) -> TypeGuard[dict[str, Any]]:
    """A conversion block that is there counts as enabled unless it says otherwise."""
    return block is not None and block.get("Enabled", True) is not False


def parse(raw: dict[str, Any], ours: dict[str, Any]) -> Conversion | None:
    """Read the block of a destination. `ours`: schema, parquet_compression. Raises ApiError."""
    block = raw.get("DataFormatConversionConfiguration")
    if block is None or not enabled(block):
        return None
    only(
        block,
        {"Enabled", "InputFormatConfiguration", "OutputFormatConfiguration", "SchemaConfiguration"},
        "DataFormatConversionConfiguration",
    )
    table = block.get("SchemaConfiguration")
    if table is not None:
        only(table, SCHEMA_MEMBERS, "SchemaConfiguration")
        _needed(table)
    if not ours.get("schema"):
        raise invalid("SchemaConfiguration is required when data format conversion is enabled")
    found = Conversion(ours["schema"], _reader(block), _writer(block, ours), _told(table))
    if found.schema == "infer" and (found.reader.keys or getattr(found.writer, "bloom_columns", ())):
        raise invalid("ColumnToJsonKeyMappings and BloomFilterColumns need a schema that names the columns")
    return found


def table_of(raw: dict[str, Any]) -> dict[str, Any] | None:
    """The SchemaConfiguration of an enabled conversion, with database and table, if it has one."""
    block = raw.get("DataFormatConversionConfiguration")
    table = block.get("SchemaConfiguration") if block is not None and enabled(block) else None
    if table is not None:
        _needed(table)
    return table


def _needed(table: dict[str, Any]) -> None:
    """Database and table, which the model does not require."""
    for name in ("DatabaseName", "TableName"):
        if name not in table:
            raise failed(None, name[0].lower() + name[1:], "Member must not be null")


def _told(table: dict[str, Any] | None) -> dict[str, Any] | None:
    if table is None:
        return None
    names = {"CatalogId": "catalogId", "DatabaseName": "databaseName", "TableName": "tableName",
             "Region": "region", "VersionId": "versionId"}  # fmt: skip
    return {to: table.get(name) for name, to in names.items()}


def _one(
    block: dict[str, Any], outer: str, inner: str, allowed: tuple[str, ...]
) -> tuple[str, dict[str, Any]]:
    """The one structure that is chosen in block.outer.inner, default the first allowed one."""
    around = block.get(outer, {})
    only(around, {inner}, outer)
    chosen = around.get(inner, {})
    only(chosen, allowed, inner)
    if len(chosen) > 1:
        raise invalid(f"Exactly one of {', '.join(allowed)} can be specified in {inner}")
    name = next(iter(chosen), allowed[0])
    return name, chosen.get(name, {})


def _reader(block: dict[str, Any]) -> Reader:
    name, options = _one(
        block, "InputFormatConfiguration", "Deserializer", ("OpenXJsonSerDe", "HiveJsonSerDe")
    )
    if name == "HiveJsonSerDe":
        only(options, {"TimestampFormats"}, name)
        formats = options.get("TimestampFormats", [])
        for each in formats:
            if each != "millis":
                raise invalid(
                    f"HiveJsonSerDe.TimestampFormats {each} is not supported; use millis, or leave it out "
                    "for yyyy-[m]m-[d]d hh:mm:ss[.f...]"
                )
        return Reader(strict=True, millis=bool(formats))
    only(options, {"CaseInsensitive", "ColumnToJsonKeyMappings", "ConvertDotsInJsonKeysToUnderscores"}, name)
    keys = options.get("ColumnToJsonKeyMappings", {})
    return Reader(
        options.get("CaseInsensitive", True),
        options.get("ConvertDotsInJsonKeysToUnderscores", False),
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
    if options.get("MaxPaddingBytes", 0):
        raise invalid("ParquetSerDe.MaxPaddingBytes other than 0 is not supported: S3 has no HDFS blocks")
    compression = ours.get("parquet_compression") or options.get("Compression", "SNAPPY")
    if compression not in _OURS:
        raise invalid(f"compression of Parquet is one of {', '.join(_OURS)}, not {compression}")
    return Parquet(
        compression,
        at_most(options, "BlockSizeBytes", GIB, 256 * MIB),
        at_most(options, "PageSizeBytes", GIB, MIB),
        options.get("EnableDictionaryCompression", True),
        options.get("WriterVersion", "V1"),
    )


def _orc(options: dict[str, Any]) -> Orc:
    only(
        options,
        {"StripeSizeBytes", "BlockSizeBytes", "RowIndexStride", "EnablePadding", "PaddingTolerance",
         "Compression", "BloomFilterColumns", "BloomFilterFalsePositiveProbability",
         "DictionaryKeyThreshold", "FormatVersion"},
        "OrcSerDe",
    )  # fmt: skip
    if options.get("EnablePadding"):
        raise invalid("OrcSerDe.EnablePadding is not supported: S3 has no HDFS blocks")
    return Orc(
        options.get("Compression", "SNAPPY"),
        at_most(options, "StripeSizeBytes", GIB, 64 * MIB),
        at_most(options, "RowIndexStride", GIB, 10_000),
        options.get("PaddingTolerance", 0.05),
        options.get("DictionaryKeyThreshold", 0.0),
        tuple(options.get("BloomFilterColumns", ())),
        options.get("BloomFilterFalsePositiveProbability", 0.05),
        options.get("FormatVersion", "V0_12"),
    )
