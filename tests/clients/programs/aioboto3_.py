"""aioboto3: 200 coroutines on one pool of connections, a resource and a paginator."""

import asyncio

import aioboto3
from boto3.dynamodb.conditions import Key
from botocore.exceptions import ClientError

KEYS = {"KeySchema": [{"AttributeName": "p", "KeyType": "HASH"}, {"AttributeName": "s", "KeyType": "RANGE"}],
        "AttributeDefinitions": [{"AttributeName": "p", "AttributeType": "S"}, {"AttributeName": "s", "AttributeType": "N"}]}  # fmt: skip


async def main() -> None:
    session = aioboto3.Session()
    async with session.resource("dynamodb") as dynamodb, session.client("dynamodb") as client:
        table = await dynamodb.create_table(TableName="async", BillingMode="PAY_PER_REQUEST", **KEYS)
        await table.wait_until_exists()

        async def one(n: int) -> None:
            item = {"p": f"p{n % 10}", "s": n, "text": "x" * n}
            await table.put_item(Item=item)
            assert (await table.get_item(Key={"p": item["p"], "s": n}))["Item"] == item

        await asyncio.gather(*(one(n) for n in range(200)))

        async def count() -> None:
            await table.update_item(
                Key={"p": "counter", "s": 0}, UpdateExpression="ADD n :one", ExpressionAttributeValues={":one": 1}
            )

        await asyncio.gather(*(count() for _ in range(100)))
        assert (await table.get_item(Key={"p": "counter", "s": 0}))["Item"]["n"] == 100

        async def first(n: int) -> bool:
            try:
                await table.put_item(Item={"p": "lock", "s": 0, "by": n}, ConditionExpression="attribute_not_exists(p)")
                return True
            except ClientError as error:
                assert error.response["Error"]["Code"] == "ConditionalCheckFailedException"
                return False

        assert sum(await asyncio.gather(*(first(n) for n in range(50)))) == 1, "one of fifty may have it"
        found = await table.query(KeyConditionExpression=Key("p").eq("p3") & Key("s").gte(100))
        assert [int(i["s"]) for i in found["Items"]] == list(range(103, 200, 10))
        async with table.batch_writer() as batch:
            for n in range(70):
                await batch.put_item(Item={"p": "many", "s": n})
        total, pages = 0, client.get_paginator("scan").paginate(TableName="async", PaginationConfig={"PageSize": 40})
        async for page in pages:
            total += page["Count"]
        assert total == 200 + 1 + 1 + 70, total
        await table.delete()
    print("done")


asyncio.run(main())
