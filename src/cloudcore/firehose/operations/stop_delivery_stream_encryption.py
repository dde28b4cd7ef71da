"""StopDeliveryStreamEncryption: what is put from now on is plain again; what waits stays readable."""

from __future__ import annotations

from typing import Any

from cloudcore.firehose import sealed


def run(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Raises ResourceInUseException, ResourceNotFoundException. Without encryption it does nothing."""
    name = params["DeliveryStreamName"]
    with service.updates(name):
        service.seal(sealed.without_key(service.active(name)))
    return {}
