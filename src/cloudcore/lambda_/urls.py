"""Calls of function URLs: found by their id, held against the resource policy, run, answered."""

from __future__ import annotations

import json
from typing import Any

from cloudcore.errors import ApiError
from cloudcore.lambda_ import policies
from cloudcore.lambda_.url_event import Reply, cors_headers, event_of, reply_of


def handle(
    service: Any, url_id: str, method: str, path: str, query: str, headers: dict[str, str], body: bytes
) -> Reply:
    """Answer one request to a function URL."""
    found = find(service, url_id)
    if found is None:
        return _refusal(ApiError("ResourceNotFoundException", "Not Found", 404))
    name, qualifier, held, open_to_all = found
    cors = held.get("Cors") or {}
    if method == "OPTIONS" and cors and "access-control-request-method" in headers:
        return 200, cors_headers(cors, headers, preflight=True), b""
    if not open_to_all:
        return _refusal(ApiError("AccessDeniedException", "Forbidden", 403))
    event = event_of(url_id, method, path, query, headers, body, service.clock.now())
    try:
        reply = reply_of(service.invoke(name, json.dumps(event).encode(), qualifier=qualifier))
    except ApiError as error:
        reply = _refusal(error)
    status, told, data = reply
    if cors:
        # The URL's own settings take the place of what the function says about CORS.
        told = [pair for pair in told if not pair[0].lower().startswith("access-control-")]
        told += cors_headers(cors, headers, preflight=False)
    return status, told, b"" if method == "HEAD" else data


def find(service: Any, url_id: str) -> tuple[str, str | None, dict[str, Any], bool] | None:
    """(function, qualifier, configuration, whether everybody may call) of a URL's id."""
    with service.lock:
        for name, function in service.registry.functions.items():
            for qualifier, held in function.urls.items():
                if held["Id"] == url_id:
                    opened = policies.opens_url(function.policies, qualifier, held["AuthType"])
                    return name, qualifier or None, held, opened
    return None


def _refusal(error: ApiError) -> Reply:
    body = {"Message": error.message} | error.fields
    headers = [("Content-Type", "application/json"), ("x-amzn-ErrorType", error.code)]
    return error.status, headers, json.dumps(body).encode()
