"""InvokeWithResponseStream. Source: AWS, Lambda API reference, InvokeWithResponseStream."""

from __future__ import annotations

from typing import Any

from cloudcore.lambda_ import lineage
from cloudcore.lambda_.configuration import refused
from cloudcore.lambda_.operations.invoke import client_context
from cloudcore.lambda_.streaming import Stream, events

_TAKEN = {"FunctionName", "InvocationType", "LogType", "ClientContext", "Payload", "Qualifier", "TenantId"}


def invoke_with_response_stream(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Run a function; EventStream yields what it writes as it writes it, InvokeComplete last."""
    other = sorted(set(params) - _TAKEN)
    if other:
        raise refused(f"{other[0]} is not supported by this endpoint.")
    if params.get("InvocationType") == "DryRun":
        service.version(service.reference(params))
        return {"StatusCode": 204, "EventStream": iter(())}
    stream = Stream(
        service,
        function=params["FunctionName"],
        payload=params.get("Payload", b""),
        qualifier=params.get("Qualifier"),
        client_context=client_context(params.get("ClientContext")),
        tenant=params.get("TenantId", ""),
        trace=lineage.take() or "",
    )
    return {
        "StatusCode": 200,
        "ExecutedVersion": stream.executed_version,
        "ResponseStreamContentType": "application/vnd.amazon.eventstream",
        "EventStream": events(stream, params.get("LogType")),
    }
