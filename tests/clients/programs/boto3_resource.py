"""boto3's resource: native values, conditions as objects, batch writers, collections."""

from decimal import Decimal

import boto3
from boto3.dynamodb.conditions import Attr, Key
from boto3.dynamodb.types import Binary

dynamodb = boto3.resource("dynamodb")
errors = dynamodb.meta.client.exceptions
table = dynamodb.create_table(
    TableName="scores", BillingMode="PROVISIONED", ProvisionedThroughput={"ReadCapacityUnits": 5, "WriteCapacityUnits": 5},
    KeySchema=[{"AttributeName": "player", "KeyType": "HASH"}, {"AttributeName": "game", "KeyType": "RANGE"}],
    AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in ("player", "game", "level")],
    LocalSecondaryIndexes=[{"IndexName": "levels", "Projection": {"ProjectionType": "KEYS_ONLY"}, "KeySchema": [
        {"AttributeName": "player", "KeyType": "HASH"}, {"AttributeName": "level", "KeyType": "RANGE"}]}],
)  # fmt: skip
table.wait_until_exists()
assert table.item_count == 0 and table.provisioned_throughput["ReadCapacityUnits"] == 5
assert [one.name for one in dynamodb.tables.all()] == ["scores"]

item = {"player": "ann", "game": "g1", "points": Decimal("12.50"), "tags": {"a", "b"}, "raw": Binary(b"\x01"), "nested": {"l": [1, None, True]}}
table.put_item(Item=item)
found = table.get_item(Key={"player": "ann", "game": "g1"})["Item"]
assert found == item and found["points"] == Decimal("12.5") and isinstance(found["nested"]["l"][0], Decimal)

with table.batch_writer(overwrite_by_pkeys=["player", "game"]) as batch:
    for n in range(60):
        batch.put_item(Item={"player": "bob", "game": f"g{n:03}", "points": n, "level": f"l{n % 7}"})
    batch.put_item(Item={"player": "bob", "game": "g000", "points": -1, "level": "l0"})
    batch.delete_item(Key={"player": "bob", "game": "g059"})

query = table.query(
    KeyConditionExpression=Key("player").eq("bob") & Key("game").begins_with("g00"),
    FilterExpression=Attr("points").gte(5) | Attr("points").eq(-1), ProjectionExpression="game, points",
)  # fmt: skip
assert [(i["game"], int(i["points"])) for i in query["Items"]] == [("g000", -1), ("g005", 5), ("g006", 6), ("g007", 7), ("g008", 8), ("g009", 9)]
assert query["ScannedCount"] == 10
by_level = table.query(IndexName="levels", KeyConditionExpression=Key("player").eq("bob") & Key("level").eq("l3"))
assert by_level["Count"] == 8 and set(by_level["Items"][0]) == {"player", "game", "level"}

seen, start = 0, {}
while True:
    page = table.scan(Limit=11, FilterExpression=Attr("points").exists() & ~Attr("points").lt(30), **start)
    seen += page["Count"]
    if "LastEvaluatedKey" not in page:
        break
    start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
assert seen == 29, seen

answer = table.update_item(
    Key={"player": "ann", "game": "g1"}, UpdateExpression="ADD points :p, tags :t SET nested.l[3] = :x", ReturnValues="ALL_NEW",
    ExpressionAttributeValues={":p": Decimal("0.5"), ":t": {"c"}, ":x": "end"},
    ConditionExpression=Attr("points").between(12, 13) & Attr("tags").contains("a") & Attr("nested").attribute_type("M"),
)["Attributes"]  # fmt: skip
assert answer["points"] == 13 and answer["tags"] == {"a", "b", "c"} and answer["nested"]["l"][3] == "end"
try:
    table.delete_item(Key={"player": "ann", "game": "g1"}, ConditionExpression=Attr("points").gt(100))
    raise SystemExit("the condition did not hold")
except errors.ConditionalCheckFailedException:
    pass
try:
    table.put_item(Item={"player": 1, "game": "g"})
    raise SystemExit("a key of the wrong type was taken")
except errors.ClientError as error:
    assert "Type mismatch for key player expected: S actual: N" in str(error)
keys = [{"player": "bob", "game": f"g{n:03}"} for n in range(55, 65)]
got = dynamodb.batch_get_item(RequestItems={"scores": {"Keys": keys, "ConsistentRead": True}})["Responses"]["scores"]
assert sorted(i["game"] for i in got) == ["g055", "g056", "g057", "g058"]
table.delete()
table.wait_until_not_exists()
print("done")
