"""The library's options of a stream, as the members of CreateDeliveryStream and what is ours."""

from __future__ import annotations

from typing import Any


def configuration(service: Any, **o: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The members of CreateDeliveryStream, and ours, for the options of Firehose.stream()."""
    from cloudcore.firehose.destinations.s3.config import parse

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
    for name in ("disk_bound", "retention_seconds"):
        if o.get(name) is not None:
            ours[name] = o[name]
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
    _transform(service, raw, o)
    if o["backup_prefix"] is not None:
        raw["S3BackupMode"] = "Enabled"
        raw["S3BackupConfiguration"] = {
            "RoleARN": role, "BucketARN": raw["BucketARN"], "Prefix": o["backup_prefix"],
            "CompressionFormat": o["backup_compression"],
        }  # fmt: skip
    if "!{partitionKeyFrom" in o["prefix"]:
        raw["DynamicPartitioningConfiguration"] = {"Enabled": True}
    parse(raw, ours)
    return raw, ours


def _transform(service: Any, raw: dict[str, Any], o: dict[str, Any]) -> None:
    if o["transform"] is None:
        return
    target = getattr(o["transform"], "arn", o["transform"])
    if not str(target).startswith("arn:"):
        target = f"arn:aws:lambda:{service.region}:{service.account}:function:{target}"
    parameters = {
        "LambdaArn": str(target), "NumberOfRetries": str(o["transform_retries"]),
        "BufferSizeInMBs": f"{o['transform_buffer_bytes'] / (1 << 20):.6g}",
    }  # fmt: skip
    processors: list[dict[str, Any]] = [
        {"Type": "Lambda",
         "Parameters": [{"ParameterName": k, "ParameterValue": v} for k, v in parameters.items()]}
    ]  # fmt: skip
    if o["append_delimiter"]:
        processors.append({"Type": "AppendDelimiterToRecord", "Parameters": []})
    raw["ProcessingConfiguration"] = {"Enabled": True, "Processors": processors}
