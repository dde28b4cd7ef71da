"""Resource policies: statements kept as AWS shows them, per function, version or alias.

A policy is {"RevisionId": text, "Statement": [statements]}; the record keeps it by qualifier, "" for none.
Function URLs are held against it; other calls where they are signed with access keys (wire/auth/).
"""

from __future__ import annotations

import json
import re
import uuid
from typing import Any

from cloudcore.errors import ApiError
from cloudcore.lambda_.configuration import refused

POLICY_MAX = 20_480
_STRING_EQUALS = {
    "SourceAccount": "AWS:SourceAccount",
    "PrincipalOrgID": "aws:PrincipalOrgID",
    "EventSourceToken": "lambda:EventSourceToken",
    "FunctionUrlAuthType": "lambda:FunctionUrlAuthType",
}


def statement(params: dict[str, Any], resource: str) -> dict[str, Any]:
    """The statement that AddPermission's members stand for."""
    made: dict[str, Any] = {
        "Sid": params["StatementId"],
        "Effect": "Allow",
        "Principal": principal(params["Principal"]),
        "Action": params["Action"],
        "Resource": resource,
    }
    condition: dict[str, Any] = {}
    for member, key in _STRING_EQUALS.items():
        if member in params:
            condition.setdefault("StringEquals", {})[key] = params[member]
    if "SourceArn" in params:
        condition["ArnLike"] = {"AWS:SourceArn": params["SourceArn"]}
    if "InvokedViaFunctionUrl" in params:
        condition["Bool"] = {"lambda:InvokedViaFunctionUrl": str(params["InvokedViaFunctionUrl"]).lower()}
    if condition:
        made["Condition"] = condition
    return made


def add(policies: dict[str, Any], qualifier: str, made: dict[str, Any], revision: str | None) -> None:
    """Put a statement into the policy of `qualifier`."""
    policy = policies.setdefault(qualifier, {"RevisionId": str(uuid.uuid4()), "Statement": []})
    append(policy, made, revision)


def append(policy: dict[str, Any], made: dict[str, Any], revision: str | None) -> None:
    """Put a statement into a policy, which has a new revision then."""
    check_revision(policy, revision)
    sid = made["Sid"]
    if any(held["Sid"] == sid for held in policy["Statement"]):
        raise ApiError(
            "ResourceConflictException",
            f"The statement id ({sid}) provided already exists. Please provide a new statement id, or remove "
            "the existing statement.", 409,
        )  # fmt: skip
    policy["Statement"].append(made)
    if len(text(policy)) > POLICY_MAX:
        raise ApiError(
            "PolicyLengthExceededException", "The final policy size is bigger than the limit (20480)."
        )
    policy["RevisionId"] = str(uuid.uuid4())


def remove(policies: dict[str, Any], qualifier: str, sid: str, revision: str | None) -> None:
    """Take a statement out; an empty policy goes."""
    policy = policies.get(qualifier)
    if policy is None:
        raise ApiError("ResourceNotFoundException", "No policy is associated with the given resource.", 404)
    left = [held for held in policy["Statement"] if held["Sid"] != sid]
    if len(left) == len(policy["Statement"]):
        raise ApiError("ResourceNotFoundException", f"Statement {sid} is not found in resource policy.", 404)
    check_revision(policy, revision)
    policy |= {"RevisionId": str(uuid.uuid4()), "Statement": left}
    if not left:
        del policies[qualifier]


def text(policy: dict[str, Any]) -> str:
    """The policy document."""
    document = {"Version": "2012-10-17", "Id": "default", "Statement": policy["Statement"]}
    return json.dumps(document, separators=(",", ":"))


def opens_url(policies: dict[str, Any], qualifier: str, auth_type: str) -> bool:
    """Whether anybody may call the function URL of `qualifier`."""
    opened = False
    for held in policies.get(qualifier, {}).get("Statement", ()):
        condition = held.get("Condition", {})
        equals = condition.get("StringEquals", {})
        actions = held["Action"] if isinstance(held["Action"], list) else [held["Action"]]
        if (
            held["Principal"] in ("*", {"AWS": "*"})
            and not {"lambda:InvokeFunctionUrl", "lambda:*", "*"}.isdisjoint(actions)
            and equals.get("lambda:FunctionUrlAuthType", auth_type) == auth_type
            and not set(equals) - {"lambda:FunctionUrlAuthType"}
            and not set(condition) - {"StringEquals"}
        ):
            if held["Effect"] == "Deny":
                return False
            opened = True
    return opened


def principal(given: str) -> Any:
    """A statement's Principal for what AddPermission calls one. Raises InvalidParameterValueException."""
    if given == "*":
        return "*"
    if re.fullmatch(r"\d{12}", given):
        return {"AWS": f"arn:aws:iam::{given}:root"}
    if given.startswith("arn:"):
        return {"AWS": given}
    if re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", given):
        return {"Service": given}
    raise refused("The provided principal was invalid. Please check the principal and try again.")


def check_revision(policy: dict[str, Any], revision: str | None) -> None:
    """Refuse a change that was made from another revision."""
    if revision is not None and revision != policy["RevisionId"]:
        raise ApiError(
            "PreconditionFailedException",
            "The RevisionId provided does not match the latest RevisionId. Call the GetPolicy API to "
            "retrieve the latest RevisionId", 412,
        )  # fmt: skip
