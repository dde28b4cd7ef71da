"""All twelve Firehose operations over HTTP by unmodified boto3, a Lambda transform and a restart between."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import boto3
import pyarrow.parquet as pq
from pyarrow import orc

import cloudcore

ROLE = "arn:aws:iam::000000000000:role/r"
S3 = {"RoleARN": ROLE, "BucketARN": "arn:aws:s3:::lake"}


def client(endpoint: Any) -> Any:
    return boto3.client(
        "firehose", endpoint_url=endpoint.url, region_name="us-east-1", aws_access_key_id="test",
        aws_secret_access_key="test",
    )  # fmt: skip


def processors(*given: tuple[str, dict[str, str]]) -> dict[str, Any]:
    return {"Enabled": True, "Processors": [
        {"Type": kind, "Parameters": [{"ParameterName": k, "ParameterValue": v} for k, v in values.items()]}
        for kind, values in given
    ]}  # fmt: skip


def upper(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """A transform: names in capitals, empty ones dropped."""
    out = []
    for record in event["records"]:
        row = json.loads(base64.b64decode(record["data"]))
        data = base64.b64encode(json.dumps({**row, "name": row["name"].upper()}).encode()).decode()
        result = "Ok" if row["name"] else "Dropped"
        out.append({"recordId": record["recordId"], "result": result, "data": data})
    return {"records": out}


def test_the_twelve_operations(tmp_path: Path) -> None:
    with cloudcore.open(str(tmp_path / "cloud")) as cloud, cloud.serve() as endpoint:
        cloud.firehose.define_table("web", "people", "id int, name string")
        cloud.function("upper", upper)
        arn = f"arn:aws:lambda:us-east-1:{cloud.account}:function:upper"
        firehose = client(endpoint)
        firehose.create_delivery_stream(
            DeliveryStreamName="people", Tags=[{"Key": "team", "Value": "a"}],
            DeliveryStreamEncryptionConfigurationInput={"KeyType": "AWS_OWNED_CMK"},
            ExtendedS3DestinationConfiguration={
                **S3, "Prefix": "people/!{partitionKeyFromQuery:name}/", "ErrorOutputPrefix": "errors/",
                "BufferingHints": {"SizeInMBs": 64, "IntervalInSeconds": 900},
                "DynamicPartitioningConfiguration": {"Enabled": True},
                "DataFormatConversionConfiguration": {
                    "SchemaConfiguration": {"RoleARN": ROLE, "DatabaseName": "web", "TableName": "people"},
                    "InputFormatConfiguration": {"Deserializer": {"OpenXJsonSerDe": {}}},
                    "OutputFormatConfiguration": {"Serializer": {"ParquetSerDe": {"Compression": "GZIP"}}},
                },
                "ProcessingConfiguration": processors(
                    ("RecordDeAggregation", {"SubRecordType": "JSON"}),
                    ("Lambda", {"LambdaArn": arn, "BufferIntervalInSeconds": "0"}),
                    ("MetadataExtraction", {"MetadataExtractionQuery": "{name: .name}", "JsonParsingEngine": "JQ-1.6"}),
                ),
            },
        )  # fmt: skip
        put = firehose.put_record_batch(DeliveryStreamName="people", Records=[
            {"Data": b'{"id":1,"name":"ann"}{"id":2,"name":"bob"}'}, {"Data": b'{"id":3,"name":""}'}, {"Data": b"bad"},
        ])  # fmt: skip
        assert (put["FailedPutCount"], put["Encrypted"], len(put["RequestResponses"])) == (0, True, 3)
        assert cloud.firehose.get("people").flush(120)
        found = firehose.describe_delivery_stream(DeliveryStreamName="people")["DeliveryStreamDescription"]
        assert found["DeliveryStreamEncryptionConfiguration"]["Status"] == "ENABLED"
        firehose.update_destination(
            DeliveryStreamName="people", CurrentDeliveryStreamVersionId=found["VersionId"],
            DestinationId=found["Destinations"][0]["DestinationId"],
            ExtendedS3DestinationUpdate={"DataFormatConversionConfiguration": {
                "SchemaConfiguration": {"RoleARN": ROLE, "DatabaseName": "web", "TableName": "people"},
                "InputFormatConfiguration": {"Deserializer": {"HiveJsonSerDe": {}}},
                "OutputFormatConfiguration": {"Serializer": {"OrcSerDe": {"Compression": "ZLIB"}}}}},
        )  # fmt: skip
        firehose.put_record(DeliveryStreamName="people", Record={"Data": b'{"id":4,"name":"cy"}'})
        firehose.tag_delivery_stream(DeliveryStreamName="people", Tags=[{"Key": "team", "Value": "b"}])
        firehose.tag_delivery_stream(DeliveryStreamName="people", Tags=[{"Key": "x"}])
        firehose.untag_delivery_stream(DeliveryStreamName="people", TagKeys=["x"])
        firehose.stop_delivery_stream_encryption(DeliveryStreamName="people")
    with cloudcore.open(str(tmp_path / "cloud")) as cloud, cloud.serve() as endpoint:
        firehose = client(endpoint)
        assert firehose.list_delivery_streams()["DeliveryStreamNames"] == ["people"]
        tags = firehose.list_tags_for_delivery_stream(DeliveryStreamName="people")["Tags"]
        assert tags == [{"Key": "team", "Value": "b"}]
        plain = firehose.put_record(DeliveryStreamName="people", Record={"Data": b'{"id":5,"name":"cy"}'})
        assert plain["Encrypted"] is False
        firehose.start_delivery_stream_encryption(DeliveryStreamName="people")
        assert cloud.firehose.get("people").flush(120)
        rows: dict[str, list[Any]] = {}
        for key in cloud.objects.list("lake", "people/"):
            read = pq.read_table if key.endswith(".parquet") else orc.read_table
            rows.setdefault(key.split("/")[1], []).extend(
                read(io.BytesIO(cloud.objects.get("lake", key))).to_pylist()
            )
        assert rows == {
            "ANN": [{"id": 1, "name": "ANN"}], "BOB": [{"id": 2, "name": "BOB"}],
            "CY": [{"id": 4, "name": "CY"}, {"id": 5, "name": "CY"}],
        }  # fmt: skip
        (error,) = cloud.objects.list("lake", "errors/")
        assert json.loads(cloud.objects.get("lake", error))["errorCode"] == "RecordDeAggregation.ParseError"
        firehose.delete_delivery_stream(DeliveryStreamName="people")
        assert firehose.list_delivery_streams()["DeliveryStreamNames"] == []


def test_a_function_as_transform(tmp_path: Path) -> None:
    with cloudcore.open(":memory:") as cloud:
        stream = cloud.stream(
            "s", bucket="b", transform=cloud.function("upper", upper), transform_buffer_seconds=0
        )
        stream.put(b'{"name": "ann"}')
        assert stream.flush(120)
        (key,) = cloud.objects.list("b")
        assert json.loads(cloud.objects.get("b", key)) == {"name": "ANN"}
