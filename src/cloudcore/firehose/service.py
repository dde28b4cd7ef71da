"""Firehose: the service. Operations are one file each in operations/; this keeps the streams.

    <directory>/<stream>/stream.json     name, ARN, version, configuration, state
    <directory>/<stream>/source/         the log of what was put
    <directory>/<stream>/staged/         the log of what the transform gave back
    <directory>/<stream>/journal/        the log of delivery plans

Thread rule: any call from any thread.
"""

from __future__ import annotations

import json
import os
import shutil
import threading
import uuid
from collections.abc import Callable
from typing import Any

from cloudcore.clock import Clock
from cloudcore.errors import ApiError, CloudcoreError
from cloudcore.firehose import operations
from cloudcore.firehose.stream import Stream


class Firehose:
    """Delivery streams in a directory (None: in memory).

    `objects` takes what is delivered (put(bucket, key, parts)); `invoke(function_arn, payload)` runs a
    transform and gives an object with .payload and .function_error.
    """

    operations = frozenset(operations.TABLE)

    def __init__(
        self,
        directory: str | os.PathLike[str] | None,
        account: str = "000000000000",
        region: str = "us-east-1",
        objects: Any = None,
        invoke: Callable[[str, bytes], Any] | None = None,
        clock: Clock | None = None,
    ):
        self.directory = None if directory is None else os.fspath(directory)
        self.account, self.region = account, region
        self.objects = objects
        self.invoke = invoke or _no_invoke
        self.clock = clock or Clock()
        self.on_failed: Callable[[int, str, str, bytes], None] | None = None
        self._lock = threading.RLock()
        self._streams: dict[str, Stream] = {}
        self._descriptions: dict[str, dict[str, Any]] = {}
        self._closed = False
        self._load()

    # -- doors -----------------------------------------------------------------------------------

    def call(self, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        """Run an operation with boto3's parameters; the answer as boto3 gives it. Raises ApiError."""
        action = operations.TABLE.get(operation)
        if action is None:
            raise ApiError("UnknownOperationException", f"Operation {operation} is not supported")
        return action(self, params)

    def call_json(self, operation: str, body: bytes) -> tuple[int, bytes]:
        """The wire's form: HTTP status and JSON body, errors included."""
        try:
            if operation in ("PutRecord", "PutRecordBatch"):
                return 200, self._put(operation, body)
            params = json.loads(body or b"{}")
            if not isinstance(params, dict):
                raise ApiError(
                    "SerializationException", "Start of structure or map found where not expected."
                )
            answer = self.call(operation, params)
        except (json.JSONDecodeError, UnicodeDecodeError, RecursionError):
            return _error(ApiError("SerializationException", "The request body is not valid JSON."))
        except ApiError as error:
            return _error(error)
        return 200, json.dumps(answer, separators=(",", ":")).encode()

    def _put(self, operation: str, body: bytes) -> bytes:
        """The hot path of the wire: the body is decoded in C straight into what the log stores."""
        from cloudcore._stream import decode_put_records

        name, payload, count = decode_put_records(body)
        first, last = self.get(name).put_framed(payload, count)
        if operation == "PutRecord":
            return b'{"RecordId":"49%054d","Encrypted":false}' % first
        ids = b",".join([b'{"RecordId":"49%054d"}' % sequence for sequence in range(first, last + 1)])
        return b'{"FailedPutCount":0,"Encrypted":false,"RequestResponses":[%s]}' % ids

    def stream(
        self,
        name: str,
        *,
        bucket: str = "delivered",
        prefix: str = "",
        error_prefix: str | None = None,
        format: str | None = None,
        schema: Any = None,
        compression: str | None = None,
        buffer_bytes: int | None = None,
        buffer_seconds: float = 300,
        transform: Any = None,
        transform_buffer_bytes: int = 1 << 20,
        transform_buffer_seconds: float = 60,
        transform_retries: int = 3,
        append_delimiter: bool = False,
        backup_prefix: str | None = None,
        backup_compression: str = "GZIP",
        file_extension: str | None = None,
        timezone: str = "UTC",
        disk_bound: int | None = None,
        plain_prefix: bool = False,
        validate_json: bool = False,
    ) -> Stream:
        """Open a delivery stream, creating it when it is not there yet.

        Members mean what they mean in CreateDeliveryStream; sizes in bytes, times in seconds. `format`
        None (bytes as they come) or "parquet"; `schema` an Arrow schema, DDL text, a dict, or None to
        infer it from the first records; `transform` a function's name or ARN, or an object with .arn.
        Partition keys in the prefix turn dynamic partitioning on. An existing stream keeps its
        configuration; asking for another one raises ApiError ResourceInUseException.
        """
        raw, ours = library_configuration(
            self, bucket=bucket, prefix=prefix, error_prefix=error_prefix, format=format, schema=schema,
            compression=compression, buffer_bytes=buffer_bytes, buffer_seconds=buffer_seconds,
            transform=transform, transform_buffer_bytes=transform_buffer_bytes,
            transform_buffer_seconds=transform_buffer_seconds, transform_retries=transform_retries,
            append_delimiter=append_delimiter, backup_prefix=backup_prefix,
            backup_compression=backup_compression, file_extension=file_extension, timezone=timezone,
            disk_bound=disk_bound, plain_prefix=plain_prefix, validate_json=validate_json,
        )  # fmt: skip
        with self._lock:
            found = self._descriptions.get(name)
            if found is None:
                self.create(name, raw, ours)
            elif (found["Destination"], found.get("Ours")) != (raw, ours):
                raise ApiError(
                    "ResourceInUseException",
                    f"Firehose {name} exists with another configuration; delete it first or open it as it is",
                )
            return self.get(name)

    def close(self) -> None:
        """Stop all streams; what waits in their logs is delivered after the next open."""
        with self._lock:
            self._closed = True
            streams, self._streams = list(self._streams.values()), {}
        for stream in streams:
            stream.close()

    # -- for operations --------------------------------------------------------------------------

    def arn(self, name: str) -> str:
        return f"arn:aws:firehose:{self.region}:{self.account}:deliverystream/{name}"

    def names(self) -> list[str]:
        with self._lock:
            return sorted(self._descriptions)

    def description(self, name: str) -> dict[str, Any]:
        """What stream.json holds. Raises ApiError ResourceNotFoundException."""
        with self._lock:
            found = self._descriptions.get(name)
        if found is None:
            raise ApiError(
                "ResourceNotFoundException", f"Firehose {name} under account {self.account} not found."
            )
        return found

    def get(self, name: str) -> Stream:
        """The open stream of that name. Raises ApiError ResourceNotFoundException."""
        stream = self._streams.get(name)
        if stream is not None:
            return stream
        self.description(name)
        with self._lock:
            if self._closed:
                raise CloudcoreError("the service is closed")
            stream = self._streams.get(name)
            if stream is None:
                stream = self._open(self._descriptions[name])
        return stream

    def create(self, name: str, raw: dict[str, Any], ours: dict[str, Any] | None = None) -> dict[str, Any]:
        """Make a stream of a checked configuration. Raises ApiError ResourceInUseException."""
        with self._lock:
            if name in self._descriptions:
                raise ApiError(
                    "ResourceInUseException", f"Firehose {name} under accountId {self.account} already exists"
                )
            description = {
                "DeliveryStreamName": name,
                "DeliveryStreamARN": self.arn(name),
                "VersionId": "1",
                "CreateTimestamp": self.clock.now(),
                "Identity": uuid.uuid4().hex,
                "Destination": raw,
                "Ours": ours,
            }
            path = self._path(name)
            if path is not None:
                shutil.rmtree(path, ignore_errors=True)  # what a deletion left when it was killed
                os.makedirs(path)
                _write_atomically(os.path.join(path, "stream.json"), json.dumps(description, indent=1))
            self._descriptions[name] = description
            self._open(description)
            return description

    def delete(self, name: str) -> None:
        """Stop a stream and remove it with everything that waits in it."""
        self.description(name)
        with self._lock:
            stream = self._streams.pop(name, None)
            self._descriptions.pop(name, None)
        if stream is not None:
            stream.close()
        path = self._path(name)
        if path is not None:
            os.unlink(os.path.join(path, "stream.json"))  # from here on the stream is gone
            shutil.rmtree(path)

    def _open(self, description: dict[str, Any]) -> Stream:
        name = description["DeliveryStreamName"]
        stream = Stream(
            description, self._path(name), self.region, self.objects, self.invoke, self.clock,
            on_failed=lambda *told: self.on_failed(*told) if self.on_failed else None,
        )  # fmt: skip
        self._streams[name] = stream
        return stream

    def _path(self, name: str) -> str | None:
        return None if self.directory is None else os.path.join(self.directory, name)

    def _load(self) -> None:
        if self.directory is None or not os.path.isdir(self.directory):
            return
        for name in sorted(os.listdir(self.directory)):
            path = os.path.join(self.directory, name, "stream.json")
            if os.path.exists(path):
                with open(path, encoding="utf-8") as file:
                    self._descriptions[name] = json.load(file)

    def resume(self) -> None:
        """Open every stream, so that what waited when the process ended is delivered."""
        for name in self.names():
            self.get(name)


def library_configuration(service: Firehose, **o: Any) -> tuple[dict[str, Any], dict[str, Any]]:
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
        "buffer_bytes": o["buffer_bytes"] or ((64 << 20) if o["format"] == "parquet" else (5 << 20)),
    }  # fmt: skip
    if o["disk_bound"] is not None:
        ours["disk_bound"] = o["disk_bound"]
    if o["error_prefix"] is not None:
        raw["ErrorOutputPrefix"] = o["error_prefix"]
    if o["file_extension"] is not None:
        raw["FileExtension"] = o["file_extension"]
    if o["format"] == "parquet":
        from cloudcore._stream import Columns
        from cloudcore.firehose import schema

        ours["schema"] = "infer"
        if o["schema"] is not None:
            given = schema.to_arrow(o["schema"])
            Columns(given)  # a type that cannot be converted is refused now
            ours["schema"] = schema.dump(given)
        raw["DataFormatConversionConfiguration"] = {"Enabled": True}
        if o["compression"] is not None:
            ours["parquet_compression"] = o["compression"].upper()
    elif o["format"] not in (None, "json"):
        raise ValueError(f"format is None or 'parquet', not {o['format']!r}")
    elif o["compression"] is not None:
        raw["CompressionFormat"] = o["compression"].upper()
    _library_transform(service, raw, o)
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


def _library_transform(service: Firehose, raw: dict[str, Any], o: dict[str, Any]) -> None:
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


def _error(error: ApiError) -> tuple[int, bytes]:
    return error.status, json.dumps({"__type": error.code, "message": error.message, **error.fields}).encode()


def _no_invoke(arn: str, payload: bytes) -> Any:
    raise ApiError("ResourceNotFoundException", f"Function not found: {arn}", 404)


def _write_atomically(path: str, text: str) -> None:
    temporary = f"{path}.{os.getpid()}.tmp"
    with open(temporary, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
    handle = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
