"""CreateDeliveryStream: DirectPut to an ExtendedS3 destination; everything else is refused by name."""

from __future__ import annotations

from typing import Any

from cloudcore.firehose.checks import invalid, member, one_of, only, stream_name
from cloudcore.firehose.destinations.s3.config import parse

_TYPES = ("DirectPut", "KinesisStreamAsSource", "MSKAsSource", "DatabaseAsSource")


def run(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Raises InvalidArgumentException, ValidationException, ResourceInUseException."""
    name = stream_name(params)
    kind = one_of(params, "DeliveryStreamType", _TYPES, "DirectPut")
    if kind != "DirectPut":
        raise invalid(f"DeliveryStreamType {kind} is not supported; use DirectPut")
    only(params, {"DeliveryStreamName", "DeliveryStreamType", "ExtendedS3DestinationConfiguration"}, "")
    raw = member(params, "ExtendedS3DestinationConfiguration", dict)
    if raw is None:
        raise invalid("Exactly one destination configuration is supported for a Firehose")
    parse(raw)
    return {"DeliveryStreamARN": service.create(name, raw)["DeliveryStreamARN"]}
