"""CreateDeliveryStream: DirectPut to an S3 destination; everything else is refused by name."""

from __future__ import annotations

from typing import Any

from cloudcore.firehose import tags
from cloudcore.firehose.checks import invalid, member, number, one_of, only, stream_name
from cloudcore.firehose.destinations.s3.config import PLAIN_MEMBERS, parse

_TYPES = ("DirectPut", "KinesisStreamAsSource", "MSKAsSource", "DatabaseAsSource")
_DESTINATIONS = ("ExtendedS3DestinationConfiguration", "S3DestinationConfiguration")


def run(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Raises InvalidArgumentException, ValidationException, ResourceInUseException."""
    name = stream_name(params)
    kind = one_of(params, "DeliveryStreamType", _TYPES, "DirectPut")
    if kind != "DirectPut":
        raise invalid(f"DeliveryStreamType {kind} is not supported; use DirectPut")
    only(
        params,
        {"DeliveryStreamName", "DeliveryStreamType", "Tags", "DirectPutSourceConfiguration", *_DESTINATIONS},
        "",
    )
    given = [member(params, each, dict) for each in _DESTINATIONS if params.get(each) is not None]
    if len(given) != 1:
        raise invalid("Exactly one destination configuration is supported for a Firehose")
    if params.get("S3DestinationConfiguration") is not None:
        only(given[0], PLAIN_MEMBERS, "S3DestinationConfiguration")
    service.check(parse(given[0]))
    source = _source(params)
    created = service.create(name, given[0], tags=tags.read(params, required=False), source=source)
    return {"DeliveryStreamARN": created["DeliveryStreamARN"]}


def _source(params: dict[str, Any]) -> dict[str, Any] | None:
    """DirectPutSourceConfiguration: a hint of how much will come; there is nothing to provision for it."""
    given = member(params, "DirectPutSourceConfiguration", dict)
    if given is None:
        return None
    only(given, {"ThroughputHintInMBs"}, "DirectPutSourceConfiguration")
    member(given, "ThroughputHintInMBs", int, required=True)
    hint = number(given, "ThroughputHintInMBs", 1, 100, 1)
    return {"DirectPutSourceDescription": {"ThroughputHintInMBs": hint}}
