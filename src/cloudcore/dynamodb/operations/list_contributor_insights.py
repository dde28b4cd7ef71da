"""ListContributorInsights.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_ListContributorInsights.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudcore.dynamodb import insights

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB


def run(service: DynamoDB, params: dict[str, Any]) -> dict[str, Any]:
    """Whether they are on, of tables and global indexes.

    Raises ApiError: ResourceNotFoundException, ValidationException.
    """
    return insights.summaries(service, params)
