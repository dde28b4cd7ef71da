"""Backups and restores through unmodified boto3 over HTTP."""

import boto3
import pytest
from botocore.waiter import WaiterModel, create_waiter_with_client

import cloudcore

AVAILABLE = WaiterModel(
    {
        "version": 2,
        "waiters": {
            "BackupAvailable": {
                "operation": "DescribeBackup", "delay": 0.01, "maxAttempts": 3000,
                "acceptors": [{"matcher": "path", "state": "success", "expected": "AVAILABLE",
                               "argument": "BackupDescription.BackupDetails.BackupStatus"}],
            }
        },
    }
)  # fmt: skip


@pytest.fixture(scope="module")
def client():
    with cloudcore.open(":memory:") as cloud, cloud.serve() as served:
        yield boto3.client(
            "dynamodb", endpoint_url=served.url, region_name="us-east-1",
            aws_access_key_id="test", aws_secret_access_key="test",
        )  # fmt: skip


def test_backup_and_restore(client):
    client.create_table(
        TableName="orders", BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )  # fmt: skip
    items = [{"id": {"S": str(n)}, "blob": {"B": bytes([n % 256]) * n}} for n in range(300)]
    for item in items:
        client.put_item(TableName="orders", Item=item)
    arn = client.create_backup(TableName="orders", BackupName="nightly")["BackupDetails"]["BackupArn"]
    create_waiter_with_client("BackupAvailable", AVAILABLE, client).wait(BackupArn=arn)
    pages = client.get_paginator("list_backups").paginate(PaginationConfig={"PageSize": 1})
    assert [summary["BackupArn"] for page in pages for summary in page["BackupSummaries"]] == [arn]
    client.restore_table_from_backup(TargetTableName="copy", BackupArn=arn)
    client.get_waiter("table_exists").wait(TableName="copy", WaiterConfig={"Delay": 1})
    found = [item for page in client.get_paginator("scan").paginate(TableName="copy") for item in page["Items"]]
    assert sorted(found, key=lambda item: int(item["id"]["S"])) == items
    client.delete_backup(BackupArn=arn)
    with pytest.raises(client.exceptions.BackupNotFoundException) as caught:
        client.describe_backup(BackupArn=arn)
    assert caught.value.response["Error"]["Message"] == f"Backup not found: {arn}"
