"""Unmodified boto3 against the service: its requests go in, our replies through its parser."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from firehose_support import client_of

from cloudcore.firehose import Firehose
from cloudcore.objects import LocalObjects


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Firehose]:
    service = Firehose(tmp_path / "firehose", objects=LocalObjects(tmp_path / "objects"))
    yield service
    service.close()


@pytest.fixture
def client(service: Firehose) -> Any:
    return client_of(service)


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
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.tag_delivery_stream(DeliveryStreamName="s", Tags=[{"Key": "k", "Value": "v"}])


S3 = {
    "RoleARN": "arn:aws:iam::000000000000:role/r",
    "BucketARN": "arn:aws:s3:::b",
    "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 900},
}


def describe(client: Any, name: str = "s") -> dict[str, Any]:
    return client.describe_delivery_stream(DeliveryStreamName=name)["DeliveryStreamDescription"]


def test_update_destination(client: Any, service: Firehose) -> None:
    client.create_delivery_stream(
        DeliveryStreamName="s", ExtendedS3DestinationConfiguration={**S3, "Prefix": "one/"}
    )
    first = describe(client)
    assert "LastUpdateTimestamp" not in first
    client.put_record(DeliveryStreamName="s", Record={"Data": b"before"})
    assert service.get("s").flush(10)
    update = {
        "DeliveryStreamName": "s", "CurrentDeliveryStreamVersionId": "1",
        "DestinationId": first["Destinations"][0]["DestinationId"],
    }  # fmt: skip
    client.update_destination(
        **update, ExtendedS3DestinationUpdate={"Prefix": "two/", "CompressionFormat": "GZIP"}
    )
    client.put_record(DeliveryStreamName="s", Record={"Data": b"after"})
    found = describe(client)
    assert (found["VersionId"], found["DeliveryStreamStatus"]) == ("2", "ACTIVE")
    assert found["LastUpdateTimestamp"] >= found["CreateTimestamp"]
    extended = found["Destinations"][0]["ExtendedS3DestinationDescription"]
    assert (extended["Prefix"], extended["CompressionFormat"]) == ("two/", "GZIP")
    assert extended["BufferingHints"] == {"SizeInMBs": 1, "IntervalInSeconds": 900}  # kept
    with pytest.raises(
        client.exceptions.ConcurrentModificationException, match="current version id: 2 and specified"
    ):
        client.update_destination(**update, ExtendedS3DestinationUpdate={"Prefix": "three/"})
    for change, words in (
        ({"DestinationId": "destinationId-000000000009"}, "Destination Id destinationId-000000000009"),
        ({"ExtendedS3DestinationUpdate": {"CompressionFormat": "Snappy", "Surprise": 1}}, "Unknown parameter"),
        ({"S3DestinationUpdate": {"Prefix": "x/"}}, "Exactly one destination"),
        ({"ExtendedS3DestinationUpdate": {
            "ErrorOutputPrefix": "e/", "DynamicPartitioningConfiguration": {"Enabled": True},
            "Prefix": "!{partitionKeyFromLambda:k}/"}}, "artition"),
    ):  # fmt: skip
        with pytest.raises(Exception, match=words):
            client.update_destination(
                **{**update, "CurrentDeliveryStreamVersionId": "2",
                   "ExtendedS3DestinationUpdate": {"Prefix": "x/"}, **change}
            )  # fmt: skip
    assert describe(client)["VersionId"] == "2"
    assert service.get("s").flush(10)
    keys = list(service.objects.list("b"))
    assert [key[:4] for key in keys] == ["one/", "two/"]
    assert "/s-1-" in keys[0] and "/s-2-" in keys[1] and keys[1].endswith(".gz")
    assert service.objects.get("b", keys[0]) == b"before"


def test_an_update_turns_the_backup_on(client: Any, service: Firehose) -> None:
    client.create_delivery_stream(DeliveryStreamName="s", ExtendedS3DestinationConfiguration=S3)
    client.put_record(DeliveryStreamName="s", Record={"Data": b"before"})
    assert service.get("s").flush(10)
    plain = {name: S3[name] for name in ("RoleARN", "BucketARN")}
    client.update_destination(
        DeliveryStreamName="s", CurrentDeliveryStreamVersionId="1", DestinationId="destinationId-000000000001",
        ExtendedS3DestinationUpdate={"S3BackupMode": "Enabled", "S3BackupUpdate": {**plain, "Prefix": "raw/"}},
    )  # fmt: skip
    client.update_destination(
        DeliveryStreamName="s", CurrentDeliveryStreamVersionId="2", DestinationId="destinationId-000000000001",
        ExtendedS3DestinationUpdate={"S3BackupUpdate": {"CompressionFormat": "GZIP"}},
    )  # fmt: skip
    backup = describe(client)["Destinations"][0]["ExtendedS3DestinationDescription"]["S3BackupDescription"]
    assert (backup["Prefix"], backup["CompressionFormat"]) == ("raw/", "GZIP")
    client.put_record(DeliveryStreamName="s", Record={"Data": b"after"})
    assert service.get("s").flush(10)
    (raw,) = service.objects.list("b", "raw/")
    assert raw.endswith(".gz")
    status = service.get("s").status()
    assert (status["delivered"], status["backed_up"]) == (2, 1)


def test_tags(client: Any) -> None:
    client.create_delivery_stream(
        DeliveryStreamName="s", ExtendedS3DestinationConfiguration=S3, Tags=[{"Key": "b", "Value": "1"}]
    )
    client.tag_delivery_stream(
        DeliveryStreamName="s", Tags=[{"Key": "a"}, {"Key": "c", "Value": "x"}, {"Key": "b", "Value": "2"}]
    )
    first = client.list_tags_for_delivery_stream(DeliveryStreamName="s", Limit=2)
    assert (first["Tags"], first["HasMoreTags"]) == (
        [{"Key": "a", "Value": ""}, {"Key": "b", "Value": "2"}], True,
    )  # fmt: skip
    rest = client.list_tags_for_delivery_stream(DeliveryStreamName="s", ExclusiveStartTagKey="b")
    assert (rest["Tags"], rest["HasMoreTags"]) == ([{"Key": "c", "Value": "x"}], False)
    client.untag_delivery_stream(DeliveryStreamName="s", TagKeys=["a", "none"])
    with pytest.raises(client.exceptions.LimitExceededException, match="at most 50"):
        client.tag_delivery_stream(DeliveryStreamName="s", Tags=[{"Key": f"k{n}"} for n in range(49)])
    for key, words in (("aws:x", "regular expression"), ("k" * 129, "128"), ("a*", "regular expression")):
        with pytest.raises(client.exceptions.ClientError, match=words):
            client.tag_delivery_stream(DeliveryStreamName="s", Tags=[{"Key": key}])
    tags = client.list_tags_for_delivery_stream(DeliveryStreamName="s")["Tags"]
    assert [tag["Key"] for tag in tags] == ["b", "c"]


def test_states_are_shown_for_as_long_as_asked(tmp_path: Path) -> None:
    from cloudcore.clock import ManualClock
    from cloudcore.errors import ApiError

    clock = ManualClock()
    options: dict[str, Any] = {"objects": LocalObjects(tmp_path / "objects"), "clock": clock}
    service = Firehose(tmp_path / "firehose", transition_seconds=60, **options)

    def status(service: Firehose) -> str:
        answer = service.call("DescribeDeliveryStream", {"DeliveryStreamName": "s"})
        return answer["DeliveryStreamDescription"]["DeliveryStreamStatus"]

    def code(operation: str, **params: Any) -> str:
        with pytest.raises(ApiError) as caught:
            service.call(operation, {"DeliveryStreamName": "s", **params})
        return caught.value.code

    create = {"DeliveryStreamName": "s", "ExtendedS3DestinationConfiguration": S3}
    service.call("CreateDeliveryStream", create)
    assert status(service) == "CREATING"
    assert code("PutRecord", Record={"Data": b"x"}) == "ResourceNotFoundException"
    assert code("DeleteDeliveryStream") == "ResourceInUseException"
    clock.advance(61)
    assert status(service) == "ACTIVE"
    service.call("PutRecord", {"DeliveryStreamName": "s", "Record": {"Data": b"x"}})
    service.call("DeleteDeliveryStream", {"DeliveryStreamName": "s"})
    service.call("DeleteDeliveryStream", {"DeliveryStreamName": "s"})
    assert status(service) == "DELETING"
    assert code("PutRecord", Record={"Data": b"x"}) == "ResourceNotFoundException"
    assert code("CreateDeliveryStream", ExtendedS3DestinationConfiguration=S3) == "ResourceInUseException"
    service.close()
    service = Firehose(tmp_path / "firehose", transition_seconds=60, **options)  # as after a kill
    assert status(service) == "DELETING"
    clock.advance(61)
    assert service.call("ListDeliveryStreams", {})["DeliveryStreamNames"] == []
    service.close()
    assert not (tmp_path / "firehose" / "s").exists()


def test_encryption(client: Any, service: Firehose, tmp_path: Path) -> None:
    client.create_delivery_stream(DeliveryStreamName="s", ExtendedS3DestinationConfiguration=S3)
    shown = "DeliveryStreamEncryptionConfiguration"
    record = {"Data": b"a secret that nobody may read on the disk"}
    assert describe(client)[shown] == {"Status": "DISABLED"}
    client.stop_delivery_stream_encryption(DeliveryStreamName="s")
    client.start_delivery_stream_encryption(DeliveryStreamName="s")
    assert describe(client)[shown] == {"KeyType": "AWS_OWNED_CMK", "Status": "ENABLED"}
    assert client.put_record(DeliveryStreamName="s", Record=record)["Encrypted"] is True
    assert client.put_record_batch(DeliveryStreamName="s", Records=[record])["Encrypted"] is True
    files = [path for path in (tmp_path / "firehose").rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if b"secret" in path.read_bytes()]
    assert (tmp_path / "firehose" / "@key").stat().st_mode & 0o777 == 0o600
    client.stop_delivery_stream_encryption(DeliveryStreamName="s")
    assert describe(client)[shown] == {"KeyType": "AWS_OWNED_CMK", "Status": "DISABLED"}
    assert client.put_record(DeliveryStreamName="s", Record=record)["Encrypted"] is False
    assert service.get("s").flush(10)
    data = b"".join(service.objects.get("b", key) for key in service.objects.list("b"))
    assert data == record["Data"] * 3
    client.create_delivery_stream(
        DeliveryStreamName="t", ExtendedS3DestinationConfiguration=S3,
        DeliveryStreamEncryptionConfigurationInput={"KeyType": "AWS_OWNED_CMK"},
    )  # fmt: skip
    assert client.put_record(DeliveryStreamName="t", Record=record)["Encrypted"] is True
    with pytest.raises(client.exceptions.InvalidKMSResourceException, match="no endpoint for kms is configured"):
        client.start_delivery_stream_encryption(
            DeliveryStreamName="s", DeliveryStreamEncryptionConfigurationInput={
                "KeyType": "CUSTOMER_MANAGED_CMK", "KeyARN": "arn:aws:kms:us-east-1:000000000000:key/k"},
        )  # fmt: skip
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.start_delivery_stream_encryption(DeliveryStreamName="none")


def test_the_plain_s3_destination_and_the_hint_of_a_source(client: Any) -> None:
    client.create_delivery_stream(
        DeliveryStreamName="s", S3DestinationConfiguration=S3,
        DirectPutSourceConfiguration={"ThroughputHintInMBs": 7},
    )  # fmt: skip
    assert describe(client)["Source"] == {"DirectPutSourceDescription": {"ThroughputHintInMBs": 7}}


def test_encryption_starts_and_stops_by_states(tmp_path: Any) -> None:
    """ENABLING and DISABLING for as long as the service's transitions take; what is put is sealed from the call on."""
    from cloudcore.clock import ManualClock

    clock = ManualClock()
    service = Firehose(tmp_path / "firehose", transition_seconds=60, clock=clock, objects=LocalObjects(tmp_path / "objects"))
    bucket = {"RoleARN": "arn:aws:iam::000000000000:role/r", "BucketARN": "arn:aws:s3:::b"}
    service.call("CreateDeliveryStream", {"DeliveryStreamName": "s", "ExtendedS3DestinationConfiguration": bucket})
    name = {"DeliveryStreamName": "s"}

    def status() -> str:
        found = service.call("DescribeDeliveryStream", name)["DeliveryStreamDescription"]
        return str(found["DeliveryStreamEncryptionConfiguration"]["Status"])

    clock.advance(61)
    seen = [status()]
    for operation in ("StartDeliveryStreamEncryption", "StopDeliveryStreamEncryption"):
        service.call(operation, name)
        seen.append(status())
        clock.advance(61)
        seen.append(status())
    assert seen == ["DISABLED", "ENABLING", "ENABLED", "DISABLING", "DISABLED"]
    service.close()
