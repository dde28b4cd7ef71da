"""AddPermission, RemovePermission and GetPolicy of functions. Source: AWS, Lambda API reference."""

from __future__ import annotations

import json
from typing import Any

from cloudcore.errors import ApiError
from cloudcore.lambda_ import policies
from cloudcore.lambda_.configuration import refused
from cloudcore.lambda_.names import LATEST


def add_permission(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Add a statement to the policy of a function, a version or an alias."""
    reference = service.reference(params)
    if reference.qualifier == LATEST:
        raise refused("We currently do not support adding policies for $LATEST.")
    with service.edit(reference) as function:
        service.version(reference)
        made = policies.statement(params, service.arn(function.name, reference.qualifier))
        policies.add(function.policies, reference.qualifier or "", made, params.get("RevisionId"))
    return {"Statement": json.dumps(made, separators=(",", ":"))}


def remove_permission(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Take a statement out of a policy."""
    reference = service.reference(params)
    with service.edit(reference) as function:
        service.version(reference)
        policies.remove(
            function.policies, reference.qualifier or "", params["StatementId"], params.get("RevisionId")
        )
    return {}


def get_policy(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """The policy of a function, a version or an alias."""
    reference = service.reference(params)
    with service.lock:
        function = service.function(reference)
        service.version(reference)
        policy = function.policies.get(reference.qualifier or "")
    if policy is None:
        raise ApiError("ResourceNotFoundException", "The resource you requested does not exist.", 404)
    return {"Policy": policies.text(policy), "RevisionId": policy["RevisionId"]}
