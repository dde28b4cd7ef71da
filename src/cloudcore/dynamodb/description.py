"""Table descriptions: what is stored with a table and what DescribeTable makes of it.

Stored (JSON, the meta of the table's space): TableName, TableId, CreationDateTime (epoch seconds),
KeySchema, AttributeDefinitions; of capacity.py BillingMode, ReadCapacityUnits, WriteCapacityUnits,
OnDemandSince, OnDemandThroughput, WarmThroughput, LastIncrease, LastDecrease, Decreases; TableClass and
TableClassSince, DeletionProtectionEnabled, Tags, Policy, TimeToLive (the attribute's name); of streams
Streams (streams/registry.py) and LatestStreamLabel; Insights (insights.py); Kinesis (the ARN that changes
are sent to); Recovery (Days, Archive); Feed, what the engine tells those who follow the table; Loading, with
Restore while recovery/restores.py fills it or Import while transfer/importing.py does. What is missing has
its default.
Statuses, counts and ARNs are made when they are asked for.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cloudcore.dynamodb import capacity, indexes, vector_indexes
from cloudcore.dynamodb.streams import specification
from cloudcore.errors import ApiError

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB


def not_found(name: str) -> ApiError:
    """ResourceNotFoundException of the control plane, which names the table."""
    return ApiError("ResourceNotFoundException", f"Requested resource not found: Table: {name} not found")


def load(service: DynamoDB, name: str, loading: bool = False) -> tuple[dict[str, Any], int, int]:
    """(stored description, item count, stored bytes); ResourceNotFoundException when there is none.

    A table that a restore or an import still fills is there with `loading` only.
    """
    found = service.tables.describe(name)
    stored = {} if found is None else json.loads(found[0])
    if found is None or (stored.get("Loading") and not loading):
        raise not_found(name)
    return stored, found[1], found[2]


def load_backed(service: DynamoDB, name: str) -> dict[str, Any]:
    """The stored description, for the operations on backups, which say TableNotFoundException."""
    try:
        return load(service, name)[0]
    except ApiError:
        raise ApiError("TableNotFoundException", f"Table not found: {name}") from None


def load_tagged(service: DynamoDB, name: str, arn: str) -> dict[str, Any]:
    """The stored description, for the operations on tags, which name the ARN when there is none."""
    try:
        return load(service, name)[0]
    except ApiError:
        raise ApiError(
            "ResourceNotFoundException", f"Requested resource not found: ResourcArn: {arn} not found"
        ) from None


def save(service: DynamoDB, stored: dict[str, Any]) -> None:
    """Keep a changed description, under service.updating. ResourceNotFoundException when the table went."""
    try:
        service.tables.set_description(stored["TableName"], json.dumps(stored).encode())
    except KeyError:
        raise not_found(stored["TableName"]) from None


def describe(service: DynamoDB, stored: dict[str, Any], status: str, items: int, size: int) -> dict[str, Any]:
    """TableDescription as DescribeTable shows it; times in epoch seconds."""
    name = stored["TableName"]
    if stored.get("Loading"):
        status, items, size = "CREATING", 0, 0
    result: dict[str, Any] = {
        "AttributeDefinitions": stored["AttributeDefinitions"],
        "TableName": name,
        "KeySchema": stored["KeySchema"],
        "TableStatus": status,
        "CreationDateTime": stored["CreationDateTime"],
        "ProvisionedThroughput": capacity.describe_units(stored, service.clock.now()),
        "TableSizeBytes": size,
        "ItemCount": items,
        "TableArn": arn(service, name),
        "TableId": stored["TableId"],
        "DeletionProtectionEnabled": stored.get("DeletionProtectionEnabled", False),
    }
    mode = stored["BillingMode"]
    on_demand_since = stored.get("OnDemandSince")
    if mode == "PAY_PER_REQUEST" or on_demand_since is not None:
        result["BillingModeSummary"] = {"BillingMode": mode}
        if status == "ACTIVE":
            since = stored["CreationDateTime"] if on_demand_since is None else on_demand_since
            result["BillingModeSummary"]["LastUpdateToPayPerRequestDateTime"] = since
    if stored.get("TableClass"):
        result["TableClassSummary"] = {"TableClass": stored["TableClass"]}
        if stored.get("TableClassSince") and status == "ACTIVE":
            result["TableClassSummary"]["LastUpdateDateTime"] = stored["TableClassSince"]
    if stored.get("Restore"):
        shown = ("SourceBackupArn", "SourceTableArn", "RestoreDateTime")
        summary = {member: stored["Restore"][member] for member in shown if member in stored["Restore"]}
        result["RestoreSummary"] = summary | {"RestoreInProgress": True}
    if stored.get("OnDemandThroughput"):
        result["OnDemandThroughput"] = stored["OnDemandThroughput"]
    warm = "UPDATING" if status == "CREATING" else "ACTIVE"
    result["WarmThroughput"] = capacity.warm_of(stored) | {"Status": warm}
    result |= specification.describe(stored, result["TableArn"])
    result |= indexes.describe(service, stored, result["TableArn"], status)
    return result | vector_indexes.describe(service, stored, result["TableArn"], status)


def arn(service: DynamoDB, name: str) -> str:
    """The ARN of a table."""
    return f"arn:aws:dynamodb:{service.region}:{service.account}:table/{name}"
