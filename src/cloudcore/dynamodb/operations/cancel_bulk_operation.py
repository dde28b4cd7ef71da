"""CancelBulkOperation.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CancelBulkOperation.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudcore.dynamodb.transfer import bulk_puts

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB


def run(service: DynamoDB, params: dict[str, Any]) -> dict[str, Any]:
    """End a bulk put at its next step; what it has put stays.

    Raises ApiError: ResourceNotFoundException, ValidationException (it has ended already).
    """
    return bulk_puts.cancel(service, params["BulkOperationArn"])
