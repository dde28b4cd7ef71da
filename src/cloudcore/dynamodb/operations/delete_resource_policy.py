"""DeleteResourcePolicy.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_DeleteResourcePolicy.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudcore.dynamodb import arns, policies
from cloudcore.dynamodb.description import load, save

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB


def run(service: DynamoDB, params: dict[str, Any]) -> dict[str, Any]:
    """Remove a table's policy and tell its revision; where there is none, nothing happens.

    Raises ApiError: ResourceNotFoundException, PolicyNotFoundException (an expected revision is not there).
    """
    name = arns.table_of(service, params["ResourceArn"], "DeleteResourcePolicy")
    with service.updating:
        stored, _, _ = load(service, name)
        found = stored.pop("Policy", None)
        policies.check_revision(params.get("ExpectedRevisionId"), name, found)
        if found is None:
            return {}
        save(service, stored)
    return {"RevisionId": found["RevisionId"]}
