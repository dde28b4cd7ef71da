"""Lambda's REST-JSON without a client: routes, members, words of refusals."""

from __future__ import annotations

import base64
import json

import pytest

from cloudcore.errors import ApiError
from cloudcore.lambda_ import Lambda
from cloudcore.lambda_.code import pack

FUNCTIONS = "/2015-03-31/functions"
CODE = base64.b64encode(pack({"h.py": b"def handler(event, context):\n    return event\n"})).decode()
CREATE = {
    "FunctionName": "fn",
    "Runtime": "python3.12",
    "Role": "arn:aws:iam::000000000000:role/r",
    "Handler": "h.handler",
    "Code": {"ZipFile": CODE},
}


@pytest.fixture
def service(tmp_path):
    with Lambda(tmp_path) as found:
        yield found


def send(service, method, path, body=b"", query="", headers=None):
    """(status, headers, body) of one request; a JSON body is read."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    status, out, data = service.handle(method, path, query, headers or {}, data)
    return status, dict(out), json.loads(data) if data else None


def test_the_life_of_a_function(service):
    status, headers, made = send(service, "POST", FUNCTIONS, CREATE)
    assert (status, headers["Content-Type"], made["FunctionName"]) == (201, "application/json", "fn")
    assert send(service, "POST", FUNCTIONS + "/", CREATE)[0] == 409
    arn = "arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Afn"
    assert (
        send(service, "GET", f"{FUNCTIONS}/{arn}")[2]["Configuration"]["FunctionArn"] == made["FunctionArn"]
    )
    listed = send(service, "GET", FUNCTIONS, query="MaxItems=1&FunctionVersion=ALL")[2]
    assert [f["FunctionName"] for f in listed["Functions"]] == ["fn"]
    status, headers, answer = send(
        service, "POST", f"{FUNCTIONS}/fn/invocations", b'{"a": 1}', headers={"x-amz-log-type": "Tail"}
    )
    assert (status, answer, headers["X-Amz-Executed-Version"]) == (200, {"a": 1}, "$LATEST")
    assert b"REPORT RequestId" in base64.b64decode(headers["X-Amz-Log-Result"])
    dry = {"x-amz-invocation-type": "DryRun"}
    assert send(service, "POST", f"{FUNCTIONS}/fn/invocations", headers=dry) == (204, {}, None)
    assert send(service, "DELETE", f"{FUNCTIONS}/fn") == (204, {}, None)
    status, headers, refusal = send(service, "GET", f"{FUNCTIONS}/fn")
    assert (status, headers["x-amzn-ErrorType"]) == (404, "ResourceNotFoundException")
    assert refusal == {
        "Type": "User",
        "Message": "Function not found: arn:aws:lambda:us-east-1:000000000000:function:fn",
    }


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("PATCH", FUNCTIONS, "UnknownOperationException"),
        ("GET", "/2015-03-31/nothing", "UnknownOperationException"),
        ("GET", "/2017-10-31/functions/fn/concurrency/more", "UnknownOperationException"),
    ],
)
def test_what_is_not_there(service, method, path, code):
    status, headers, _ = send(service, method, path)
    assert (status, headers["x-amzn-ErrorType"]) == (404, code)


def failed(at, value, rule):
    return f"Value '{value}' at '{at}' failed to satisfy constraint: {rule}"


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        ({"Timeout": "3"}, "SerializationException", "STRING_VALUE can not be converted to an Integer"),
        ({"Code": []}, "SerializationException", "Start of list found where not expected"),
        (
            {"Code": {"ZipFile": "abc"}},
            "SerializationException",
            "Base64 encoded length is expected a multiple of 4 bytes but found: 3",
        ),
        (
            {"Timeout": 0, "MemorySize": 127},
            "ValidationException",
            "2 validation errors detected: "
            + failed("timeout", 0, "Member must have value greater than or equal to 1")
            + "; "
            + failed("memorySize", 127, "Member must have value greater than or equal to 128"),
        ),
        (
            {"Timeout": 901},
            "ValidationException",
            "1 validation error detected: "
            + failed("timeout", 901, "Member must have value less than or equal to 900"),
        ),
        (
            {"Role": None},
            "ValidationException",
            "1 validation error detected: Value null at 'role' failed to satisfy constraint: Member must not "
            "be null",
        ),
        (
            {"Role": "me"},
            "ValidationException",
            "1 validation error detected: "
            + failed(
                "role", "me",
                "Member must satisfy regular expression pattern: "
                r"arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+",
            ),
        ),
        (
            {"Environment": {"Variables": {"1": "x"}}},
            "ValidationException",
            "1 validation error detected: Value at 'environment.variables' failed to satisfy constraint: Map "
            "keys must satisfy constraint: [Member must satisfy regular expression pattern: "
            "[a-zA-Z]([a-zA-Z0-9_])+, Member must not be null]",
        ),
    ],
)  # fmt: skip
def test_refusals(service, change, code, message):
    status, headers, body = send(service, "POST", FUNCTIONS, CREATE | change)
    assert (status, headers["x-amzn-ErrorType"]) == (400, code)
    assert body.get("message", body.get("Message")) == message
    with pytest.raises(ApiError) as caught:  # in process: the same, but that bytes need no base64
        service.call("CreateFunction", CREATE | {"Code": {"ZipFile": base64.b64decode(CODE)}} | change)
    if "ZipFile" not in str(change):
        assert (caught.value.code, caught.value.message) == (code, message)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"1", b'"x"', b"\xff", b"[" * 100_000, b'{"FunctionName": NaN}']
)
def test_bodies_that_are_no_request(service, body):
    status, headers, _ = send(service, "POST", FUNCTIONS, body)
    assert status == 400
    assert headers["x-amzn-ErrorType"] in ("SerializationException", "ValidationException")


def test_members_of_the_query(service):
    for query, code in (("MaxItems=x", "SerializationException"), ("MaxItems=0", "ValidationException")):
        status, headers, _ = send(service, "GET", FUNCTIONS, query=query)
        assert (status, headers["x-amzn-ErrorType"]) == (400, code)


@pytest.mark.parametrize("context", ["x", "\x80", "a;=="])
def test_a_client_context_that_is_no_base64(service, context):
    send(service, "POST", FUNCTIONS, CREATE)
    headers = {"x-amz-client-context": context}
    status, out, _ = send(service, "POST", f"{FUNCTIONS}/fn/invocations", b"{}", headers=headers)
    assert (status, out["x-amzn-ErrorType"]) == (400, "InvalidRequestContentException")
