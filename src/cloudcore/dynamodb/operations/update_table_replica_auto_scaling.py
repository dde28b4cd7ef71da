"""UpdateTableReplicaAutoScaling.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateTableReplicaAutoScaling.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudcore.dynamodb import replica_auto_scaling

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB


def run(service: DynamoDB, params: dict[str, Any]) -> dict[str, Any]:
    """Refused: no table has replicas. Raises ApiError: ResourceNotFoundException, ValidationException."""
    raise replica_auto_scaling.refusal(service, params["TableName"])
