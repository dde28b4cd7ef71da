"""StartDeliveryStreamEncryption: what is put from now on is encrypted in the stream's logs, by a new key."""

from __future__ import annotations

from typing import Any

from cloudcore.firehose import sealed
from cloudcore.firehose.kms import KeyFailed


def run(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Raises InvalidArgumentException, InvalidKMSResourceException where no KMS is configured,
    ResourceInUseException, ResourceNotFoundException. A second start changes the key. When KMS gives
    none, the stream goes on as it was, ENABLING_FAILED."""
    name = params["DeliveryStreamName"]
    service.description(name)
    given = params.get("DeliveryStreamEncryptionConfigurationInput")
    sealed.check_input(given)
    with service.updates(name):
        found = service.active(name)
        try:
            sealing = sealed.with_new_key(found, service.keys, given)
        except KeyFailed as failed:
            service.store(sealed.with_failure(found, failed.failure, given))
        else:
            service.seal(sealing)
    return {}
