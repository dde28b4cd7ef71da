"""Secondary indexes in the control plane: the rules of CreateTable, what is stored, what is described.

Stored with a table: LocalSecondaryIndexes and GlobalSecondaryIndexes, each element with IndexName,
KeySchema and Projection as given (the engine reads these), global ones also with their throughput.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudcore.dynamodb import capacity
from cloudcore.dynamodb.validation import invalid, refuse

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB

LOCAL_MAX = 5
GLOBAL_MAX = 20
KEYS_MAX = 4
"""HASH, and as many RANGE, attributes of one global index."""
NON_KEY_MAX = 100
"""Projected non-key attributes of all indexes of a table together."""


def names_of(schema: list[dict[str, Any]]) -> list[str]:
    """The attribute names of a KeySchema, in order."""
    return [element["AttributeName"] for element in schema]


def check(params: dict[str, Any]) -> None:
    """The rules of CreateTable about indexes; ValidationException for the first one broken."""
    local, wide = params.get("LocalSecondaryIndexes"), params.get("GlobalSecondaryIndexes")
    vectors = params.get("VectorIndexes")
    defined = names_of(params["AttributeDefinitions"])
    seen: set[str] = set()
    if local is not None:
        _check_local(local, params["KeySchema"], defined, seen)
    if wide is not None:
        _check_global(wide, defined, params.get("BillingMode") == "PAY_PER_REQUEST", seen)
    everything = [*(local or ()), *(wide or ()), *(vectors or ())]
    check_projected(everything)
    if everything:
        _check_used(params["KeySchema"], everything, defined)


def _check_local(
    local: list[dict[str, Any]], table: list[dict[str, Any]], defined: list[str], seen: set[str]
) -> None:
    if not local:
        raise invalid("List of LocalSecondaryIndexes is empty")
    if len(table) != 2:
        raise invalid(
            "Table KeySchema does not have a range key, which is required when specifying a "
            "LocalSecondaryIndex"
        )
    for index in local:
        schema, name = index["KeySchema"], index["IndexName"]
        check_defined(schema, defined)
        _check_pair(schema)
        if len(schema) < 2:
            raise invalid(f"Index KeySchema does not have a range key for index: {name}")
        own, leading = schema[0]["AttributeName"], table[0]["AttributeName"]
        if own != leading:
            raise invalid(
                "Index KeySchema does not have the same leading hash key as table KeySchema for index: "
                f"{name}. index hash key: {own}, table hash key: {leading}"
            )
        check_projection(index)
        _check_name(name, seen)
    if len(local) > LOCAL_MAX:
        raise invalid(f"Number of LocalSecondaryIndexes exceeds per-table limit of {LOCAL_MAX}")


def _check_global(wide: list[dict[str, Any]], defined: list[str], on_demand: bool, seen: set[str]) -> None:
    if not wide:
        raise invalid("List of GlobalSecondaryIndexes is empty")
    for index in wide:
        name, throughput = index["IndexName"], index.get("ProvisionedThroughput")
        check_defined(index["KeySchema"], defined)
        check_global_keys(index["KeySchema"])
        check_projection(index)
        if on_demand and throughput is not None:
            raise invalid(
                f"ProvisionedThroughput should not be specified for index: {name} when BillingMode is "
                "PAY_PER_REQUEST"
            )
        if not on_demand and throughput is None:
            raise invalid(f"ProvisionedThroughput is not specified for index: {name}")
        capacity.check_units(throughput or {})
        _check_name(name, seen)
    if len(wide) > GLOBAL_MAX:
        raise invalid(f"GlobalSecondaryIndex count exceeds the per-table limit of {GLOBAL_MAX}")


def _check_name(name: str, seen: set[str]) -> None:
    if name in seen:
        raise invalid(f"Duplicate index name: {name}")
    seen.add(name)


def check_defined(schema: list[dict[str, Any]], defined: list[str]) -> None:
    """Every key attribute of an index has a definition."""
    keys = names_of(schema)
    if any(key not in defined for key in keys):
        raise invalid(
            "Some index key attributes are not defined in AttributeDefinitions. "
            f"Keys: [{', '.join(keys)}], AttributeDefinitions: [{', '.join(defined)}]"
        )


def _check_pair(schema: list[dict[str, Any]]) -> None:
    """One HASH and at most one RANGE attribute, with different names."""
    if len(schema) > 1 and schema[0]["AttributeName"] == schema[1]["AttributeName"]:
        raise refuse("Both the Hash Key and the Range Key element in the KeySchema have the same name")
    if schema[0]["KeyType"] != "HASH":
        raise refuse("Invalid KeySchema: The first KeySchemaElement is not a HASH key type")
    if len(schema) > 1 and schema[1]["KeyType"] != "RANGE":
        raise refuse("Invalid KeySchema: The second KeySchemaElement is not a RANGE key type")
    if len(schema) > 2:
        raise invalid("The KeySchema exceeds the maximum allowed number of RANGE key attributes")


def check_global_keys(schema: list[dict[str, Any]]) -> None:
    """Up to four HASH attributes, then up to four RANGE ones, all different."""
    names, kinds = names_of(schema), [element["KeyType"] for element in schema]
    if len(set(names)) < len(names):
        if len(names) == 2:
            raise refuse("Both the Hash Key and the Range Key element in the KeySchema have the same name")
        raise refuse("The KeySchema contains multiple key attributes with the same name")
    if kinds[0] != "HASH":
        raise refuse("Invalid KeySchema: The first KeySchemaElement is not a HASH key type")
    if kinds != sorted(kinds):
        raise invalid("All HASH key attributes must precede RANGE key attributes in the KeySchema")
    for kind in ("HASH", "RANGE"):
        if kinds.count(kind) > KEYS_MAX:
            raise invalid(f"The KeySchema exceeds the maximum allowed number of {kind} key attributes")


def check_projection(index: dict[str, Any]) -> None:
    """ProjectionType and NonKeyAttributes go together."""
    kind, extra = index["Projection"].get("ProjectionType"), index["Projection"].get("NonKeyAttributes")
    if kind is None:
        raise invalid("Unknown ProjectionType: null")
    if kind == "INCLUDE" and not extra:
        raise invalid("ProjectionType is INCLUDE, but NonKeyAttributes is not specified")
    if kind != "INCLUDE" and extra is not None:
        raise invalid(f"ProjectionType is {kind}, but NonKeyAttributes is specified")
    for name in extra or ():
        if extra.count(name) > 1:
            raise invalid(f"Duplicate element in NonKeyAttributes: {name}")


def check_projected(indexes: list[dict[str, Any]]) -> None:
    """All indexes of a table together project at most 100 non-key attributes by name.

    The attribute and each inline filter of a vector index count as one.
    """
    total = sum(len(index["Projection"].get("NonKeyAttributes") or ()) for index in indexes)
    total += sum("VectorAttribute" in index for index in indexes)
    schemas = [index.get("SearchSchema") or () for index in indexes]
    total += sum(e["SearchSchemaElementType"] == "INLINE_FILTER" for schema in schemas for e in schema)
    if total > NON_KEY_MAX:
        raise invalid(
            "The total number of NonKeyAttributes of all indexes exceeds the per-table limit of "
            f"{NON_KEY_MAX}"
        )


def _check_used(table: list[dict[str, Any]], indexes: list[dict[str, Any]], defined: list[str]) -> None:
    used = used_names(table, indexes)
    if any(name not in used for name in defined):
        raise invalid(
            "Some AttributeDefinitions are not used. "
            f"AttributeDefinitions: [{', '.join(defined)}], keys used: [{', '.join(used)}]"
        )


def used_names(table: list[dict[str, Any]], indexes: list[dict[str, Any]]) -> list[str]:
    """The key and search attributes of a table and its indexes, each once."""
    own = [index.get("KeySchema") or index.get("SearchSchema") or [] for index in indexes]
    schemas: list[list[dict[str, Any]]] = [table, *own]
    return list(dict.fromkeys(name for schema in schemas for name in names_of(schema)))


# ---- stored and described ----


def stored_local(index: dict[str, Any]) -> dict[str, Any]:
    """What is kept of a LocalSecondaryIndex."""
    projection = {k: v for k, v in index["Projection"].items() if v is not None}
    return {
        "IndexName": index["IndexName"],
        "KeySchema": [{k: e[k] for k in ("AttributeName", "KeyType")} for e in index["KeySchema"]],
        "Projection": projection,
    }


def stored_global(index: dict[str, Any], mode: str) -> dict[str, Any]:
    """What is kept of a GlobalSecondaryIndex of a table of the BillingMode `mode`."""
    throughput = index.get("ProvisionedThroughput") or {}
    units = {unit: throughput.get(unit, 0) for unit in capacity.UNITS}
    begun = capacity.begun(units | {"BillingMode": mode}, index, index["IndexName"])
    return stored_local(index) | units | begun


def stored(params: dict[str, Any]) -> dict[str, Any]:
    """The two lists that are stored with a table, left out when they are empty."""
    result = {}
    if params.get("LocalSecondaryIndexes"):
        result["LocalSecondaryIndexes"] = [stored_local(i) for i in params["LocalSecondaryIndexes"]]
    if params.get("GlobalSecondaryIndexes"):
        mode = params.get("BillingMode", "PROVISIONED")
        result["GlobalSecondaryIndexes"] = [stored_global(i, mode) for i in params["GlobalSecondaryIndexes"]]
    return result


def describe(service: DynamoDB, table: dict[str, Any], arn: str, status: str) -> dict[str, Any]:
    """The two lists of a TableDescription; `status` is the table's."""
    local, wide = table.get("LocalSecondaryIndexes"), table.get("GlobalSecondaryIndexes")
    if not local and not wide:
        return {}
    found = service.tables.indexes(table["TableName"])
    result: dict[str, Any] = {}
    if local:
        result["LocalSecondaryIndexes"] = [_describe(i, arn, found) for i in local]
    if wide:
        result["GlobalSecondaryIndexes"] = [
            _describe_global(i, table, arn, status, found, service.clock.now()) for i in wide
        ]
    return result


