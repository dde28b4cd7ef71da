"""DeleteDeliveryStream: the stream and what waits in it are gone when this returns."""

from __future__ import annotations

from typing import Any


def run(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Raises ResourceNotFoundException. AllowForceDelete: no KMS grant could hold a deletion up."""
    service.delete(params["DeliveryStreamName"])
    return {}
