"""CreateDeliveryStream: DirectPut to an S3 destination; everything else is refused by name."""

from __future__ import annotations

from typing import Any

from cloudcore.firehose import sealed, tags
from cloudcore.firehose.checks import failed, invalid, only
from cloudcore.firehose.destinations.s3.config import PLAIN_MEMBERS, parse

_DESTINATIONS = ("ExtendedS3DestinationConfiguration", "S3DestinationConfiguration")


def run(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Raises InvalidArgumentException, ValidationException, ResourceInUseException."""
    name = params["DeliveryStreamName"]
    if name in (".", ".."):  # the pattern lets them through; no directory can have them
        raise failed(
            name, "deliveryStreamName", "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"
        )
    kind = params.get("DeliveryStreamType", "DirectPut")
    if kind != "DirectPut":
        raise invalid(f"DeliveryStreamType {kind} is not supported; use DirectPut")
    only(
        params,
        {
            "DeliveryStreamName",
            "DeliveryStreamType",
            "Tags",
            "DirectPutSourceConfiguration",
            "DeliveryStreamEncryptionConfigurationInput",
            *_DESTINATIONS,
        },
        "",
    )
    given = [params[each] for each in _DESTINATIONS if each in params]
    if len(given) != 1:
        raise invalid("Exactly one destination configuration is supported for a Firehose")
    if "S3DestinationConfiguration" in params:
        only(given[0], PLAIN_MEMBERS, "S3DestinationConfiguration")
    ours = service.with_schema(given[0], None)
    service.check(parse(given[0], ours))
    source = _source(params)
    encryption = params.get("DeliveryStreamEncryptionConfigurationInput")
    sealed.check_input(encryption)
    created = service.create(name, given[0], ours, tags=tags.read(params), source=source,
                             encrypted=encryption is not None)  # fmt: skip
    return {"DeliveryStreamARN": created["DeliveryStreamARN"]}


def _source(params: dict[str, Any]) -> dict[str, Any] | None:
    """DirectPutSourceConfiguration: a hint of how much will come; there is nothing to provision for it."""
    given = params.get("DirectPutSourceConfiguration")
    if given is None:
        return None
    only(given, {"ThroughputHintInMBs"}, "DirectPutSourceConfiguration")
    return {"DirectPutSourceDescription": {"ThroughputHintInMBs": given["ThroughputHintInMBs"]}}