def _describe(index: dict[str, Any], arn: str, found: dict[str, tuple[int, int, bool]]) -> dict[str, Any]:
    items, size, _ = found.get(index["IndexName"], (0, 0, False))
    return {
        "IndexName": index["IndexName"],
        "KeySchema": index["KeySchema"],
        "Projection": index["Projection"],
        "IndexSizeBytes": size,
        "ItemCount": items,
        "IndexArn": f"{arn}/index/{index['IndexName']}",
    }


def _describe_global(
    index: dict[str, Any],
    table: dict[str, Any],
    arn: str,
    status: str,
    found: dict[str, tuple[int, int, bool]],
    now: float,
) -> dict[str, Any]:
    filling = found.get(index["IndexName"], (0, 0, False))[2]
    state = status if status in ("CREATING", "DELETING") else "CREATING" if filling else "ACTIVE"
    warm = capacity.warm_of(index | {"BillingMode": table["BillingMode"]})
    result = _describe(index, arn, found) | {
        "IndexStatus": state,
        "ProvisionedThroughput": capacity.describe_units(index, now),
        "WarmThroughput": warm | {"Status": "ACTIVE" if state == "ACTIVE" else "UPDATING"},
    }
    if index.get("OnDemandThroughput"):
        result["OnDemandThroughput"] = index["OnDemandThroughput"]
    if filling:
        result["Backfilling"] = True
    return result
