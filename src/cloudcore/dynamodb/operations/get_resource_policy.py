"""GetResourcePolicy.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_GetResourcePolicy.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudcore.dynamodb import arns, policies
from cloudcore.dynamodb.description import load

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB


def run(service: DynamoDB, params: dict[str, Any]) -> dict[str, Any]:
    """The policy of a table and its revision.

    Raises ApiError: ResourceNotFoundException, PolicyNotFoundException, ValidationException.
    """
    name = arns.table_of(service, params["ResourceArn"], "GetResourcePolicy")
    stored, _, _ = load(service, name)
    found = stored.get("Policy")
    if found is None:
        raise policies.missing(params["ResourceArn"])
    return dict(found)
