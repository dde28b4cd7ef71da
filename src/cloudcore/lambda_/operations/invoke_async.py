"""InvokeAsync, deprecated by AWS. Source: AWS, Lambda API reference, InvokeAsync."""

from __future__ import annotations

from typing import Any


def invoke_async(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """As Invoke with InvocationType Event."""
    service.accept(params["FunctionName"], params["InvokeArgs"])
    return {"Status": 202}
