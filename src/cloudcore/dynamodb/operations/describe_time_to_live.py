"""DescribeTimeToLive.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_DescribeTimeToLive.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudcore.dynamodb.description import load
from cloudcore.dynamodb.validation import table_name_of

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB


def run(service: DynamoDB, params: dict[str, Any]) -> dict[str, Any]:
    """ENABLED with its attribute, or DISABLED. Raises ApiError ResourceNotFoundException."""
    stored, _, _ = load(service, table_name_of(params["TableName"]))
    attribute = stored.get("TimeToLive")
    if attribute is None:
        return {"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}}
    return {"TimeToLiveDescription": {"TimeToLiveStatus": "ENABLED", "AttributeName": attribute}}
