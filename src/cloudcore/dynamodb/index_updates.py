"""UpdateTable's GlobalSecondaryIndexUpdates and VectorIndexUpdates: what they make of a description."""

from __future__ import annotations

from typing import Any

from cloudcore.dynamodb import capacity, indexes, vector_indexes
from cloudcore.dynamodb.validation import invalid, refuse
from cloudcore.errors import ApiError

_ACTIONS = ("Create", "Update", "Delete")


def apply(
    before: dict[str, Any], after: dict[str, Any], params: dict[str, Any], filling: bool, now: float
) -> dict[str, Any]:
    """The description `after` the table's other changes, with the updates of `params` to its indexes.

    `before`: the description that is stored; `filling`: an earlier Create is still being filled. Neither
    description is changed. Raises ApiError: ValidationException, LimitExceededException,
    ResourceNotFoundException.
    """
    updates = params.get("GlobalSecondaryIndexUpdates")
    if updates is not None and not updates:
        raise invalid("List of GlobalSecondaryIndexUpdates is empty")
    actions = [_action(update) for update in updates or ()]
    vectors = vector_indexes.actions(params)
    _check_together([(kind, index["IndexName"]) for kind, index in actions + vectors], filling)
    result = dict(after)
    modes = before["BillingMode"], after["BillingMode"]
    if modes[0] != modes[1] and "GlobalSecondaryIndexes" in after:
        wide = after["GlobalSecondaryIndexes"]
        result["GlobalSecondaryIndexes"] = [capacity.switched(index, *modes) for index in wide]
    for kind, index in actions:
        _RUN[kind](result, index, params, now)
    for kind, index in vectors:
        _change_vectors(result, kind, index, params)
    if result.get("VectorIndexes"):
        vector_indexes.check_billing(result["BillingMode"])
    _check_used(result, params)
    _check_provisioned(result)
    return result


def _change_vectors(stored: dict[str, Any], kind: str, index: dict[str, Any], params: dict[str, Any]) -> None:
    if kind == "Create":
        vector_indexes.create(stored, index, params)
        indexes.check_projected(_every(stored))
    else:
        vector_indexes.delete(stored, index["IndexName"])
    _set_definitions(stored, stored["AttributeDefinitions"])


def _check_used(stored: dict[str, Any], params: dict[str, Any]) -> None:
    defined = indexes.names_of(params.get("AttributeDefinitions") or [])
    used = indexes.used_names(stored["KeySchema"], _every(stored))
    if not set(defined) <= set(used):
        raise invalid(
            "Some AttributeDefinitions are not used. "
            f"AttributeDefinitions: [{', '.join(defined)}], keys used: [{', '.join(used)}]"
        )


def _check_provisioned(stored: dict[str, Any]) -> None:
    """The indexes of a provisioned table are provisioned too."""
    if stored["BillingMode"] == "PROVISIONED":
        for index in stored.get("GlobalSecondaryIndexes", ()):
            if index["ReadCapacityUnits"] == 0:
                raise invalid(f"ProvisionedThroughput must be specified for index: {index['IndexName']}")


