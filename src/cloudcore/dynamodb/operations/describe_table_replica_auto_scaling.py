"""DescribeTableReplicaAutoScaling.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_DescribeTableReplicaAutoScaling.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudcore.dynamodb import replica_auto_scaling

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB


def run(service: DynamoDB, params: dict[str, Any]) -> dict[str, Any]:
    """A table without replicas. Raises ApiError ResourceNotFoundException."""
    return {"TableAutoScalingDescription": replica_auto_scaling.describe(service, params["TableName"])}
