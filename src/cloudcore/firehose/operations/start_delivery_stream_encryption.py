"""StartDeliveryStreamEncryption: what is put from now on is encrypted in the stream's logs, by a new key."""

from __future__ import annotations

from typing import Any

from cloudcore.firehose import sealed


def run(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Raises InvalidArgumentException, InvalidKMSResourceException, ResourceInUseException,
    ResourceNotFoundException. A second start changes the key."""
    name = params["DeliveryStreamName"]
    service.description(name)
    given = params.get("DeliveryStreamEncryptionConfigurationInput")
    sealed.check_input(given)
    with service.updates(name):
        found = service.active(name)
        service.seal(sealed.with_new_key(found, service.keys, given))
    return {}
