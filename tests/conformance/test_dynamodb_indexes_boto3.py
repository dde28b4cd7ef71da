"""Secondary indexes through unmodified boto3 over HTTP."""

import boto3
import pytest
from botocore.exceptions import ClientError

import cloudcore


@pytest.fixture(scope="module")
def resource():
    with cloudcore.open(":memory:") as cloud, cloud.serve() as served:
        yield boto3.resource(
            "dynamodb", endpoint_url=served.url, region_name="us-east-1",
            aws_access_key_id="test", aws_secret_access_key="test",
        )  # fmt: skip


def test_from_creation_to_deletion(resource):
    conditions = boto3.dynamodb.conditions
    table = resource.create_table(
        TableName="music", BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "artist", "KeyType": "HASH"}, {"AttributeName": "song", "KeyType": "RANGE"}],
        AttributeDefinitions=[
            {"AttributeName": n, "AttributeType": t}
            for n, t in (("artist", "S"), ("song", "S"), ("genre", "S"), ("year", "N"))
        ],
        LocalSecondaryIndexes=[
            {
                "IndexName": "by-year",
                "KeySchema": [
                    {"AttributeName": "artist", "KeyType": "HASH"}, {"AttributeName": "year", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            },
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by-genre",
                "KeySchema": [
                    {"AttributeName": "genre", "KeyType": "HASH"}, {"AttributeName": "year", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            },
        ],
    )  # fmt: skip
    table.wait_until_exists()
    with table.batch_writer() as batch:
        for i in range(40):
            item = {"artist": f"artist{i % 3}", "song": f"song{i:02}", "year": 1990 + i}
            batch.put_item(Item=item | ({"genre": "jazz"} if i % 2 else {}))
    paginator = resource.meta.client.get_paginator("query")
    found = [
        item["year"]
        for page in paginator.paginate(
            TableName="music", IndexName="by-genre", KeyConditionExpression="genre = :g",
            ExpressionAttributeValues={":g": "jazz"}, PaginationConfig={"PageSize": 7},
        )
        for item in page["Items"]
    ]  # fmt: skip
    assert found == [1990 + i for i in range(1, 40, 2)]
    page = table.query(
        IndexName="by-year",
        KeyConditionExpression=conditions.Key("artist").eq("artist1")
        & conditions.Key("year").between(2000, 2010),
        ReturnConsumedCapacity="INDEXES",
    )
    assert [set(item) for item in page["Items"]] == [{"artist", "song", "year"}] * 4
    assert page["ConsumedCapacity"]["LocalSecondaryIndexes"] == {"by-year": {"CapacityUnits": 0.5}}
    with pytest.raises(ClientError, match="Consistent reads are not supported on global secondary indexes"):
        table.scan(IndexName="by-genre", ConsistentRead=True)
    table.update(
        AttributeDefinitions=[{"AttributeName": "song", "AttributeType": "S"}],
        GlobalSecondaryIndexUpdates=[
            {
                "Create": {
                    "IndexName": "by-song",
                    "KeySchema": [{"AttributeName": "song", "KeyType": "HASH"}],
                    "Projection": {"ProjectionType": "ALL"},
                }
            }
        ],
    )
    table.reload()
    assert {i["IndexName"]: (i["IndexStatus"], i["ItemCount"]) for i in table.global_secondary_indexes} == {
        "by-genre": ("ACTIVE", 20),
        "by-song": ("ACTIVE", 40),
    }
    page = table.query(IndexName="by-song", KeyConditionExpression=conditions.Key("song").eq("song07"))
    assert page["Items"] == [{"artist": "artist1", "song": "song07", "year": 1997, "genre": "jazz"}]
    assert table.delete()["TableDescription"]["TableStatus"] == "DELETING"
