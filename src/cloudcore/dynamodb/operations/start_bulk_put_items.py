"""StartBulkPutItems.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_StartBulkPutItems.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudcore.dynamodb.transfer import bulk_puts

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB


def run(service: DynamoDB, params: dict[str, Any]) -> dict[str, Any]:
    """Put the items in objects into a table that is there, each under the condition it may carry.

    Records that cannot be put, and conditions that are not met, go into a report beside the objects
    (docs/internals/backup.md). Raises ApiError: ResourceNotFoundException, ResourceInUseException,
    IdempotentParameterMismatchException, ValidationException.
    """
    return {"BulkOperationDescription": bulk_puts.begin(service, params)}
