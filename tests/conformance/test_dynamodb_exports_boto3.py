"""An export through unmodified boto3 over HTTP, its objects read through S3 of the same cloud."""

import gzip
import json

import boto3
from botocore.waiter import WaiterModel, create_waiter_with_client

import cloudcore

COMPLETED = WaiterModel(
    {
        "version": 2,
        "waiters": {
            "ExportCompleted": {
                "operation": "DescribeExport", "delay": 0.01, "maxAttempts": 3000,
                "acceptors": [{"matcher": "path", "state": "success", "expected": "COMPLETED",
                               "argument": "ExportDescription.ExportStatus"}],
            }
        },
    }
)  # fmt: skip


def test_export():
    with cloudcore.open(":memory:") as cloud, cloud.serve() as served:
        options = {
            "endpoint_url": served.url, "region_name": "us-east-1",
            "aws_access_key_id": "test", "aws_secret_access_key": "test",
        }  # fmt: skip
        client, s3 = boto3.client("dynamodb", **options), boto3.client("s3", **options)
        client.create_table(
            TableName="orders", BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        )  # fmt: skip
        for number in range(50):
            client.put_item(TableName="orders", Item={"id": {"S": str(number)}, "b": {"B": bytes([number])}})
        client.update_continuous_backups(
            TableName="orders", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
        )
        s3.create_bucket(Bucket="exports")
        table_arn = client.describe_table(TableName="orders")["Table"]["TableArn"]
        wanted = {"FilterExpression": "b > :b", "ExpressionAttributeValues": {":b": {"B": b"\x05"}}}
        begun = client.export_table_to_point_in_time(
            TableArn=table_arn, S3Bucket="exports", S3Prefix="nightly", FilterSpecification=wanted
        )["ExportDescription"]
        create_waiter_with_client("ExportCompleted", COMPLETED, client).wait(ExportArn=begun["ExportArn"])
        done = client.describe_export(ExportArn=begun["ExportArn"])["ExportDescription"]
        assert done["FilterSpecification"] == wanted and done["ItemCount"] == 44
        assert done["ClientToken"] == begun["ClientToken"]  # boto3 makes one

        def read(key):
            return s3.get_object(Bucket="exports", Key=key)["Body"].read()

        summary = json.loads(read(done["ExportManifest"]))
        entries = [json.loads(line) for line in read(summary["manifestFilesS3Key"]).splitlines()]
        lines = b"".join(gzip.decompress(read(entry["dataFileS3Key"])) for entry in entries).splitlines()
        assert {json.loads(line)["Item"]["id"]["S"] for line in lines} == {str(n) for n in range(6, 50)}
        listed = client.list_exports(TableArn=table_arn)["ExportSummaries"]
        assert [one["ExportArn"] for one in listed] == [begun["ExportArn"]]
