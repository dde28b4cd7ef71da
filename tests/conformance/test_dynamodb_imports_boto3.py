"""An import and a bulk put through unmodified boto3 over HTTP, their objects through S3 of the same cloud."""

import gzip
import json

import boto3
from botocore.waiter import WaiterModel, create_waiter_with_client

import cloudcore


def waiter(client, operation, path, *goal):
    acceptors = [{"matcher": "path", "state": "success", "expected": one, "argument": path} for one in goal]
    model = {"operation": operation, "delay": 0.01, "maxAttempts": 3000, "acceptors": acceptors}
    return create_waiter_with_client("Ended", WaiterModel({"version": 2, "waiters": {"Ended": model}}), client)


def test_import_then_bulk_put():
    with cloudcore.open(":memory:") as cloud, cloud.serve() as served:
        options = {
            "endpoint_url": served.url, "region_name": "us-east-1",
            "aws_access_key_id": "test", "aws_secret_access_key": "test",
        }  # fmt: skip
        client, s3 = boto3.client("dynamodb", **options), boto3.client("s3", **options)
        s3.create_bucket(Bucket="data")
        s3.put_object(Bucket="data", Key="orders.csv", Body=b"id,total,note\na,1,first\nb,2,second\n")
        begun = client.import_table(
            S3BucketSource={"S3Bucket": "data", "S3KeyPrefix": "orders"}, InputFormat="CSV",
            TableCreationParameters={
                "TableName": "orders", "BillingMode": "PAY_PER_REQUEST",
                "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
                "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
            },
        )["ImportTableDescription"]  # fmt: skip
        client.get_waiter("table_exists").wait(TableName="orders", WaiterConfig={"Delay": 1})
        waiter(client, "DescribeImport", "ImportTableDescription.ImportStatus", "COMPLETED").wait(ImportArn=begun["ImportArn"])
        done = client.describe_import(ImportArn=begun["ImportArn"])["ImportTableDescription"]
        assert done["ImportedItemCount"] == 2 and done["ClientToken"] == begun["ClientToken"]  # boto3 makes one
        assert [one["ImportArn"] for one in client.list_imports()["ImportSummaryList"]] == [begun["ImportArn"]]

        new = {"ConditionExpression": "attribute_not_exists(id)"}
        records = [{"Item": {"id": {"S": name}}} | new for name in "abc"] + [{"Item": {"total": {"N": "1"}}}]
        body = gzip.compress("".join(json.dumps(record) + "\n" for record in records).encode())
        s3.put_object(Bucket="data", Key="more/1.json.gz", Body=body)
        begun = client.start_bulk_put_items(
            TableName="orders", MaxWriteRequestUnits=5000,
            InputS3Configuration={
                "S3Bucket": "data", "S3KeyPrefix": "more/", "InputFormat": "DYNAMODB_JSON", "InputCompressionType": "GZIP",
            },
            OutputS3Configuration={"S3Bucket": "data", "S3KeyPrefix": "reports", "OutputType": ["ERROR", "CONDITION_CHECK_FAILURE"]},
        )["BulkOperationDescription"]  # fmt: skip
        arn = {"BulkOperationArn": begun["BulkOperationArn"]}
        path = "BulkOperationDescription.BulkOperationStatus"
        waiter(client, "DescribeBulkOperation", path, "COMPLETED_WITH_ERRORS").wait(**arn)
        done = client.describe_bulk_operation(**arn)["BulkOperationDescription"]
        assert (done["ProcessedItemCount"], done["FailedItemCount"]) == (4, 1)
        assert client.get_item(TableName="orders", Key={"id": {"S": "c"}})["Item"] == {"id": {"S": "c"}}
        found = s3.list_objects_v2(Bucket="data", Prefix="reports/AWSDynamoDB/")["Contents"]
        data = [one["Key"] for one in found if "/data/" in one["Key"]]
        lines = b"".join(gzip.decompress(s3.get_object(Bucket="data", Key=one)["Body"].read()) for one in data).splitlines()
        assert [json.loads(line)["outputType"] for line in lines] == ["CONDITION_CHECK_FAILURE"] * 2 + ["ERROR"]
        listed = client.list_bulk_operations()["BulkOperationsSummaryList"]
        assert [one["BulkOperationStatus"] for one in listed] == ["COMPLETED_WITH_ERRORS"]
