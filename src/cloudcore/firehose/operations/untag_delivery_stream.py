"""UntagDeliveryStream: remove tags; a key that is not there is no error."""

from __future__ import annotations

from typing import Any

from cloudcore.firehose import tags
from cloudcore.firehose.checks import stream_name


def run(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Raises ResourceNotFoundException."""
    name = stream_name(params)
    keys = set(tags.read_keys(params))
    with service.updates(name):
        found = service.description(name)
        left = {key: value for key, value in found.get("Tags", {}).items() if key not in keys}
        service.store({**found, "Tags": left})
    return {}
