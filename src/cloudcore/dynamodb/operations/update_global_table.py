"""UpdateGlobalTable.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateGlobalTable.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudcore.dynamodb import global_tables
from cloudcore.dynamodb.validation import refuse

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB


def run(service: DynamoDB, params: dict[str, Any]) -> dict[str, Any]:
    """There is none. Raises ApiError: GlobalTableNotFoundException, ValidationException."""
    updates = params["ReplicaUpdates"]
    if not updates or not all(update.get("Create") or update.get("Delete") for update in updates):
        raise refuse("One or more parameter values were invalid")
    if any(update.get("Create") for update in updates):
        raise global_tables.unavailable()
    raise global_tables.not_found(params["GlobalTableName"])
