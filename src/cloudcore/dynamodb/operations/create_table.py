"""CreateTable.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CreateTable.html
"""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

from cloudcore.dynamodb import capacity, indexes, policies, settings, tags, vector_indexes
from cloudcore.dynamodb.description import describe
from cloudcore.dynamodb.streams import specification
from cloudcore.dynamodb.validation import honoured, invalid, refuse
from cloudcore.errors import ApiError

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB

HONOURED = frozenset(
    (
        "TableName",
        "KeySchema",
        "AttributeDefinitions",
        "BillingMode",
        "ProvisionedThroughput",
        "TableClass",
        "LocalSecondaryIndexes",
        "GlobalSecondaryIndexes",
        "VectorIndexes",
        "DeletionProtectionEnabled",
        "OnDemandThroughput",
        "WarmThroughput",
        "Tags",
        "ResourcePolicy",
        "StreamSpecification",
    )
)


def run(service: DynamoDB, params: dict[str, Any]) -> dict[str, Any]:
    """Make a table; the answer says CREATING, every later one ACTIVE.

    Raises ApiError: ValidationException, ResourceInUseException, SerializationException.
    """
    stored = planned(service, params)
    view = specification.created(params)
    if view is not None:
        stored = service.streams.registry.enable(stored, view, stored["CreationDateTime"])
    create(service, stored)
    if view is not None:
        service.streams.registry.enabled(stored)
    return {"TableDescription": describe(service, stored, "CREATING", 0, 0)}


def create(service: DynamoDB, stored: dict[str, Any]) -> None:
    """Make the table of a stored description. Raises ApiError ResourceInUseException."""
    try:
        service.tables.create(stored["TableName"], json.dumps(stored).encode())
    except FileExistsError:
        raise taken(service, stored["TableName"]) from None


def planned(service: DynamoDB, params: dict[str, Any]) -> dict[str, Any]:
    """What is stored with the table asked for, but its stream. Raises ApiError ValidationException."""
    now = round(service.clock.now(), 3)
    billing = capacity.created(params, now)
    _check_keys(params)
    vector_indexes.check(params)
    indexes.check(params)
    specification.created(params)
    honoured("CreateTable", params, HONOURED)
    settings.check_table_class(params)
    stored = {
        "TableName": params["TableName"],
        "TableId": str(uuid.uuid4()),
        "CreationDateTime": now,
        "KeySchema": [{k: e[k] for k in ("AttributeName", "KeyType")} for e in params["KeySchema"]],
        "AttributeDefinitions": [
            {k: e[k] for k in ("AttributeName", "AttributeType")} for e in params["AttributeDefinitions"]
        ],
    }
    stored |= billing | indexes.stored(params)
    if params.get("VectorIndexes"):
        stored["VectorIndexes"] = [vector_indexes.stored(index) for index in params["VectorIndexes"]]
    for member in ("TableClass", "DeletionProtectionEnabled"):
        if params.get(member):
            stored[member] = params[member]
    if params.get("Tags"):
        stored["Tags"] = tags.read(params["Tags"])
    if params.get("ResourcePolicy") is not None:
        policies.check(params["ResourcePolicy"])
        stored["Policy"] = policies.stored(params["ResourcePolicy"], now, None)
    return stored


def taken(service: DynamoDB, name: str) -> ApiError:
    """ResourceInUseException for a name that a table has; raise what this returns."""
    found = service.tables.describe(name)
    loading = found is not None and json.loads(found[0]).get("Loading")
    words = "Table is being used" if loading else "Table already exists"
    return ApiError("ResourceInUseException", f"{words}: {name}")


def _check_keys(params: dict[str, Any]) -> None:
    defined = [d["AttributeName"] for d in params["AttributeDefinitions"]]
    schema = params["KeySchema"]
    keys = [e["AttributeName"] for e in schema]
    if len(keys) == 2:
        if any(k not in defined for k in keys) or (keys[0] == keys[1] and len(defined) == 1):
            raise refuse("Invalid KeySchema: Some index key attribute have no definition")
    elif keys[0] not in defined:
        raise invalid(
            "Some index key attributes are not defined in "
            f"AttributeDefinitions. Keys: [{', '.join(keys)}], AttributeDefinitions: [{', '.join(defined)}]"
        )
    if len(keys) == 2 and keys[0] == keys[1]:
        raise refuse("Both the Hash Key and the Range Key element in the KeySchema have the same name")
    if schema[0]["KeyType"] != "HASH":
        raise refuse("Invalid KeySchema: The first KeySchemaElement is not a HASH key type")
    if len(schema) == 2 and schema[1]["KeyType"] != "RANGE":
        raise refuse("Invalid KeySchema: The second KeySchemaElement is not a RANGE key type")
    if len(set(defined)) != len(defined):
        raise invalid("Duplicate AttributeName in AttributeDefinitions")
    indexed = ("GlobalSecondaryIndexes", "LocalSecondaryIndexes", "VectorIndexes")
    if all(params.get(member) is None for member in indexed) and len(keys) != len(defined):
        raise invalid(
            "Number of attributes in KeySchema does not exactly match number of attributes defined in "
            "AttributeDefinitions"
        )
