"""Every operation of the models, in every shape that a client may send: read, and answered in the model's shape.

Requests are made from botocore's models (required members alone, each optional member, all members) and
serialized by botocore. A request of a right shape may be refused for what it says, by an error that the model
or the service's own checks know; never as something that cannot be read, and never with a 500.
"""

from __future__ import annotations

import datetime
import json
from typing import Any

import pytest
from botocore.model import Shape
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from shapes import check_reply, model

from cloudcore.cloud import Cloud

ARN = "arn:aws:dynamodb:us-east-1:000000000000:table/tab"
WORDS = {
    "TableName": "tab", "IndexName": "idx", "TableArn": ARN, "ResourceArn": ARN, "AttributeName": "p", "BackupArn": f"{ARN}/backup/01700000000000-0123abcd",
    "StreamArn": f"{ARN}/stream/2026-01-01T00:00:00.000", "Policy": '{"Version":"2012-10-17","Statement":[]}', "KeyConditionExpression": "p = :p", "UpdateExpression": "SET a = :p",
    "ConditionExpression": "a = :p", "FilterExpression": "a = :p", "ProjectionExpression": "p", "Statement": "SELECT * FROM tab",
}  # fmt: skip
VALUE = {"S": "a"}
OPERATIONS = [(service, name) for service in ("dynamodb", "dynamodbstreams") for name in model(service).operation_names]


def sample(shape: Shape, name: str, all_members: bool, depth: int = 0) -> Any:
    """A value of this shape; `all_members`: with its optional members too."""
    if shape.name == "AttributeValue":
        return VALUE
    if shape.type_name == "structure":
        wanted = shape.members if all_members and depth < 6 else shape.required_members
        return {member: sample(shape.members[member], member, all_members, depth + 1) for member in wanted}
    if shape.type_name == "list":
        count = max(1, shape.metadata.get("min", 1))
        return [sample(shape.member, name, all_members, depth + 1) for _ in range(count)]
    if shape.type_name == "map":
        key = {"ExpressionAttributeNames": "#p", "ExpressionAttributeValues": ":p", "RequestItems": "tab"}.get(name, "p")
        return {key: "p" if name == "ExpressionAttributeNames" else sample(shape.value, name, all_members, depth + 1)}
    if getattr(shape, "enum", None):
        return shape.enum[0]
    if shape.type_name == "string":
        return WORDS.get(name, "a" * max(3, shape.metadata.get("min", 3)))
    if shape.type_name == "timestamp":
        return datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    return {"boolean": True, "blob": b"x", "double": 1.0, "float": 1.0}.get(
        shape.type_name, max(1, shape.metadata.get("min", 1))
    )


def requests(service: str, operation: str) -> list[dict[str, Any]]:
    shape = model(service).operation_model(operation).input_shape
    if shape is None:
        return [{}]
    required = {name: sample(shape.members[name], name, False) for name in shape.required_members}
    made = [required, sample(shape, "", True)]
    for name in shape.members:
        for whole in (False, True):
            made.append(required | {name: sample(shape.members[name], name, whole)})
    return made + CHOICES.get(operation, [])


@pytest.fixture(scope="module")
def cloud():
    with Cloud(":memory:") as one:
        yield one


def test_every_operation_is_answered(cloud):
    for service, target in (("dynamodb", cloud.dynamodb), ("dynamodbstreams", cloud.dynamodb.streams)):
        assert set(model(service).operation_names) == target.operations
    assert (len(cloud.dynamodb.operations), len(cloud.dynamodb.streams.operations)) == (62, 4)


