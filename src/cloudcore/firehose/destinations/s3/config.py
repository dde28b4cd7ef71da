"""ExtendedS3DestinationConfiguration: checked once, kept as AWS's members, read as a dataclass.

What is accepted is honoured; what is not yet supported is refused by name. `ours` holds what only the
library and the CLI offer: an Arrow schema without Glue, plain prefixes, smaller buffers.
"""

from __future__ import annotations

import re
from datetime import UTC, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from cloudcore.firehose import prefix
from cloudcore.firehose.checks import failed, invalid, only
from cloudcore.firehose.destinations.config import (
    MIB,
    PARTITIONS_BOUND,
    PARTITIONS_MAX,
    Config,
    Retry,
    Target,
)  # fmt: skip
from cloudcore.firehose.destinations.s3 import conversion
from cloudcore.firehose.destinations.s3.compress import FORMATS
from cloudcore.firehose.prefix import Prefix
from cloudcore.firehose.processing import config as processing
from cloudcore.firehose.processing.config import Processors

_ARN = re.compile(r"arn:aws[a-z-]*:s3:::([^/]+)")
_MEMBERS = {
    "RoleARN", "BucketARN", "Prefix", "ErrorOutputPrefix", "BufferingHints", "CompressionFormat",
    "ProcessingConfiguration", "S3BackupMode", "S3BackupConfiguration", "DataFormatConversionConfiguration",
    "DynamicPartitioningConfiguration", "FileExtension", "CustomTimeZone", "CloudWatchLoggingOptions",
    "EncryptionConfiguration",
}  # fmt: skip
PLAIN_MEMBERS = {
    "RoleARN", "BucketARN", "Prefix", "ErrorOutputPrefix", "BufferingHints", "CompressionFormat",
    "EncryptionConfiguration", "CloudWatchLoggingOptions",
}  # fmt: skip


def parse_plain(raw: dict[str, Any], ours: dict[str, Any], where: str, default_mib: int = 5) -> Target:
    """An S3DestinationConfiguration inside another one: where objects go, and when. Raises ApiError."""
    only(raw, PLAIN_MEMBERS, where)
    refuse_unsupported(raw)
    size, seconds = hints(raw, 1, default_mib)
    compression = raw.get("CompressionFormat", "UNCOMPRESSED")
    prefixed = prefix.data_prefix(raw.get("Prefix") or "", plain=bool(ours.get("plain_prefix")))
    if prefixed.partition_keys:
        raise invalid(f"partition keys are not allowed in the Prefix of {where}")
    return Target(
        _bucket(raw), prefixed, int(ours.get("backup_bytes") or size),
        float(ours.get("buffer_seconds", seconds)), compression, FORMATS[compression].extension,
        kms_key(raw),
    )  # fmt: skip


def parse(raw: dict[str, Any], ours: dict[str, Any] | None = None) -> Config:
    """Read a configuration that fits the model. Raises ApiError, as CreateDeliveryStream does, for members
    that do not go together or are not supported.

    `ours`: schema (dumped Arrow schema, or "infer"), plain_prefix, small_buffers, validate_json,
    buffer_bytes, buffer_seconds and processor_seconds (finer than whole MiB and seconds).
    """
    ours = ours or {}
    plain_only = ours.get("kind") == "S3"
    only(raw, PLAIN_MEMBERS if plain_only else _MEMBERS,
         f"{'' if plain_only else 'Extended'}S3DestinationConfiguration")  # fmt: skip
    refuse_unsupported(raw)
    zone = _zone(raw)
    plain = bool(ours.get("plain_prefix"))
    data_prefix = prefix.data_prefix(raw.get("Prefix", ""), plain=plain)
    convert = conversion.parse(raw, ours)
    compression = raw.get("CompressionFormat", "UNCOMPRESSED")
    if convert and compression != "UNCOMPRESSED":
        raise invalid("CompressionFormat must be UNCOMPRESSED when data format conversion is enabled")
    processors = processing.parse(raw, ours)
    partitions_max = int(ours.get("partitions_max", PARTITIONS_MAX))
    if not 1 <= partitions_max <= PARTITIONS_BOUND:
        raise invalid(f"partitions_max must be between 1 and {PARTITIONS_BOUND}")
    partitioned, retry_seconds = _partitioning(raw, data_prefix, processors)
    small = bool(ours.get("small_buffers"))
    low = 64 if (convert or partitioned) and not small else 1
    size, seconds = hints(raw, low, 128 if convert or partitioned else 5)
    extension = convert.writer.extension if convert else FORMATS[compression].extension
    data = Target(
        _bucket(raw), data_prefix, int(ours.get("buffer_bytes") or size),
        float(ours.get("buffer_seconds", seconds)), compression, raw.get("FileExtension") or extension,
        kms_key(raw),
    )  # fmt: skip
    error_text = raw.get("ErrorOutputPrefix")
    if (
        error_text is None
        and data_prefix.has_expressions
        and prefix.parse(raw.get("Prefix", ""), "").has_expressions
    ):
        raise invalid("ErrorOutputPrefix cannot be null or empty when Prefix contains expressions")
    return Config(
        data, prefix.error_prefix(raw.get("ErrorOutputPrefix", ""), plain=plain), zone, processors,
        _backup(raw, ours), convert, bool(ours.get("validate_json")), partitioned,
        partitions_max, Retry(retry_seconds, "failures") if partitioned else None,
    )  # fmt: skip


