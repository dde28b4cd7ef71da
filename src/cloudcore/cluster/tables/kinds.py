"""Which operation may be answered where."""

from __future__ import annotations

import json
from typing import Any

from cloudcore.cluster.tables.entry import WRITE
from cloudcore.cluster.tables.pending import CONTROL, DESCRIBE, READ
from cloudcore.dynamodb import operations

LOCAL = "local"
"""The replica of the node that was asked may answer."""
_READS = frozenset(("GetItem", "BatchGetItem", "Query", "Scan"))
_SHOWS = ("Describe", "List", "Get")
_STATEMENTS = ("ExecuteStatement", "BatchExecuteStatement", "ExecuteTransaction")


def kind_of(operation: str, body: bytes) -> str:
    """LOCAL, or what the leader is asked for, of an operation that there is."""
    if operation in operations.CONTROL:
        return DESCRIBE if operation.startswith(_SHOWS) else CONTROL
    if operation in _READS:
        said = b"ConsistentRead" in body or b"\\" in body  # a name may be written by escapes
        return READ if said and _consistent(body) else LOCAL
    if operation == "SearchVectors":
        return LOCAL
    if operation == "TransactGetItems":
        return READ
    return _kind_of_statements(operation, body) if operation in _STATEMENTS else WRITE


def parsed(body: bytes) -> Any:
    """The request; {} for what is no JSON, which whoever answers refuses in AWS's words."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def eventual(operation: str, params: dict[str, Any]) -> bool:
    """Whether a request may be answered by any replica; in doubt it may not."""
    return operation in ("SearchVectors", *_READS) and not _asks(params)


def _consistent(body: bytes) -> bool:
    return _asks(parsed(body))


def _asks(found: dict[str, Any]) -> bool:
    each = found.get("RequestItems")
    asked = [found, *(each.values() if isinstance(each, dict) else ())]
    return any(isinstance(one, dict) and one.get("ConsistentRead") for one in asked)


def _kind_of_statements(operation: str, body: bytes) -> str:
    """Statements of which one is no SELECT are ordered by the log, whatever they are."""
    found = parsed(body)
    member = {"ExecuteStatement": None, "BatchExecuteStatement": "Statements"}.get(
        operation, "TransactStatements"
    )
    listed = [found] if member is None else found.get(member)
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        return LOCAL  # it is refused
    texts = [one.get("Statement") for one in listed]
    if not all(isinstance(text, str) and text.lstrip()[:6].upper() == "SELECT" for text in texts):
        return WRITE
    strong = operation == "ExecuteTransaction" or any(one.get("ConsistentRead") for one in listed)
    return READ if strong else LOCAL