@pytest.mark.parametrize(("service", "operation"), OPERATIONS, ids=[name for _, name in OPERATIONS])
def test_every_shape_of(cloud, service, operation):
    about = model(service)
    known = {error.name for error in about.operation_model(operation).error_shapes}
    known |= {"ValidationException", "ResourceNotFoundException", "AccessDeniedException", "ResourceInUseException"}
    serializer, parser = create_serializer("json", False), create_parser("json")
    target = cloud.dynamodb if service == "dynamodb" else cloud.dynamodb.streams
    table = {
        "TableName": "tab", "BillingMode": "PAY_PER_REQUEST", "KeySchema": [{"AttributeName": "p", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "p", "AttributeType": "S"}],
    }  # fmt: skip
    answered = 0
    for params in requests(service, operation):
        if "tab" not in cloud.dynamodb.tables.names() and operation != "CreateTable":
            cloud.dynamodb.call("CreateTable", table)
        body = serializer.serialize_to_request(params, about.operation_model(operation))["body"]
        status, reply = target.call_json(operation, body)
        found = json.loads(reply)
        if status == 200:
            answered += 1
            shape = about.operation_model(operation).output_shape
            parsed = parser.parse({"status_code": 200, "headers": {}, "body": reply}, shape)
            parsed.pop("ResponseMetadata", None)
            check_reply(service, operation, parsed)
            assert shape is None or set(found) <= set(shape.members), f"{params} -> {found}"
        else:
            assert status == 400 and found["__type"].partition("#")[2] in known, f"{params} -> {status} {found}"
    if operation in ALWAYS:
        assert answered, "none of them was answered"


POLICY = json.dumps({
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "dynamodb:GetItem", "Resource": ARN}],
})  # fmt: skip
CHOICES: dict[str, list[dict[str, Any]]] = {
    "BatchWriteItem": [{"RequestItems": {"tab": [{"PutRequest": {"Item": {"p": VALUE}}}]}}, {"RequestItems": {"tab": [{"DeleteRequest": {"Key": {"p": VALUE}}}]}}],
    "TransactWriteItems": [
        {"TransactItems": [{"Put": {"TableName": "tab", "Item": {"p": VALUE}}}]}, {"TransactItems": [{"Delete": {"TableName": "tab", "Key": {"p": VALUE}}}]},
        {"TransactItems": [{"Update": {"TableName": "tab", "Key": {"p": VALUE}, "UpdateExpression": "REMOVE a"}}]},
        {"TransactItems": [{"ConditionCheck": {"TableName": "tab", "Key": {"p": VALUE}, "ConditionExpression": "attribute_exists(p)"}}]},
    ],
    "CreateTable": [{
        "TableName": "other", "BillingMode": "PAY_PER_REQUEST", "KeySchema": [{"AttributeName": "p", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "p", "AttributeType": "S"}], "Tags": [{"Key": "a", "Value": "b"}],
    }],
    "PutResourcePolicy": [{"ResourceArn": ARN, "Policy": POLICY}],
    "ImportTable": [{
        "S3BucketSource": {"S3Bucket": "in"}, "InputFormat": "CSV", "InputFormatOptions": {"Csv": {"Delimiter": ";", "HeaderList": ["p"]}},
        "TableCreationParameters": {
            "TableName": "imported", "BillingMode": "PAY_PER_REQUEST", "KeySchema": [{"AttributeName": "p", "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": "p", "AttributeType": "S"}],
        },
    }],
    "StartBulkPutItems": [
        {"TableName": "tab", "InputS3Configuration": {"S3Bucket": "in", "InputFormat": "DYNAMODB_JSON"}, "OutputS3Configuration": {"S3Bucket": "out", "OutputType": [kind]}}
        for kind in ("ERROR", "CONDITION_CHECK_FAILURE")
    ],
}  # fmt: skip
"""Of members that exclude each other the model does not speak."""
ALWAYS = {
    "PutItem", "GetItem", "UpdateItem", "DeleteItem", "Query", "Scan", "BatchGetItem", "BatchWriteItem", "TransactGetItems", "TransactWriteItems", "CreateTable", "DescribeTable", "UpdateTable",
    "DeleteTable", "ListTables", "TagResource", "UntagResource", "ListTagsOfResource", "DescribeLimits", "DescribeEndpoints", "DescribeTimeToLive", "UpdateTimeToLive", "ListBackups", "CreateBackup",
    "PutResourcePolicy", "DeleteResourcePolicy", "ListStreams", "DescribeContinuousBackups",
    "ImportTable", "ListImports", "StartBulkPutItems", "ListBulkOperations", "UpdateContributorInsights", "DescribeContributorInsights", "ListContributorInsights",
    "DescribeTableReplicaAutoScaling",
}  # fmt: skip
"""Operations of which one of the sampled requests must be one that the service carries out."""
