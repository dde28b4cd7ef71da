"""The generated tables and the checker on them: types, limits, words."""

from __future__ import annotations

import datetime
import importlib.util
import warnings
from pathlib import Path

import pytest

from cloudcore.errors import ApiError
from cloudcore.validation import check, for_boto3, load
from cloudcore.validation.model import pattern

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ("dynamodb", "dynamodbstreams", "firehose", "lambda")
TABLE = {
    "TableName": "abc",
    "KeySchema": [{"AttributeName": "p", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "p", "AttributeType": "S"}],
}


def refused(service, operation, params, wire=True):
    with pytest.raises(ApiError) as caught:
        check(service, operation, params, wire=wire)
    return caught.value.code, caught.value.message


def violation(service, operation, params, wire=True):
    """The message after its head."""
    code, message = refused(service, operation, params, wire)
    assert code == "ValidationException"
    return message.split(" detected: ", 1)[1]


def test_the_tables_are_what_the_generator_makes():
    spec = importlib.util.spec_from_file_location("make", ROOT / "tools" / "make_validation_table.py")
    make = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make)
    assert tuple(sorted(make.SERVICES)) == SERVICES
    for service in make.SERVICES:
        written = (make.OUTPUT / f"{service}.json").read_text(encoding="utf-8")
        assert "do not edit" in written.splitlines()[1]
        assert written == make.render(service), f"run python tools/make_validation_table.py: {service}"


@pytest.mark.parametrize("service", SERVICES)
def test_every_pattern_compiles(service):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for shape in load(service).shapes.values():
            if "pattern" in shape:
                pattern(shape["pattern"])


@pytest.mark.parametrize(
    ("text", "good", "bad"),
    [
        (r"^(?!aws:)[\p{L}\p{Z}\p{N}_.:\/=+\-@%]*$", ("naïve é ٣\u2003x", "", "a/b@c%"), ("aws:x", "a;b")),
        (r"\p{Print}+", ("a b~",), ("é", "a\n", "")),
        (r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\r\n\t]*", ("a\n💡",), ("\x00", "\uffff")),
        ("[a-zA-Z0-9_.-]+", ("a.b-c_1",), ("a b", "a\n")),
    ],
)
def test_java_classes(text, good, bad):
    for value in good:
        assert pattern(text).fullmatch(value), value
    for value in bad:
        assert not pattern(text).fullmatch(value), value


def test_a_request_comes_back_normalised():
    given = {"TableName": "abc", "Limit": None, "Future": [1]}
    assert check("dynamodb", "DescribeTable", given, wire=True) == {"TableName": "abc", "Future": [1]}
    assert given["Limit"] is None
    put = {"DeliveryStreamName": "s", "Record": {"Data": "AAE="}}
    assert check("firehose", "PutRecord", put, wire=True)["Record"]["Data"] == b"\x00\x01"
    put["Record"]["Data"] = bytearray(b"x")
    assert check("firehose", "PutRecord", put)["Record"]["Data"] == b"x"
    put["Record"]["Data"] = "é"
    assert check("firehose", "PutRecord", put)["Record"]["Data"] == "é".encode()
    when = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    for value in (when, when.replace(tzinfo=None), "2026-01-01T00:00:00Z", when.timestamp()):
        read = check("dynamodb", "ListBackups", {"TimeRangeLowerBound": value})
        assert read["TimeRangeLowerBound"] == when.timestamp()
    assert check("dynamodb", "ListTables", {"Limit": 5.5}, wire=True) == {"Limit": 5}
    for_dict = for_boto3("dynamodb", "DescribeTable", {"Table": {"CreationDateTime": 0.5, "ItemCount": 1}})
    assert for_dict["Table"]["CreationDateTime"] == datetime.datetime(
        1970, 1, 1, 0, 0, 0, 500000, datetime.UTC
    )


