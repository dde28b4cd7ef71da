"""ListTagsForDeliveryStream: tags in the order of their keys, page by page."""

from __future__ import annotations

from typing import Any

from cloudcore.firehose import tags
from cloudcore.firehose.checks import number, stream_name


def run(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Limit 1..50, default 50. Raises ResourceNotFoundException."""
    found = service.description(stream_name(params)).get("Tags", {})
    start = params.get("ExclusiveStartTagKey")
    if start is not None:
        tags.check_key(start, "exclusiveStartTagKey")
    limit = number(params, "Limit", 1, tags.TAGS_MAX, tags.TAGS_MAX)
    keys = [key for key in sorted(found) if start is None or key > start]
    return {
        "Tags": [{"Key": key, "Value": found[key]} for key in keys[:limit]],
        "HasMoreTags": len(keys) > limit,
    }
