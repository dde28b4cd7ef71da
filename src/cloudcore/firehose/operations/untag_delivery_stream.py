"""UntagDeliveryStream: remove tags; a key that is not there is no error."""

from __future__ import annotations

from typing import Any


def run(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Raises ResourceNotFoundException."""
    name = params["DeliveryStreamName"]
    keys = set(params["TagKeys"])
    with service.updates(name):
        found = service.description(name)
        left = {key: value for key, value in found.get("Tags", {}).items() if key not in keys}
        service.store({**found, "Tags": left})
    return {}
