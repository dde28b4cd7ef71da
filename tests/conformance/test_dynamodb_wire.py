"""The wire of DynamoDB: errors' types, checksums, compression, sizes, CORS, health, and requests that mean harm.

Raw HTTP against a real listener: what an SDK hides is what is looked at here.
"""

from __future__ import annotations

import gzip
import http.client
import json
import re
import socket
import zlib

import pytest
from dynamodb_support import COUNTED

import cloudcore

MAX = 16 << 20
CORAL = "com.amazon.coral.service#"
INVALID = "com.amazon.coral.validate#ValidationException"
SERVICE = "com.amazonaws.dynamodb.v20120810#"
KEY = {"k": {"S": "x"}}


@pytest.fixture(scope="module")
def endpoint():
    with cloudcore.open(":memory:") as cloud, cloud.serve() as made:
        table = cloud.table("tab", pk="k")
        table.put({"k": "x", "text": "y" * 5000})
        table.put({"k": "small"})
        yield made


class Answer:
    def __init__(self, response, method):
        self.status, self.headers, self.raw = response.status, response.headers, response.read()
        self.body = gzip.decompress(self.raw) if self.headers.get("Content-Encoding") == "gzip" else self.raw
        if method != "HEAD":
            assert int(self.headers["Content-Length"]) == len(self.raw)

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def refusal(self):
        """(status, __type, message); the message under the key that the type asks for."""
        found = self.json
        key = "Message" if found["__type"] in (f"{CORAL}SerializationException", f"{CORAL}AccessDeniedException") else "message"
        assert set(found) <= {"__type", key}, found
        return self.status, found["__type"], found.get(key)


@pytest.fixture
def ask(endpoint):
    def ask(operation, body=b"{}", method="POST", path="/", **headers):
        connection = http.client.HTTPConnection(endpoint.host, endpoint.port, timeout=30)
        sent = {"Content-Type": "application/x-amz-json-1.0"}
        if operation is not None:
            sent["X-Amz-Target"] = f"DynamoDB_20120810.{operation}"
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        data = body if isinstance(body, (bytes, str)) else json.dumps(body)
        connection.request(method, path, data, {n: v for n, v in sent.items() if v is not None})
        answer = Answer(connection.getresponse(), method)
        connection.close()
        return answer

    yield ask
    assert ask("GetItem", {"TableName": "tab", "Key": {"k": {"S": "small"}}}).json == {"Item": {"k": {"S": "small"}}}, "alive"


def put(**attributes):
    return {"TableName": "tab", "Item": KEY | attributes}


def condition(text, **more):
    return {"TableName": "tab", "Item": KEY, "ConditionExpression": text} | more


# ---- 58: errors, request ids, checksums -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "body", "expected"),
    [
        ("GetItem", {"TableName": "none", "Key": KEY}, (400, f"{SERVICE}ResourceNotFoundException", "Requested resource not found")),
        ("DescribeTable", {"TableName": "none"}, (400, f"{SERVICE}ResourceNotFoundException", "Requested resource not found: Table: none not found")),
        ("PutItem", condition("attribute_not_exists(k)"), (400, f"{SERVICE}ConditionalCheckFailedException", "The conditional request failed")),
        ("GetItem", {"TableName": "tab", "Key": {}}, (400, INVALID, "The provided key element does not match the schema")),
        ("GetItem", {"TableName": "tab", "Key": {"k": {"N": 1}}}, (400, f"{CORAL}SerializationException", "NUMBER_VALUE cannot be converted to String")),
        ("ListTables", {"Limit": "x"}, (400, f"{CORAL}SerializationException", "STRING_VALUE cannot be converted to Integer")),
        ("Sing", {}, (400, f"{CORAL}UnknownOperationException", None)),
    ],
)  # fmt: skip
def test_types_of_errors(ask, operation, body, expected):
    answer = ask(operation, body)
    assert answer.refusal == expected
    assert answer.headers["Content-Type"] == "application/x-amz-json-1.0"


@pytest.mark.parametrize(
    ("headers", "status", "body"),
    [
        ({}, 400, {"__type": f"{CORAL}UnknownOperationException"}),
        ({"X_Amz_Target": "DynamoDB_20120810"}, 400, {"__type": f"{CORAL}UnknownOperationException"}),
        ({"X_Amz_Target": "DynamoDB_20111205.GetItem"}, 400, {"__type": f"{CORAL}UnknownOperationException"}),
        ({"Content_Type": None}, 404, "<UnknownOperationException/>\n"),
        ({"Content_Type": "text/plain"}, 404, "<UnknownOperationException/>\n"),
    ],
)
def test_a_request_without_an_operation(ask, headers, status, body):
    answer = ask(None, **headers)
    assert (answer.status, answer.json if isinstance(body, dict) else answer.body.decode()) == (status, body)
    assert int(answer.headers["x-amz-crc32"]) == zlib.crc32(answer.raw)


