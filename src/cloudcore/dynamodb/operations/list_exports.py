"""ListExports.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_ListExports.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudcore.dynamodb.transfer import exports, records

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB


def run(service: DynamoDB, params: dict[str, Any]) -> dict[str, Any]:
    """The exports of the last 90 days, the newest first. Raises ApiError ValidationException."""
    limit = params.get("MaxResults", records.PAGE)
    found, more = records.listed(
        service, records.EXPORT, params.get("TableArn"), params.get("NextToken"), limit
    )
    answer: dict[str, Any] = {"ExportSummaries": [exports.summary(id_, record) for id_, record in found]}
    return answer | ({"NextToken": more} if more else {})
