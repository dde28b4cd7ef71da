"""UpdateTable.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateTable.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudcore.dynamodb import index_updates, settings
from cloudcore.dynamodb.description import describe, load, save
from cloudcore.dynamodb.streams import specification
from cloudcore.dynamodb.validation import honoured, table_name_of

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB

HONOURED = settings.HONOURED | {
    "TableName",
    "AttributeDefinitions",
    "GlobalSecondaryIndexUpdates",
    "VectorIndexUpdates",
    "StreamSpecification",
}


def run(service: DynamoDB, params: dict[str, Any]) -> dict[str, Any]:
    """Change one table; the answer says UPDATING where AWS takes its time, every later one ACTIVE.

    A new index is filled before the answer, beside readers and writers. Raises ApiError:
    ResourceNotFoundException, ValidationException, LimitExceededException.
    """
    settings.check(params)
    specification.check(params)
    honoured("UpdateTable", params, HONOURED)
    with service.updating:
        stored, items, size = load(service, table_name_of(params["TableName"]))
        now = round(service.clock.now(), 3)
        service.usage.look(stored["TableName"])
        changed = settings.apply(stored, params, now)
        filling = any(busy for _, _, busy in service.tables.indexes(stored["TableName"]).values())
        changed = index_updates.apply(stored, changed, params, filling, now)
        status = settings.status(params)
        before = describe(service, stored, status, items, size)
        changed = _switch_stream(service, changed, params.get("StreamSpecification"), now)
        service.usage.look(stored["TableName"])
        after = describe(service, changed, status, items, size)
    service.tables.fill(stored["TableName"])
    answer = settings.show(before, after, params)
    return {"TableDescription": index_updates.show(before, answer, params)}


def _switch_stream(
    service: DynamoDB, changed: dict[str, Any], wanted: dict[str, Any] | None, now: float
) -> dict[str, Any]:
    """Stores the description, with its stream switched on or off if that is asked."""
    registry = service.streams.registry
    if not wanted:
        save(service, changed)
        return changed
    specification.check_state(changed, wanted)
    if wanted["StreamEnabled"]:
        changed = registry.enable(changed, wanted["StreamViewType"], now)
        save(service, changed)
        registry.enabled(changed)
    else:
        changed = registry.disable(changed, now)
        save(service, changed)
        registry.disabled(changed["TableName"], now)
    return changed
