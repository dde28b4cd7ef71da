"""ListImports.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_ListImports.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudcore.dynamodb.transfer import imports, records

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB


def run(service: DynamoDB, params: dict[str, Any]) -> dict[str, Any]:
    """The imports of the last 90 days, the newest first. Raises ApiError ValidationException."""
    limit = params.get("PageSize", records.PAGE)
    found, more = records.listed(
        service, records.IMPORT, params.get("TableArn"), params.get("NextToken"), limit
    )
    answer: dict[str, Any] = {
        "ImportSummaryList": [imports.summary(id_, record, service) for id_, record in found]
    }
    return answer | ({"NextToken": more} if more else {})
