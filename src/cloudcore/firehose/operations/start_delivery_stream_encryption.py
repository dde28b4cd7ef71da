"""StartDeliveryStreamEncryption: refused; the log of a stream is not encrypted yet."""

from __future__ import annotations

from typing import Any

from cloudcore.firehose.checks import invalid


def run(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Raises InvalidArgumentException, ResourceNotFoundException."""
    service.description(params["DeliveryStreamName"])
    raise invalid("Server-side encryption of a Firehose is not supported")
