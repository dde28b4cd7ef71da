"""What UpdateTable changes of a table beside its indexes: capacity, class, protection.

AWS takes one kind of change a request; `check` holds that up before the table is looked at.
"""

from __future__ import annotations

from typing import Any

from cloudcore.dynamodb import capacity
from cloudcore.dynamodb.validation import invalid, refuse

HONOURED = frozenset(
    (
        "BillingMode",
        "ProvisionedThroughput",
        "OnDemandThroughput",
        "WarmThroughput",
        "TableClass",
        "DeletionProtectionEnabled",
    )
)
CLASSES = ("STANDARD", "STANDARD_INFREQUENT_ACCESS")
_ALONE = (
    ("TableClass", "TableClass modification"),
    ("DeletionProtectionEnabled", "DeletionProtection modification"),
    ("WarmThroughput", "WarmThroughput"),
)


def given(params: dict[str, Any]) -> set[str]:
    """The members that ask for a change; empty structures do not."""
    return {
        name
        for name, value in params.items()
        if name not in ("TableName", "AttributeDefinitions") and value != {}
    }


def check(params: dict[str, Any]) -> None:
    """Which changes go together. Raises ApiError ValidationException."""
    asked = given(params)
    if not asked:
        raise refuse(
            "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, "
            "GlobalSecondaryIndexUpdates, SSESpecification, ReplicaUpdates, MultiAccountReplicaReady, "
            "ReplicaTransitRoleArn, MultiRegionConsistency, DeletionProtectionEnabled, OnDemandThroughput, "
            "WarmThroughput or TableClass is required"
        )
    for member, words in _ALONE:
        if member in asked and len(asked) > 1:
            raise invalid(f"{words} must be the only operation in the request")
    if "OnDemandThroughput" in asked and asked - {"OnDemandThroughput", "BillingMode"}:
        raise invalid("OnDemandThroughput can only be combined with BillingMode in an UpdateTable request")
    check_table_class(params)
    mode, throughput = params.get("BillingMode"), params.get("ProvisionedThroughput")
    if mode == "PAY_PER_REQUEST" and throughput is not None:
        raise invalid("ProvisionedThroughput cannot be specified when BillingMode is PAY_PER_REQUEST")
    if mode == "PROVISIONED" and throughput is None:
        raise invalid("ProvisionedThroughput must be specified when BillingMode is PROVISIONED")
    capacity.check_units(throughput or {})


def check_table_class(params: dict[str, Any]) -> None:
    """ValidationException for a class that does not exist."""
    if params.get("TableClass", "STANDARD") not in CLASSES:
        raise refuse(
            "Invalid table-class parameter provided. Please try again with a valid table-class value: "
            f"[{', '.join(CLASSES)}]."
        )


def apply(stored: dict[str, Any], params: dict[str, Any], now: float) -> dict[str, Any]:
    """The description after the change; `stored` stays as it is. Raises ApiError ValidationException."""
    changed = stored | capacity.updated(stored, params, now)
    if "TableClass" in params:
        changed |= {"TableClass": params["TableClass"], "TableClassSince": now}
    if "DeletionProtectionEnabled" in params:
        changed["DeletionProtectionEnabled"] = params["DeletionProtectionEnabled"]
    return changed


def status(params: dict[str, Any]) -> str:
    """The TableStatus of UpdateTable's answer: a protection and warm throughput change at once, and a table
    stays ACTIVE while the throughput of an index changes."""
    at_once = given(params) <= {"DeletionProtectionEnabled", "WarmThroughput", "GlobalSecondaryIndexUpdates"}
    online = any("Update" not in update for update in params.get("GlobalSecondaryIndexUpdates", ()))
    return "ACTIVE" if at_once and not online else "UPDATING"


def show(before: dict[str, Any], after: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    """UpdateTable's answer: capacity still as it was, with the time of the change; what follows is new."""
    result = dict(after)
    if given(params) == {"ProvisionedThroughput"}:
        units = {unit: before["ProvisionedThroughput"][unit] for unit in capacity.UNITS}
        result["ProvisionedThroughput"] = after["ProvisionedThroughput"] | units
    if "WarmThroughput" in given(params):
        result["WarmThroughput"] = before["WarmThroughput"] | {"Status": "UPDATING"}
    return result
