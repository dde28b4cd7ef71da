"""Destinations that are no bucket, through unmodified boto3: create, describe, update, refusals."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from firehose_support import client_of

from cloudcore.firehose import Firehose
from cloudcore.objects import LocalObjects

ROLE = "arn:aws:iam::000000000000:role/r"
BUCKET = {"RoleARN": ROLE, "BucketARN": "arn:aws:s3:::b"}
PLAIN = {
    **BUCKET, "BufferingHints": {"SizeInMBs": 5, "IntervalInSeconds": 300}, "CompressionFormat": "UNCOMPRESSED",
    "EncryptionConfiguration": {"NoEncryptionConfig": "NoEncryption"}, "CloudWatchLoggingOptions": {"Enabled": False},
}  # fmt: skip
HTTP = {"EndpointConfiguration": {"Url": "https://there/in", "Name": "n", "AccessKey": "secret"}, "S3Configuration": BUCKET}

# kind -> configuration, what its description adds and hides, an update and what it changes
KINDS: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "HttpEndpoint": (
        HTTP,
        {
            "EndpointConfiguration": {"Url": "https://there/in", "Name": "n"},
            "RequestConfiguration": {"ContentEncoding": "NONE"}, "S3BackupMode": "FailedDataOnly",
            "BufferingHints": {"SizeInMBs": 5, "IntervalInSeconds": 300}, "RetryOptions": {"DurationInSeconds": 300},
            "CloudWatchLoggingOptions": {"Enabled": False}, "S3DestinationDescription": PLAIN,
        },
        {"RequestConfiguration": {"ContentEncoding": "GZIP"}, "S3Update": {"Prefix": "p/"}, "S3BackupMode": "AllData"},
        {
            "RequestConfiguration": {"ContentEncoding": "GZIP"}, "S3BackupMode": "AllData",
            "S3DestinationDescription": {**PLAIN, "Prefix": "p/"},
        },
    ),
    "Splunk": (
        {"HECEndpoint": "https://splunk:8088", "HECEndpointType": "Raw", "HECToken": "t", "S3Configuration": BUCKET},
        {
            "HECEndpoint": "https://splunk:8088", "HECEndpointType": "Raw", "HECToken": "t",
            "HECAcknowledgmentTimeoutInSeconds": 180, "S3BackupMode": "FailedEventsOnly",
            "BufferingHints": {"SizeInMBs": 5, "IntervalInSeconds": 60}, "RetryOptions": {"DurationInSeconds": 300},
            "CloudWatchLoggingOptions": {"Enabled": False}, "S3DestinationDescription": PLAIN,
        },
        {"HECAcknowledgmentTimeoutInSeconds": 600, "HECEndpointType": "Event", "S3BackupMode": "AllEvents"},
        {"HECAcknowledgmentTimeoutInSeconds": 600, "HECEndpointType": "Event", "S3BackupMode": "AllEvents"},
    ),
}  # fmt: skip
SEARCH = {
    "RoleARN": ROLE, "BufferingHints": {"SizeInMBs": 5, "IntervalInSeconds": 300}, "IndexName": "i",
    "RetryOptions": {"DurationInSeconds": 300}, "CloudWatchLoggingOptions": {"Enabled": False},
    "S3BackupMode": "FailedDocumentsOnly", "S3DestinationDescription": PLAIN,
}  # fmt: skip
for name in ("Elasticsearch", "Amazonopensearchservice"):
    KINDS[name] = (
        {"RoleARN": ROLE, "ClusterEndpoint": "https://node", "IndexName": "i", "S3Configuration": BUCKET},
        {**SEARCH, "ClusterEndpoint": "https://node", "IndexRotationPeriod": "OneDay",
         "DocumentIdOptions": {"DefaultDocumentIdFormat": "FIREHOSE_DEFAULT"}},
        {"IndexName": "j", "IndexRotationPeriod": "OneWeek", "TypeName": "t", "RetryOptions": {"DurationInSeconds": 0},
         "DocumentIdOptions": {"DefaultDocumentIdFormat": "NO_DOCUMENT_ID"}},
        {"IndexName": "j", "IndexRotationPeriod": "OneWeek", "TypeName": "t", "RetryOptions": {"DurationInSeconds": 0},
         "DocumentIdOptions": {"DefaultDocumentIdFormat": "NO_DOCUMENT_ID"}},
    )  # fmt: skip
KINDS["AmazonOpenSearchServerless"] = (
    {"RoleARN": ROLE, "CollectionEndpoint": "https://c.us-east-1.aoss.amazonaws.com", "IndexName": "i", "S3Configuration": BUCKET},
    {**SEARCH, "CollectionEndpoint": "https://c.us-east-1.aoss.amazonaws.com"},
    {"IndexName": "j"},
    {"IndexName": "j"},
)

REDSHIFT = {
    "RoleARN": ROLE, "ClusterJDBCURL": "jdbc:redshift://a.b.us-east-1.redshift.amazonaws.com:5439/dev", "Username": "u",
    "CopyCommand": {"DataTableName": "t", "CopyOptions": "json 'auto'"},
}  # fmt: skip
ICEBERG = {
    "RoleARN": ROLE, "CatalogConfiguration": {"CatalogARN": "arn:aws:glue:us-east-1:000000000000:catalog"},
    "DestinationTableConfigurationList": [{"DestinationDatabaseName": "d", "DestinationTableName": "t", "UniqueKeys": ["id"]}],
}  # fmt: skip
KINDS["Iceberg"] = (
    {**ICEBERG, "S3Configuration": BUCKET},
    {**ICEBERG, "AppendOnly": False, "BufferingHints": {"SizeInMBs": 5, "IntervalInSeconds": 300},
     "RetryOptions": {"DurationInSeconds": 300}, "S3BackupMode": "FailedDataOnly",
     "CloudWatchLoggingOptions": {"Enabled": False}, "S3DestinationDescription": PLAIN},
    {"AppendOnly": True, "S3Configuration": {**BUCKET, "Prefix": "p/"}},
    {"AppendOnly": True, "S3DestinationDescription": {**PLAIN, "Prefix": "p/"}},
)  # fmt: skip
KINDS["Redshift"] = (
    {**REDSHIFT, "Password": "secret1", "S3Configuration": BUCKET},
    {**REDSHIFT, "RetryOptions": {"DurationInSeconds": 3600}, "S3BackupMode": "Disabled",
     "CloudWatchLoggingOptions": {"Enabled": False}, "S3DestinationDescription": PLAIN},
    {"CopyCommand": {"DataTableName": "u", "CopyOptions": "csv"}, "S3BackupMode": "Enabled",
     "S3BackupUpdate": {**BUCKET, "Prefix": "raw/"}},
    {"CopyCommand": {"DataTableName": "u", "CopyOptions": "csv"}, "S3BackupMode": "Enabled",
     "S3BackupDescription": {**PLAIN, "Prefix": "raw/"}},
)  # fmt: skip


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Firehose]:
    service = Firehose(tmp_path / "firehose", objects=LocalObjects(tmp_path / "objects"))
    yield service
    service.close()


@pytest.fixture
def client(service: Firehose) -> Any:
    return client_of(service)


def described(client: Any, name: str = "s") -> dict[str, Any]:
    return client.describe_delivery_stream(DeliveryStreamName=name)["DeliveryStreamDescription"]


def update(client: Any, kind: str, members: dict[str, Any]) -> None:
    found = described(client)
    client.update_destination(
        DeliveryStreamName="s", CurrentDeliveryStreamVersionId=found["VersionId"],
        DestinationId=found["Destinations"][0]["DestinationId"], **{f"{kind}DestinationUpdate": members},
    )  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_create_describe_update(client: Any, kind: str) -> None:
    configuration, shown, change, changed = KINDS[kind]
    client.create_delivery_stream(DeliveryStreamName="s", **{f"{kind}DestinationConfiguration": configuration})
    member = f"{kind}DestinationDescription"
    (destination,) = described(client)["Destinations"]
    assert destination == {"DestinationId": "destinationId-000000000001", member: shown}
    update(client, kind, change)
    found = described(client)
    assert found["VersionId"] == "2" and found["Destinations"][0][member] == {**shown, **changed}
    assert "secret" not in str(found)


def test_the_backup_mode_does_not_fall_back(client: Any) -> None:
    client.create_delivery_stream(DeliveryStreamName="s", HttpEndpointDestinationConfiguration={**HTTP, "S3BackupMode": "AllData"})
    with pytest.raises(ClientError, match="cannot be changed from AllData"):
        update(client, "HttpEndpoint", {"S3BackupMode": "FailedDataOnly"})


def test_a_search_destination_stays_one(client: Any) -> None:
    client.create_delivery_stream(DeliveryStreamName="s", AmazonopensearchserviceDestinationConfiguration=KINDS["Amazonopensearchservice"][0])
    with pytest.raises(ClientError, match="Switching between Amazonopensearchservice and HttpEndpoint"):
        update(client, "HttpEndpoint", {"EndpointConfiguration": {"Url": "https://there"}, "S3Update": BUCKET})


def test_a_domain_and_an_endpoint_take_each_others_place(client: Any) -> None:
    domain = "arn:aws:es:us-east-1:000000000000:domain/logs"
    start = {k: v for k, v in KINDS["Amazonopensearchservice"][0].items() if k != "ClusterEndpoint"}
    client.create_delivery_stream(
        DeliveryStreamName="s", AmazonopensearchserviceDestinationConfiguration={**start, "DomainARN": domain}
    )
    with pytest.raises(ClientError, match="cannot be specified together"):
        update(client, "Amazonopensearchservice", {"DomainARN": domain, "ClusterEndpoint": "https://there"})
    for given, gone in (({"ClusterEndpoint": "https://there"}, "DomainARN"), ({"DomainARN": domain}, "ClusterEndpoint")):
        update(client, "Amazonopensearchservice", given)
        found = described(client)["Destinations"][0]["AmazonopensearchserviceDestinationDescription"]
        assert gone not in found and {**found, **given} == found


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"DomainARN": "arn:aws:es:us-east-1:000000000000:domain/logs"}, "cannot be specified together"),
        ({"ClusterEndpoint": None}, "ClusterEndpoint is required"),
        ({"VpcConfiguration": {"SubnetIds": ["s"], "RoleARN": ROLE, "SecurityGroupIds": ["g"]}}, "there is no VPC"),
        ({"IndexName": "i" * 81}, "length less than or equal to 80"),
        ({"BufferingHints": {"SizeInMBs": 101}}, "less than or equal to 100"),
    ],
)
def test_what_a_search_destination_refuses(client: Any, change: dict[str, Any], words: str) -> None:
    members = {**KINDS["Amazonopensearchservice"][0], **change}
    with pytest.raises(ClientError, match=words):
        client.create_delivery_stream(
            DeliveryStreamName="s",
            AmazonopensearchserviceDestinationConfiguration={k: v for k, v in members.items() if v is not None},
        )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"S3Configuration": {**BUCKET, "CompressionFormat": "Snappy"}}, "not supported by the Redshift COPY"),
        ({"S3Configuration": {**BUCKET, "CompressionFormat": "ZIP"}}, "not supported by the Redshift COPY"),
        ({"S3Configuration": {**BUCKET, "CompressionFormat": "GZIP"}}, "go together"),
        ({"S3Configuration": {**BUCKET, "Prefix": "!{timestamp:yyyy}/"}}, "takes no expressions"),
        ({"S3Configuration": {**BUCKET, "ErrorOutputPrefix": "e/"}}, "must be null or empty"),
        ({"Password": None}, "Username and Password are required"),
        ({"S3BackupMode": "Enabled"}, "S3BackupConfiguration is required"),
        ({"CopyCommand": {"DataTableName": "t", "DataTableColumns": "a b"}}, "no list of columns"),
        ({"CopyCommand": {"DataTableName": "t", "CopyOptions": "fixedwidth 'a:1'"}}, "fixedwidth|FIXEDWIDTH"),
        ({"CopyCommand": {"DataTableName": "t", "CopyOptions": "json 'noshred'"}}, "noshred"),
        ({"CopyCommand": {"DataTableName": "t", "CopyOptions": "maxerror 'x'"}}, "needs a value"),
        ({"CopyCommand": {"DataTableName": "t", "CopyOptions": "csv json 'auto'"}}, "more than one"),
        ({"CopyCommand": {"DataTableName": "t", "CopyOptions": "csv \"x"}}, "cannot be read"),
    ],
)
def test_what_a_redshift_destination_refuses(client: Any, change: dict[str, Any], words: str) -> None:
    members = {k: v for k, v in {**KINDS["Redshift"][0], **change}.items() if v is not None}
    with pytest.raises(ClientError, match=words):
        client.create_delivery_stream(DeliveryStreamName="s", RedshiftDestinationConfiguration=members)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"S3BackupMode": "AllData"}, "must be FailedDataOnly"),
        ({"TableCreationConfiguration": {"Enabled": True}}, "make the table first"),
        ({"SchemaEvolutionConfiguration": {"Enabled": True}}, "not supported"),
        ({"DestinationTableConfigurationList": []}, "is one table"),
        ({"CatalogConfiguration": {"WarehouseLocation": "s3://b/w"}}, "WarehouseLocation"),
        ({"DestinationTableConfigurationList": [
            {"DestinationDatabaseName": "d", "DestinationTableName": "t", "PartitionSpec": {"Identity": [{"SourceName": "a"}]}}]},
         "PartitionSpec"),
    ],
)  # fmt: skip
def test_what_an_iceberg_destination_refuses(client: Any, change: dict[str, Any], words: str) -> None:
    with pytest.raises(ClientError, match=words):
        client.create_delivery_stream(
            DeliveryStreamName="s", IcebergDestinationConfiguration={**KINDS["Iceberg"][0], **change}
        )


def test_another_type_of_destination_needs_all_its_members(client: Any) -> None:
    client.create_delivery_stream(DeliveryStreamName="s", ExtendedS3DestinationConfiguration={**BUCKET, "Prefix": "a/"})
    with pytest.raises(ClientError, match="s3Configuration"):
        update(client, "HttpEndpoint", {"EndpointConfiguration": {"Url": "https://there"}})
    update(client, "HttpEndpoint", {"EndpointConfiguration": {"Url": "https://there"}, "S3Update": BUCKET})
    (destination,) = described(client)["Destinations"]
    assert set(destination) == {"DestinationId", "HttpEndpointDestinationDescription"}
    assert "Prefix" not in destination["HttpEndpointDestinationDescription"]["S3DestinationDescription"]
    update(client, "ExtendedS3", BUCKET)
    assert "ExtendedS3DestinationDescription" in described(client)["Destinations"][0]


def test_one_destination_and_none_that_is_not_there(client: Any) -> None:
    for members, words in (
        ({"ExtendedS3DestinationConfiguration": BUCKET, "HttpEndpointDestinationConfiguration": HTTP}, "Exactly one"),
        ({"SnowflakeDestinationConfiguration": {
            "AccountUrl": "https://account.snowflakecomputing.com", "Database": "d", "Schema": "s", "Table": "t",
            "RoleARN": ROLE, "S3Configuration": BUCKET}}, "Snowflake is not supported"),
    ):  # fmt: skip
        with pytest.raises(ClientError, match=words):
            client.create_delivery_stream(DeliveryStreamName="s", **members)
