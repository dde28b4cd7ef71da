"""ExtendedS3DestinationConfiguration: checked once, kept as AWS's members, read as a dataclass.

What is accepted is honoured; what is not yet supported is refused by name. `ours` holds what only the
library and the CLI offer: an Arrow schema without Glue, plain prefixes, smaller buffers.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from cloudcore.firehose import prefix
from cloudcore.firehose.checks import failed, invalid, member, number, one_of, only
from cloudcore.firehose.destinations.s3 import conversion
from cloudcore.firehose.destinations.s3.compress import FORMATS
from cloudcore.firehose.destinations.s3.conversion import Conversion
from cloudcore.firehose.prefix import Prefix

MIB = 1 << 20
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


@dataclass(frozen=True)
class Processor:
    """The Lambda processor. Sizes in bytes of records before base64, times in seconds."""

    function_arn: str
    retries: int = 3
    buffer_bytes: int = MIB
    buffer_seconds: float = 60.0


@dataclass(frozen=True)
class Target:
    """Where one kind of object goes and when: the data, or the backup."""

    bucket: str
    prefix: Prefix
    buffer_bytes: int
    buffer_seconds: float
    compression: str
    extension: str
    kms_key: str | None = None


@dataclass(frozen=True)
class S3Config:
    """Everything the pipeline needs to know of its destination."""

    data: Target
    errors: Prefix
    zone: tzinfo
    processor: Processor | None = None
    delimiter: bytes = b""
    backup: Target | None = None
    conversion: Conversion | None = None
    validate_json: bool = False
    partitioned: bool = False
    retry_seconds: int = 300

    @property
    def needs_encryption(self) -> bool:
        """Whether the store has to encrypt by a KMS key."""
        return any(target is not None and target.kms_key for target in (self.data, self.backup))

    @property
    def processed(self) -> bool:
        """Whether records go through processors before they are buffered."""
        return self.processor is not None


def parse(raw: dict[str, Any], ours: dict[str, Any] | None = None) -> S3Config:
    """Check a configuration and read it. Raises ApiError as CreateDeliveryStream does.

    `ours`: schema (dumped Arrow schema, or "infer"), plain_prefix, small_buffers, validate_json,
    buffer_bytes, buffer_seconds and processor_seconds (finer than whole MiB and seconds).
    """
    ours = ours or {}
    only(raw, _MEMBERS, "ExtendedS3DestinationConfiguration")
    member(raw, "RoleARN", str, required=True)
    _refuse_unsupported(raw)
    zone = _zone(raw)
    plain = bool(ours.get("plain_prefix"))
    data_prefix = prefix.data_prefix(_text(raw, "Prefix"), plain=plain)
    convert = conversion.parse(raw, ours)
    compression = _compression(raw)
    if convert and compression != "UNCOMPRESSED":
        raise invalid("CompressionFormat must be UNCOMPRESSED when data format conversion is enabled")
    processor, delimiter = _processing(raw, ours)
    partitioned, retry_seconds = _partitioning(raw, data_prefix, processor)
    small = bool(ours.get("small_buffers"))
    low = 64 if (convert or partitioned) and not small else 1
    size, seconds = _hints(raw, low, 128 if convert or partitioned else 5)
    extension = convert.writer.extension if convert else FORMATS[compression].extension
    data = Target(
        _bucket(raw), data_prefix, int(ours.get("buffer_bytes") or size),
        float(ours.get("buffer_seconds", seconds)), compression, _extension(raw) or extension, _kms_key(raw),
    )  # fmt: skip
    error_text = raw.get("ErrorOutputPrefix")
    if (
        error_text is None
        and data_prefix.has_expressions
        and prefix.parse(_text(raw, "Prefix"), "").has_expressions
    ):
        raise invalid("ErrorOutputPrefix cannot be null or empty when Prefix contains expressions")
    return S3Config(
        data, prefix.error_prefix(_text(raw, "ErrorOutputPrefix"), plain=plain), zone, processor, delimiter,
        _backup(raw, ours), convert, bool(ours.get("validate_json")), partitioned, retry_seconds,
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


def _refuse_unsupported(raw: dict[str, Any]) -> None:
    if (raw.get("CloudWatchLoggingOptions") or {}).get("Enabled"):
        raise invalid("CloudWatchLoggingOptions.Enabled true is not supported")
    encryption = raw.get("EncryptionConfiguration") or {}
    if encryption.get("KMSEncryptionConfig") and encryption.get("NoEncryptionConfig"):
        raise invalid("EncryptionConfiguration takes KMSEncryptionConfig or NoEncryptionConfig, not both")
    if encryption.get("NoEncryptionConfig", "NoEncryption") != "NoEncryption":
        raise failed(
            encryption["NoEncryptionConfig"], "encryptionConfiguration.noEncryptionConfig",
            "Member must satisfy enum value set: [NoEncryption]",
        )  # fmt: skip


def _kms_key(raw: dict[str, Any]) -> str | None:
    encryption = member(raw, "EncryptionConfiguration", dict, default={})
    only(encryption, {"NoEncryptionConfig", "KMSEncryptionConfig"}, "EncryptionConfiguration")
    given = member(encryption, "KMSEncryptionConfig", dict)
    return None if given is None else member(given, "AWSKMSKeyARN", str, required=True)


def _text(raw: dict[str, Any], name: str) -> str:
    text = member(raw, name, str, default="")
    if len(text) > prefix.PREFIX_MAX:
        raise failed(text, name[0].lower() + name[1:], "Member must have length less than or equal to 1024")
    return text


def _bucket(raw: dict[str, Any]) -> str:
    arn = member(raw, "BucketARN", str, required=True)
    match = _ARN.fullmatch(arn)
    if not match or match[1] in (".", ".."):
        raise failed(
            arn, "bucketARN", "Member must satisfy regular expression pattern: arn:.*:s3:::[\\w\\.\\-]{1,255}"
        )
    return match[1]


def _zone(raw: dict[str, Any]) -> tzinfo:
    name = member(raw, "CustomTimeZone", str, default="UTC")
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise invalid(f"CustomTimeZone is not a valid time zone: {name}") from None


def _compression(raw: dict[str, Any]) -> str:
    return one_of(raw, "CompressionFormat", tuple(FORMATS), "UNCOMPRESSED")


def _hints(raw: dict[str, Any], low: int, default: int) -> tuple[int, int]:
    hints = member(raw, "BufferingHints", dict, default={})
    only(hints, {"SizeInMBs", "IntervalInSeconds"}, "BufferingHints")
    if low > 1 and 1 <= (hints.get("SizeInMBs") or low) < low:
        raise invalid(
            f"BufferingHints.SizeInMBs must be at least {low} when data format conversion or dynamic "
            "partitioning is enabled"
        )
    size = number(hints, "SizeInMBs", 1, 128, max(default, low))
    return size * MIB, number(hints, "IntervalInSeconds", 0, 900, 300)


def _extension(raw: dict[str, Any]) -> str:
    extension = member(raw, "FileExtension", str, default="")
    if extension and not re.fullmatch(r"\.[0-9a-z!\-_.*'()]+", extension):
        raise failed(
            extension,
            "fileExtension",
            "Member must satisfy regular expression pattern: ^$|\\.[0-9a-z!\\-_.*'()]+",
        )
    return extension


def _processing(raw: dict[str, Any], ours: dict[str, Any]) -> tuple[Processor | None, bytes]:
    block = member(raw, "ProcessingConfiguration", dict)
    if not block or not block.get("Enabled"):
        return None, b""
    only(block, {"Enabled", "Processors"}, "ProcessingConfiguration")
    found: Processor | None = None
    delimiter = b""
    for processor in member(block, "Processors", list, default=[]):
        kind = processor.get("Type")
        values = {p.get("ParameterName"): p.get("ParameterValue") for p in processor.get("Parameters") or []}
        if kind == "Lambda" and found is None:
            found = _lambda(values, ours)
        elif kind == "AppendDelimiterToRecord":
            only(values, {"Delimiter"}, "AppendDelimiterToRecord")
            delimiter = (values.get("Delimiter") or "\\n").replace("\\n", "\n").encode()
        else:
            raise invalid(
                f"Processor type {kind} is not supported" if kind != "Lambda" else "Only one Lambda processor"
            )
    return found, delimiter


def _lambda(values: dict[str, Any], ours: dict[str, Any]) -> Processor:
    only(
        values, {"LambdaArn", "NumberOfRetries", "BufferSizeInMBs", "BufferIntervalInSeconds", "RoleArn"},
        "Processor Lambda",
    )  # fmt: skip
    arn = values.get("LambdaArn")
    if not arn:
        raise invalid("Processor Lambda needs the parameter LambdaArn")

    def value(name: str, read: Callable[[str], float], low: float, high: float, default: float) -> float:
        text = values.get(name)
        try:
            given = default if text is None else read(text)
        except ValueError:
            raise invalid(f"{name} is not a number: {text}") from None
        if not low <= given <= high:
            raise invalid(f"{name} must be between {low} and {high}")
        return given

    size = value("BufferSizeInMBs", float, 0.2, 3, 1)
    seconds = value("BufferIntervalInSeconds", int, 0, 900, 60)
    retries = int(value("NumberOfRetries", int, 0, 300, 3))
    return Processor(arn, retries, int(size * MIB), float(ours.get("processor_seconds", seconds)))


def _partitioning(raw: dict[str, Any], data_prefix: Prefix, processor: Processor | None) -> tuple[bool, int]:
    block = member(raw, "DynamicPartitioningConfiguration", dict, default={})
    only(block, {"Enabled", "RetryOptions"}, "DynamicPartitioningConfiguration")
    enabled = bool(block.get("Enabled"))
    if enabled and raw.get("ErrorOutputPrefix") is None:
        raise invalid("ErrorOutputPrefix is required when dynamic partitioning is enabled")
    if enabled and not data_prefix.partition_keys:
        raise invalid("Prefix must use partition keys when dynamic partitioning is enabled")
    if data_prefix.partition_keys and not (enabled and processor):
        raise invalid(
            "partitionKeyFromLambda in the Prefix needs dynamic partitioning and a Lambda processor "
            "to be enabled"
        )
    return enabled, number(block.get("RetryOptions") or {}, "DurationInSeconds", 0, 7200, 300)


def _backup(raw: dict[str, Any], ours: dict[str, Any]) -> Target | None:
    if one_of(raw, "S3BackupMode", ("Disabled", "Enabled"), "Disabled") == "Disabled":
        return None
    block = member(raw, "S3BackupConfiguration", dict)
    if block is None:
        raise invalid("S3BackupConfiguration is required when S3BackupMode is Enabled")
    only(block, PLAIN_MEMBERS, "S3BackupConfiguration")
    member(block, "RoleARN", str, required=True)
    _refuse_unsupported(block)
    size, seconds = _hints(block, 1, 5)
    compression = _compression(block)
    where = prefix.data_prefix(_text(block, "Prefix"), plain=bool(ours.get("plain_prefix")))
    if where.partition_keys:
        raise invalid("partition keys are not allowed in the Prefix of S3BackupConfiguration")
    return Target(
        _bucket(block), where, int(ours.get("backup_bytes") or size),
        float(ours.get("buffer_seconds", seconds)), compression, FORMATS[compression].extension,
        _kms_key(block),
    )  # fmt: skip