@pytest.mark.parametrize("operation", ["GetItem", "ListTables", "Sing", "PutItem"])
def test_request_ids_and_checksums(ask, operation):
    seen = set()
    for _ in range(3):
        answer = ask(operation, {"TableName": "tab", "Key": KEY})
        assert int(answer.headers["x-amz-crc32"]) == zlib.crc32(answer.raw)
        assert re.fullmatch(r"[A-Z0-9]{52}", answer.headers["x-amzn-RequestId"])
        seen.add(answer.headers["x-amzn-RequestId"])
    assert len(seen) == 3


# ---- 60: compression, CORS, health ------------------------------------------------------------------------


@pytest.mark.parametrize("operation", ["GetItem", "Scan", "DescribeTable"])
@pytest.mark.parametrize("accepted", ["gzip", "gzip, deflate, br", "deflate, GZIP;q=0.5", "x-gzip"])
def test_answers_are_packed_for_who_takes_them_so(ask, operation, accepted):
    body = {"TableName": "tab"} | ({"Key": KEY} if operation == "GetItem" else {})
    plain, packed = ask(operation, body), ask(operation, body, Accept_Encoding=accepted)
    assert plain.json == packed.json
    assert "Content-Encoding" not in plain.headers
    assert packed.headers.get("Content-Encoding") == (None if operation == "DescribeTable" and len(plain.raw) < 1024 else "gzip")
    assert int(packed.headers["x-amz-crc32"]) == zlib.crc32(packed.raw), "over the bytes as they are sent"


@pytest.mark.parametrize("accepted", ["identity", "gzip;q=0", "deflate", "", "gzip;q=0.000, identity"])
def test_answers_are_plain_for_who_does_not(ask, accepted):
    answer = ask("Scan", {"TableName": "tab"}, Accept_Encoding=accepted)
    assert "Content-Encoding" not in answer.headers and answer.json["Count"] == 2


def test_short_answers_and_refusals_are_not_worth_it(ask):
    answer = ask("GetItem", {"TableName": "tab", "Key": {"k": {"S": "small"}}}, Accept_Encoding="gzip")
    assert "Content-Encoding" not in answer.headers
    assert ask("GetItem", {"TableName": "none", "Key": KEY}, Accept_Encoding="gzip").status == 400


@pytest.mark.parametrize("operation", ["PutItem", "DescribeTable"])
def test_packed_requests(ask, operation):
    body = json.dumps(put() if operation == "PutItem" else {"TableName": "tab"}).encode()
    assert ask(operation, gzip.compress(body), Content_Encoding="gzip").status == 200
    assert ask(operation, gzip.compress(body)[:-9], Content_Encoding="gzip").refusal == (
        400, f"{CORAL}SerializationException", "The request body is not valid gzip",
    )  # fmt: skip
    assert ask(operation, gzip.compress(b" " * (MAX + 1)), Content_Encoding="gzip").status == 413


def test_cors(ask):
    preflight = ask(None, b"", "OPTIONS", Origin="http://app", Content_Type=None, Access_Control_Request_Method="POST",
                    Access_Control_Request_Headers="x-amz-target,authorization")  # fmt: skip
    assert preflight.status == 200 and preflight.raw == b""
    assert preflight.headers["Access-Control-Allow-Origin"] == "*"
    assert preflight.headers["Access-Control-Allow-Headers"] == "x-amz-target,authorization"
    assert "POST" in preflight.headers["Access-Control-Allow-Methods"]
    assert preflight.headers["Access-Control-Max-Age"] == "172800"
    for operation in ("GetItem", "ListTables", "Sing"):
        answer = ask(operation, {"TableName": "tab", "Key": KEY}, Origin="http://app")
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "x-amz-crc32" in answer.headers["Access-Control-Expose-Headers"]
    assert "Access-Control-Allow-Origin" not in ask("GetItem", {"TableName": "tab", "Key": KEY}).headers


