"""What is stored with a restored table: what its source had, with the overrides of the request."""

from __future__ import annotations

import uuid
from typing import Any

from cloudcore.dynamodb import capacity, indexes, vector_indexes
from cloudcore.dynamodb.validation import invalid, refuse
from cloudcore.errors import ApiError

Stored = dict[str, Any]


def described(source: Stored, params: dict[str, Any], target: str, now: float) -> Stored:
    """What is stored with the restored table: keys, indexes and capacity of `source`, with the overrides.

    Raises ApiError ValidationException.
    """
    mode: str = params.get("BillingModeOverride") or source["BillingMode"]
    units, maxima = params.get("ProvisionedThroughputOverride"), params.get("OnDemandThroughputOverride")
    if units is not None and mode != "PROVISIONED":
        raise refuse("Cannot override ProvisionedThroughput unless BillingMode is PROVISIONED")
    if mode == "PROVISIONED" and source["BillingMode"] != mode and units is None:
        raise refuse("Must override ProvisionedThroughput if BillingMode is overridden to PROVISIONED")
    capacity.check_units(units or {})
    stored: Stored = {
        "TableName": target,
        "TableId": str(uuid.uuid4()),
        "CreationDateTime": now,
        "KeySchema": source["KeySchema"],
        "BillingMode": mode,
    }
    if mode == "PROVISIONED":
        stored |= {unit: (units or source)[unit] for unit in capacity.UNITS}
    else:
        stored |= dict.fromkeys(capacity.UNITS, 0) | {"OnDemandSince": now}
        if maxima is None:
            maxima = source.get("OnDemandThroughput")
    if maxima:
        stored |= capacity.begun(stored, {"OnDemandThroughput": maxima})
    stored |= _indexes(source, params, mode)
    stored |= _vectors(source, params, mode)
    members = ("LocalSecondaryIndexes", "GlobalSecondaryIndexes", "VectorIndexes")
    every = [index for member in members for index in stored.get(member, ())]
    used = indexes.used_names(stored["KeySchema"], every)
    stored["AttributeDefinitions"] = [d for d in source["AttributeDefinitions"] if d["AttributeName"] in used]
    return stored


def _indexes(source: Stored, params: dict[str, Any], mode: str) -> Stored:
    kept_local = source.get("LocalSecondaryIndexes", [])
    kept_wide = source.get("GlobalSecondaryIndexes", [])
    local, wide = params.get("LocalSecondaryIndexOverride"), params.get("GlobalSecondaryIndexOverride")
    found: Stored = {}
    if local is None:
        found["LocalSecondaryIndexes"] = kept_local
    else:
        found["LocalSecondaryIndexes"] = [indexes.stored_local(_known(index, kept_local)) for index in local]
    if wide is None:
        found["GlobalSecondaryIndexes"] = [_with_units(index, mode) for index in kept_wide]
    else:
        found["GlobalSecondaryIndexes"] = [_overridden(index, kept_wide, mode) for index in wide]
    return {name: value for name, value in found.items() if value}


def _vectors(source: Stored, params: dict[str, Any], mode: str) -> Stored:
    kept, wanted = source.get("VectorIndexes", []), params.get("VectorIndexOverride")
    if wanted is not None:
        for index in wanted:
            if not any(vector_indexes.same(index, other) for other in kept):
                raise _unknown(index)
        kept = [vector_indexes.stored(index) for index in wanted]
    if not kept:
        return {}
    vector_indexes.check_billing(mode)
    return {"VectorIndexes": kept}


def _unknown(index: dict[str, Any]) -> ApiError:
    return refuse(
        f"Index {index['IndexName']} does not match a secondary index that existed in the source table "
        "and cannot be created during the restore operation"
    )


def _same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    def shape(index: dict[str, Any]) -> Any:
        projection = index["Projection"]
        keys = [(e["AttributeName"], e["KeyType"]) for e in index["KeySchema"]]
        return keys, projection.get("ProjectionType"), sorted(projection.get("NonKeyAttributes") or ())

    return bool(shape(one) == shape(other))


def _known(index: dict[str, Any], kept: list[dict[str, Any]]) -> dict[str, Any]:
    """`index`, which is one of the source's, maybe under another name."""
    if not any(_same(index, other) for other in kept):
        raise _unknown(index)
    return index


def _with_units(index: dict[str, Any], mode: str) -> dict[str, Any]:
    """A kept global index under the new table's BillingMode."""
    if mode == "PAY_PER_REQUEST":
        return index | dict.fromkeys(capacity.UNITS, 0)
    if index["ReadCapacityUnits"] == 0:
        raise invalid(f"ProvisionedThroughput is not specified for index: {index['IndexName']}")
    return {name: value for name, value in index.items() if name != "OnDemandThroughput"}


def _overridden(index: dict[str, Any], kept: list[dict[str, Any]], mode: str) -> dict[str, Any]:
    name, units = _known(index, kept)["IndexName"], index.get("ProvisionedThroughput")
    if mode == "PAY_PER_REQUEST" and units is not None:
        raise invalid(
            f"ProvisionedThroughput should not be specified for index: {name} when BillingMode is "
            "PAY_PER_REQUEST"
        )
    if mode == "PROVISIONED" and units is None:
        raise invalid(f"ProvisionedThroughput is not specified for index: {name}")
    capacity.check_units(units or {})
    return indexes.stored_global(index, mode)
