"""ListDeliveryStreams: names in order, page by page."""

from __future__ import annotations

from typing import Any


def run(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Limit 1..10,000, default 10."""
    limit = params.get("Limit", 10)
    kind = params.get("DeliveryStreamType")
    start = params.get("ExclusiveStartDeliveryStreamName", "")
    names = [name for name in service.names() if name > start]
    if kind is not None:
        names = [name for name in names if service.description(name).get("Type", "DirectPut") == kind]
    return {"DeliveryStreamNames": names[:limit], "HasMoreDeliveryStreams": len(names) > limit}
