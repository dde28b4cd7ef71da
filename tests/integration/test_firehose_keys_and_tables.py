"""Customer managed keys and tables of SchemaConfiguration at moto's KMS and Glue, as a cloud reaches them."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pyarrow.parquet as pq
import pytest
from moto_support import moto_server

import cloudcore

ROLE = "arn:aws:iam::000000000000:role/firehose"
BUCKET = {"RoleARN": ROLE, "BucketARN": "arn:aws:s3:::lake"}
KEYS = {"region_name": "us-east-1", "aws_access_key_id": "a", "aws_secret_access_key": "b"}
SECRET = b"a secret that no disk may show"


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    pytest.importorskip("moto.server", reason="pip install 'moto[server]'")
    with moto_server() as url:
        yield url


def reached(url: str) -> dict[str, str]:
    return {"arn:aws:kms:": url, "arn:aws:glue:": url}


def at_rest(path: Path) -> bytes:
    return b"".join(file.read_bytes() for file in path.rglob("*") if file.is_file() and "objects" not in file.parts)


def managed(key: str) -> dict[str, Any]:
    return {"DeliveryStreamEncryptionConfigurationInput": {"KeyType": "CUSTOMER_MANAGED_CMK", "KeyARN": key}}


def test_a_customer_managed_key_seals_a_stream(moto: str, tmp_path: Path) -> None:
    kms = boto3.client("kms", endpoint_url=moto, **KEYS)
    key, other = (kms.create_key()["KeyMetadata"]["Arn"] for _ in range(2))
    with cloudcore.open(tmp_path / "c", reach=reached(moto)) as cloud:
        client = cloud.client("firehose")
        client.create_delivery_stream(
            DeliveryStreamName="s", ExtendedS3DestinationConfiguration=BUCKET, **managed(key)
        )
        told = client.describe_delivery_stream(DeliveryStreamName="s")["DeliveryStreamDescription"]
        assert told["DeliveryStreamEncryptionConfiguration"] == {
            "KeyType": "CUSTOMER_MANAGED_CMK", "KeyARN": key, "Status": "ENABLED",
        }  # fmt: skip
        assert client.put_record(DeliveryStreamName="s", Record={"Data": SECRET})["Encrypted"] is True
        client.start_delivery_stream_encryption(DeliveryStreamName="s", **managed(other))
        client.put_record(DeliveryStreamName="s", Record={"Data": SECRET})
        assert SECRET not in at_rest(tmp_path / "c")
    with cloudcore.open(tmp_path / "c", reach=reached("http://127.0.0.1:9")) as cloud:
        client = cloud.client("firehose")
        with pytest.raises(client.exceptions.InvalidKMSResourceException, match="cannot be used: Could not connect"):
            client.put_record(DeliveryStreamName="s", Record={"Data": b"x"})
    with cloudcore.open(tmp_path / "c", reach=reached(moto)) as cloud:
        client = cloud.client("firehose")
        client.stop_delivery_stream_encryption(DeliveryStreamName="s")
        assert client.put_record(DeliveryStreamName="s", Record={"Data": b"plain"})["Encrypted"] is False
        assert cloud.firehose.get("s").flush(120)
        (found,) = cloud.objects.list("lake")
        assert cloud.objects.get("lake", found) == SECRET * 2 + b"plain"


def encryption_of(client: Any) -> dict[str, Any]:
    told: dict[str, Any] = client.describe_delivery_stream(DeliveryStreamName="s")["DeliveryStreamDescription"]
    return {**told["DeliveryStreamEncryptionConfiguration"], "state": told["DeliveryStreamStatus"]}


@pytest.mark.parametrize("down", [False, True])
def test_a_key_that_kms_does_not_give(moto: str, tmp_path: Path, down: bool) -> None:
    """The stream is CREATING_FAILED and can only be deleted; one that is there goes on as it was, ENABLING_FAILED,
    until a start that succeeds or a stop."""
    kms = boto3.client("kms", endpoint_url=moto, **KEYS)
    good = kms.create_key()["KeyMetadata"]["Arn"]
    absent = good[:-12] + "0" * 12
    where = reached("http://127.0.0.1:9" if down else moto)
    with cloudcore.open(tmp_path / "c", reach=where) as cloud:
        client = cloud.client("firehose")
        client.create_delivery_stream(DeliveryStreamName="s", ExtendedS3DestinationConfiguration=BUCKET, **managed(absent))
    with cloudcore.open(tmp_path / "c", reach=where) as cloud:
        client = cloud.client("firehose")
        found = encryption_of(client)
        kind = "UNKNOWN_ERROR" if down else "KMS_KEY_NOT_FOUND"
        assert (found["state"], found["Status"], found["KeyARN"]) == ("CREATING_FAILED", "ENABLING_FAILED", absent)
        assert found["FailureDescription"]["Type"] == kind and absent in found["FailureDescription"]["Details"]
        whole = client.describe_delivery_stream(DeliveryStreamName="s")["DeliveryStreamDescription"]
        assert whole["FailureDescription"] == found["FailureDescription"]
        with pytest.raises(client.exceptions.ResourceNotFoundException):
            client.put_record(DeliveryStreamName="s", Record={"Data": b"x"})
        with pytest.raises(client.exceptions.ResourceInUseException):
            client.start_delivery_stream_encryption(DeliveryStreamName="s")
        client.delete_delivery_stream(DeliveryStreamName="s")
        client.create_delivery_stream(DeliveryStreamName="s", ExtendedS3DestinationConfiguration=BUCKET)
        client.start_delivery_stream_encryption(DeliveryStreamName="s", **managed(absent))
        found = encryption_of(client)
        assert (found["state"], found["Status"]) == ("ACTIVE", "ENABLING_FAILED")
        assert found["FailureDescription"]["Type"] == kind
        assert client.put_record(DeliveryStreamName="s", Record={"Data": b"x"})["Encrypted"] is False
        if down:
            client.stop_delivery_stream_encryption(DeliveryStreamName="s")
            assert encryption_of(client)["Status"] == "DISABLED"
            return
        client.start_delivery_stream_encryption(DeliveryStreamName="s", **managed(good))
        assert encryption_of(client) == {"KeyType": "CUSTOMER_MANAGED_CMK", "KeyARN": good, "Status": "ENABLED", "state": "ACTIVE"}
        client.start_delivery_stream_encryption(DeliveryStreamName="s", **managed(absent))
        found = encryption_of(client)
        assert (found["KeyARN"], found["Status"]) == (good, "ENABLING_FAILED")
        assert client.put_record(DeliveryStreamName="s", Record={"Data": SECRET})["Encrypted"] is True
        assert SECRET not in at_rest(tmp_path / "c")


@pytest.mark.parametrize(("code", "kind"), [("DisabledException", "DISABLED_KMS_KEY"), ("AccessDeniedException", "KMS_ACCESS_DENIED"),
                                            ("KMSInvalidStateException", "INVALID_KMS_KEY"), ("Other", "UNKNOWN_ERROR")])  # fmt: skip
def test_what_kms_says_is_told_in_the_words_of_firehose(code: str, kind: str) -> None:
    """moto gives data keys of disabled keys too: a client that says no."""
    from botocore.exceptions import ClientError

    from cloudcore.firehose.kms import KeyFailed, KeyRing
    from cloudcore.firehose.sealed import KeyFile

    class Client:
        def generate_data_key_without_plaintext(self, **_: Any) -> None:
            raise ClientError({"Error": {"Code": code, "Message": "no"}}, "GenerateDataKeyWithoutPlaintext")

    with pytest.raises(KeyFailed) as refused:
        KeyRing(KeyFile(None), lambda arn: Client()).new(b"k" * 32, "s", "arn:aws:kms:us-east-1:1:key/k")
    assert refused.value.failure["Type"] == kind and refused.value.code == "InvalidKMSResourceException"


def test_objects_are_encrypted_by_the_key_of_the_configuration(moto: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """SSE-KMS at a real server: data, errors and the backup, each by its own key."""
    for name, value in (("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b"), ("AWS_DEFAULT_REGION", "us-east-1"),
                        ("AWS_ENDPOINT_URL_S3", moto)):  # fmt: skip
        monkeypatch.setenv(name, value)
    s3, kms = (boto3.client(service, endpoint_url=moto, **KEYS) for service in ("s3", "kms"))
    s3.create_bucket(Bucket="sealed")
    keys = [kms.create_key()["KeyMetadata"]["Arn"] for _ in range(2)]

    def block(key: str, prefix: str) -> dict[str, Any]:
        sealed = {"KMSEncryptionConfig": {"AWSKMSKeyARN": key}}
        return {"RoleARN": ROLE, "BucketARN": "arn:aws:s3:::sealed", "Prefix": prefix, "EncryptionConfiguration": sealed}

    with cloudcore.open(":memory:", objects="s3") as cloud:
        client = cloud.client("firehose")
        client.create_delivery_stream(
            DeliveryStreamName="s",
            ExtendedS3DestinationConfiguration={
                **block(keys[0], "data/"), "ErrorOutputPrefix": "errors/", "S3BackupMode": "Enabled",
                "S3BackupConfiguration": block(keys[1], "backup/"),
            },
        )
        client.put_record(DeliveryStreamName="s", Record={"Data": b"x"})
        assert cloud.firehose.get("s").flush(120)
    found = {}
    for entry in s3.list_objects_v2(Bucket="sealed")["Contents"]:
        told = s3.head_object(Bucket="sealed", Key=entry["Key"])
        assert told["ServerSideEncryption"] == "aws:kms"
        found[entry["Key"].partition("/")[0]] = told["SSEKMSKeyId"]
    assert found == {"data": keys[0], "backup": keys[1]}


def test_what_redshift_copies_is_encrypted_too(moto: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    duckdb = pytest.importorskip("duckdb", reason="pip install duckdb")
    for name, value in (("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b"), ("AWS_DEFAULT_REGION", "us-east-1"),
                        ("AWS_ENDPOINT_URL_S3", moto)):  # fmt: skip
        monkeypatch.setenv(name, value)
    s3, kms = (boto3.client(service, endpoint_url=moto, **KEYS) for service in ("s3", "kms"))
    s3.create_bucket(Bucket="copied")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    with duckdb.connect(tmp_path / "db") as database:
        database.execute("create table t (a int)")
    jdbc = "jdbc:redshift://c.redshift.amazonaws.com:5439/dev"
    bucket = {"RoleARN": ROLE, "BucketARN": "arn:aws:s3:::copied",
              "EncryptionConfiguration": {"KMSEncryptionConfig": {"AWSKMSKeyARN": key}}}  # fmt: skip
    with cloudcore.open(":memory:", objects="s3", reach={jdbc: f"duckdb:{tmp_path / 'db'}"}) as cloud:
        cloud.client("firehose").create_delivery_stream(
            DeliveryStreamName="s",
            RedshiftDestinationConfiguration={
                "RoleARN": ROLE, "ClusterJDBCURL": jdbc, "Username": "u", "Password": "password1",
                "CopyCommand": {"DataTableName": "t", "CopyOptions": "json 'auto'"}, "S3Configuration": bucket,
            },
        )  # fmt: skip
        stream = cloud.firehose.get("s")
        stream.put(b'{"a": 1}')
        assert stream.flush(120)
    found = [s3.head_object(Bucket="copied", Key=each["Key"]) for each in s3.list_objects_v2(Bucket="copied")["Contents"]]
    assert [(each["ServerSideEncryption"], each["SSEKMSKeyId"]) for each in found] == [("aws:kms", key)] * 2


def test_without_a_kms_a_key_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL_KMS", raising=False)
    key = "arn:aws:kms:us-east-1:000000000000:key/1"
    with cloudcore.open(":memory:") as cloud:
        client = cloud.client("firehose")
        with pytest.raises(client.exceptions.InvalidKMSResourceException, match="cannot be used"):
            client.create_delivery_stream(
                DeliveryStreamName="s", ExtendedS3DestinationConfiguration=BUCKET, **managed(key)
            )
        assert client.list_delivery_streams()["DeliveryStreamNames"] == []
        for wrong in ({"KeyType": "CUSTOMER_MANAGED_CMK"}, {"KeyType": "AWS_OWNED_CMK", "KeyARN": key}):
            with pytest.raises(client.exceptions.InvalidArgumentException, match="KeyARN"):
                client.create_delivery_stream(
                    DeliveryStreamName="s", ExtendedS3DestinationConfiguration=BUCKET,
                    DeliveryStreamEncryptionConfigurationInput=wrong,
                )  # fmt: skip


def converted(**table: Any) -> dict[str, Any]:
    return {
        **BUCKET, "BufferingHints": {"SizeInMBs": 128, "IntervalInSeconds": 900},
        "DataFormatConversionConfiguration": {
            "SchemaConfiguration": {"RoleARN": ROLE, "DatabaseName": "d", "TableName": "t", **table},
            "InputFormatConfiguration": {"Deserializer": {"OpenXJsonSerDe": {}}},
            "OutputFormatConfiguration": {"Serializer": {"ParquetSerDe": {}}},
        },
    }  # fmt: skip


def test_columns_come_from_glue(moto: str, tmp_path: Path) -> None:
    glue = boto3.client("glue", endpoint_url=moto, **KEYS)
    glue.create_database(DatabaseInput={"Name": "d"})

    def table(*columns: tuple[str, str]) -> dict[str, Any]:
        told = [{"Name": name, "Type": kind} for name, kind in columns]
        return {"Name": "t", "StorageDescriptor": {"Columns": told}, "PartitionKeys": [{"Name": "day", "Type": "string"}]}

    first = (("id", "bigint"), ("price", "decimal(9,2)"), ("tags", "array<struct<k:string,v:int>>"))
    glue.create_table(DatabaseName="d", TableInput=table(*first))
    glue.update_table(DatabaseName="d", TableInput=table(*first, ("seen", "timestamp")))
    versions = [each["VersionId"] for each in glue.get_table_versions(DatabaseName="d", TableName="t")["TableVersions"]]
    oldest = min(versions, key=int)
    record = b'{"id": 1, "price": 2.5, "tags": [{"k": "a", "v": 3}], "seen": "2026-01-02 03:04:05", "day": "x"}'
    with cloudcore.open(tmp_path / "c", reach=reached(moto)) as cloud:
        client = cloud.client("firehose")
        for name, given, columns in (
            ("latest", {"VersionId": "LATEST"}, ["id", "price", "tags", "seen"]),
            ("none", {}, ["id", "price", "tags", "seen"]),
            ("first", {"VersionId": oldest}, ["id", "price", "tags"]),
        ):
            client.create_delivery_stream(DeliveryStreamName=name, ExtendedS3DestinationConfiguration=converted(**given))
            client.put_record(DeliveryStreamName=name, Record={"Data": record})
            client.put_record(DeliveryStreamName=name, Record={"Data": b'{"id": "no number"}'})
            assert cloud.firehose.get(name).flush(120)
            found = {key: cloud.objects.get("lake", key) for key in cloud.objects.list("lake") if f"{name}-1-" in key}
            (data,) = (value for value in found.values() if value.startswith(b"PAR1"))
            assert pq.read_table(io.BytesIO(data)).column_names == columns
            (failed,) = (json.loads(value) for value in found.values() if not value.startswith(b"PAR1"))
            assert failed["dataCatalogTable"]["versionId"] == given.get("VersionId")
        for wrong, words in (
            ({"TableName": "none"}, "d.none .*EntityNotFoundException"),
            ({"VersionId": "77"}, "version 77.*EntityNotFoundException"),
        ):
            with pytest.raises(client.exceptions.InvalidArgumentException, match=words):
                client.create_delivery_stream(DeliveryStreamName="w", ExtendedS3DestinationConfiguration=converted(**wrong))
        glue.update_table(DatabaseName="d", TableInput=table(("x", "uniontype<int>")))
        with pytest.raises(client.exceptions.InvalidArgumentException, match="cannot be used: schema"):
            client.create_delivery_stream(DeliveryStreamName="w", ExtendedS3DestinationConfiguration=converted())
        assert "w" not in client.list_delivery_streams()["DeliveryStreamNames"]


def test_a_glue_that_does_not_answer_is_told_of() -> None:
    with cloudcore.open(":memory:", reach={"arn:aws:glue:": "http://127.0.0.1:9"}) as cloud:
        client = cloud.client("firehose")
        with pytest.raises(client.exceptions.InvalidArgumentException, match="Glue could not be asked for the table"):
            client.create_delivery_stream(DeliveryStreamName="s", ExtendedS3DestinationConfiguration=converted())
