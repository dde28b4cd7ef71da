"""boto3's client: every item verb, its paginators, its waiters and the errors it knows, with nothing but the environment."""

import datetime
import os

import boto3

client = boto3.client("dynamodb")
assert client.meta.endpoint_url == os.environ["AWS_ENDPOINT_URL"]
TABLE, errors = "orders", client.exceptions

client.create_table(
    TableName=TABLE, BillingMode="PAY_PER_REQUEST",
    KeySchema=[{"AttributeName": "customer", "KeyType": "HASH"}, {"AttributeName": "day", "KeyType": "RANGE"}],
    AttributeDefinitions=[{"AttributeName": name, "AttributeType": kind} for name, kind in
                          (("customer", "S"), ("day", "N"), ("state", "S"))],
    GlobalSecondaryIndexes=[{"IndexName": "by_state", "Projection": {"ProjectionType": "ALL"}, "KeySchema": [
        {"AttributeName": "state", "KeyType": "HASH"}, {"AttributeName": "day", "KeyType": "RANGE"}]}],
)  # fmt: skip
client.get_waiter("table_exists").wait(TableName=TABLE)
described = client.describe_table(TableName=TABLE)["Table"]
assert described["TableStatus"] == "ACTIVE" and isinstance(described["CreationDateTime"], datetime.datetime)
try:
    client.create_table(TableName=TABLE, KeySchema=described["KeySchema"], BillingMode="PAY_PER_REQUEST",
                        AttributeDefinitions=described["AttributeDefinitions"][:2])  # fmt: skip
    raise SystemExit("a table was made twice")
except errors.ResourceInUseException:
    pass


def key(customer: str, day: int) -> dict:
    return {"customer": {"S": customer}, "day": {"N": str(day)}}


every = {
    **key("ann", 0), "state": {"S": "open"}, "bytes": {"B": b"\x00\xff"}, "none": {"NULL": True}, "yes": {"BOOL": True},
    "list": {"L": [{"N": "1"}, {"M": {"a": {"S": "ü"}}}]}, "ss": {"SS": ["a", "b"]}, "bs": {"BS": [b"x"]}, "empty": {"S": ""},
}  # fmt: skip
client.put_item(TableName=TABLE, Item=every)
assert client.get_item(TableName=TABLE, Key=key("ann", 0), ConsistentRead=True)["Item"] == every
assert "Item" not in client.get_item(TableName=TABLE, Key=key("nobody", 0))

for first in range(1, 101, 25):  # 100 items in four batches
    writes = [{"PutRequest": {"Item": {**key("bob", day), "state": {"S": "even" if day % 2 == 0 else "odd"}}}}
              for day in range(first, first + 25)]  # fmt: skip
    assert client.batch_write_item(RequestItems={TABLE: writes})["UnprocessedItems"] == {}
found = client.batch_get_item(RequestItems={TABLE: {"Keys": [key("bob", day) for day in range(95, 106)]}})
assert sorted(int(item["day"]["N"]) for item in found["Responses"][TABLE]) == list(range(95, 101))

query = {"TableName": TABLE, "KeyConditionExpression": "customer = :c AND #d BETWEEN :a AND :b",
         "ExpressionAttributeNames": {"#d": "day"},
         "ExpressionAttributeValues": {":c": {"S": "bob"}, ":a": {"N": "11"}, ":b": {"N": "60"}}}  # fmt: skip
pages = list(client.get_paginator("query").paginate(**query, PaginationConfig={"PageSize": 7}))
assert len(pages) == 8 and [int(i["day"]["N"]) for p in pages for i in p["Items"]] == list(range(11, 61))
down = client.query(**query, ScanIndexForward=False, Limit=3)
assert [int(item["day"]["N"]) for item in down["Items"]] == [60, 59, 58] and down["LastEvaluatedKey"] == key("bob", 58)
odd = {"TableName": TABLE, "IndexName": "by_state", "KeyConditionExpression": "#s = :s",
       "ExpressionAttributeNames": {"#s": "state"}, "ExpressionAttributeValues": {":s": {"S": "odd"}}}  # fmt: skip
