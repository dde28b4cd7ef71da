"""UpdateTimeToLive.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateTimeToLive.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudcore.dynamodb.description import load, save
from cloudcore.dynamodb.validation import refuse, table_name_of

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB


def run(service: DynamoDB, params: dict[str, Any]) -> dict[str, Any]:
    """Turn the deletion of expired items on or off; expiry.py does it.

    Raises ApiError: ResourceNotFoundException, ValidationException.
    """
    wanted = params["TimeToLiveSpecification"]
    attribute, enabled = wanted["AttributeName"], wanted["Enabled"]
    name = table_name_of(params["TableName"])
    with service.updating:
        stored, _, _ = load(service, name)
        current = stored.pop("TimeToLive", None)
        if current is None and not enabled:
            raise refuse("TimeToLive is already disabled")
        if current is not None and current != attribute:
            raise refuse(
                f"TimeToLive is active on a different AttributeName: current AttributeName is {current}"
            )
        if current is not None and enabled:
            raise refuse("TimeToLive is already enabled")
        if enabled:
            stored["TimeToLive"] = attribute
        save(service, stored)
        service.expiry.watch(name, attribute if enabled else None)
    return {"TimeToLiveSpecification": {"AttributeName": attribute, "Enabled": enabled}}
