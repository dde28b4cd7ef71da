"""TagDeliveryStream: add tags, or give those that are there another value."""

from __future__ import annotations

from typing import Any

from cloudcore.errors import ApiError
from cloudcore.firehose import tags


def run(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Raises LimitExceededException beyond 50 tags, ResourceNotFoundException."""
    name = params["DeliveryStreamName"]
    given = tags.read(params)
    with service.updates(name):
        found = service.description(name)
        merged = {**found.get("Tags", {}), **given}
        if len(merged) > tags.TAGS_MAX:
            raise ApiError(
                "LimitExceededException",
                f"Firehose {name} under account {service.account} can have at most {tags.TAGS_MAX} tags.",
            )
        service.store({**found, "Tags": merged})
    return {}
