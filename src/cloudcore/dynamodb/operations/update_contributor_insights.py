"""UpdateContributorInsights.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateContributorInsights.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudcore.dynamodb import insights

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB


def run(service: DynamoDB, params: dict[str, Any]) -> dict[str, Any]:
    """Turn the contributor insights of a table or a global index on or off: a setting that is kept.

    Raises ApiError ResourceNotFoundException.
    """
    return insights.update(service, params)
