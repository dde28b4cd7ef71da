"""Table descriptions: what is stored with a table and what DescribeTable makes of it.

Stored (JSON, the meta of the table's space): TableName, TableId, CreationDateTime (epoch seconds),
KeySchema, AttributeDefinitions, BillingMode, ReadCapacityUnits, WriteCapacityUnits, TableClass.
Statuses, counts and ARNs are made when they are asked for.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cloudcore.errors import ApiError

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB

ON_DEMAND_WARM = (12_000, 4_000)
"""Read and write units per second that a new on-demand table can take at once."""


def not_found(name: str) -> ApiError:
    """ResourceNotFoundException of the control plane, which names the table."""
    return ApiError("ResourceNotFoundException", f"Requested resource not found: Table: {name} not found")


def load(service: DynamoDB, name: str) -> tuple[dict[str, Any], int, int]:
    """(stored description, item count, stored bytes); ResourceNotFoundException when there is none."""
    found = service.tables.describe(name)
    if found is None:
        raise not_found(name)
    return json.loads(found[0]), found[1], found[2]


def describe(service: DynamoDB, stored: dict[str, Any], status: str, items: int, size: int) -> dict[str, Any]:
    """TableDescription as DescribeTable shows it; CreationDateTime in epoch seconds."""
    read, write = stored["ReadCapacityUnits"], stored["WriteCapacityUnits"]
    name = stored["TableName"]
    result: dict[str, Any] = {
        "AttributeDefinitions": stored["AttributeDefinitions"],
        "TableName": name,
        "KeySchema": stored["KeySchema"],
        "TableStatus": status,
        "CreationDateTime": stored["CreationDateTime"],
        "ProvisionedThroughput": {
            "NumberOfDecreasesToday": 0,
            "ReadCapacityUnits": read,
            "WriteCapacityUnits": write,
        },
        "TableSizeBytes": size,
        "ItemCount": items,
        "TableArn": f"arn:aws:dynamodb:{service.region}:{service.account}:table/{name}",
        "TableId": stored["TableId"],
        "DeletionProtectionEnabled": False,
    }
    on_demand = stored["BillingMode"] == "PAY_PER_REQUEST"
    if on_demand:
        result["BillingModeSummary"] = {"BillingMode": "PAY_PER_REQUEST"}
        if status == "ACTIVE":
            result["BillingModeSummary"]["LastUpdateToPayPerRequestDateTime"] = stored["CreationDateTime"]
    if stored.get("TableClass"):
        result["TableClassSummary"] = {"TableClass": stored["TableClass"]}
    warm = ON_DEMAND_WARM if on_demand else (read, write)
    result["WarmThroughput"] = {
        "ReadUnitsPerSecond": warm[0],
        "WriteUnitsPerSecond": warm[1],
        "Status": "UPDATING" if status == "CREATING" else "ACTIVE",
    }
    return result
