"""Signatures that botocore made, changed by a byte, held against the guard; and what a request asks for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import boto3
import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from cloudcore.clock import ManualClock
from cloudcore.errors import ApiError
from cloudcore.wire.auth import Guard, Keys, actions, signature

ID, SECRET = "AKIAEXAMPLE000000001", "s3cr3t/with+signs=="
ORDERS = "arn:aws:dynamodb:us-east-1:000000000000:table/orders"
HOST = "127.0.0.1:4566"


@pytest.fixture
def clock() -> ManualClock:
    import time

    return ManualClock(time.time())


def keys(directory: Path, *policies: Any) -> Keys:
    path = directory / "keys.json"
    path.write_text(json.dumps({"keys": [{"id": ID, "secret": SECRET, "user": "ann", "policies": list(policies)}]}))
    return Keys(path)


@pytest.fixture
def guard(tmp_path: Path, clock: ManualClock) -> Guard:
    return Guard(keys(tmp_path, "*"), clock, partition_key=lambda table: "id")


Sent = tuple[str, str, dict[str, str], bytes]


def signed(
    service: str = "dynamodb", method: str = "POST", target: str = "/", body: bytes = b"{}", region: str = "us-east-1",
    secret: str = SECRET, access_key: str = ID, auth: Any = SigV4Auth, **headers: str,
) -> Sent:  # fmt: skip
    request = AWSRequest(
        method, f"http://{HOST}{target}", data=body, headers={k.replace("_", "-"): v for k, v in headers.items()}
    )
    request.context["payload_signing_enabled"] = True
    auth(Credentials(access_key, secret), service, region).add_auth(request)
    url = urlsplit(request.url)
    found = {name.lower(): value for name, value in request.headers.items()} | {"host": HOST}
    return method, url.path + ("?" + url.query if url.query else ""), found, body


def get_item(**more: Any) -> Sent:
    body = json.dumps({"TableName": "orders", "Key": {"id": {"S": "a"}}} | more).encode()
    return signed(body=body, x_amz_target="DynamoDB_20120810.GetItem")


def refusal(guard: Guard, sent: Sent) -> ApiError:
    with pytest.raises(ApiError) as refused:
        guard.check(*sent)
    return refused.value


def test_botocores_signature_is_accepted(guard: Guard) -> None:
    identity = guard.check(*get_item())
    assert (identity.arn, identity.account) == ("arn:aws:iam::000000000000:user/ann", "000000000000")
    assert (identity.service, identity.region, identity.access_key) == ("dynamodb", "us-east-1", ID)


@pytest.mark.parametrize("target", [
    "/2015-03-31/functions/f%3Aprod/invocations", "/2015-03-31/functions/?MaxItems=10&Marker=a%2Fb%20c",
    "/2015-03-31/functions//f/../g/./code/",
])  # fmt: skip
def test_paths_and_queries_of_rest(guard: Guard, target: str) -> None:
    assert guard.check(*signed("lambda", "GET", target, b"")).service == "lambda"


@pytest.mark.parametrize("target", ["/bucket/a%20key/%2F..//x", "/bucket?prefix=a%2Bb&list-type=2", "/bucket/%C3%A9?uploads"])
def test_paths_of_s3_are_signed_as_sent(guard: Guard, target: str) -> None:
    assert guard.check(*signed("s3", "GET", target, b"", auth=S3SigV4Auth)).service == "s3"


@pytest.mark.parametrize("part", ["method", "target", "header", "body", "signature", "secret", "key", "service", "none"])
def test_whatever_is_changed_is_refused(guard: Guard, part: str) -> None:
    method, target, headers, body = get_item()
    code, words = "InvalidSignatureException", "The request signature we calculated does not match"
    if part == "method":
        method = "PUT"
    elif part == "target":
        target = "/?x=1"
    elif part == "header":
        headers["x-amz-target"] = "DynamoDB_20120810.PutItem"
    elif part == "body":
        body = body.replace(b'"a"', b'"b"')
    elif part == "signature":
        headers["authorization"] = headers["authorization"][:-1] + ("0" if headers["authorization"][-1] != "0" else "1")
    elif part == "secret":
        method, target, headers, body = signed(secret="another", x_amz_target="DynamoDB_20120810.GetItem")
    elif part == "service":
        method, target, headers, body = signed("firehose", x_amz_target="DynamoDB_20120810.GetItem")
        words = "Credential should be scoped to correct service: 'dynamodb'."
    elif part == "key":
        method, target, headers, body = signed(access_key="AKIANOBODY", x_amz_target="DynamoDB_20120810.GetItem")
        code, words = "UnrecognizedClientException", "The security token included in the request is invalid."
    else:
        del headers["authorization"]
        code, words = "MissingAuthenticationTokenException", "Request is missing Authentication Token"
    error = refusal(guard, (method, target, headers, body))
    assert (error.code, error.status) == (code, 400)
    assert words in error.message


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("AWS3 x", "Unsupported signature algorithm 'AWS3'"),
        ("AWS4-HMAC-SHA256 x", "requires 'Credential' parameter"),
        ("AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=0", "five parts"),
        ("AWS4-HMAC-SHA256 Credential=a/19990101/r/s/aws4_request, SignedHeaders=host, Signature=0", "'X-Amz-Date'"),
    ],
)
def test_incomplete_headers(guard: Guard, header: str, words: str) -> None:
    method, target, headers, body = get_item()
    error = refusal(guard, (method, target, headers | {"authorization": header}, body))
    assert (error.code, error.status) == ("IncompleteSignatureException", 400)
    assert words in error.message


def test_a_signature_is_good_for_fifteen_minutes(guard: Guard, clock: ManualClock) -> None:
    sent = get_item()
    clock.advance(890)
    guard.check(*sent)
    clock.advance(30)
    error = refusal(guard, sent)
    assert error.code == "InvalidSignatureException"
    assert error.message.startswith(f"Signature expired: {sent[2]['x-amz-date']} is now earlier than ")
    assert refusal(guard, signed("lambda", "GET", "/2015-03-31/functions/", b"")).status == 403
    early = Guard(guard._keys, ManualClock(clock.now() - 4000))
    assert refusal(early, get_item()).message.startswith("Signature not yet current: ")


def moved_to(guard: Guard, seconds: float) -> Guard:
    return Guard(guard._keys, ManualClock(seconds))


def test_presigned_urls(guard: Guard) -> None:
    s3 = boto3.client(
        "s3", endpoint_url=f"http://{HOST}", region_name="us-east-1", aws_access_key_id=ID, aws_secret_access_key=SECRET,
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
    )  # fmt: skip
    url = urlsplit(s3.generate_presigned_url("get_object", {"Bucket": "lake", "Key": "a b/c+d"}, ExpiresIn=60))
    target = f"{url.path}?{url.query}"
    signed_at = datetime.strptime(dict(parse_qsl(url.query))["X-Amz-Date"], "%Y%m%dT%H%M%S%z").timestamp()
    guard = moved_to(guard, signed_at + 60)  # the URL's own second: botocore read the machine's clock, after the fixture did
    guard.check("GET", target, {"host": HOST}, b"")
    assert refusal(guard, ("PUT", target, {"host": HOST}, b"")).code == "SignatureDoesNotMatch"
    assert refusal(guard, ("GET", target.replace("lake", "lakes"), {"host": HOST}, b"")).status == 403
    error = refusal(moved_to(guard, signed_at + 61), ("GET", target, {"host": HOST}, b""))
    assert (error.code, error.message) == ("AccessDenied", "Request has expired")
    sent = signed("lambda", "GET", "/2015-03-31/functions/", b"", auth=lambda *a: SigV4QueryAuth(*a, expires=60))
    moved_to(guard, signed_at).check(*sent)


def test_presigned_urls_of_version_2(guard: Guard) -> None:
    s3 = boto3.client(
        "s3", endpoint_url=f"http://{HOST}", region_name="us-east-1", aws_access_key_id=ID, aws_secret_access_key=SECRET,
        config=Config(signature_version="s3", s3={"addressing_style": "path"}),
    )  # fmt: skip
    params = {"Bucket": "lake", "Key": "a b/c+d", "ResponseContentType": "text/plain"}
    url = urlsplit(s3.generate_presigned_url("get_object", params, ExpiresIn=60))
    assert "Signature=" in url.query and "X-Amz" not in url.query
    target = f"{url.path}?{url.query}"
    expires = int(dict(parse_qsl(url.query))["Expires"])
    guard = moved_to(guard, expires)
    assert guard.check("GET", target, {"host": HOST}, b"").access_key == ID
    assert refusal(guard, ("PUT", target, {"host": HOST}, b"")).code == "SignatureDoesNotMatch"
    assert refusal(guard, ("GET", target.replace("text", "html"), {"host": HOST}, b"")).code == "SignatureDoesNotMatch"
    assert refusal(guard, ("GET", target.replace(ID, "AKIANOBODY"), {"host": HOST}, b"")).code == "InvalidAccessKeyId"
    late = moved_to(guard, expires + 1)
    assert refusal(late, ("GET", target, {"host": HOST}, b"")).message == "Request has expired"


def chunked(trailer: bool) -> Sent:
    """An upload in signed chunks, as the Java and JavaScript SDKs send it."""
    kind = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" + ("-TRAILER" if trailer else "")
    chunks = [b"a" * 70_000, b"b" * 100, b""]
    method, target, headers, _ = signed("s3", "PUT", "/lake/key", b"", auth=S3SigV4Auth)
    headers["x-amz-content-sha256"] = kind
    credential = signature.read("", headers)
    key = signature.signing_key(SECRET, credential)
    request = signature.canonical(credential, method, target, "", headers, kind)
    previous = signature.sign(key, credential, request)
    headers["authorization"] = headers["authorization"].rpartition("Signature=")[0] + "Signature=" + previous
    body = b""
    for chunk in chunks:
        text = "\n".join(("AWS4-HMAC-SHA256-PAYLOAD", credential.stamp, credential.scope, previous,
                          signature.EMPTY, signature._sha256(chunk)))  # fmt: skip
        previous = signature._hmac(key, text)
        body += b"%x;chunk-signature=%s\r\n" % (len(chunk), previous.encode()) + chunk + (b"\r\n" if chunk else b"")
    if trailer:
        text = "\n".join(("AWS4-HMAC-SHA256-TRAILER", credential.stamp, credential.scope, previous,
                          signature._sha256(b"x-amz-checksum-crc32:AAAAAA==\n")))  # fmt: skip
        body += b"x-amz-checksum-crc32:AAAAAA==\r\nx-amz-trailer-signature:%s\r\n" % signature._hmac(key, text).encode()
    return method, target, headers, body + b"\r\n"


@pytest.mark.parametrize("trailer", [False, True])
def test_signed_chunks(guard: Guard, trailer: bool) -> None:
    method, target, headers, body = chunked(trailer)
    guard.check(method, target, headers, body)
    for at in (3, 100, 70_100, 70_200, len(body) - 30):
        changed = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
        assert refusal(guard, (method, target, headers, changed)).code in (
            "SignatureDoesNotMatch", "XAmzContentSHA256Mismatch",
        ), at  # fmt: skip
    assert refusal(guard, (method, target, headers, body[:70_050])).status in (400, 403)


def test_a_declared_hash_must_be_that_of_the_body(guard: Guard) -> None:
    method, target, headers, body = signed("s3", "PUT", "/lake/key", b"data", auth=S3SigV4Auth)
    guard.check(method, target, headers, body)
    error = refusal(guard, (method, target, headers, b"DATA"))
    assert (error.code, error.status) == ("XAmzContentSHA256Mismatch", 400)


def test_our_own_signature_is_botocores(guard: Guard, clock: ManualClock) -> None:
    headers = {"host": HOST, "x-amz-target": "DynamoDB_20120810.ListTables"}
    made = signature.sign_request(ID, SECRET, "eu-west-1", "dynamodb", "POST", "/", headers, b"{}", clock.now())
    assert guard.check("POST", "/", made, b"{}").region == "eu-west-1"
    made = signature.sign_request(ID, SECRET, "eu-west-1", "lambda", "GET", "/2015-03-31/functions/a%3Ab", {"host": HOST}, b"", clock.now())  # fmt: skip
    assert guard.check("GET", "/2015-03-31/functions/a%3Ab", made, b"").service == "lambda"


# ---- what may be done ------------------------------------------------------------------------------


def test_nothing_said_is_a_denial(tmp_path: Path, clock: ManualClock) -> None:
    error = refusal(Guard(keys(tmp_path), clock), get_item())
    assert (error.code, error.status) == ("AccessDeniedException", 400)
    assert error.message == (
        f"User: arn:aws:iam::000000000000:user/ann is not authorized to perform: dynamodb:GetItem on resource: {ORDERS} "
        "because no identity-based policy allows the dynamodb:GetItem action"
    )
    sent = signed("s3", "GET", "/lake/key", b"", auth=S3SigV4Auth)
    error = refusal(Guard(keys(tmp_path), clock), sent)
    assert (error.code, error.status) == ("AccessDenied", 403)
    assert 's3:GetObject on resource: "arn:aws:s3:::lake/key" because' in error.message


def test_own_partition_alone(tmp_path: Path, clock: ManualClock) -> None:
    policy = {"Statement": {
        "Effect": "Allow", "Action": "dynamodb:*", "Resource": ORDERS,
        "Condition": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["${aws:username}"]}},
    }}  # fmt: skip
    guard = Guard(keys(tmp_path, policy), clock, partition_key=lambda table: "id")

    def query(expression: str, **more: Any) -> Sent:
        body = {"TableName": "orders", "KeyConditionExpression": expression,
                "ExpressionAttributeValues": {":mine": {"S": "ann"}, ":other": {"S": "bob"}}} | more  # fmt: skip
        return signed(body=json.dumps(body).encode(), x_amz_target="DynamoDB_20120810.Query")

    guard.check(*get_item(Key={"id": {"S": "ann"}}))
    guard.check(*query("id = :mine"))
    guard.check(*query("#i = :mine AND ts > :other", ExpressionAttributeNames={"#i": "id"}))
    for sent in (
        get_item(), query("id = :other"), query(":other = id"), query("ts > :mine"),
        query("#i = :other", ExpressionAttributeNames={"#i": "id"}),
    ):  # fmt: skip
        assert refusal(guard, sent).code == "AccessDeniedException"


def test_a_member_given_twice_is_refused(guard: Guard) -> None:
    body = b'{"TableName": "orders", "TableName": "secrets", "Key": {"id": {"S": "a"}}}'
    error = refusal(guard, signed(body=body, x_amz_target="DynamoDB_20120810.GetItem"))
    assert error.code == "SerializationException"


def asked(operation: str, body: Any) -> Iterator[tuple[str, str]]:
    found = actions.of_json("dynamodb", operation, json.dumps(body).encode(), "000000000000", "us-east-1")
    return iter([(action.removeprefix("dynamodb:"), arn.rpartition("table/")[2]) for action, arn in found.pairs])


@pytest.mark.parametrize(
    ("operation", "body", "pairs"),
    [
        ("Query", {"TableName": "t", "IndexName": "i"}, [("Query", "t/index/i")]),
        ("GetItem", {"TableName": ORDERS}, [("GetItem", "orders")]),
        ("BatchGetItem", {"RequestItems": {"a": {}, "b": {}}}, [("BatchGetItem", "a"), ("BatchGetItem", "b")]),
        ("TransactWriteItems", {"TransactItems": [{"Put": {"TableName": "a"}}, {"ConditionCheck": {"TableName": "b"}}]},
         [("PutItem", "a"), ("ConditionCheckItem", "b")]),
        ("TransactGetItems", {"TransactItems": [{"Get": {"TableName": "a"}}]}, [("GetItem", "a")]),
        ("ExecuteStatement", {"Statement": 'select "x FROM allowed" FROM "secret"."by_day" WHERE a = 1'},
         [("PartiQLSelect", "secret/index/by_day")]),
        ("ExecuteStatement", {"Statement": "INSERT INTO t VALUE {'a': 'FROM b'}"}, [("PartiQLInsert", "t")]),
        ("ExecuteStatement", {"Statement": "UPDATE t SET a = 1"}, [("PartiQLUpdate", "t")]),
        ("ExecuteStatement", {"Statement": "DELETE -- FROM allowed\n FROM t"}, [("PartiQLDelete", "t")]),
        ("ExecuteStatement", {"Statement": "/* SELECT */ (FROM t SET a = 1)"}, [("PartiQLUpdate", "t")]),
        ("ExecuteStatement", {"Statement": "SELECT FROM"}, [("PartiQLSelect", "*")]),
        ("BatchExecuteStatement", {"Statements": [{"Statement": "SELECT * FROM a"}, {"Statement": "SELECT * FROM b"}]},
         [("PartiQLSelect", "a"), ("PartiQLSelect", "b")]),
        ("ListTables", {}, [("ListTables", "*")]),
        ("GetItem", "no object", [("GetItem", "*")]),
    ],
)  # fmt: skip
def test_what_requests_ask_for(operation: str, body: Any, pairs: list[tuple[str, str]]) -> None:
    assert list(asked(operation, body)) == pairs


@pytest.mark.parametrize(
    ("method", "target", "pairs"),
    [
        ("GET", "/", [("ListAllMyBuckets", "*")]),
        ("GET", "/b?list-type=2&prefix=x", [("ListBucket", "b")]),
        ("PUT", "/b", [("CreateBucket", "b")]),
        ("DELETE", "/b", [("DeleteBucket", "b")]),
        ("HEAD", "/b/k", [("GetObject", "b/k")]),
        ("PUT", "/b/k%20x", [("PutObject", "b/k x")]),
        ("DELETE", "/b/k", [("DeleteObject", "b/k")]),
        ("POST", "/b/k?uploads", [("PutObject", "b/k")]),
        ("DELETE", "/b/k?uploadId=u", [("AbortMultipartUpload", "b/k")]),
        ("POST", "/b?delete", [("DeleteObject", "b/*")]),
        ("PUT", "/b?notification", [("PutBucketNotification", "b")]),
    ],
)
def test_what_s3_requests_ask_for(method: str, target: str, pairs: list[tuple[str, str]]) -> None:
    path, _, query = target.partition("?")
    found = actions.of_s3(method, path, query, {})
    assert [(a.removeprefix("s3:"), arn.removeprefix("arn:aws:s3:::")) for a, arn in found.pairs] == pairs
    copied = actions.of_s3("PUT", "/b/k", "", {"x-amz-copy-source": "/other/key%20x"})
    assert copied.pairs[1] == ("s3:GetObject", "arn:aws:s3:::other/key x")


@pytest.mark.parametrize(
    ("operation", "params", "pair"),
    [
        ("Invoke", {"FunctionName": "f"}, ("lambda:InvokeFunction", "function:f")),
        ("Invoke", {"FunctionName": "f", "Qualifier": "prod"}, ("lambda:InvokeFunction", "function:f:prod")),
        ("GetFunction", {"FunctionName": "000000000000:function:f"}, ("lambda:GetFunction", "function:f")),
        ("GetLayerVersion", {"LayerName": "l", "VersionNumber": "3"}, ("lambda:GetLayerVersion", "layer:l:3")),
        ("ListFunctions", {}, ("lambda:ListFunctions", "*")),
    ],
)
def test_what_lambda_requests_ask_for(operation: str, params: dict[str, Any], pair: tuple[str, str]) -> None:
    ((action, resource),) = actions.of_lambda(operation, params, "000000000000", "us-east-1").pairs
    assert (action, resource.removeprefix("arn:aws:lambda:us-east-1:000000000000:")) == pair


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "there is no [[key]]"),
        ("[[key]]\nid = 'a'", "secret is missing"),
        ("[[key]]\nid = 'a'\nsecret = 'b'\nrole = 'c'", "members are id, secret"),
        ("[[key]]\nid = 'a'\nsecret = 'b'\naccount = '1'", "an account is 12 digits"),
        ("[[key]]\nid = 'a'\nsecret = 'b'\n[[key]]\nid = 'a'\nsecret = 'c'", "two keys have the id a"),
        ("[[key]]\nid = 'a'\nsecret = 'b'\npolicies = [{Statement = 5}]", "statement 1"),
        ("[[key]", "keys.toml: "),
    ],
)
def test_key_files_that_are_none(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "keys.toml"
    path.write_text(text)
    with pytest.raises(ValueError) as refused:
        Keys(path)
    assert words in str(refused.value)


def test_policies_from_files(tmp_path: Path) -> None:
    (tmp_path / "read.json").write_text('{"Statement": {"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}}')
    (tmp_path / "keys.toml").write_text("[[key]]\nid = 'a'\nsecret = 'b'\npolicies = ['read.json']")
    guard = Guard(Keys(tmp_path / "keys.toml"))
    assert guard.may("a", "s3:GetObject", "arn:aws:s3:::b/k") and not guard.may("a", "s3:PutObject", "arn:aws:s3:::b/k")
    assert guard.password("a", "b") and not guard.password("a", "c") and not guard.password("x", "b")
