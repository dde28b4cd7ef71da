"""The library's options of a stream, as the members of CreateDeliveryStream and what is ours."""

from __future__ import annotations

import inspect
from base64 import b64encode
from typing import Any

from cloudcore.firehose.destinations import kinds
from cloudcore.firehose.destinations.s3.config import PLAIN_MEMBERS
from cloudcore.validation import check


def options() -> frozenset[str]:
    """The names of what `Firehose.stream` takes beside the stream's name."""
    from cloudcore.firehose.service import Firehose

    return frozenset(inspect.signature(Firehose.stream).parameters) - {"self", "name"}


def configuration(service: Any, name: str, **o: Any) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """Kind, members of CreateDeliveryStream, and ours, for the options of Firehose.stream()."""
    role = f"arn:aws:iam::{service.account}:role/firehose"
    raw: dict[str, Any] = {
        "RoleARN": role, "BucketARN": f"arn:aws:s3:::{o['bucket']}", "Prefix": o["prefix"],
        "CustomTimeZone": o["timezone"],
    }  # fmt: skip
    ours: dict[str, Any] = {
        "small_buffers": True, "buffer_seconds": o["buffer_seconds"], "plain_prefix": o["plain_prefix"],
        "processor_seconds": o["transform_buffer_seconds"], "validate_json": o["validate_json"],
        "buffer_bytes": o["buffer_bytes"] or ((64 << 20) if o["format"] in ("parquet", "orc") else (5 << 20)),
    }  # fmt: skip
    for option in ("disk_bound", "retention_seconds", "partitions_max"):
        if o.get(option) is not None:
            ours[option] = o[option]
    if o.get("encrypt_objects"):
        ours["encrypt_objects"] = _key(o["encrypt_objects"])
    if o["error_prefix"] is not None:
        raw["ErrorOutputPrefix"] = o["error_prefix"]
    if o["file_extension"] is not None:
        raw["FileExtension"] = o["file_extension"]
    if o["format"] in ("parquet", "orc"):
        from cloudcore._stream import Columns
        from cloudcore.firehose import schema

        ours["schema"] = "infer"
        if o["schema"] is not None:
            given = schema.to_arrow(o["schema"])
            Columns(given)  # a type that cannot be converted is refused now
            ours["schema"] = schema.dump(given)
        raw["DataFormatConversionConfiguration"] = {"Enabled": True}
        compression = None if o["compression"] is None else o["compression"].upper()
        if o["format"] == "orc":
            options = {} if compression is None else {"Compression": compression}
            raw["DataFormatConversionConfiguration"]["OutputFormatConfiguration"] = {
                "Serializer": {"OrcSerDe": options}
            }
        elif compression is not None:
            ours["parquet_compression"] = compression
    elif o["format"] not in (None, "json"):
        raise ValueError(f"format is None, 'parquet' or 'orc', not {o['format']!r}")
    elif o["compression"] is not None:
        raw["CompressionFormat"] = {"SNAPPY": "Snappy"}.get(
            o["compression"].upper(), o["compression"].upper()
        )
    _processors(service, raw, o)
    if o["backup_prefix"] is not None:
        raw["S3BackupMode"] = "Enabled"
        raw["S3BackupConfiguration"] = {
            "RoleARN": role, "BucketARN": raw["BucketARN"], "Prefix": o["backup_prefix"],
            "CompressionFormat": o["backup_compression"],
        }  # fmt: skip
    if "!{partitionKeyFrom" in o["prefix"]:
        raw["DynamicPartitioningConfiguration"] = {"Enabled": True}
    if o.get("to") is not None:
        raw, ours = _endpoint(o, raw, ours)
    kind = kinds.KINDS[o["to"].kind if o.get("to") is not None else kinds.S3]
    request = {"DeliveryStreamName": name, kind.configuration: raw}
    raw = check("firehose", "CreateDeliveryStream", request)[kind.configuration]
    kind.parse(raw, ours)
    return kind.name, raw, ours


def _key(given: Any) -> bool | str:
    """What encrypt_objects says: the key file, or a key of KMS."""
    if given is True or (isinstance(given, str) and given.startswith("arn:") and ":kms:" in given):
        return given
    raise ValueError(f"encrypt_objects is True or the ARN of a KMS key, not {given!r}")


def _endpoint(
    o: dict[str, Any], s3: dict[str, Any], ours: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The configuration of a destination that is no bucket, around the bucket's."""
    for option in ("format", "schema", "backup_prefix", "file_extension"):
        if o.get(option) is not None:
            raise ValueError(f"{option} is of streams that deliver to a bucket")
    to = o["to"]
    members = {"RoleARN": s3["RoleARN"], **to.members}
    if "ProcessingConfiguration" in s3:
        members["ProcessingConfiguration"] = s3["ProcessingConfiguration"]
    members["S3Configuration"] = {name: s3[name] for name in sorted(PLAIN_MEMBERS & set(s3))}
    if o.get("backup"):
        members["S3BackupMode"] = kinds.KINDS[to.kind].shape().modes[1]
    return members, {**ours, **to.ours}


def _processors(service: Any, raw: dict[str, Any], o: dict[str, Any]) -> None:
    """The ProcessingConfiguration of the options, in the order in which processors run."""
    found: list[dict[str, Any]] = []

    def add(kind: str, **parameters: str) -> None:
        given = [{"ParameterName": name, "ParameterValue": value} for name, value in parameters.items()]
        found.append({"Type": kind, "Parameters": given})

    if o["decompress"] or o["messages_only"]:
        add("Decompression", CompressionFormat="GZIP")
    if o["messages_only"]:
        add("CloudWatchLogProcessing", DataMessageExtraction="true")
    if o["split"] == "json":
        add("RecordDeAggregation", SubRecordType="JSON")
    elif o["split"] is not None:
        add("RecordDeAggregation", SubRecordType="DELIMITED", Delimiter=b64encode(o["split"]).decode())
    if o["transform"] is not None:
        target = o["transform"]
        if not isinstance(target, str):  # a Function of cloud.function()
            target = str(getattr(target, "arn", None) or target.name)
        if not target.startswith("arn:"):
            target = f"arn:aws:lambda:{service.region}:{service.account}:function:{target}"
        add(
            "Lambda", LambdaArn=target, NumberOfRetries=str(o["transform_retries"]),
            BufferSizeInMBs=f"{o['transform_buffer_bytes'] / (1 << 20):.6g}",
        )  # fmt: skip
    if o["query"] is not None:
        add("MetadataExtraction", MetadataExtractionQuery=o["query"], JsonParsingEngine="JQ-1.6")
    if o["append_delimiter"]:
        add("AppendDelimiterToRecord")
    if found:
        raw["ProcessingConfiguration"] = {"Enabled": True, "Processors": found}
