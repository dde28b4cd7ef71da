"""ListBulkOperations.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_ListBulkOperations.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudcore.dynamodb.transfer import bulk_puts, records

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB


def run(service: DynamoDB, params: dict[str, Any]) -> dict[str, Any]:
    """The bulk puts of the last 90 days, the newest first. Raises ApiError ValidationException."""
    limit = params.get("MaxResults", records.PAGE)
    found, more = records.listed(service, records.BULK, None, params.get("NextToken"), limit)
    answer: dict[str, Any] = {"BulkOperationsSummaryList": [bulk_puts.summary(*one) for one in found]}
    return answer | ({"NextToken": more} if more else {})
