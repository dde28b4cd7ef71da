"""Requests and refusals as JSON, as DynamoDB and its streams have them."""

from __future__ import annotations

import json
from typing import Any

from cloudcore.errors import ApiError

_CORAL_SERVICE = frozenset(("AccessDeniedException", "SerializationException", "UnknownOperationException"))


def error_body(error: ApiError) -> bytes:
    """The JSON body of a refusal: `__type` with the prefix of the layer that refuses on AWS."""
    if error.code in _CORAL_SERVICE:
        body: dict[str, Any] = {"__type": f"com.amazon.coral.service#{error.code}"}
        if error.message:
            body["Message"] = error.message
    elif error.code == "ValidationException":
        body = {"__type": "com.amazon.coral.validate#ValidationException", "message": error.message}
    else:
        body = {"__type": f"com.amazonaws.dynamodb.v20120810#{error.code}", "message": error.message}
    return json.dumps(body | error.fields).encode()


def parse(body: bytes) -> Any:
    """A request's JSON. Raises ApiError SerializationException."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise ApiError("SerializationException", "The body is not valid JSON") from None
