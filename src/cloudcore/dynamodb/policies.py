"""Resource policies of tables: checked as documents, kept and given back.

Where requests are signed with access keys, wire/auth/ holds them against who asks.
"""

from __future__ import annotations

import json
from typing import Any

from cloudcore.dynamodb.validation import invalid
from cloudcore.errors import ApiError

POLICY_BYTES_MAX = 20 * 1024
NO_POLICY = "NO_POLICY"


def check(policy: str) -> None:
    """Raises ApiError ValidationException for what is no policy document."""
    if len(policy.encode()) > POLICY_BYTES_MAX:
        raise invalid(f"Maximum policy size of {POLICY_BYTES_MAX} bytes exceeded")
    try:
        document = json.loads(policy)
    except (ValueError, RecursionError):
        document = []
    if document is None:
        raise _bad("This text appears not to be a policy")
    if not isinstance(document, dict):
        raise _bad("This policy contains invalid Json")
    statements = document.get("Statement")
    if statements is None:
        raise _bad("Missing required field Statement" if document else "Syntax error at position (1,3)")
    if isinstance(statements, dict):
        statements = [statements]
    if not isinstance(statements, list) or not all(isinstance(s, dict) for s in statements):
        raise _bad("This policy contains invalid Json")
    if not statements:
        raise _bad("Could not parse the policy: Statement is empty!")
    for statement in statements:
        _check_statement(statement)
    names = [statement["Sid"] for statement in statements if statement.get("Sid")]
    if any(names.count(name) > 1 for name in names):
        raise _bad("The Statement Ids in the policy are not unique")


def _check_statement(statement: dict[str, Any]) -> None:
    for fields in (("Effect",), ("Principal", "NotPrincipal"), ("Action", "NotAction"),
                   ("Resource", "NotResource")):  # fmt: skip
        if not any(statement.get(field) for field in fields):
            raise _bad(f"Missing required field {fields[0]}")
    if statement["Effect"] not in ("Allow", "Deny"):
        raise _bad(f"Invalid effect: {statement['Effect']}")


def _bad(reason: str) -> ApiError:
    return invalid(f"Invalid policy document: {reason}")


def missing(what: str) -> ApiError:
    """PolicyNotFoundException; raise what this returns."""
    return ApiError(
        "PolicyNotFoundException", f"Resource-based policy not found for the provided ResourceArn: {what}"
    )


def check_revision(expected: str | None, name: str, found: dict[str, str] | None) -> None:
    """ExpectedRevisionId against the policy that is there. Raises ApiError PolicyNotFoundException."""
    if expected is None:
        return
    if expected == NO_POLICY:
        if found is not None:
            raise missing(
                f"Requested policy update expecting none to be present for table {name}, but a policy exists "
                f"with revision id {found['RevisionId']}."
            )
    elif found is None or found["RevisionId"] != expected:
        there = "no policy" if found is None else f"revision id {found['RevisionId']}"
        raise missing(
            f"Requested update for policy with revision id {expected}, but the policy associated to target "
            f"table {name} has {there}."
        )


def stored(policy: str, now: float, found: dict[str, str] | None) -> dict[str, str]:
    """What is kept of a policy: the document and a revision, which grows; the same document keeps its own."""
    if found is not None and found["Policy"] == policy:
        return found
    revision = max(int(now * 1000), int(found["RevisionId"]) + 1 if found else 0)
    return {"Policy": policy, "RevisionId": str(revision)}
