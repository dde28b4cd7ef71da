"""UpdateGlobalTableSettings.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateGlobalTableSettings.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudcore.dynamodb import global_tables

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB


def run(service: DynamoDB, params: dict[str, Any]) -> dict[str, Any]:
    """There is none. Raises ApiError GlobalTableNotFoundException."""
    raise global_tables.not_found(params["GlobalTableName"], head="")