@pytest.mark.parametrize(
    ("member", "value", "message"),
    [
        ("TableName", 5, "NUMBER_VALUE cannot be converted to String"),
        ("TableName", 5.5, "DECIMAL_VALUE cannot be converted to String"),
        ("TableName", True, "TRUE_VALUE cannot be converted to String"),
        ("TableName", {}, "Start of structure or map found where not expected"),
        ("TableName", [], "Unrecognized collection type class java.lang.String"),
        ("DeletionProtectionEnabled", "yes", "Unexpected token received from parser"),
        ("DeletionProtectionEnabled", 0, "NUMBER_VALUE cannot be converted to Boolean"),
        ("ProvisionedThroughput", "x", "Unexpected field type"),
        (
            "ProvisionedThroughput",
            [],
            "Unrecognized collection type class com.amazonaws.dynamodb.v20120810.ProvisionedThroughput",
        ),
        ("ProvisionedThroughput", {"ReadCapacityUnits": "5"}, "STRING_VALUE cannot be converted to Long"),
        ("ProvisionedThroughput", {"ReadCapacityUnits": False}, "FALSE_VALUE cannot be converted to Long"),
        ("Tags", "x", "Unexpected field type"),
        ("Tags", {}, "Start of structure or map found where not expected"),
        ("Tags", ["x"], "Unexpected value type in payload"),
    ],
)
def test_wrong_types_in_dynamodb_s_words(member, value, message):
    assert refused("dynamodb", "CreateTable", {member: value}) == ("SerializationException", message)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"FunctionName": 1}, "NUMBER_VALUE can not be converted to a String"),
        ({"Timeout": "1"}, "STRING_VALUE can not be converted to an Integer"),
        ({"Timeout": True}, "TRUE_VALUE can not be converted to an Integer"),
        ({"Timeout": [1]}, "Start of list found where not expected"),
        ({"Timeout": {}}, "Start of structure or map found where not expected."),
        ({"Layers": "x"}, "Expected list or null"),
        ({"Tags": "x"}, "Expected map or null"),
        ({"Code": "x"}, "Expected null"),
        ([], "Start of list found where not expected"),
        ("x", ""),
        ({"FunctionName": "\ud800"}, "The text holds a lone surrogate, which is not Unicode"),
        ({"Timeout": float("nan")}, "NUMBER_VALUE can not be converted to an Integer"),
        ({"Timeout": float("inf")}, "NUMBER_VALUE can not be converted to an Integer"),
    ],
)
def test_wrong_types_elsewhere(params, message):
    assert refused("lambda", "CreateFunction", params) == ("SerializationException", message)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("23456", "Base64 encoded length is expected a multiple of 4 bytes but found: 5"),
        ("+/+=", "Invalid last non-pad Base64 character dectected"),
        ("a;==", "Invalid Base64 character: ';'"),
        ("====", "Invalid last non-pad Base64 character dectected"),
    ],
)
def test_base64_is_strict(data, message):
    put = {"DeliveryStreamName": "s", "Record": {"Data": data}}
    assert refused("firehose", "PutRecord", put) == ("SerializationException", message)


def test_the_first_wrong_type_of_the_body_is_told():
    assert refused("dynamodb", "CreateTable", {"TableClass": 1, "TableName": []})[1].startswith("NUMBER")
    assert refused("dynamodb", "CreateTable", {"TableName": [], "TableClass": 1})[1].startswith("Unrec")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"TableName": "ab"},
            "Value 'ab' at 'tableName' failed to satisfy constraint: Member must have length greater than or "
            "equal to 3",
        ),
        (
            {"TableName": "x" * 256},
            f"Value '{'x' * 256}' at 'tableName' failed to satisfy constraint: Member must have length less "
            "than or equal to 255",
        ),
        (
            {"ProvisionedThroughput": {}},
            "Value null at 'provisionedThroughput.writeCapacityUnits' failed to satisfy constraint: Member "
            "must not be null; Value null at 'provisionedThroughput.readCapacityUnits' failed to satisfy "
            "constraint: Member must not be null",
        ),
        (
            {"KeySchema": [{"AttributeName": "a", "KeyType": "HASH"}] * 2 + [{"AttributeName": "b"}]},
            "Value '[KeySchemaElement(attributeName=a, keyType=HASH), KeySchemaElement(attributeName=a, "
            "keyType=HASH), KeySchemaElement(attributeName=b, keyType=null)]' at 'keySchema' failed to "
            "satisfy constraint: Member must have length less than or equal to 2; Value null at "
            "'keySchema.3.member.keyType' failed to satisfy constraint: Member must not be null",
        ),
        (
            {"KeySchema": [None]},
            "Value null at 'keySchema.1.member' failed to satisfy constraint: Member must not be null",
        ),
    ],
)
def test_limits_of_create_table(change, message):
    assert violation("dynamodb", "CreateTable", TABLE | change) == message


