"""The REST-JSON wire of Lambda: method and path to an operation, members to and from headers and query.

Source: the API's HTTP bindings, AWS Lambda API reference.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote

from cloudcore.errors import ApiError

Reply = tuple[int, list[tuple[str, str]], bytes]
_FUNCTIONS = r"/2015-03-31/functions"
_ONE = _FUNCTIONS + r"/(?P<FunctionName>[^/]+)"


@dataclass(frozen=True)
class Route:
    """How one operation is reached. `headers` and `replies` map header names to members."""

    operation: str
    method: str
    path: re.Pattern[str]
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    replies: dict[str, str] = field(default_factory=dict)


ROUTES = (
    Route(
        "Invoke", "POST", re.compile(_ONE + "/invocations"), 200,
        {"x-amz-invocation-type": "InvocationType", "x-amz-log-type": "LogType",
         "x-amz-client-context": "ClientContext", "x-amz-tenant-id": "TenantId",
         "x-amz-durable-execution-name": "DurableExecutionName"},
        {"X-Amz-Function-Error": "FunctionError", "X-Amz-Log-Result": "LogResult",
         "X-Amz-Executed-Version": "ExecutedVersion"},
    ),
    Route("CreateFunction", "POST", re.compile(_FUNCTIONS + "/?"), 201),
    Route("ListFunctions", "GET", re.compile(_FUNCTIONS + "/?")),
    Route("GetFunction", "GET", re.compile(_ONE)),
    Route("DeleteFunction", "DELETE", re.compile(_ONE), 204),
    Route("GetFunctionConfiguration", "GET", re.compile(_ONE + "/configuration")),
    Route("UpdateFunctionConfiguration", "PUT", re.compile(_ONE + "/configuration")),
    Route("UpdateFunctionCode", "PUT", re.compile(_ONE + "/code")),
)  # fmt: skip
_BLOBS = {"CreateFunction": ("Code", "ZipFile"), "UpdateFunctionCode": ("ZipFile",)}


def serves(path: str) -> bool:
    """Whether a path is Lambda's."""
    return path.startswith(_FUNCTIONS)


def handle(service: Any, method: str, path: str, query: str, headers: dict[str, str], body: bytes) -> Reply:
    """Answer one request; errors are answers too."""
    try:
        for route in ROUTES:
            found = route.path.fullmatch(path)
            if found and route.method == method:
                uri = {name: unquote(value) for name, value in found.groupdict().items()}
                return _run(service, route, uri, query, headers, body)
        raise ApiError("UnknownOperationException", f"There is no {method} {path} here.", 404)
    except ApiError as error:
        return _refusal(error)


def _run(
    service: Any, route: Route, uri: dict[str, str], query: str, headers: dict[str, str], body: bytes
) -> Reply:
    params: dict[str, Any] = dict(parse_qsl(query, keep_blank_values=True))
    if "MaxItems" in params:
        params["MaxItems"] = _number("maxItems", params["MaxItems"])
    params |= {member: headers[name] for name, member in route.headers.items() if name in headers}
    if route.operation == "Invoke":
        params["Payload"] = body
    elif body and method_has_body(route.method):
        params |= _members(route.operation, body)
    params |= uri
    answer = service.call(route.operation, params)
    out = [(name, str(answer[member])) for name, member in route.replies.items() if member in answer]
    if route.operation == "Invoke":
        data = answer["Payload"].read()
        return int(answer["StatusCode"]), [("Content-Type", "application/json"), *out], data
    if route.status == 204:
        return 204, out, b""
    return route.status, [("Content-Type", "application/json"), *out], json.dumps(answer).encode()


def method_has_body(method: str) -> bool:
    return method in ("POST", "PUT")


def _members(operation: str, body: bytes) -> dict[str, Any]:
    """The members of a JSON body, blobs decoded."""
    try:
        members = json.loads(body)
    except (ValueError, RecursionError):
        raise ApiError("SerializationException", "Could not parse request body into json.") from None
    if not isinstance(members, dict):
        raise ApiError("SerializationException", "Start of structure or map found where not expected.")
    *way, last = _BLOBS.get(operation, ("",))
    inner = members
    for name in way:
        inner = inner.get(name, {})
        if not isinstance(inner, dict):
            raise ApiError("SerializationException", f"{name} is a structure.")
    if last in inner:
        try:
            inner[last] = base64.b64decode(inner[last], validate=True)
        except (binascii.Error, TypeError, ValueError):
            raise ApiError("SerializationException", f"{last} is not base64.") from None
    return members


def _number(name: str, text: str) -> int:
    if not re.fullmatch(r"-?\d{1,9}", text):
        raise ApiError("SerializationException", f"'{text}' at '{name}' is no integer")
    return int(text)


def _refusal(error: ApiError) -> Reply:
    kind = "User" if error.status < 500 else "Service"
    member = "message" if error.code in ("ValidationException", "TooManyRequestsException") else "Message"
    body = {"Type": kind, member: error.message} | error.fields
    headers = [("Content-Type", "application/json"), ("x-amzn-ErrorType", error.code)]
    return error.status, headers, json.dumps(body).encode()