def test_health(ask):
    answer = ask(None, None, "GET", Content_Type=None)
    assert (answer.status, answer.body) == (200, b"healthy: dynamodb.us-east-1.amazonaws.com ")
    assert answer.headers["Content-Type"] == "text/plain"
    assert int(answer.headers["x-amz-crc32"]) == zlib.crc32(answer.raw)
    assert ask(None, None, "HEAD", Content_Type=None).status == 200
    assert ask(None, None, "GET", "/_cloudcore/health", Content_Type=None).json["status"] == "ok"


# ---- 11: 16 MB --------------------------------------------------------------------------------------------


def raw(endpoint, *parts):
    with socket.create_connection((endpoint.host, endpoint.port), timeout=30) as sock:
        for part in parts:
            sock.sendall(part)
        out = b""
        while chunk := sock.recv(65536):
            out += chunk
    return out


HEAD = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Amz-Target: DynamoDB_20120810.%b\r\n"


@pytest.mark.parametrize("operation", [b"GetItem", b"ListTables"])
def test_a_body_of_16_mb_and_one_byte_more(endpoint, ask, operation):
    whole = b'{"Limit":0,"x":"%b"}' % (b"y" * (MAX - 18))
    assert len(whole) == MAX
    fits = raw(endpoint, HEAD % operation + b"Content-Length: %d\r\n\r\n" % MAX, whole)
    assert fits.startswith(b"HTTP/1.1 400") and b"validation error" in fits
    told = b'{"__type":"com.amazon.coral.service#RequestEntityTooLargeException","message":"Request size exceeds 16 MB"}'
    by_length = raw(endpoint, HEAD % operation + b"Content-Length: %d\r\n\r\n" % (MAX + 1), whole + b" ")
    assert by_length.startswith(b"HTTP/1.1 413") and by_length.endswith(told)
    half = b"%x\r\n%b\r\n" % (MAX // 2, whole[: MAX // 2]) + b"%x\r\n%b\r\n" % (MAX // 2, whole[MAX // 2 :])
    chunked = HEAD % operation + b"Transfer-Encoding: chunked\r\n\r\n"
    assert raw(endpoint, chunked, half, b"0\r\n\r\n").startswith(b"HTTP/1.1 400")
    too_large = raw(endpoint, chunked, half, b"1\r\n \r\n0\r\n\r\n")
    assert too_large.startswith(b"HTTP/1.1 413") and too_large.endswith(told)


def test_a_body_too_large_is_refused_before_it_comes(endpoint):
    with socket.create_connection((endpoint.host, endpoint.port), timeout=30) as sock:
        sock.sendall(HEAD % b"PutItem" + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % (MAX + 1))
        assert sock.recv(1000).startswith(b"HTTP/1.1 413")


# ---- Expect -----------------------------------------------------------------------------------------------


def test_expect(endpoint):
    with socket.create_connection((endpoint.host, endpoint.port), timeout=30) as sock:
        sock.sendall(HEAD % b"ListTables" + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert sock.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(b"{}")
        assert b"TableNames" in sock.recv(65536)
    assert raw(endpoint, HEAD % b"ListTables" + b"Expect: tea\r\nContent-Length: 2\r\n\r\n{}").startswith(b"HTTP/1.1 417")


# ---- 5, 12, 16, 17, 27: requests that kill or stall others ------------------------------------------------

DEEP = 20_000
HOSTILE = {
    "a comparison with a missing side": ("PutItem", condition("b = c"), f"{SERVICE}ConditionalCheckFailedException", "The conditional request failed"),
    "an order with a missing side": ("PutItem", condition("b < c"), f"{SERVICE}ConditionalCheckFailedException", "The conditional request failed"),
    "10,000 parentheses": ("PutItem", condition("(" * 10_000 + "k = k" + ")" * 10_000), INVALID, COUNTED + "Invalid ConditionExpression: Expression size has exceeded the maximum allowed size;"),
    "2,000 parentheses": ("PutItem", condition("(" * 2000 + "k = k" + ")" * 2000), INVALID, COUNTED + "Invalid ConditionExpression: The expression has too many nested levels; maximum: 128"),
    "a tag without a value": ("PutItem", put(a={"S": None}), INVALID, "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"),
    "a value without a tag": ("PutItem", put(a={}), INVALID, "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"),
    "two tags": ("PutItem", put(a={"S": "x", "N": "1"}), INVALID, "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes"),
    "1E1000000000": ("PutItem", put(a={"N": "1E1000000000"}), INVALID, COUNTED + "Number overflow. Attempting to store a number with magnitude larger than supported range"),
    "an exponent of 25 digits": ("PutItem", put(a={"N": "1E" + "9" * 25}), INVALID, COUNTED + "Number overflow. Attempting to store a number with magnitude larger than supported range"),
    "1E-1000000000": ("PutItem", put(a={"N": "1E-1000000000"}), INVALID, COUNTED + "Number underflow. Attempting to store a number with magnitude smaller than supported range"),
    "a million digits": ("PutItem", put(a={"N": "1" * 1_000_000}), INVALID, COUNTED + "Attempting to store more than 38 significant digits in a Number"),
    "a hexadecimal number": ("PutItem", put(a={"N": "0x10"}), INVALID, COUNTED + "The parameter cannot be converted to a numeric value: 0x10"),
    "NaN": ("PutItem", put(a={"N": "NaN"}), INVALID, COUNTED + "The parameter cannot be converted to a numeric value: NaN"),
    "a number with a blank": ("PutItem", put(a={"N": " 1"}), INVALID, COUNTED + "The parameter cannot be converted to a numeric value:  1"),
    "an item nested 33 deep": ("PutItem", '{"TableName":"tab","Item":{"k":{"S":"x"},"d":' + '{"L":[' * 33 + "]}" * 33 + "}}", INVALID, COUNTED + "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit"),
    "an item nested very deep": ("PutItem", '{"TableName":"tab","Item":{"k":{"S":"x"},"d":' + '{"L":[' * DEEP + "]}" * DEEP + "}}", INVALID, COUNTED + "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit"),
    "an unknown member nested very deep": ("PutItem", '{"Foo":' + "[" * DEEP + "]" * DEEP + "}", f"{CORAL}SerializationException", ...),
    "a control request nested very deep": ("CreateTable", '{"Foo":' + "[" * DEEP + "]" * DEEP + "}", f"{CORAL}SerializationException", ...),
    "bytes that are no UTF-8": ("PutItem", b'{"TableName":"tab","Item":{"k":{"S":"\xff\xfe"}}}', f"{CORAL}SerializationException", ...),
    "a control request that is no UTF-8": ("DescribeTable", b'{"TableName":"tab\xff"}', f"{CORAL}SerializationException", ...),
    "base64 of 1 character": ("PutItem", put(a={"B": "a"}), f"{CORAL}SerializationException", "Base64 encoded length is expected a multiple of 4 bytes but found: 1"),
    "base64 without its padding": ("PutItem", put(a={"B": "abc"}), f"{CORAL}SerializationException", "Base64 encoded length is expected a multiple of 4 bytes but found: 3"),
    "base64 of another alphabet": ("PutItem", put(a={"B": "ab_-"}), f"{CORAL}SerializationException", "Invalid Base64 character: '_'"),
    "base64 with bits left over": ("PutItem", put(a={"B": "ab=="}), f"{CORAL}SerializationException", "Invalid last non-pad Base64 character dectected"),
    "no body": ("PutItem", b"", f"{CORAL}SerializationException", ...),
    "no JSON": ("DescribeTable", b"hello", f"{CORAL}SerializationException", ...),
    "JSON cut off": ("PutItem", b'{"TableName":"tab","Item":{"k":{"S":"', f"{CORAL}SerializationException", ...),
    "something behind the JSON": ("PutItem", b'{"TableName":"tab"} x', f"{CORAL}SerializationException", ...),
    "a list": ("PutItem", b"[]", f"{CORAL}SerializationException", "Start of list found where not expected"),
    "NULL that is false": ("PutItem", put(a={"NULL": False}), INVALID, COUNTED + "One or more parameter values were invalid: Null attribute value types must have the value of true"),
    "101 operands of IN": ("PutItem", condition("k IN (" + ",".join([":a"] * 101) + ")", ExpressionAttributeValues={":a": {"S": "x"}}), INVALID, COUNTED + "Invalid ConditionExpression: The IN operator is provided with too many operands; number of operands: 101"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_requests(ask, name):
    operation, body, kind, message = HOSTILE[name]
    status, found, told = ask(operation, body).refusal
    assert (status, found) == (400, kind)
    if message is ...:
        assert told
    else:
        assert told == message


def test_sets_of_many_members_stall_nobody(ask):
    """60,000 members: finding a member twice must not cost the square of that."""
    members = [str(n) for n in range(60_000)]
    for kind in ("SS", "NS"):
        assert ask("PutItem", put(a={kind: members})).status == 200
        assert ask("PutItem", put(a={kind: [*members, "7"]})).refusal[1] == INVALID
