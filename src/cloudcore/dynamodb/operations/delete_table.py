"""DeleteTable.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_DeleteTable.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudcore.dynamodb.description import describe, load, not_found
from cloudcore.dynamodb.recovery import backups
from cloudcore.dynamodb.validation import refuse, table_name_of
from cloudcore.errors import ApiError

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB

_LEFT_OUT = ("AttributeDefinitions", "KeySchema", "CreationDateTime", "WarmThroughput")


def run(service: DynamoDB, params: dict[str, Any]) -> dict[str, Any]:
    """Remove a table and its items; the answer is the reduced description, status DELETING.

    Backups of it that are still being written are finished first, so that none can be lost with it; with
    point-in-time recovery on, a last one is made, which stays for 35 days.
    Raises ApiError: ResourceNotFoundException, ResourceInUseException, ValidationException.
    """
    name = table_name_of(params["TableName"])
    kept = False
    while True:
        with service.updating:
            stored, items, size = _droppable(service, name)
            if "Recovery" in stored and not kept:
                backups.create_system(service, stored)
                kept = True
            unfinished = backups.unfinished(service, stored["TableId"])
            if unfinished is None:
                description = describe(service, stored, "DELETING", items, size)
                _drop(service, stored)
                break
        service.jobs.wait(unfinished)
    return {"TableDescription": {k: v for k, v in description.items() if k not in _LEFT_OUT}}


def _droppable(service: DynamoDB, name: str) -> tuple[dict[str, Any], int, int]:
    stored, items, size = load(service, name, loading=True)
    if stored.get("Loading"):
        raise ApiError(
            "ResourceInUseException",
            f"Attempt to change a resource which is still in use: Table is being created: {name}",
        )
    if stored.get("DeletionProtectionEnabled"):
        raise refuse(
            "Resource cannot be deleted as it is currently protected against deletion. Disable deletion "
            "protection first."
        )
    return stored, items, size


def _drop(service: DynamoDB, stored: dict[str, Any]) -> None:
    name = stored["TableName"]
    now = round(service.clock.now(), 3)
    destinations = service.destinations.of(load(service, name, loading=True)[0])
    service.streams.registry.dropping(name, now)
    try:
        service.drop(name)
    except KeyError:
        raise not_found(name) from None
    service.streams.registry.disabled(name, now)
    for destination in destinations:
        service.destinations.end(destination, dropped=True)
    service.expiry.watch(name, None)
    if "Recovery" in stored:
        service.recovery.end(stored["Recovery"]["Archive"])
