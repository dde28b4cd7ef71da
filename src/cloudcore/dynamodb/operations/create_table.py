"""CreateTable.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CreateTable.html
"""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

from cloudcore.dynamodb.description import describe
from cloudcore.dynamodb.validation import Violations, expect, refuse
from cloudcore.errors import ApiError

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB

UNSUPPORTED = (
    "LocalSecondaryIndexes",
    "GlobalSecondaryIndexes",
    "VectorIndexes",
    "SSESpecification",
    "Tags",
    "ResourcePolicy",
    "WarmThroughput",
    "OnDemandThroughput",
    "GlobalTableSourceArn",
    "GlobalTableSettingsReplicationMode",
)
CAPACITY_MAX = 1_000_000_000_000
NAME_BYTES_MAX = 255


def run(service: DynamoDB, params: dict[str, Any]) -> dict[str, Any]:
    """Make a table; the answer says CREATING, every later one ACTIVE.

    Raises ApiError: ValidationException, ResourceInUseException, SerializationException.
    """
    _check_shapes(params)
    _check_constraints(params)
    _check_billing(params)
    _check_keys(params)
    _check_unsupported(params)
    throughput = params.get("ProvisionedThroughput") or {}
    stored = {
        "TableName": params["TableName"],
        "TableId": str(uuid.uuid4()),
        "CreationDateTime": round(service.clock.now(), 3),
        "KeySchema": [{k: e[k] for k in ("AttributeName", "KeyType")} for e in params["KeySchema"]],
        "AttributeDefinitions": [
            {k: e[k] for k in ("AttributeName", "AttributeType")} for e in params["AttributeDefinitions"]
        ],
        "BillingMode": params.get("BillingMode") or "PROVISIONED",
        "ReadCapacityUnits": throughput.get("ReadCapacityUnits", 0),
        "WriteCapacityUnits": throughput.get("WriteCapacityUnits", 0),
    }
    if params.get("TableClass"):
        stored["TableClass"] = params["TableClass"]
    try:
        service.tables.create(params["TableName"], json.dumps(stored).encode())
    except FileExistsError:
        raise ApiError("ResourceInUseException", f"Table already exists: {params['TableName']}") from None
    return {"TableDescription": describe(service, stored, "CREATING", 0, 0)}


def _check_shapes(params: dict[str, Any]) -> None:
    expect(params.get("TableName"), str, "String")
    expect(params.get("BillingMode"), str, "String")
    expect(params.get("TableClass"), str, "String")
    for member in ("KeySchema", "AttributeDefinitions"):
        expect(params.get(member), list, "List")
        for element in params.get(member) or ():
            expect(element, dict, "Structure")
            for value in (element or {}).values():
                expect(value, str, "String")
    expect(params.get("ProvisionedThroughput"), dict, "Structure")
    for value in (params.get("ProvisionedThroughput") or {}).values():
        expect(value, (int, float), "Long")


def _check_constraints(params: dict[str, Any]) -> None:
    if params.get("TableName") is None:
        raise refuse("The parameter 'TableName' is required but was not present in the request")
    found = Violations()
    for index, definition in enumerate(params.get("AttributeDefinitions") or (), 1):
        at = f"attributeDefinitions.{index}.member"
        _check_attribute_name(found, definition, at)
        if definition.get("AttributeType") is None:
            found.add(None, f"{at}.attributeType", "Member must not be null")
        else:
            found.enum(definition["AttributeType"], f"{at}.attributeType", ("B", "N", "S"))
    if params.get("AttributeDefinitions") is None:
        found.add(None, "attributeDefinitions", "Member must not be null")
    found.table_name(params["TableName"], "tableName")
    if params.get("BillingMode") is not None:
        found.enum(params["BillingMode"], "billingMode", ("PROVISIONED", "PAY_PER_REQUEST"))
    if params.get("TableClass") is not None:
        found.enum(params["TableClass"], "tableClass", ("STANDARD", "STANDARD_INFREQUENT_ACCESS"))
    for member, at in (
        ("WriteCapacityUnits", "writeCapacityUnits"),
        ("ReadCapacityUnits", "readCapacityUnits"),
    ):
        units = (
            params.get("ProvisionedThroughput") or {"WriteCapacityUnits": 1, "ReadCapacityUnits": 1}
        ).get(member)
        if units is None:
            found.add(None, f"provisionedThroughput.{at}", "Member must not be null")
        elif units < 1:
            found.add(
                units, f"provisionedThroughput.{at}", "Member must have value greater than or equal to 1"
            )
    schema = params.get("KeySchema")
    if schema is None:
        found.add(None, "keySchema", "Member must not be null")
    else:
        _check_schema_length(found, schema)
        for index, element in enumerate(schema, 1):
            at = f"keySchema.{index}.member"
            _check_attribute_name(found, element, at)
            if element.get("KeyType") is None:
                found.add(None, f"{at}.keyType", "Member must not be null")
            else:
                found.enum(element["KeyType"], f"{at}.keyType", ("HASH", "RANGE"))
    found.report()


