"""UpdateTable's GlobalSecondaryIndexUpdates: what they make of a stored description."""

from __future__ import annotations

from typing import Any

from cloudcore.dynamodb import capacity, indexes
from cloudcore.dynamodb.validation import invalid, refuse
from cloudcore.errors import ApiError

_ACTIONS = ("Create", "Update", "Delete")


def apply(stored: dict[str, Any], params: dict[str, Any], filling: bool) -> dict[str, Any]:
    """The description after the updates of `params`; `stored` stays as it is.

    `filling`: an earlier Create is still being filled. Raises ApiError: ValidationException,
    LimitExceededException, ResourceNotFoundException.
    """
    updates = params.get("GlobalSecondaryIndexUpdates")
    if updates is not None and not updates:
        raise invalid("List of GlobalSecondaryIndexUpdates is empty")
    actions = [_action(update) for update in updates or ()]
    _check_together([(kind, index["IndexName"]) for kind, index in actions], filling)
    result = dict(stored)
    for kind, index in actions:
        _RUN[kind](result, index, params)
    _check_used(result, params)
    _settle_capacity(result)
    return result


def _check_used(stored: dict[str, Any], params: dict[str, Any]) -> None:
    defined = indexes.names_of(params.get("AttributeDefinitions") or [])
    used = indexes.used_names(stored["KeySchema"], _every(stored))
    if not set(defined) <= set(used):
        raise invalid(
            "Some AttributeDefinitions are not used. "
            f"AttributeDefinitions: [{', '.join(defined)}], keys used: [{', '.join(used)}]"
        )


def _settle_capacity(stored: dict[str, Any]) -> None:
    """Indexes are provisioned when their table is, and only then."""
    wide = stored.get("GlobalSecondaryIndexes", ())
    if stored["BillingMode"] == "PAY_PER_REQUEST":
        if wide:
            stored["GlobalSecondaryIndexes"] = [i | dict.fromkeys(capacity.UNITS, 0) for i in wide]
        return
    for index in wide:
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
    raise ApiError("ResourceNotFoundException", f"Requested resource not found: Index: {name} not found")


def _every(stored: dict[str, Any]) -> list[dict[str, Any]]:
    return [*stored.get("LocalSecondaryIndexes", ()), *stored.get("GlobalSecondaryIndexes", ())]


def _set_definitions(stored: dict[str, Any], definitions: list[dict[str, Any]]) -> None:
    """Keeps the definitions that keys use."""
    used = indexes.used_names(stored["KeySchema"], _every(stored))
    stored["AttributeDefinitions"] = [d for d in definitions if d["AttributeName"] in used]


def _create(stored: dict[str, Any], index: dict[str, Any], params: dict[str, Any]) -> None:
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
    indexes.check_unsupported(index)
    on_demand = stored["BillingMode"] == "PAY_PER_REQUEST"
    if on_demand and throughput is not None:
        raise invalid(
            f"Neither ReadCapacityUnits nor WriteCapacityUnits can be specified for index: {name} when "
            "BillingMode is PAY_PER_REQUEST"
        )
    if not on_demand and throughput is None:
        raise invalid(f"ProvisionedThroughput must be specified for index: {name}")
    capacity.check_units(throughput or {})
    wide = [*stored.get("GlobalSecondaryIndexes", ()), indexes.stored_global(index)]
    if len(wide) > indexes.GLOBAL_MAX:
        raise ApiError(
            "LimitExceededException",
            f"GlobalSecondaryIndex count exceeds the per-table limit of {indexes.GLOBAL_MAX}",
        )
    stored["GlobalSecondaryIndexes"] = wide
    indexes.check_projected(_every(stored))
    _set_definitions(stored, [{"AttributeName": n, "AttributeType": kind} for n, kind in definitions.items()])


def _update(stored: dict[str, Any], index: dict[str, Any], params: dict[str, Any]) -> None:
    name, throughput = index["IndexName"], index.get("ProvisionedThroughput")
    old = _find(stored, name, "update")
    indexes.check_unsupported(index)
    if stored["BillingMode"] == "PAY_PER_REQUEST":
        raise invalid(
            f"Neither ReadCapacityUnits nor WriteCapacityUnits can be specified for index: {name} when "
            "BillingMode is PAY_PER_REQUEST"
        )
    if throughput is None:
        raise invalid(f"ProvisionedThroughput must be specified for index: {name}")
    capacity.check_units(throughput)
    units = {member: throughput[member] for member in capacity.UNITS}
    if all(old[member] == value for member, value in units.items()):
        shown = ". ".join(
            f"Current {member} provisioned for the index: {value}. Requested {member}: {value}"
            for member, value in units.items()
        )
        raise refuse(
            f"The provisioned throughput for the index {name} will not change. The requested value equals "
            f"the current value. {shown}. Refer to the Amazon DynamoDB Developer Guide for current limits "
            "and how to request higher limits."
        )
    stored["GlobalSecondaryIndexes"] = [
        other | units if other is old else other for other in stored["GlobalSecondaryIndexes"]
    ]


def _delete(stored: dict[str, Any], index: dict[str, Any], params: dict[str, Any]) -> None:
    old = _find(stored, index["IndexName"], "delete")
    left = [other for other in stored["GlobalSecondaryIndexes"] if other is not old]
    stored["GlobalSecondaryIndexes"] = left
    if not left:
        del stored["GlobalSecondaryIndexes"]
    _set_definitions(stored, stored["AttributeDefinitions"])


_RUN = {"Create": _create, "Update": _update, "Delete": _delete}


def show(before: dict[str, Any], after: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    """The description of the answer: what goes is still there as DELETING, what changes is UPDATING."""
    result = dict(after)
    wide = [dict(index) for index in after.get("GlobalSecondaryIndexes", ())]
    old = {index["IndexName"]: index for index in before.get("GlobalSecondaryIndexes", ())}
    for update in params.get("GlobalSecondaryIndexUpdates") or ():
        if update.get("Delete"):
            wide.append(old[update["Delete"]["IndexName"]] | {"IndexStatus": "DELETING"})
        elif update.get("Update"):
            for index in wide:
                if index["IndexName"] == update["Update"]["IndexName"]:
                    index["IndexStatus"] = "UPDATING"
    if wide:
        result["GlobalSecondaryIndexes"] = wide
    return result
