"""What the configurations of all endpoints share: hints, processors, the bucket, what goes there."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

from cloudcore.firehose import prefix
from cloudcore.firehose.checks import invalid, only
from cloudcore.firehose.destinations.config import MIB, Config, Retry
from cloudcore.firehose.destinations.s3 import config as s3
from cloudcore.firehose.prefix import Prefix
from cloudcore.firehose.processing import config as processing

SHARED = {
    "BufferingHints", "CloudWatchLoggingOptions", "ProcessingConfiguration", "RoleARN", "RetryOptions",
    "S3BackupMode", "S3Configuration",
}  # fmt: skip


@dataclass(frozen=True)
class Shape:
    """One kind's defaults: `size_mib` and `seconds` of the hints, `retry_seconds`, and the modes of its
    backup, failed records only first. `processor_mib`: default BufferSizeInMBs of its Lambda processor."""

    name: str
    size_mib: int
    seconds: int
    retry_seconds: int
    modes: tuple[str, str]
    processor_mib: float = 1.0


def parse(
    shape: Shape, raw: dict[str, Any], ours: dict[str, Any], members: Collection[str], retry: Retry,
    endpoint: Any, query: bool = False,
) -> Config:  # fmt: skip
    """A Config around `endpoint`; `query`: it has a use for MetadataExtraction. Raises ApiError."""
    where = f"{shape.name}DestinationConfiguration"
    only(raw, {*SHARED, *members}, where)
    s3.refuse_unsupported(raw)
    block = raw["S3Configuration"]
    bucket = s3.parse_plain(block, ours, f"{where}.S3Configuration")
    hints = raw.get("BufferingHints") or {}
    only(hints, {"SizeInMBs", "IntervalInSeconds"}, f"{where}.BufferingHints")
    data = replace(
        bucket,
        buffer_bytes=int(ours.get("buffer_bytes") or hints.get("SizeInMBs", shape.size_mib) * MIB),
        buffer_seconds=float(ours.get("buffer_seconds", hints.get("IntervalInSeconds", shape.seconds))),
    )
    processors = processing.parse(raw, {"processor_mib": shape.processor_mib, **ours})
    if processors.query and not query:
        raise invalid(f"MetadataExtraction is not supported in {where}: it has no dynamic partitioning")
    everything = raw.get("S3BackupMode", shape.modes[0]) == shape.modes[1]
    return Config(
        data, error_prefix(block, bool(ours.get("plain_prefix"))), processors=processors,
        backup=bucket if everything else None, retry=retry, endpoint=endpoint,
    )  # fmt: skip


def refuse_encrypted(ours: dict[str, Any], kind: str) -> None:
    """Where others read or write the files themselves, nothing here can encrypt them. Raises ApiError."""
    if ours.get("encrypt_objects"):
        raise invalid(f"encrypt_objects does not go with {kind}, which reads or writes files itself")


def error_prefix(block: dict[str, Any], plain: bool = False) -> Prefix:
    """Where failed records go: ErrorOutputPrefix, or the error type behind the Prefix."""
    text = block.get("ErrorOutputPrefix")
    if text:
        return prefix.error_prefix(text, plain=plain)
    front = prefix.parse(block.get("Prefix") or "", "Prefix")
    if front.has_expressions:
        raise invalid("ErrorOutputPrefix cannot be null or empty when Prefix contains expressions")
    return Prefix((*front.parts, *prefix.error_prefix("", plain=plain).parts))


def retry_seconds(shape: Shape, raw: dict[str, Any], ours: dict[str, Any]) -> float:
    """DurationInSeconds of RetryOptions; `ours`: retry_seconds, finer than whole seconds."""
    options = raw.get("RetryOptions") or {}
    only(options, {"DurationInSeconds"}, "RetryOptions")
    return float(ours.get("retry_seconds", options.get("DurationInSeconds", shape.retry_seconds)))


def describe(shape: Shape, raw: dict[str, Any], secrets: Collection[str] = ()) -> dict[str, Any]:
    """A description with AWS's defaults filled in; `secrets` are members that it does not show."""
    out = {name: value for name, value in raw.items() if value is not None and name not in secrets}
    for name, to in (("S3Configuration", "S3DestinationDescription"),
                     ("S3BackupConfiguration", "S3BackupDescription")):  # fmt: skip
        block = out.pop(name, None)
        if block is not None:
            out[to] = {k: v for k, v in s3.describe(block).items() if k in s3.PLAIN_MEMBERS}
    out["BufferingHints"] = {
        "SizeInMBs": shape.size_mib, "IntervalInSeconds": shape.seconds, **(raw.get("BufferingHints") or {}),
    }  # fmt: skip
    out["RetryOptions"] = {"DurationInSeconds": shape.retry_seconds, **(raw.get("RetryOptions") or {})}
    out.setdefault("CloudWatchLoggingOptions", {"Enabled": False})
    out.setdefault("S3BackupMode", shape.modes[0])
    return out
