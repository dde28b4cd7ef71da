"""ProcessingConfiguration, checked and read."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cloudcore.firehose.checks import invalid, only
from cloudcore.firehose.processing.jq import Query

MIB = 1 << 20


@dataclass(frozen=True)
class Function:
    """The Lambda processor. Sizes in bytes of records before base64, times in seconds."""

    arn: str
    retries: int = 3
    buffer_bytes: int = MIB
    buffer_seconds: float = 60.0


@dataclass(frozen=True)
class Processors:
    """The processors that are enabled. `split`: b"" for consecutive JSON objects, else the delimiter."""

    function: Function | None = None
    delimiter: bytes = b""
    decompress: bool = False
    messages_only: bool = False
    split: bytes | None = None
    query: Query | None = None

    def __bool__(self) -> bool:
        return self != NONE


NONE = Processors()


def parse(raw: dict[str, Any], ours: dict[str, Any]) -> Processors:
    """Read the block of a destination. `ours`: processor_seconds; processor_mib, the default size. Raises
    ApiError."""
    block = raw.get("ProcessingConfiguration")
    if not block or not block.get("Enabled"):
        return NONE
    only(block, {"Enabled", "Processors"}, "ProcessingConfiguration")
    found: dict[str, Any] = {}
    seen: set[str] = set()
    for processor in block.get("Processors", []):
        kind = processor.get("Type")
        values = {p.get("ParameterName"): p.get("ParameterValue") for p in processor.get("Parameters") or []}
        read = _READERS.get(kind)
        if read is None:
            raise invalid(f"Processor type {kind} is not supported")
        if kind in seen:
            raise invalid(f"Only one processor of type {kind} is allowed")
        seen.add(kind)
        allowed, reader = read
        only(values, allowed, f"Processor {kind}")
        found |= reader(values, ours)
    if "CloudWatchLogProcessing" in seen and "Decompression" not in seen:
        raise invalid("CloudWatchLogProcessing needs the Decompression processor to be enabled")
    return Processors(**found)


def _lambda(values: dict[str, Any], ours: dict[str, Any]) -> dict[str, Any]:
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

    default_mib = float(ours.get("processor_mib", 1))
    size = value("BufferSizeInMBs", float, 0.2, 3, default_mib)
    seconds = value("BufferIntervalInSeconds", int, 0, 900, 60)
    retries = int(value("NumberOfRetries", int, 0, 300, 3))
    return {
        "function": Function(arn, retries, int(size * MIB), float(ours.get("processor_seconds", seconds)))
    }


def _append_delimiter(values: dict[str, Any], ours: dict[str, Any]) -> dict[str, Any]:
    return {"delimiter": (values.get("Delimiter") or "\\n").replace("\\n", "\n").encode()}


def _decompression(values: dict[str, Any], ours: dict[str, Any]) -> dict[str, Any]:
    if values.get("CompressionFormat", "GZIP") != "GZIP":
        raise invalid("CompressionFormat of the Decompression processor must be GZIP")
    return {"decompress": True}


def _cloudwatch(values: dict[str, Any], ours: dict[str, Any]) -> dict[str, Any]:
    text = str(values.get("DataMessageExtraction", "false")).lower()
    if text not in ("true", "false"):
        raise invalid("DataMessageExtraction must be true or false")
    return {"messages_only": text == "true"}


def _deaggregation(values: dict[str, Any], ours: dict[str, Any]) -> dict[str, Any]:
    kind, delimiter = values.get("SubRecordType"), values.get("Delimiter")
    if kind == "JSON":
        if delimiter is not None:
            raise invalid("Delimiter is allowed only with the SubRecordType DELIMITED")
        return {"split": b""}
    if kind != "DELIMITED":
        raise invalid("SubRecordType of RecordDeAggregation must be JSON or DELIMITED")
    try:
        split = base64.b64decode(delimiter or "", validate=True)
    except (binascii.Error, ValueError):
        split = b""
    if not split:
        raise invalid("RecordDeAggregation DELIMITED needs a Delimiter that is a base64 string")
    return {"split": split}


def _metadata(values: dict[str, Any], ours: dict[str, Any]) -> dict[str, Any]:
    if values.get("JsonParsingEngine") != "JQ-1.6":
        raise invalid("JsonParsingEngine of MetadataExtraction must be JQ-1.6")
    query = values.get("MetadataExtractionQuery")
    if not query:
        raise invalid("Processor MetadataExtraction needs the parameter MetadataExtractionQuery")
    return {"query": Query(query)}


_READERS: dict[Any, tuple[set[str], Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]]]] = {
    "Lambda": (
        {"LambdaArn", "NumberOfRetries", "BufferSizeInMBs", "BufferIntervalInSeconds", "RoleArn"}, _lambda,
    ),
    "AppendDelimiterToRecord": ({"Delimiter"}, _append_delimiter),
    "Decompression": ({"CompressionFormat"}, _decompression),
    "CloudWatchLogProcessing": ({"DataMessageExtraction"}, _cloudwatch),
    "RecordDeAggregation": ({"SubRecordType", "Delimiter"}, _deaggregation),
    "MetadataExtraction": ({"MetadataExtractionQuery", "JsonParsingEngine"}, _metadata),
}  # fmt: skip
