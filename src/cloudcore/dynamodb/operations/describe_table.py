"""DescribeTable.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_DescribeTable.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudcore.dynamodb.description import describe, load
from cloudcore.dynamodb.validation import table_name_of

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB


def run(service: DynamoDB, params: dict[str, Any]) -> dict[str, Any]:
    """Describe one table. Raises ApiError: ResourceNotFoundException, ValidationException."""
    stored, items, size = load(service, table_name_of(params["TableName"]), loading=True)
    return {"Table": describe(service, stored, "ACTIVE", items, size)}
