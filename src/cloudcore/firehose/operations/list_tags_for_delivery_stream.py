"""ListTagsForDeliveryStream: tags in the order of their keys, page by page."""

from __future__ import annotations

from typing import Any

from cloudcore.firehose import tags


def run(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Limit 1..50, default 50. Raises ResourceNotFoundException."""
    found = service.description(params["DeliveryStreamName"]).get("Tags", {})
    start = params.get("ExclusiveStartTagKey")
    limit = params.get("Limit", tags.TAGS_MAX)
    keys = [key for key in sorted(found) if start is None or key > start]
    return {
        "Tags": [{"Key": key, "Value": found[key]} for key in keys[:limit]],
        "HasMoreTags": len(keys) > limit,
    }
