"""Auto scaling of a global table's replicas: there is one region, so no table has a replica to scale.

On AWS Application Auto Scaling does it, by CloudWatch's alarms; neither is here, and capacity is not billed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudcore.dynamodb.description import load
from cloudcore.dynamodb.validation import invalid, table_name_of
from cloudcore.errors import ApiError

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB


def describe(service: DynamoDB, name_or_arn: str) -> dict[str, Any]:
    """TableAutoScalingDescription of a table without replicas. Raises ApiError ResourceNotFoundException."""
    stored = load(service, table_name_of(name_or_arn))[0]
    return {"TableName": stored["TableName"], "TableStatus": "ACTIVE", "Replicas": []}


def refusal(service: DynamoDB, name_or_arn: str) -> ApiError:
    """Why an update is refused; raise what this returns. Raises ApiError ResourceNotFoundException itself."""
    name = load(service, table_name_of(name_or_arn))[0]["TableName"]
    return invalid(f"Table {name} is not a global table: it has no replicas whose capacity could be scaled")