result = client.get_paginator("query").paginate(**odd, PaginationConfig={"PageSize": 9}).build_full_result()
assert result["Count"] == 50 and {item["state"]["S"] for item in result["Items"]} == {"odd"}
parts = [client.get_paginator("scan").paginate(TableName=TABLE, Segment=n, TotalSegments=4, PaginationConfig={"PageSize": 5})
         for n in range(4)]  # fmt: skip
days = sorted((i["customer"]["S"], int(i["day"]["N"])) for part in parts for page in part for i in page["Items"])
assert days == [("ann", 0)] + [("bob", day) for day in range(1, 101)]

updated = client.update_item(
    TableName=TABLE, Key=key("ann", 0), UpdateExpression="SET n = if_not_exists(n, :zero) + :one REMOVE #l[0] DELETE ss :a",
    ExpressionAttributeNames={"#l": "list"}, ReturnValues="UPDATED_NEW",
    ExpressionAttributeValues={":zero": {"N": "0"}, ":one": {"N": "1"}, ":a": {"SS": ["a"]}},
)["Attributes"]  # fmt: skip
assert updated["n"] == {"N": "1"} and updated["ss"] == {"SS": ["b"]}, updated
try:
    client.put_item(TableName=TABLE, Item=key("ann", 0), ConditionExpression="attribute_not_exists(customer)",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD")  # fmt: skip
    raise SystemExit("the condition did not hold")
except errors.ConditionalCheckFailedException as error:
    assert error.response["Error"]["Message"] == "The conditional request failed" and error.response["Item"]["n"] == {"N": "1"}
try:
    client.transact_write_items(TransactItems=[
        {"Put": {"TableName": TABLE, "Item": key("cat", 1)}},
        {"ConditionCheck": {"TableName": TABLE, "Key": key("ann", 9), "ConditionExpression": "attribute_exists(customer)"}},
    ])  # fmt: skip
    raise SystemExit("the transaction did not fail")
except errors.TransactionCanceledException as error:
    assert [reason["Code"] for reason in error.response["CancellationReasons"]] == ["None", "ConditionalCheckFailed"]
assert "Item" not in client.get_item(TableName=TABLE, Key=key("cat", 1))
client.transact_write_items(ClientRequestToken="once", TransactItems=[
    {"Put": {"TableName": TABLE, "Item": key("cat", 1)}}, {"Delete": {"TableName": TABLE, "Key": key("bob", 1)}}])  # fmt: skip
got = client.transact_get_items(TransactItems=[{"Get": {"TableName": TABLE, "Key": key("cat", 1)}},
                                               {"Get": {"TableName": TABLE, "Key": key("bob", 1)}}])  # fmt: skip
assert [response.get("Item") for response in got["Responses"]] == [key("cat", 1), None]
gone = client.delete_item(TableName=TABLE, Key=key("bob", 2), ReturnValues="ALL_OLD", ReturnConsumedCapacity="TOTAL")
assert gone["Attributes"]["state"] == {"S": "even"} and gone["ConsumedCapacity"]["CapacityUnits"] == 2.0
try:
    client.query(TableName=TABLE, KeyConditionExpression="#d = :d", ExpressionAttributeNames={"#d": "day"},
                 ExpressionAttributeValues={":d": {"N": "1"}})  # fmt: skip
    raise SystemExit("a query needs its partition")
except client.exceptions.ClientError as error:
    assert error.response["Error"]["Message"] == "Query condition missed key schema element: customer", error

names = [f"table-{n}" for n in range(5)]
for name in names:
    client.create_table(TableName=name, KeySchema=described["KeySchema"][:1], BillingMode="PAY_PER_REQUEST",
                        AttributeDefinitions=described["AttributeDefinitions"][:1])  # fmt: skip
listed = client.get_paginator("list_tables").paginate(PaginationConfig={"PageSize": 2}).build_full_result()["TableNames"]
assert listed == [TABLE, *names]
for name in listed:
    client.delete_table(TableName=name)
    client.get_waiter("table_not_exists").wait(TableName=name)
try:
    client.describe_table(TableName=TABLE)
    raise SystemExit("a table that was deleted is there")
except errors.ResourceNotFoundException:
    print("done")