def _check_attribute_name(found: Violations, element: dict[str, Any], at: str) -> None:
    name = element.get("AttributeName")
    if name is None:
        found.add(None, f"{at}.attributeName", "Member must not be null")
    else:
        found.length(name, f"{at}.attributeName", 1, NAME_BYTES_MAX)


def _check_schema_length(found: Violations, schema: list[dict[str, Any]]) -> None:
    shown = ", ".join(
        f"KeySchemaElement(attributeName={e.get('AttributeName')}, keyType={e.get('KeyType')})"
        for e in schema
    )
    if not schema:
        found.add("[]", "keySchema", "Member must have length greater than or equal to 1")
    elif len(schema) > 2:
        found.add(f"[{shown}]", "keySchema", "Member must have length less than or equal to 2")


def _check_billing(params: dict[str, Any]) -> None:
    throughput = params.get("ProvisionedThroughput")
    on_demand = params.get("BillingMode") == "PAY_PER_REQUEST"
    if on_demand and throughput is not None:
        raise refuse(
            "One or more parameter values were invalid: Neither ReadCapacityUnits nor WriteCapacityUnits "
            "can be specified when BillingMode is PAY_PER_REQUEST"
        )
    if not on_demand and throughput is None:
        raise refuse(
            "One or more parameter values were invalid: ReadCapacityUnits and WriteCapacityUnits must both "
            "be specified when BillingMode is PROVISIONED"
        )
    for member in ("ReadCapacityUnits", "WriteCapacityUnits"):
        units = (throughput or {}).get(member, 0)
        if units > CAPACITY_MAX:
            raise refuse(f"Given value {units} for {member} is out of bounds")


def _check_keys(params: dict[str, Any]) -> None:
    defined = [d["AttributeName"] for d in params["AttributeDefinitions"]]
    schema = params["KeySchema"]
    keys = [e["AttributeName"] for e in schema]
    if len(keys) == 2:
        if any(k not in defined for k in keys) or (keys[0] == keys[1] and len(defined) == 1):
            raise refuse("Invalid KeySchema: Some index key attribute have no definition")
    elif keys[0] not in defined:
        raise refuse(
            "One or more parameter values were invalid: Some index key attributes are not defined in "
            f"AttributeDefinitions. Keys: [{', '.join(keys)}], AttributeDefinitions: [{', '.join(defined)}]"
        )
    if len(keys) == 2 and keys[0] == keys[1]:
        raise refuse("Both the Hash Key and the Range Key element in the KeySchema have the same name")
    if schema[0]["KeyType"] != "HASH":
        raise refuse("Invalid KeySchema: The first KeySchemaElement is not a HASH key type")
    if len(schema) == 2 and schema[1]["KeyType"] != "RANGE":
        raise refuse("Invalid KeySchema: The second KeySchemaElement is not a RANGE key type")
    if len(set(defined)) != len(defined):
        raise refuse(
            "One or more parameter values were invalid: Duplicate AttributeName in AttributeDefinitions"
        )
    indexed = params.get("GlobalSecondaryIndexes") or params.get("LocalSecondaryIndexes")
    if not indexed and len(keys) != len(defined):
        raise refuse(
            "One or more parameter values were invalid: Number of attributes in KeySchema does not "
            "exactly match number of attributes defined in AttributeDefinitions"
        )


def _check_unsupported(params: dict[str, Any]) -> None:
    """Members that would change what the table does are refused, never ignored."""
    for member in UNSUPPORTED:
        if params.get(member):
            raise refuse(f"One or more parameter values were invalid: {member} is not supported by cloudcore")
    stream = params.get("StreamSpecification")
    expect(stream, dict, "Structure")
    if stream and stream.get("StreamEnabled"):
        raise refuse(
            "One or more parameter values were invalid: StreamSpecification is not supported by cloudcore"
        )
    if params.get("DeletionProtectionEnabled"):
        raise refuse(
            "One or more parameter values were invalid: DeletionProtectionEnabled is not supported by "
            "cloudcore"
        )
