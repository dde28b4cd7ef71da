"""Invoke. Source: AWS, Lambda API reference, Invoke (6 MB synchronous payload, 3,583 bytes of context)."""

from __future__ import annotations

import base64
import io
from typing import Any

from cloudcore.errors import ApiError
from cloudcore.lambda_.configuration import refused

TAIL_BYTES = 4096
CONTEXT_MAX = 3583
_TAKEN = {"FunctionName", "InvocationType", "LogType", "ClientContext", "Payload", "Qualifier", "TenantId",
          "DurableExecutionName"}


def invoke(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Run a function; StatusCode, ExecutedVersion, Payload (with read()), FunctionError, LogResult."""
    other = sorted(set(params) - _TAKEN)
    if other:
        raise refused(f"{other[0]} is not supported by this endpoint.")
    kind = params.get("InvocationType", "RequestResponse")
    if kind == "DryRun":
        service.version(service.reference(params))
        return {"StatusCode": 204, "Payload": io.BytesIO()}
    if kind == "Event":
        context = params.get("ClientContext")
        client_context(context)
        accepted = service.accept(
            params["FunctionName"],
            params.get("Payload", b""),
            qualifier=params.get("Qualifier"),
            client_context=context,
            durable_name=params.get("DurableExecutionName"),
        )
        answer = {"StatusCode": 202, "Payload": io.BytesIO()}
        return answer | ({"DurableExecutionArn": accepted} if accepted.startswith("arn:") else {})
    result = service.invoke(
        params["FunctionName"],
        params.get("Payload", b""),
        qualifier=params.get("Qualifier"),
        client_context=client_context(params.get("ClientContext")),
        tenant=params.get("TenantId", ""),
        durable_name=params.get("DurableExecutionName"),
    )
    answer = {
        "StatusCode": 200,
        "ExecutedVersion": result.executed_version,
        "Payload": io.BytesIO(result.payload),
    }
    if result.durable_arn:
        answer["DurableExecutionArn"] = result.durable_arn
    if result.function_error:
        answer["FunctionError"] = result.function_error
    if params.get("LogType") == "Tail":
        answer["LogResult"] = base64.b64encode(result.log[-TAIL_BYTES:]).decode()
    return answer


def client_context(value: str | None) -> bytes | None:
    """The JSON text in a ClientContext. Raises InvalidRequestContentException."""
    if not value:
        return None
    if len(value) > CONTEXT_MAX:
        raise ApiError(
            "InvalidRequestContentException",
            f"Client context must be no longer than {CONTEXT_MAX} bytes of Base64-encoded data.",
        )
    try:
        return base64.b64decode(value, validate=True)
    except ValueError:  # not base64, or not ASCII
        raise ApiError(
            "InvalidRequestContentException", "Client context must be a valid Base64-encoded JSON object."
        ) from None
