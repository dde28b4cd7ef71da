"""Put-, Get- and DeleteResourcePolicy (2026-07-09): the whole policy of a function as one document.

It is the policy that AddPermission adds to, so GetPolicy shows it too. Source: AWS, Lambda API reference.
"""

from __future__ import annotations

import json
import uuid
from typing import Any

from cloudcore.errors import ApiError
from cloudcore.lambda_ import names, policies
from cloudcore.lambda_.configuration import refused
from cloudcore.lambda_.registry import FunctionRecord


def put_resource_policy(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Make this document the policy of a function, a version or an alias."""
    statements = _read(params["Policy"])
    with service.edit(_reference(service, params)) as function:
        at = _place(params)
        held = function.policies.get(at)
        _check_revision(held, params)
        made = {"RevisionId": str(uuid.uuid4()), "Statement": statements}
        function.policies[at] = made
    return {"Policy": policies.text(made), "RevisionId": made["RevisionId"]}


def get_resource_policy(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """The document."""
    with service.lock:
        held = _held(service.function(_reference(service, params)), params)
        return {"Policy": policies.text(held), "RevisionId": held["RevisionId"]}


def delete_resource_policy(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Leave no policy."""
    with service.edit(_reference(service, params)) as function:
        _check_revision(_held(function, params), params)
        del function.policies[_place(params)]
    return {}


def _reference(service: Any, params: dict[str, Any]) -> names.Reference:
    if ":function:" not in params["ResourceArn"]:
        raise refused(f"The policy of {params['ResourceArn']} is not supported by this endpoint.")
    reference = names.parse(params["ResourceArn"])
    service.version(reference)
    return reference


def _place(params: dict[str, Any]) -> str:
    qualifier = names.parse(params["ResourceArn"]).qualifier
    return "" if qualifier in (None, names.LATEST) else str(qualifier)


def _held(function: FunctionRecord, params: dict[str, Any]) -> dict[str, Any]:
    held = function.policies.get(_place(params))
    if held is None:
        raise ApiError("ResourceNotFoundException", "The resource you requested does not exist.", 404)
    return held


def _check_revision(held: dict[str, Any] | None, params: dict[str, Any]) -> None:
    if "RevisionId" in params:
        policies.check_revision(held or {"RevisionId": None}, params["RevisionId"])


def _read(text: str) -> list[dict[str, Any]]:
    """The statements of a document. Raises InvalidParameterValueException."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise refused("The policy is not valid JSON.") from None
    statements = document.get("Statement") if isinstance(document, dict) else None
    statements = [statements] if isinstance(statements, dict) else statements
    if not isinstance(statements, list) or not statements:
        raise refused("The policy has no Statement.")
    for number, one in enumerate(statements):
        if not isinstance(one, dict) or one.get("Effect") not in ("Allow", "Deny"):
            raise refused("Every statement of the policy needs an Effect of Allow or Deny.")
        for member in ("Principal", "Action", "Resource"):
            if not one.get(member):
                raise refused(f"Every statement of the policy needs a {member}.")
        one.setdefault("Sid", f"statement-{number}")
    if len({one["Sid"] for one in statements}) < len(statements):
        raise refused("The Sids of the policy are not unique.")
    return statements
