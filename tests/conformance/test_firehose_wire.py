"""The Firehose operations, as call() (boto3's shapes) and as call_json() (the wire's)."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cloudcore.errors import ApiError
from cloudcore.firehose import Firehose
from cloudcore.objects import LocalObjects

KEY = "arn:aws:kms:us-east-1:000000000000:key/k"
S3 = {"RoleARN": "arn:aws:iam::000000000000:role/r", "BucketARN": "arn:aws:s3:::bucket"}


@pytest.fixture
def objects(tmp_path: Path) -> LocalObjects:
    return LocalObjects(tmp_path / "objects")


@pytest.fixture
def firehose(tmp_path: Path, objects: LocalObjects) -> Iterator[Firehose]:
    service = Firehose(tmp_path / "firehose", objects=objects)
    yield service
    service.close()


def create(service: Firehose, name: str = "s", **destination: Any) -> dict[str, Any]:
    return service.call(
        "CreateDeliveryStream",
        {"DeliveryStreamName": name, "ExtendedS3DestinationConfiguration": {**S3, **destination}},
    )


def conversion(reader: Any = None, writer: Any = None, table: str = "none") -> dict[str, Any]:
    """A DataFormatConversionConfiguration of the table d.<table>."""
    block: dict[str, Any] = {
        "SchemaConfiguration": {"DatabaseName": "d", "TableName": table, "Region": "us-east-1"}
    }
    if reader is not None:
        block["InputFormatConfiguration"] = {"Deserializer": reader}
    if writer is not None:
        block["OutputFormatConfiguration"] = {"Serializer": writer}
    return {"DataFormatConversionConfiguration": block}


def refused(call: Any, *arguments: Any, **named: Any) -> ApiError:
    with pytest.raises(ApiError) as caught:
        call(*arguments, **named)
    return caught.value


def test_create_describe_list_delete(firehose: Firehose) -> None:
    arn = "arn:aws:firehose:us-east-1:000000000000:deliverystream/s"
    assert create(firehose, Prefix="p/") == {"DeliveryStreamARN": arn}
    found = firehose.call("DescribeDeliveryStream", {"DeliveryStreamName": "s"})["DeliveryStreamDescription"]
    assert (found["DeliveryStreamStatus"], found["VersionId"], found["DeliveryStreamARN"]) == (
        "ACTIVE",
        "1",
        arn,
    )
    (destination,) = found["Destinations"]
    extended = destination["ExtendedS3DestinationDescription"]
    assert extended["BufferingHints"] == {"SizeInMBs": 5, "IntervalInSeconds": 300}
    assert (extended["Prefix"], extended["CompressionFormat"], extended["S3BackupMode"]) == (
        "p/", "UNCOMPRESSED", "Disabled",
    )  # fmt: skip
    create(firehose, "a")
    assert firehose.call("ListDeliveryStreams", {"Limit": 1}) == {
        "DeliveryStreamNames": ["a"], "HasMoreDeliveryStreams": True,
    }  # fmt: skip
    assert firehose.call("DeleteDeliveryStream", {"DeliveryStreamName": "s"}) == {}
    assert firehose.call("ListDeliveryStreams", {})["DeliveryStreamNames"] == ["a"]
    error = refused(firehose.call, "DescribeDeliveryStream", {"DeliveryStreamName": "s"})
    assert (error.code, error.message) == (
        "ResourceNotFoundException", "Firehose s under account 000000000000 not found.",
    )  # fmt: skip


def test_a_stream_exists_once(firehose: Firehose) -> None:
    create(firehose)
    assert refused(create, firehose).code == "ResourceInUseException"


def test_put_and_deliver_over_a_restart(tmp_path: Path, objects: LocalObjects) -> None:
    service = Firehose(tmp_path / "firehose", objects=objects)
    create(service, CompressionFormat="GZIP")
    answer = service.call("PutRecord", {"DeliveryStreamName": "s", "Record": {"Data": b"one"}})
    assert len(answer["RecordId"]) == 56
    service.close()
    service = Firehose(tmp_path / "firehose", objects=objects)
    body = {
        "DeliveryStreamName": "s",
        "Records": [{"Data": base64.b64encode(d).decode()} for d in (b"two", b"")],
    }
    status, raw = service.call_json("PutRecordBatch", json.dumps(body).encode())
    reply = json.loads(raw)
    assert (status, reply["FailedPutCount"], len(reply["RequestResponses"])) == (200, 0, 2)
    stream = service.get("s")
    assert stream.last_sequence == 3
    assert stream.flush(10)
    service.close()
    import gzip

    (key,) = objects.list("bucket")
    assert key.endswith(".gz")
    assert gzip.decompress(objects.get("bucket", key)) == b"onetwo"
    assert objects.head("bucket", key).content_encoding == "gzip"


@pytest.mark.parametrize(
    ("operation", "body", "code"),
    [
        ("PutRecord", b"{", "SerializationException"),
        ("PutRecordBatch", b'{"DeliveryStreamName":"s","Records":[]}', "ValidationException"),
        ("PutRecord", b'{"DeliveryStreamName":"none","Record":{"Data":""}}', "ResourceNotFoundException"),
        ("CreateDeliveryStream", b"[]", "SerializationException"),
        ("CreateDeliveryStream", b'{"DeliveryStreamName":"a b"}', "ValidationException"),
        ("UpdateDestination", b"{}", "ValidationException"),
        ("MakeCoffee", b"{}", "UnknownOperationException"),
    ],
)
def test_errors_on_the_wire(firehose: Firehose, operation: str, body: bytes, code: str) -> None:
    create(firehose)
    status, raw = firehose.call_json(operation, body)
    assert status == 400
    assert json.loads(raw)["__type"] == code
    assert json.loads(raw)["message"]


def test_limits_of_a_batch(firehose: Firehose) -> None:
    create(firehose)
    many = {"DeliveryStreamName": "s", "Records": [{"Data": b""}] * 501}
    assert "less than or equal to 500" in refused(firehose.call, "PutRecordBatch", many).message
    large = {"DeliveryStreamName": "s", "Record": {"Data": b"x" * 1_024_001}}
    assert "less than or equal to 1024000" in refused(firehose.call, "PutRecord", large).message
    total = {"DeliveryStreamName": "s", "Records": [{"Data": b"x" * 1_000_000}] * 5}
    assert "4 MB" in refused(firehose.call, "PutRecordBatch", total).message
    assert firehose.get("s").last_sequence == 0
    firehose.call("PutRecord", {"DeliveryStreamName": "s", "Record": {"Data": b"x" * 1_024_000}})


@pytest.mark.parametrize(
    ("destination", "words"),
    [
        ({"CompressionFormat": "Brotli"}, "enum value set"),
        ({"BufferingHints": {"SizeInMBs": 129}}, "less than or equal to 128"),
        ({"BufferingHints": {"IntervalInSeconds": 901}}, "less than or equal to 900"),
        ({"Prefix": "!{timestamp:yyyy}/"}, "ErrorOutputPrefix cannot be null"),
        ({"Prefix": "!{partitionKeyFromLambda:k}/", "ErrorOutputPrefix": "e/"}, "dynamic partitioning"),
        ({"DynamicPartitioningConfiguration": {"Enabled": True}}, "ErrorOutputPrefix is required"),
        ({"EncryptionConfiguration": {"KMSEncryptionConfig": {"AWSKMSKeyARN": KEY}}}, "local object store"),
        ({"CloudWatchLoggingOptions": {"Enabled": True, "LogGroupName": "g"}}, "LogStreamName are required"),
        ({"S3BackupMode": "Enabled"}, "S3BackupConfiguration is required"),
        (
            {"S3BackupMode": "Enabled", "S3BackupConfiguration": {**S3, "ErrorOutputPrefix": "!{x:y}"}},
            "invalid expression",
        ),
        ({"CustomTimeZone": "Mars/Base"}, "time zone"),
        ({"FileExtension": "txt"}, "regular expression"),
        ({"DataFormatConversionConfiguration": {"Enabled": True}}, "SchemaConfiguration is required"),
        ({"DataFormatConversionConfiguration": {"SchemaConfiguration": {"TableName": "t"}}}, "databaseName"),
        (conversion(), "not in the catalogue"),
        ({"BucketARN": "arn:aws:s3:::"}, "bucketARN"),
        ({"Surprise": 1}, "Surprise is not supported"),
        (
            {
                "ProcessingConfiguration": {
                    "Enabled": True,
                    "Processors": [{"Type": "CloudWatchLogProcessing"}],
                }
            },
            "Decompression",
        ),
    ],
)
def test_what_is_refused_at_create(firehose: Firehose, destination: dict[str, Any], words: str) -> None:
    error = refused(create, firehose, **destination)
    assert error.code in ("InvalidArgumentException", "ValidationException")
    assert words in error.message
    assert firehose.names() == []


def test_cloudwatch_logging_is_kept_and_shown(firehose: Firehose) -> None:
    logging = {"Enabled": True, "LogGroupName": "/aws/kinesisfirehose/s", "LogStreamName": "DestinationDelivery"}

    def shown() -> dict[str, Any]:
        told = firehose.call("DescribeDeliveryStream", {"DeliveryStreamName": "s"})["DeliveryStreamDescription"]
        found: dict[str, Any] = told["Destinations"][0]["ExtendedS3DestinationDescription"]["CloudWatchLoggingOptions"]
        return found

    create(firehose, CloudWatchLoggingOptions=logging)
    assert shown() == logging
    update = {
        "DeliveryStreamName": "s", "CurrentDeliveryStreamVersionId": "1",
        "DestinationId": "destinationId-000000000001",
        "ExtendedS3DestinationUpdate": {"CloudWatchLoggingOptions": {"Enabled": False}},
    }  # fmt: skip
    firehose.call("UpdateDestination", update)
    assert shown()["Enabled"] is False


def test_other_destinations_and_sources_are_refused(firehose: Firehose) -> None:
    for params in (
        {
            "SnowflakeDestinationConfiguration": {
                "AccountUrl": "https://account.snowflakecomputing.com", "Database": "d", "Schema": "s",
                "Table": "t", "RoleARN": S3["RoleARN"], "S3Configuration": S3,
            }
        },
        {"DeliveryStreamType": "KinesisStreamAsSource"},
        {},
        {
            "ExtendedS3DestinationConfiguration": S3,
            "DeliveryStreamEncryptionConfigurationInput": {
                "KeyType": "CUSTOMER_MANAGED_CMK",
            },
        },
    ):
        error = refused(firehose.call, "CreateDeliveryStream", {"DeliveryStreamName": "s", **params})
        assert error.code == "InvalidArgumentException"


def test_library_keeps_a_streams_configuration(firehose: Firehose) -> None:
    stream = firehose.stream("s", bucket="b", prefix="p/", format="parquet", schema="a int")
    assert firehose.stream("s", bucket="b", prefix="p/", format="parquet", schema="a int") is stream
    error = refused(firehose.stream, "s", bucket="b", prefix="q/")
    assert error.code == "ResourceInUseException"


def test_the_largest_batch_and_record_go_through_transform_and_logs(
    tmp_path: Path, objects: LocalObjects
) -> None:
    class Reply:
        function_error = None

        def __init__(self, payload: bytes):
            self.payload = payload

    def invoke(arn: str, payload: bytes) -> Reply:
        records = [
            {"recordId": record["recordId"], "result": "Ok", "data": record["data"]}
            for record in json.loads(payload)["records"]
        ]
        return Reply(json.dumps({"records": records}).encode())

    for directory in (tmp_path / "firehose", None):
        service = Firehose(directory, objects=objects, invoke=invoke)
        stream = service.stream(
            "s",
            bucket=f"b{directory is None}",
            transform="f",
            transform_buffer_bytes=3 << 20,
            plain_prefix=True,
        )
        data = [bytes([65 + n]) * 1_024_000 for n in range(4)]
        records = [{"Data": base64.b64encode(part).decode()} for part in data]
        body = json.dumps({"DeliveryStreamName": "s", "Records": records})
        assert service.call_json("PutRecordBatch", body.encode())[0] == 200
        assert stream.flush(30)
        assert stream.status()["delivered"] == 4
        (key,) = objects.list(f"b{directory is None}")
        assert objects.get(f"b{directory is None}", key) == b"".join(data)
        service.close()
