"""Function URLs: an HTTP request as an event, a function's answer as an HTTP reply (payload format 2.0).

Source: AWS, "Invoking Lambda function URLs" and "Cross-origin resource sharing (CORS)".
"""

from __future__ import annotations

import base64
import binascii
import fnmatch
import json
import re
import time
import uuid
from typing import Any
from urllib.parse import parse_qsl

from cloudcore.lambda_.metering import Result

Reply = tuple[int, list[tuple[str, str]], bytes]
_TEXT = re.compile(r"text/|application/(json|javascript|xml|[\w.+-]+\+(json|xml))(;|$)")
_JSON = ("Content-Type", "application/json")


def event_of(
    url_id: str, method: str, path: str, query: str, headers: dict[str, str], body: bytes, now: float
) -> dict[str, Any]:
    """The event. `headers` by lower-case name, with X-Forwarded-For; `path` and `query` as they came."""
    domain = headers.get("host", "").rpartition(":")[0] or headers.get("host", "")
    values: dict[str, str] = {}
    for key, value in parse_qsl(query, keep_blank_values=True):
        values[key] = f"{values[key]},{value}" if key in values else value
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": {name: value for name, value in headers.items() if name != "cookie"},
        "requestContext": {
            "accountId": "anonymous",
            "apiId": url_id,
            "domainName": domain,
            "domainPrefix": url_id,
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": headers["x-forwarded-for"],
                "userAgent": headers.get("user-agent", ""),
            },
            "requestId": str(uuid.uuid4()),
            "routeKey": "$default",
            "stage": "$default",
            "time": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)),
            "timeEpoch": int(now * 1000),
        },
        "isBase64Encoded": False,
    }
    if "cookie" in headers:
        event["cookies"] = [part.strip() for part in headers["cookie"].split(";")]
    if values:
        event["queryStringParameters"] = values
    if body:
        event["body"], event["isBase64Encoded"] = _body(headers.get("content-type", ""), body)
    return event


def identity_of(who: dict[str, str]) -> dict[str, Any]:
    """What the request context says of a caller who signed."""
    iam = {
        "accessKey": who["access_key"],
        "accountId": who["account"],
        "callerId": who["access_key"],
        "cognitoIdentity": None,
        "principalOrgId": None,
        "userArn": who["arn"],
        "userId": who["access_key"],
    }
    return {"accountId": who["account"], "authorizer": {"iam": iam}}


def _body(content_type: str, body: bytes) -> tuple[str, bool]:
    if _TEXT.match(content_type.lower()) or not content_type:
        try:
            return body.decode(), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(body).decode(), True


def reply_of(result: Result) -> Reply:
    """The HTTP reply: what the function says, 502 when it failed or answered what is no reply."""
    if result.function_error:
        return 502, [("Content-Type", "text/plain")], b"Internal Server Error"
    answer = json.loads(result.payload) if result.payload else None
    if not isinstance(answer, dict) or "statusCode" not in answer:
        return 200, [_JSON], result.payload
    try:
        status = int(answer["statusCode"])
        text = answer.get("body")
        text = "" if text is None else text if isinstance(text, str) else json.dumps(text)
        body = base64.b64decode(text, validate=True) if answer.get("isBase64Encoded") else text.encode()
        headers = [
            (str(name), str(value).lower() if isinstance(value, bool) else str(value))
            for name, value in (answer.get("headers") or {}).items()
            if name.lower() not in ("content-length", "connection", "transfer-encoding")
        ]
        headers += [("Set-Cookie", str(cookie)) for cookie in answer.get("cookies") or ()]
    except (TypeError, ValueError, AttributeError, binascii.Error):
        return 502, [("Content-Type", "text/plain")], b"Internal Server Error"
    if not 100 <= status <= 599 or any(c in name + value for name, value in headers for c in "\r\n\0"):
        return 502, [("Content-Type", "text/plain")], b"Internal Server Error"
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(_JSON)
    return status, headers, body


def cors_headers(cors: dict[str, Any], headers: dict[str, str], *, preflight: bool) -> list[tuple[str, str]]:
    """What a browser is told; nothing when the origin is not allowed."""
    origin = headers.get("origin", "")
    allowed = cors.get("AllowOrigins", [])
    if not origin or not any(fnmatch.fnmatchcase(origin, one) for one in allowed):
        return []
    anybody = "*" in allowed and not cors.get("AllowCredentials")
    told = [("Access-Control-Allow-Origin", "*" if anybody else origin), ("Vary", "Origin")]
    if cors.get("AllowCredentials"):
        told.append(("Access-Control-Allow-Credentials", "true"))
    if cors.get("ExposeHeaders"):
        told.append(("Access-Control-Expose-Headers", ",".join(cors["ExposeHeaders"])))
    if preflight:
        for member, name in (("AllowMethods", "Methods"), ("AllowHeaders", "Headers")):
            if cors.get(member):
                told.append((f"Access-Control-Allow-{name}", ",".join(cors[member])))
        if "MaxAge" in cors:
            told.append(("Access-Control-Max-Age", str(cors["MaxAge"])))
    return told
