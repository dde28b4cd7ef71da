"""Values of a wrong JSON type in item verbs: C says the same as the checker of the control plane."""

import json

import pytest
from dynamodb_support import create

from cloudcore.errors import ApiError
from cloudcore.validation import check

KEY = {"p": {"S": "a"}}
OURS = "com.amazonaws.dynamodb.v20120810."
BODIES = [
    ("GetItem", {"TableName": 1}, "NUMBER_VALUE cannot be converted to String"),
    ("GetItem", {"TableName": 1.5}, "DECIMAL_VALUE cannot be converted to String"),
    ("GetItem", {"TableName": True}, "TRUE_VALUE cannot be converted to String"),
    ("GetItem", {"TableName": []}, "Unrecognized collection type class java.lang.String"),
    ("GetItem", {"TableName": {}}, "Start of structure or map found where not expected"),
    ("GetItem", {"ConsistentRead": "x"}, "Unexpected token received from parser"),
    ("GetItem", {"ConsistentRead": 0}, "NUMBER_VALUE cannot be converted to Boolean"),
    ("GetItem", {"ConsistentRead": []}, "Unrecognized collection type class java.lang.Boolean"),
    ("Query", {"Limit": "1"}, "STRING_VALUE cannot be converted to Integer"),
    ("Query", {"Limit": []}, "Unrecognized collection type class java.lang.Integer"),
    ("GetItem", {"Key": "x"}, "Unexpected field type"),
    (
        "GetItem", {"Key": []},
        f"Unrecognized collection type java.util.Map<java.lang.String, {OURS}AttributeValue>",
    ),
    ("GetItem", {"Key": {"p": 1}}, "Unexpected value type in payload"),
    ("GetItem", {"Key": {"p": []}}, f"Unrecognized collection type class {OURS}AttributeValue"),
    ("PutItem", {"Item": {"p": {"S": 1}}}, "NUMBER_VALUE cannot be converted to String"),
    ("PutItem", {"Item": {"p": {"B": 1}}}, "only base-64-encoded strings are convertible to bytes"),
    ("PutItem", {"Item": {"p": {"B": []}}}, "Unrecognized collection type class java.nio.ByteBuffer"),
    ("PutItem", {"Item": {"p": {"B": {}}}}, "Start of structure or map found where not expected"),
    ("PutItem", {"Item": {"p": {"SS": "x"}}}, "Unexpected field type"),
    ("PutItem", {"Item": {"p": {"L": {}}}}, "Start of structure or map found where not expected"),
    ("PutItem", {"Item": {"p": {"L": [1]}}}, "Unexpected value type in payload"),
    ("PutItem", {"Item": {"p": {"M": 1}}}, "Unexpected field type"),
    (
        "PutItem", {"Item": {"p": {"M": []}}},
        f"Unrecognized collection type java.util.Map<java.lang.String, {OURS}AttributeValue>",
    ),
    (
        "PutItem", {"ExpressionAttributeNames": []},
        "Unrecognized collection type java.util.Map<java.lang.String, java.lang.String>",
    ),
    (
        "PutItem", {"Expected": []},
        f"Unrecognized collection type java.util.Map<java.lang.String, {OURS}ExpectedAttributeValue>",
    ),
    ("PutItem", {"Expected": {"a": []}}, f"Unrecognized collection type class {OURS}ExpectedAttributeValue"),
    (
        "BatchWriteItem", {"RequestItems": []},
        "Unrecognized collection type java.util.Map<java.lang.String, "
        f"java.util.List<{OURS}WriteRequest>>",
    ),
    ("BatchWriteItem", {"RequestItems": {"tab": [1]}}, "Unexpected value type in payload"),
    ("BatchWriteItem", {"RequestItems": {"tab": [{"PutRequest": 1}]}}, "Unexpected field type"),
    (
        "BatchGetItem", {"RequestItems": {"tab": []}},
        f"Unrecognized collection type class {OURS}KeysAndAttributes",
    ),
    ("TransactWriteItems", {"TransactItems": {}}, "Start of structure or map found where not expected"),
    ("TransactWriteItems", {"TransactItems": [1]}, "Unexpected value type in payload"),
    ("TransactWriteItems", {"TransactItems": [{"Put": []}]}, f"Unrecognized collection type class {OURS}Put"),
    ("TransactGetItems", {"TransactItems": [[]]}, f"Unrecognized collection type class {OURS}TransactGetItem"),
]  # fmt: skip


@pytest.mark.parametrize(("operation", "body", "message"), BODIES)
def test_both_say_the_same(db, operation, body, message):
    create(db, sk=None)
    status, reply = db.call_json(operation, json.dumps(body).encode())
    assert (status, json.loads(reply)) == (
        400, {"__type": "com.amazon.coral.service#SerializationException", "Message": message},
    )  # fmt: skip
    with pytest.raises(ApiError) as caught:
        check("dynamodb", operation, body, wire=True)
    assert (caught.value.code, caught.value.message) == ("SerializationException", message)
