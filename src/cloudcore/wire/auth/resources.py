"""What a table or a function says itself of who may use it: the policy that is kept with it.

Source: IAM, "Determining whether a request is allowed or denied within an account".
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any

from cloudcore.errors import ApiError
from cloudcore.wire.auth.policy import Context, Policy, PolicyError

PolicyOf = Callable[[str], str | None]
"""ARN -> the document of the resource's policy, if it has one."""
_ITS_OWN = ("dynamodb:PutResourcePolicy", "dynamodb:DeleteResourcePolicy", "dynamodb:GetResourcePolicy")


@functools.lru_cache(1024)
def _read(document: str) -> Policy | None:
    try:
        return Policy(json.loads(document), of_resource=True)
    except (ValueError, RecursionError, PolicyError):
        return None


def says(document: str | None, action: str, resource: str, context: Context) -> str | None:
    """ "Deny", "Allow" or None. A document with a word that is not known here denies: it may mean that."""
    if document is None:
        return None
    policy = _read(document)
    return "Deny" if policy is None else policy.says(action, resource, context)


def check_new(operation: str, params: dict[str, Any], resource: str, context: Context) -> None:
    """PutResourcePolicy of a table: the document can be read here, and who puts it can take it away again,
    or says that this is meant. Raises ApiError ValidationException."""
    document = params.get("Policy")
    if operation != "PutResourcePolicy" or not isinstance(document, str):
        return
    try:
        policy = Policy(json.loads(document), of_resource=True)
    except PolicyError as error:
        raise ApiError("ValidationException", f"Invalid policy document: {error}") from None
    except (ValueError, RecursionError):
        return  # the service refuses it in its own words
    said = {policy.says(action, resource, context) for action in _ITS_OWN}
    if "Deny" in said and not params.get("ConfirmRemoveSelfResourceAccess"):
        raise ApiError(
            "ValidationException",
            "The policy takes away the caller's own access to the policy of this resource: set "
            "ConfirmRemoveSelfResourceAccess if this is meant",
        )
