"""DescribeBulkOperation.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_DescribeBulkOperation.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudcore.dynamodb.transfer import bulk_puts

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB


def run(service: DynamoDB, params: dict[str, Any]) -> dict[str, Any]:
    """How a bulk put is doing. Raises ApiError ResourceNotFoundException."""
    found = bulk_puts.find(service, params["BulkOperationArn"])
    return {"BulkOperationDescription": bulk_puts.describe(*found)}
