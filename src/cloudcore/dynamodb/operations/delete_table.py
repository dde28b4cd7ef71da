"""DeleteTable.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_DeleteTable.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudcore.dynamodb.description import describe, load, not_found
from cloudcore.dynamodb.validation import refuse, table_name_of

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB

_LEFT_OUT = ("AttributeDefinitions", "KeySchema", "CreationDateTime", "WarmThroughput")


def run(service: DynamoDB, params: dict[str, Any]) -> dict[str, Any]:
    """Remove a table and its items; the answer is the reduced description, status DELETING.

    Raises ApiError: ResourceNotFoundException, ValidationException.
    """
    name = table_name_of(params["TableName"])
    with service.updating:
        stored, items, size = load(service, name)
        if stored.get("DeletionProtectionEnabled"):
            raise refuse(
                "Resource cannot be deleted as it is currently protected against deletion. Disable deletion "
                "protection first."
            )
        description = describe(service, stored, "DELETING", items, size)
        try:
            service.tables.drop(name)
        except KeyError:
            raise not_found(name) from None
        service.expiry.watch(name, None)
    return {"TableDescription": {k: v for k, v in description.items() if k not in _LEFT_OUT}}
