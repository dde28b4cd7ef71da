"""ListDeliveryStreams: names in order, page by page."""

from __future__ import annotations

from typing import Any

from cloudcore.firehose.checks import member, number, one_of


def run(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Limit 1..10,000, default 10."""
    limit = number(params, "Limit", 1, 10_000, 10)
    kind = one_of(
        params, "DeliveryStreamType",
        ("DirectPut", "KinesisStreamAsSource", "MSKAsSource", "DatabaseAsSource"), "DirectPut",
    )  # fmt: skip
    start = member(params, "ExclusiveStartDeliveryStreamName", str, default="")
    names = [name for name in service.names() if name > start] if kind == "DirectPut" else []
    return {"DeliveryStreamNames": names[:limit], "HasMoreDeliveryStreams": len(names) > limit}