def describe(raw: dict[str, Any]) -> dict[str, Any]:
    """The ExtendedS3DestinationDescription: the configuration with AWS's defaults filled in."""
    out = {
        name: value for name, value in raw.items() if name != "S3BackupConfiguration" and value is not None
    }
    converted = conversion.enabled(raw.get("DataFormatConversionConfiguration"))
    out["BufferingHints"] = {
        "SizeInMBs": 128 if converted else 5, "IntervalInSeconds": 300, **(raw.get("BufferingHints") or {}),
    }  # fmt: skip
    out.setdefault("CompressionFormat", "UNCOMPRESSED")
    out.setdefault("EncryptionConfiguration", {"NoEncryptionConfig": "NoEncryption"})
    out.setdefault("CloudWatchLoggingOptions", {"Enabled": False})
    out.setdefault("S3BackupMode", "Disabled")
    if raw.get("S3BackupConfiguration"):
        out["S3BackupDescription"] = describe(raw["S3BackupConfiguration"])
        out["S3BackupDescription"].pop("S3BackupMode", None)
    return out


def refuse_unsupported(raw: dict[str, Any]) -> None:
    logging = raw.get("CloudWatchLoggingOptions") or {}
    if logging.get("Enabled") and not (logging.get("LogGroupName") and logging.get("LogStreamName")):
        raise invalid("LogGroupName and LogStreamName are required when CloudWatchLoggingOptions is enabled")
    encryption = raw.get("EncryptionConfiguration") or {}
    if encryption.get("KMSEncryptionConfig") and encryption.get("NoEncryptionConfig"):
        raise invalid("EncryptionConfiguration takes KMSEncryptionConfig or NoEncryptionConfig, not both")


def kms_key(raw: dict[str, Any]) -> str | None:
    encryption = raw.get("EncryptionConfiguration", {})
    only(encryption, {"NoEncryptionConfig", "KMSEncryptionConfig"}, "EncryptionConfiguration")
    given = encryption.get("KMSEncryptionConfig")
    return None if given is None else given["AWSKMSKeyARN"]


def _bucket(raw: dict[str, Any]) -> str:
    arn = raw["BucketARN"]
    match = _ARN.fullmatch(arn)
    if not match or match[1] in (".", ".."):
        raise failed(
            arn, "bucketARN", "Member must satisfy regular expression pattern: arn:.*:s3:::[\\w\\.\\-]{1,255}"
        )
    return match[1]


def _zone(raw: dict[str, Any]) -> tzinfo:
    name = raw.get("CustomTimeZone", "UTC")
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise invalid(f"CustomTimeZone is not a valid time zone: {name}") from None


def hints(raw: dict[str, Any], low: int, default: int) -> tuple[int, int]:
    hints = raw.get("BufferingHints", {})
    only(hints, {"SizeInMBs", "IntervalInSeconds"}, "BufferingHints")
    size = hints.get("SizeInMBs", max(default, low))
    if size < low:
        raise invalid(
            f"BufferingHints.SizeInMBs must be at least {low} when data format conversion or dynamic "
            "partitioning is enabled"
        )
    return size * MIB, hints.get("IntervalInSeconds", 300)


def _partitioning(raw: dict[str, Any], data_prefix: Prefix, processors: Processors) -> tuple[bool, int]:
    block = raw.get("DynamicPartitioningConfiguration", {})
    only(block, {"Enabled", "RetryOptions"}, "DynamicPartitioningConfiguration")
    enabled = bool(block.get("Enabled"))
    if enabled and raw.get("ErrorOutputPrefix") is None:
        raise invalid("ErrorOutputPrefix is required when dynamic partitioning is enabled")
    if enabled and not data_prefix.partition_keys:
        raise invalid("Prefix must use partition keys when dynamic partitioning is enabled")
    query = processors.query
    if query and not enabled:
        raise invalid("MetadataExtraction needs dynamic partitioning to be enabled")
    for key in data_prefix.partition_keys:
        from_query = key.startswith(prefix.QUERY)
        if not (enabled and (query if from_query else processors.function)):
            kind, needed = ("Query", "MetadataExtraction") if from_query else ("Lambda", "Lambda")
            raise invalid(
                f"partitionKeyFrom{kind} in the Prefix needs dynamic partitioning and a {needed} processor "
                "to be enabled"
            )
        if from_query and query and query.names is not None and key[len(prefix.QUERY) :] not in query.names:
            raise invalid(
                f"MetadataExtractionQuery does not give the key {key[len(prefix.QUERY) :]} of the Prefix"
            )
    retry = block.get("RetryOptions", {})
    only(retry, {"DurationInSeconds"}, "RetryOptions")
    return enabled, retry.get("DurationInSeconds", 300)


def _backup(raw: dict[str, Any], ours: dict[str, Any]) -> Target | None:
    if raw.get("S3BackupMode", "Disabled") == "Disabled":
        return None
    block = raw.get("S3BackupConfiguration")
    if block is None:
        raise invalid("S3BackupConfiguration is required when S3BackupMode is Enabled")
    prefix.error_prefix(block.get("ErrorOutputPrefix") or "")  # checked; a backup has no records that fail
    return parse_plain(block, ours, "S3BackupConfiguration")
