"""DeleteDeliveryStream: the stream and what waits in it are gone when this returns."""

from __future__ import annotations

from typing import Any

from cloudcore.firehose.checks import member, stream_name


def run(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Raises ResourceNotFoundException."""
    name = stream_name(params)
    member(params, "AllowForceDelete", bool)  # there is no KMS grant that could hold a deletion up
    service.delete(name)
    return {}
