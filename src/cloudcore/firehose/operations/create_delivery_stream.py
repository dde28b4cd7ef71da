"""CreateDeliveryStream: any source of sources/ to any destination that destinations/kinds.py has."""

from __future__ import annotations

from typing import Any

from cloudcore.firehose import sealed, sources, tags
from cloudcore.firehose.checks import failed, invalid, only
from cloudcore.firehose.destinations import kinds


def run(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Raises InvalidArgumentException, ValidationException, ResourceInUseException."""
    name = params["DeliveryStreamName"]
    if name in (".", ".."):  # the pattern lets them through; no directory can have them
        raise failed(
            name, "deliveryStreamName", "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"
        )
    stream_type, source = sources.parse(params, service.clock.now(), service.reach)
    kind, raw = kinds.chosen(params, "configuration")
    only(
        params,
        {
            "DeliveryStreamName",
            "DeliveryStreamType",
            "Tags",
            "DirectPutSourceConfiguration",
            "KinesisStreamSourceConfiguration",
            "MSKSourceConfiguration",
            "DeliveryStreamEncryptionConfigurationInput",
            kind.configuration,
        },
        "",
    )
    ours = service.with_schema(raw, None)
    service.check(kind.parse(raw, ours))
    encryption = params.get("DeliveryStreamEncryptionConfigurationInput")
    sealed.check_input(encryption)
    if encryption is not None and stream_type != sources.DIRECT:
        raise invalid("DeliveryStreamEncryptionConfigurationInput is of DirectPut streams only")
    created = service.create(name, raw, ours, tags=tags.read(params), source=source,
                             encryption=encryption, kind=kind.stored,
                             stream_type=stream_type)  # fmt: skip
    return {"DeliveryStreamARN": created["DeliveryStreamARN"]}

