"""Transactions and the parameters before expressions through unmodified boto3 over HTTP."""

import boto3
import pytest

import cloudcore


@pytest.fixture(scope="module")
def client():
    with cloudcore.open(":memory:") as cloud, cloud.serve() as served:
        made = boto3.client(
            "dynamodb", endpoint_url=served.url, region_name="us-east-1",
            aws_access_key_id="test", aws_secret_access_key="test",
        )  # fmt: skip
        for name in ("orders", "stock"):
            made.create_table(
                TableName=name,
                BillingMode="PAY_PER_REQUEST",
                KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            )
        yield made


def order(number, amount):
    return [
        {"Put": {"TableName": "orders", "Item": {"id": {"S": number}}, "ConditionExpression": "attribute_not_exists(id)"}},
        {
            "Update": {
                "TableName": "stock",
                "Key": {"id": {"S": "pen"}},
                "UpdateExpression": "SET left_over = left_over - :n",
                "ConditionExpression": "left_over >= :n",
                "ExpressionAttributeValues": {":n": {"N": str(amount)}},
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        },
    ]  # fmt: skip


def test_an_order_happens_or_does_not(client):
    client.put_item(TableName="stock", Item={"id": {"S": "pen"}, "left_over": {"N": "5"}})
    client.transact_write_items(TransactItems=order("one", 3))
    with pytest.raises(client.exceptions.TransactionCanceledException) as caught:
        client.transact_write_items(TransactItems=order("two", 3))
    assert caught.value.response["CancellationReasons"] == [
        {"Code": "None"},
        {
            "Code": "ConditionalCheckFailed",
            "Message": "The conditional request failed",
            "Item": {"id": {"S": "pen"}, "left_over": {"N": "2"}},
        },
    ]
    assert caught.value.response["Error"]["Message"] == (
        "Transaction cancelled, please refer cancellation reasons for specific reasons "
        "[None, ConditionalCheckFailed]"
    )
    found = client.transact_get_items(
        TransactItems=[
            {"Get": {"TableName": "orders", "Key": {"id": {"S": number}}}} for number in ("one", "two")
        ]
    )
    assert found["Responses"] == [{"Item": {"id": {"S": "one"}}}, {}]
    for _ in range(2):
        client.transact_write_items(TransactItems=order("three", 1), ClientRequestToken="token-of-three")
    stock = client.get_item(TableName="stock", Key={"id": {"S": "pen"}}, AttributesToGet=["left_over"])
    assert stock["Item"] == {"left_over": {"N": "1"}}
    with pytest.raises(client.exceptions.IdempotentParameterMismatchException):
        client.transact_write_items(TransactItems=order("four", 1), ClientRequestToken="token-of-three")


def test_before_expressions(client):
    client.update_item(
        TableName="stock",
        Key={"id": {"S": "ink"}},
        AttributeUpdates={"left_over": {"Action": "ADD", "Value": {"N": "7"}}},
        Expected={"id": {"Exists": False}},
    )
    with pytest.raises(client.exceptions.ConditionalCheckFailedException):
        client.delete_item(
            TableName="stock",
            Key={"id": {"S": "ink"}},
            Expected={"left_over": {"ComparisonOperator": "LT", "AttributeValueList": [{"N": "7"}]}},
        )
    page = client.scan(
        TableName="stock",
        ScanFilter={
            "left_over": {"ComparisonOperator": "BETWEEN", "AttributeValueList": [{"N": "7"}, {"N": "9"}]}
        },
    )
    assert page["Items"] == [{"id": {"S": "ink"}, "left_over": {"N": "7"}}]
