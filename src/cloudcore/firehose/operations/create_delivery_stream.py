"""CreateDeliveryStream: DirectPut to any destination that destinations/kinds.py has; others are refused by
name."""

from __future__ import annotations

from typing import Any

from cloudcore.firehose import sealed, tags
from cloudcore.firehose.checks import failed, invalid, only
from cloudcore.firehose.destinations import kinds


def run(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Raises InvalidArgumentException, ValidationException, ResourceInUseException."""
    name = params["DeliveryStreamName"]
    if name in (".", ".."):  # the pattern lets them through; no directory can have them
        raise failed(
            name, "deliveryStreamName", "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"
        )
    stream_type = params.get("DeliveryStreamType", "DirectPut")
    if stream_type != "DirectPut":
        raise invalid(f"DeliveryStreamType {stream_type} is not supported; use DirectPut")
    kind, raw = kinds.chosen(params, "configuration")
    only(
        params,
        {
            "DeliveryStreamName",
            "DeliveryStreamType",
            "Tags",
            "DirectPutSourceConfiguration",
            "DeliveryStreamEncryptionConfigurationInput",
            kind.configuration,
        },
        "",
    )
    ours = service.with_schema(raw, None)
    service.check(kind.parse(raw, ours))
    source = _source(params)
    encryption = params.get("DeliveryStreamEncryptionConfigurationInput")
    sealed.check_input(encryption)
    created = service.create(name, raw, ours, tags=tags.read(params), source=source,
                             encrypted=encryption is not None, kind=kind.stored)  # fmt: skip
    return {"DeliveryStreamARN": created["DeliveryStreamARN"]}


def _source(params: dict[str, Any]) -> dict[str, Any] | None:
    """DirectPutSourceConfiguration: a hint of how much will come; there is nothing to provision for it."""
    given = params.get("DirectPutSourceConfiguration")
    if given is None:
        return None
    only(given, {"ThroughputHintInMBs"}, "DirectPutSourceConfiguration")
    return {"DirectPutSourceDescription": {"ThroughputHintInMBs": given["ThroughputHintInMBs"]}}
