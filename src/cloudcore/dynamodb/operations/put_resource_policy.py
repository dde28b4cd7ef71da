"""PutResourcePolicy.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_PutResourcePolicy.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudcore.dynamodb import arns, policies
from cloudcore.dynamodb.description import load, save

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB


def run(service: DynamoDB, params: dict[str, Any]) -> dict[str, Any]:
    """Keep a policy with a table; the same document again keeps its revision.

    ConfirmRemoveSelfResourceAccess is asked for where somebody has access to lose (wire/auth/resources.py).
    Raises ApiError: ResourceNotFoundException, PolicyNotFoundException, ValidationException,
    AccessDeniedException.
    """
    name = arns.table_of(service, params["ResourceArn"], "PutResourcePolicy")
    policies.check(params["Policy"])
    with service.updating:
        stored, _, _ = load(service, name)
        found = stored.get("Policy")
        policies.check_revision(params.get("ExpectedRevisionId"), name, found)
        policy = policies.stored(params["Policy"], service.clock.now(), found)
        save(service, stored | {"Policy": policy})
    return {"RevisionId": policy["RevisionId"]}
