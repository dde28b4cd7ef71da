"""Unmodified boto3 against the service: its requests go in, our replies through its parser."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import boto3
import pytest

from cloudcore.firehose import Firehose
from cloudcore.objects import LocalObjects


class Raw(io.BytesIO):
    """What botocore reads a body from."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Firehose]:
    service = Firehose(tmp_path / "firehose", objects=LocalObjects(tmp_path / "objects"))
    yield service
    service.close()


@pytest.fixture
def client(service: Firehose) -> Any:
    from botocore.awsrequest import AWSResponse

    client = boto3.client(
        "firehose", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b",
        endpoint_url="http://127.0.0.1:1",
    )  # fmt: skip

    def answer(request: Any, **_: Any) -> Any:
        target = request.headers["X-Amz-Target"]
        target = target.decode() if isinstance(target, bytes) else target
        assert target.startswith("Firehose_20150804.")
        status, body = service.call_json(target.partition(".")[2], request.body)
        headers = {"content-type": "application/x-amz-json-1.1", "x-amzn-requestid": "r"}
        return AWSResponse(request.url, status, headers, Raw(body))

    client.meta.events.register("before-send.firehose", answer)
    return client


def test_the_whole_life_of_a_stream(client: Any, service: Firehose) -> None:
    arn = client.create_delivery_stream(
        DeliveryStreamName="s",
        ExtendedS3DestinationConfiguration={
            "RoleARN": "arn:aws:iam::000000000000:role/r",
            "BucketARN": "arn:aws:s3:::b",
            "Prefix": "p/",
            "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 0},
        },
    )["DeliveryStreamARN"]
    found = client.describe_delivery_stream(DeliveryStreamName="s")["DeliveryStreamDescription"]
    assert (found["DeliveryStreamARN"], found["DeliveryStreamStatus"]) == (arn, "ACTIVE")
    assert isinstance(found["CreateTimestamp"], datetime)
    assert client.list_delivery_streams()["DeliveryStreamNames"] == ["s"]
    one = client.put_record(DeliveryStreamName="s", Record={"Data": b"\x00\xff"})
    many = client.put_record_batch(DeliveryStreamName="s", Records=[{"Data": b"a"}, {"Data": b"b" * 1000}])
    ids = [one["RecordId"], *(reply["RecordId"] for reply in many["RequestResponses"])]
    assert (many["FailedPutCount"], many["Encrypted"], len(set(ids))) == (0, False, 3)
    assert service.get("s").flush(10)
    data = b"".join(service.objects.get("b", key) for key in service.objects.list("b", "p/"))
    assert sorted(data) == sorted(b"\x00\xffa" + b"b" * 1000)
    client.delete_delivery_stream(DeliveryStreamName="s")
    missing = client.exceptions.ResourceNotFoundException
    with pytest.raises(missing, match=r"Firehose s under account 0+ not found\."):
        client.describe_delivery_stream(DeliveryStreamName="s")


def test_errors_become_exceptions(client: Any) -> None:
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.put_record(DeliveryStreamName="none", Record={"Data": b""})
    with pytest.raises(client.exceptions.InvalidArgumentException, match="Exactly one destination"):
        client.create_delivery_stream(DeliveryStreamName="s")
    with pytest.raises(client.exceptions.ClientError, match="not supported"):
        client.tag_delivery_stream(DeliveryStreamName="s", Tags=[{"Key": "k", "Value": "v"}])
