"""UpdateTable.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateTable.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudcore.dynamodb import index_updates, settings
from cloudcore.dynamodb.description import describe, load, save
from cloudcore.dynamodb.validation import honoured, table_name_of

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB

HONOURED = settings.HONOURED | {"TableName", "AttributeDefinitions", "GlobalSecondaryIndexUpdates"}


def run(service: DynamoDB, params: dict[str, Any]) -> dict[str, Any]:
    """Change one table; the answer says UPDATING where AWS takes its time, every later one ACTIVE.

    Raises ApiError: ResourceNotFoundException, ValidationException.
    """
    settings.check(params)
    honoured("UpdateTable", params, HONOURED)
    with service.updating:
        stored, items, size = load(service, table_name_of(params["TableName"]))
        changed = settings.apply(stored, params, round(service.clock.now(), 3))
        changed = index_updates.apply(changed, params)
        save(service, changed)
    status = settings.status(params)
    before, after = (describe(service, each, status, items, size) for each in (stored, changed))
    return {"TableDescription": settings.show(before, after, params)}
