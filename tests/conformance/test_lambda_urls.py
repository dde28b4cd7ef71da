"""Tags, resource policies and function URLs: unmodified boto3 and a plain HTTP client."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from lambda_clients import ARN, create, refusal

MIRROR = b"""
import base64
def handler(event, context):
    return {
        "statusCode": 201,
        "headers": {"Content-Type": "text/plain", "X-Method": event["requestContext"]["http"]["method"]},
        "cookies": ["a=1; Secure", "b=2"],
        "body": base64.b64encode(str(event.get("body")).encode()).decode(),
        "isBase64Encoded": True,
    }
"""
OPEN = {
    "StatementId": "open", "Action": "lambda:InvokeFunctionUrl", "Principal": "*", "FunctionUrlAuthType": "NONE",
}  # fmt: skip
Send = Callable[..., tuple[int, http.client.HTTPMessage, bytes]]


@pytest.fixture
def send(functions: Any) -> Send:
    def sent(
        url: str,
        method: str = "GET",
        target: str = "/",
        body: Any = None,
        headers: dict[str, str] | None = None,
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        parts = urlsplit(url)
        connection = http.client.HTTPConnection("127.0.0.1", parts.port or 0, timeout=30)
        try:
            connection.request(method, target, body, {"Host": parts.netloc} | (headers or {}))
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    return sent


def opened(client: Any, **more: Any) -> str:
    url: str = client.create_function_url_config(FunctionName="fn", AuthType="NONE", **more)["FunctionUrl"]
    client.add_permission(FunctionName="fn", **OPEN)
    return url


def test_tags(functions: Any) -> None:
    create(functions, Tags={"a": "1"})
    functions.tag_resource(Resource=ARN, Tags={"b": "2", "a": "3"})
    assert functions.list_tags(Resource=ARN)["Tags"] == {"a": "3", "b": "2"}
    assert functions.get_function(FunctionName="fn")["Tags"] == {"a": "3", "b": "2"}
    functions.untag_resource(Resource=ARN, TagKeys=["a", "none"])
    assert functions.list_tags(Resource=ARN)["Tags"] == {"b": "2"}
    assert refusal(functions.tag_resource, Resource=ARN, Tags={str(n): "" for n in range(50)}) == (
        "InvalidParameterValueException", 400, "Number of tags exceeds resource tag limit.",
    )  # fmt: skip
    assert refusal(functions.tag_resource, Resource=ARN + ":1", Tags={"a": "1"})[0] == (
        "InvalidParameterValueException"
    )
    assert refusal(functions.list_tags, Resource=ARN + "x")[:2] == ("ResourceNotFoundException", 404)


def test_a_policy(functions: Any) -> None:
    create(functions, Publish=True)
    missing = ("ResourceNotFoundException", 404, "The resource you requested does not exist.")
    assert refusal(functions.get_policy, FunctionName="fn") == missing
    answer = functions.add_permission(
        FunctionName="fn", StatementId="s3", Action="lambda:InvokeFunction", Principal="s3.amazonaws.com",
        SourceArn="arn:aws:s3:::bucket", SourceAccount="123456789012",
    )  # fmt: skip
    statement = {
        "Sid": "s3", "Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "lambda:InvokeFunction", "Resource": ARN,
        "Condition": {
            "StringEquals": {"AWS:SourceAccount": "123456789012"},
            "ArnLike": {"AWS:SourceArn": "arn:aws:s3:::bucket"},
        },
    }  # fmt: skip
    assert json.loads(answer["Statement"]) == statement
    held = functions.get_policy(FunctionName="fn")
    assert json.loads(held["Policy"]) == {"Version": "2012-10-17", "Id": "default", "Statement": [statement]}
    account = {"StatementId": "a", "Action": "lambda:GetFunction", "Principal": "123456789012"}
    assert refusal(functions.add_permission, FunctionName="fn", RevisionId="old", **account)[:2] == (
        "PreconditionFailedException", 412,
    )  # fmt: skip
    functions.add_permission(FunctionName="fn", RevisionId=held["RevisionId"], **account)
    functions.add_permission(FunctionName="fn", Qualifier="1", **account)
    code, status, message = refusal(functions.add_permission, FunctionName="fn", **account)
    assert (code, status) == ("ResourceConflictException", 409)
    assert message.startswith("The statement id (a) provided already exists.")
    of_version = json.loads(functions.get_policy(FunctionName="fn", Qualifier="1")["Policy"])["Statement"]
    assert [(s["Resource"], s["Principal"]) for s in of_version] == [
        (ARN + ":1", {"AWS": "arn:aws:iam::123456789012:root"})
    ]
    functions.remove_permission(FunctionName="fn", StatementId="s3")
    assert refusal(functions.remove_permission, FunctionName="fn", StatementId="s3")[2] == (
        "Statement s3 is not found in resource policy."
    )
    functions.remove_permission(FunctionName="fn", StatementId="a")
    assert refusal(functions.get_policy, FunctionName="fn") == missing
    code, _, message = refusal(
        functions.add_permission, FunctionName="fn", **account | {"Principal": "nobody"}
    )
    assert (code, message) == (
        "InvalidParameterValueException",
        "The provided principal was invalid. Please check the principal and try again.",
    )


def test_a_url(functions: Any, send: Send) -> None:
    create(functions, source=MIRROR)
    made = functions.create_function_url_config(FunctionName="fn", AuthType="NONE")
    assert (made["FunctionArn"], made["AuthType"], made["InvokeMode"]) == (ARN, "NONE", "BUFFERED")
    url = made["FunctionUrl"]
    assert urlsplit(url).hostname.endswith(".lambda-url.us-east-1.localhost")
    status, _, body = send(url)
    assert (status, json.loads(body)) == (403, {"Message": "Forbidden"})
    functions.add_permission(FunctionName="fn", **OPEN)
    status, headers, body = send(url, "PATCH", "/x", "text", {"Content-Type": "text/plain"})
    assert (status, headers["X-Method"], body) == (201, "PATCH", b"text")
    assert headers.get_all("Set-Cookie") == ["a=1; Secure", "b=2"]
    assert send(url, "HEAD")[2] == b""
    url_id = urlsplit(url).hostname.partition(".")[0]
    plain = f"http://127.0.0.1:{urlsplit(url).port}"
    assert send(plain, "POST", f"/lambda-url/{url_id}/a/b", "x")[0] == 201
    assert functions.get_function_url_config(FunctionName="fn")["FunctionUrl"] == url
    assert [
        u["FunctionUrl"] for u in functions.list_function_url_configs(FunctionName="fn")["FunctionUrlConfigs"]
    ] == [url]
    assert refusal(functions.create_function_url_config, FunctionName="fn", AuthType="NONE")[:2] == (
        "ResourceConflictException", 409,
    )  # fmt: skip
    functions.delete_function_url_config(FunctionName="fn")
    assert send(url)[0] == 404
    assert refusal(functions.get_function_url_config, FunctionName="fn") == (
        "ResourceNotFoundException", 404, "The resource you requested does not exist.",
    )  # fmt: skip


def test_the_event_of_a_url(functions: Any, send: Send) -> None:
    create(functions, source=b"def handler(e, c):\n    return e\n")
    url = opened(functions)
    status, headers, body = send(
        url, "POST", "/a%20b?k=1&k=2&e=&q=%26", b"\xff\x00",
        {"Content-Type": "application/octet-stream", "X-Mine": "v", "Cookie": "a=1; b=2", "User-Agent": "t"},
    )  # fmt: skip
    assert (status, headers["Content-Type"]) == (200, "application/json")
    event = json.loads(body)
    assert (event["version"], event["routeKey"], event["rawPath"]) == ("2.0", "$default", "/a%20b")
    assert event["rawQueryString"] == "k=1&k=2&e=&q=%26"
    assert event["queryStringParameters"] == {"k": "1,2", "e": "", "q": "&"}
    assert event["cookies"] == ["a=1", "b=2"] and "cookie" not in event["headers"]
    assert event["headers"]["x-mine"] == "v"
    assert (event["body"], event["isBase64Encoded"]) == ("/wA=", True)
    context = event["requestContext"]
    assert context["http"] == {
        "method": "POST", "path": "/a%20b", "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "t",
    }  # fmt: skip
    assert context["domainName"] == urlsplit(url).hostname and context["accountId"] == "anonymous"
    text = json.loads(
        send(url, "POST", "/", '{"a": "\u00e4"}'.encode(), {"Content-Type": "application/json"})[2]
    )
    assert (text["body"], text["isBase64Encoded"]) == ('{"a": "\u00e4"}', False)


@pytest.mark.parametrize(
    ("returned", "status", "body"),
    [
        ("{'a': 1}", 200, b'{"a": 1}'),
        ("'text'", 200, b'"text"'),
        ("None", 200, b"null"),
        ("{'statusCode': 204}", 204, b""),
        ("{'statusCode': 'x'}", 502, b"Internal Server Error"),
        ("{'statusCode': 200, 'headers': {'A': 'b\\r\\nC: d'}}", 502, b"Internal Server Error"),
        ("1 / 0", 502, b"Internal Server Error"),
    ],
)
def test_answers_of_a_url(functions: Any, send: Send, returned: str, status: int, body: bytes) -> None:
    create(functions, source=f"def handler(e, c):\n    return {returned}\n".encode())
    found = send(opened(functions))
    assert (found[0], found[2]) == (status, body)


def test_a_url_of_an_alias(functions: Any, send: Send) -> None:
    create(functions, source=b"def handler(e, c):\n    return c.invoked_function_arn\n", Publish=True)
    functions.create_alias(FunctionName="fn", Name="live", FunctionVersion="1")
    url = functions.create_function_url_config(FunctionName="fn", Qualifier="live", AuthType="NONE")[
        "FunctionUrl"
    ]
    functions.add_permission(FunctionName="fn", **OPEN)  # of the function: not of the alias
    assert send(url)[0] == 403
    functions.add_permission(FunctionName="fn", Qualifier="live", **OPEN)
    assert json.loads(send(url)[2]) == ARN + ":live"


def test_cors(functions: Any, send: Send) -> None:
    source = b"def handler(e, c):\n    return {'statusCode': 200, 'headers': {'Access-Control-Allow-Origin': 'own'}}\n"
    create(functions, source=source)
    cors = {
        "AllowOrigins": ["https://app.test"],
        "AllowMethods": ["GET"],
        "AllowHeaders": ["x-mine"],
        "MaxAge": 9,
    }
    url = opened(functions, Cors=cors)
    asked = {"Origin": "https://app.test", "Access-Control-Request-Method": "GET"}
    status, headers, _ = send(url, "OPTIONS", headers=asked)
    assert (status, headers["Access-Control-Allow-Origin"]) == (200, "https://app.test")
    assert (headers["Access-Control-Allow-Methods"], headers["Access-Control-Allow-Headers"]) == (
        "GET",
        "x-mine",
    )
    assert headers["Access-Control-Max-Age"] == "9"
    assert send(url, headers=asked)[1].get_all("Access-Control-Allow-Origin") == ["https://app.test"]
    assert "Access-Control-Allow-Origin" not in send(url, headers={"Origin": "https://evil.test"})[1]
    functions.update_function_url_config(FunctionName="fn", Cors={})
    assert send(url, headers=asked)[1]["Access-Control-Allow-Origin"] == "own"


def signed(url: str, method: str = "GET", service: str = "lambda", secret: str = "test") -> dict[str, str]:
    """The headers of a request that botocore signed."""
    request = AWSRequest(method, url, data=b"")
    SigV4Auth(Credentials("test", secret), service, "us-east-1").add_auth(request)
    return dict(request.headers)


def test_a_url_for_those_who_sign(functions: Any, send: Send) -> None:
    create(functions, source=b"def handler(event, context): return event['requestContext']")
    url = functions.create_function_url_config(FunctionName="fn", AuthType="AWS_IAM")["FunctionUrl"]
    assert send(url)[0] == 403
    assert send(url, headers=signed(url, service="s3"))[0] == 403
    status, _, body = send(url, headers=signed(url))
    told = json.loads(body)
    assert status == 200 and told["accountId"] == "000000000000"
    assert told["authorizer"]["iam"]["userArn"] == "arn:aws:iam::000000000000:root"
    assert told["authorizer"]["iam"]["accessKey"] == "test"


def test_a_url_that_is_throttled(functions: Any, send: Send) -> None:
    create(functions)
    url = opened(functions)
    functions.put_function_concurrency(FunctionName="fn", ReservedConcurrentExecutions=0)
    assert send(url)[0] == 429