def _action(update: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    given = [(kind, update[kind]) for kind in _ACTIONS if update.get(kind) is not None]
    if not given:
        raise invalid(
            "One of GlobalSecondaryIndexUpdate.Update, GlobalSecondaryIndexUpdate.Create, "
            "GlobalSecondaryIndexUpdate.Delete must not be null"
        )
    if len(given) > 1:
        raise invalid(
            "Only one global secondary index action is allowed per GlobalSecondaryIndexUpdate object"
        )
    kind, index = given[0]
    if kind == "Update" and index.get("WarmThroughput") == {}:
        raise invalid(
            "WarmThroughput must have at least one of ReadUnitsPerSecond or WriteUnitsPerSecond specified "
            f"for index: {index['IndexName']}"
        )
    return given[0]


def _check_together(actions: list[tuple[str, str]], filling: bool) -> None:
    names = [name for _, name in actions]
    for name in names:
        if names.count(name) > 1:
            raise invalid(
                f"Only one global secondary index update per index is allowed simultaneously. Index: {name}"
            )
    online = sum(kind != "Update" for kind, _ in actions)
    if online > 1 or (online and filling):
        raise ApiError(
            "LimitExceededException",
            "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously "
            "per table",
        )


def _find(stored: dict[str, Any], name: str, verb: str) -> dict[str, Any]:
    for index in stored.get("LocalSecondaryIndexes", ()):
        if index["IndexName"] == name:
            raise refuse(f"Cannot {verb} an index that is not a GlobalSecondaryIndex: {name}")
    for index in stored.get("GlobalSecondaryIndexes", ()):
        if index["IndexName"] == name:
            return index
    which = f"Index: {name} not found"
    if verb == "update":  # as recorded, the two have words of their own
        which = f"Index {name} for table {stored['TableName']}"
    raise ApiError("ResourceNotFoundException", f"Requested resource not found: {which}")


def _every(stored: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        *stored.get("LocalSecondaryIndexes", ()),
        *stored.get("GlobalSecondaryIndexes", ()),
        *stored.get("VectorIndexes", ()),
    ]


def _set_definitions(stored: dict[str, Any], definitions: list[dict[str, Any]]) -> None:
    """Keeps the definitions that keys use."""
    used = indexes.used_names(stored["KeySchema"], _every(stored))
    stored["AttributeDefinitions"] = [d for d in definitions if d["AttributeName"] in used]


def _create(stored: dict[str, Any], index: dict[str, Any], params: dict[str, Any], now: float) -> None:
    name, throughput = index["IndexName"], index.get("ProvisionedThroughput")
    if any(name == other["IndexName"] for other in _every(stored)):
        raise refuse("Attempting to create an index which already exists")
    given = params.get("AttributeDefinitions")
    definitions = {d["AttributeName"]: d["AttributeType"] for d in stored["AttributeDefinitions"]}
    if given is None and any(key not in definitions for key in indexes.names_of(index["KeySchema"])):
        raise invalid(f"AttributeDefinitions is not specified for index: {name}")
    for definition in given or ():
        attribute, kind = definition["AttributeName"], definition["AttributeType"]
        if definitions.setdefault(attribute, kind) != kind:
            raise refuse(f"Cannot change the type of the key attribute {attribute}")
    indexes.check_defined(index["KeySchema"], list(definitions))
    indexes.check_global_keys(index["KeySchema"])
    indexes.check_projection(index)
    on_demand = stored["BillingMode"] == "PAY_PER_REQUEST"
    if on_demand and throughput is not None:
        raise invalid(
            f"Neither ReadCapacityUnits nor WriteCapacityUnits can be specified for index: {name} when "
            "BillingMode is PAY_PER_REQUEST"
        )
    if not on_demand and throughput is None:
        raise invalid(f"ProvisionedThroughput must be specified for index: {name}")
    capacity.check_units(throughput or {})
    wide = [*stored.get("GlobalSecondaryIndexes", ()), indexes.stored_global(index, stored["BillingMode"])]
    if len(wide) > indexes.GLOBAL_MAX:
        raise ApiError(
            "LimitExceededException",
            f"GlobalSecondaryIndex count exceeds the per-table limit of {indexes.GLOBAL_MAX}",
        )
    stored["GlobalSecondaryIndexes"] = wide
    indexes.check_projected(_every(stored))
    _set_definitions(stored, [{"AttributeName": n, "AttributeType": kind} for n, kind in definitions.items()])


def _update(stored: dict[str, Any], index: dict[str, Any], params: dict[str, Any], now: float) -> None:
    name, throughput = index["IndexName"], index.get("ProvisionedThroughput")
    old = _find(stored, name, "update")
    on_demand = stored["BillingMode"] == "PAY_PER_REQUEST"
    if on_demand and throughput is not None:
        raise invalid(
            f"Neither ReadCapacityUnits nor WriteCapacityUnits can be specified for index: {name} when "
            "BillingMode is PAY_PER_REQUEST"
        )
    if throughput is None and not index.get("WarmThroughput") and not index.get("OnDemandThroughput"):
        if on_demand:
            raise invalid(
                f"The only Updates for index: {name} when TableThroughputMode is PAY_PER_REQUEST can be to "
                "OnDemandThroughput, WarmThroughput"
            )
        raise invalid(f"ProvisionedThroughput must be specified for index: {name}")
    before = old | {"BillingMode": stored["BillingMode"]}
    changed = {} if throughput is None else capacity.other_units(before, throughput, now, name)
    changed |= capacity.altered(before, before | changed, index, name)
    stored["GlobalSecondaryIndexes"] = [
        other | changed if other is old else other for other in stored["GlobalSecondaryIndexes"]
    ]


def _delete(stored: dict[str, Any], index: dict[str, Any], params: dict[str, Any], now: float) -> None:
    old = _find(stored, index["IndexName"], "delete")
    left = [other for other in stored["GlobalSecondaryIndexes"] if other is not old]
    stored["GlobalSecondaryIndexes"] = left
    if not left:
        del stored["GlobalSecondaryIndexes"]
    if "Insights" in stored:
        kept = {name: value for name, value in stored["Insights"].items() if name != index["IndexName"]}
        stored["Insights"] = kept
    _set_definitions(stored, stored["AttributeDefinitions"])


_RUN = {"Create": _create, "Update": _update, "Delete": _delete}


def show(before: dict[str, Any], after: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    """The description of the answer: what goes is still there as DELETING, what changes is as it was."""
    result = dict(after)
    wide = {index["IndexName"]: index for index in after.get("GlobalSecondaryIndexes", ())}
    old = {index["IndexName"]: index for index in before.get("GlobalSecondaryIndexes", ())}
    for update in params.get("GlobalSecondaryIndexUpdates", ()):
        if "Delete" in update:
            name = update["Delete"]["IndexName"]
            wide[name] = old[name] | {"IndexStatus": "DELETING"}
        elif "Update" in update:
            name = update["Update"]["IndexName"]
            wide[name] = _shown_update(old[name], wide[name], update["Update"])
    if wide:
        result["GlobalSecondaryIndexes"] = list(wide.values())
    for kind, index in vector_indexes.actions(params):
        if kind == "Delete":
            gone = next(one for one in before["VectorIndexes"] if one["IndexName"] == index["IndexName"])
            shown = [*result.get("VectorIndexes", ()), gone | {"IndexStatus": "DELETING"}]
            result["VectorIndexes"] = shown
    return result


def _shown_update(old: dict[str, Any], new: dict[str, Any], asked: dict[str, Any]) -> dict[str, Any]:
    result = dict(new)
    if "ProvisionedThroughput" in asked:
        units = {unit: old["ProvisionedThroughput"][unit] for unit in capacity.UNITS}
        result["ProvisionedThroughput"] = new["ProvisionedThroughput"] | units
    if asked.keys() & {"ProvisionedThroughput", "OnDemandThroughput"}:
        result["IndexStatus"] = "UPDATING"
    if "WarmThroughput" in asked:
        result["WarmThroughput"] = old["WarmThroughput"] | {"Status": "UPDATING"}
    return result