def test_at_most_ten_violations():
    bad = {"KeySchema": [{"AttributeName": "", "KeyType": "X"}] * 9}
    _, message = refused("dynamodb", "CreateTable", TABLE | bad)
    assert message.startswith("10 validation errors detected: ") and message.count("; ") == 9


def test_a_table_s_arn_is_checked_by_its_name():
    arn = "arn:aws:dynamodb:us-east-1:000000000000:table/abc"
    assert check("dynamodb", "DescribeTable", {"TableName": arn})["TableName"] == arn
    assert "Value 'a b' at 'tableName'" in violation(
        "dynamodb", "DescribeTable", {"TableName": arn[:-3] + "a b"}
    )


def test_scalars_of_collections_are_told_at_the_collection():
    base = {"FunctionName": "f", "Code": {}, "Role": "arn:aws:iam::000000000000:role/r"}
    assert violation("lambda", "CreateFunction", base | {"Architectures": ["z"]}) == (
        "Value '[z]' at 'architectures' failed to satisfy constraint: Member must satisfy constraint: "
        "[Member must satisfy enum value set: [x86_64, arm64], Member must not be null]"
    )
    assert violation("lambda", "CreateFunction", base | {"Environment": {"Variables": {"1": "x"}}}) == (
        "Value at 'environment.variables' failed to satisfy constraint: Map keys must satisfy constraint: "
        "[Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+, Member must not be null]"
    )
    assert violation("lambda", "CreateFunction", base | {"Layers": [None]}).startswith(
        "Value '[null]' at 'layers' failed to satisfy constraint: Member must satisfy constraint: ["
    )


def test_map_values_in_dynamodb():
    message = violation("dynamodb", "BatchWriteItem", {"RequestItems": {"abc": []}})
    assert message == (
        "Value '{abc=[]}' at 'requestItems' failed to satisfy constraint: Map value must satisfy constraint: "
        "[Member must have length less than or equal to 25, Member must have length greater than or equal to 1]"
    )


def test_a_blob_is_shown_as_java_shows_it():
    put = {"DeliveryStreamName": "s", "Record": {"Data": b"x" * 1_024_001}}
    assert violation("firehose", "PutRecord", put, wire=False) == (
        "Value 'java.nio.HeapByteBuffer[pos=0 lim=1024001 cap=1024001]' at 'record.data' failed to satisfy "
        "constraint: Member must have length less than or equal to 1024000"
    )


def test_an_echo_is_bounded():
    message = violation("dynamodb", "DescribeTable", {"TableName": "x" * 100_000})
    assert len(message) < 5000


def test_absence_with_words_of_its_own():
    assert refused("dynamodb", "CreateTable", {"KeySchema": []}) == (
        "ValidationException", "The parameter 'TableName' is required but was not present in the request",
    )  # fmt: skip


def test_deep_nesting_is_refused():
    value: dict = {"S": "x"}
    for _ in range(100_000):
        value = {"L": [value]}
    code, _ = refused("dynamodb", "PutItem", {"TableName": "abc", "Item": {"a": value}})
    assert code == "SerializationException"
