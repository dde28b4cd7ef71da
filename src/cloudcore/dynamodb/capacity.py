"""Billing and throughput of tables and global indexes: the rules of CreateTable and UpdateTable, what is
stored and what is shown.

An index counts as a table here: its stored members with the table's BillingMode. Capacity is kept and
shown as AWS shows it; csrc/table/throttle.c holds requests to it where that is asked for.
"""

from __future__ import annotations

import datetime
from typing import Any

from cloudcore.dynamodb.validation import invalid, refuse

CAPACITY_MAX = 1_000_000_000_000
ON_DEMAND_WARM = {"ReadUnitsPerSecond": 12_000, "WriteUnitsPerSecond": 4_000}
"""What a new on-demand table can take at once, per second."""
UNITS = ("ReadCapacityUnits", "WriteCapacityUnits")
WARM = ("ReadUnitsPerSecond", "WriteUnitsPerSecond")
MAXIMA = ("MaxReadRequestUnits", "MaxWriteRequestUnits")


def created(params: dict[str, Any], now: float) -> dict[str, Any]:
    """The stored members of a new table. Raises ApiError ValidationException."""
    throughput = params.get("ProvisionedThroughput")
    on_demand = params.get("BillingMode") == "PAY_PER_REQUEST"
    if on_demand and throughput is not None:
        raise invalid(
            "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is "
            "PAY_PER_REQUEST"
        )
    if not on_demand and throughput is None:
        raise invalid(
            "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED"
        )
    check_units(throughput or {})
    stored: dict[str, Any] = {"BillingMode": params.get("BillingMode", "PROVISIONED")}
    stored |= {unit: (throughput or {}).get(unit, 0) for unit in UNITS}
    if on_demand:
        stored["OnDemandSince"] = now
    return stored | begun(stored, params)


def begun(stored: dict[str, Any], given: dict[str, Any], index: str | None = None) -> dict[str, Any]:
    """OnDemandThroughput and WarmThroughput of a new table or index, from its request."""
    result = _maxima(stored, given.get("OnDemandThroughput"), {}, None, index)
    warm, least = given.get("WarmThroughput"), warm_of(stored)
    if not warm:
        return result
    for member, unit in zip(WARM, UNITS, strict=True):
        if warm.get(member, least[member]) < least[member]:
            on_demand = stored["BillingMode"] == "PAY_PER_REQUEST"
            bound = "initial throughput for OnDemand" if on_demand else f"{unit} of ProvisionedThroughput"
            raise invalid(f"Requested {member} for WarmThroughput{_of(index)} is lower than {bound}")
    return result | {"WarmThroughput": least | warm}


def check_units(throughput: dict[str, Any]) -> None:
    """ValidationException for units that no table has."""
    for unit in UNITS:
        if throughput.get(unit, 0) > CAPACITY_MAX:
            raise refuse(f"Given value {throughput[unit]} for {unit} is out of bounds")


def updated(stored: dict[str, Any], params: dict[str, Any], now: float) -> dict[str, Any]:
    """The stored members that UpdateTable's BillingMode and throughputs change."""
    throughput, mode = params.get("ProvisionedThroughput"), params.get("BillingMode")
    on_demand = stored["BillingMode"] == "PAY_PER_REQUEST"
    if throughput is not None and on_demand and mode is None:
        raise invalid(
            "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is "
            "PAY_PER_REQUEST"
        )
    changed: dict[str, Any] = {}
    if mode == "PAY_PER_REQUEST" and not on_demand:
        changed = {"BillingMode": mode, "OnDemandSince": now} | dict.fromkeys(UNITS, 0)
    elif throughput is not None and on_demand:
        changed = {"BillingMode": "PROVISIONED"} | {unit: throughput[unit] for unit in UNITS}
        changed["OnDemandThroughput"] = {}
    elif throughput is not None:
        changed = other_units(stored, throughput, now)
    return changed | altered(stored, stored | changed, params)


def altered(
    stored: dict[str, Any], after: dict[str, Any], wanted: dict[str, Any], index: str | None = None
) -> dict[str, Any]:
    """OnDemandThroughput and WarmThroughput of a table or index that became `after` and is asked for more."""
    changed = _maxima(after, wanted.get("OnDemandThroughput"), after.get("OnDemandThroughput", {}), -1, index)
    if warm_of(after) != warm_of(stored):
        changed["WarmThroughput"] = _raised(warm_of(stored), warm_of(after))
    if wanted.get("WarmThroughput"):
        changed["WarmThroughput"] = _warm(warm_of(stored), wanted["WarmThroughput"], index)
    return changed


def other_units(
    stored: dict[str, Any], wanted: dict[str, Any], now: float, index: str | None = None
) -> dict[str, Any]:
    """Other units of a provisioned table or index, with the times of the last increase and decrease."""
    if all(stored[unit] == wanted[unit] for unit in UNITS):
        kind = "table" if index is None else "index"
        shown = " ".join(
            f"Current {unit} provisioned for the {kind}: {stored[unit]}. Requested {unit}: {wanted[unit]}."
            for unit in UNITS
        )
        raise refuse(
            f"The provisioned throughput for the {kind if index is None else f'{kind} {index}'} will not "
            f"change. The requested value equals the current value. {shown} Refer to the Amazon DynamoDB "
            "Developer Guide for current limits and how to request higher limits."
        )
    changed: dict[str, Any] = {unit: wanted[unit] for unit in UNITS}
    if any(wanted[unit] > stored[unit] for unit in UNITS):
        changed["LastIncrease"] = now
    if any(wanted[unit] < stored[unit] for unit in UNITS):
        changed["LastDecrease"] = now
        changed["Decreases"] = decreases_today(stored, now) + 1
    return changed


def decreases_today(stored: dict[str, Any], now: float) -> int:
    """NumberOfDecreasesToday; days are UTC's."""
    last = stored.get("LastDecrease")
    if last is None or _day(last) != _day(now):
        return 0
    return stored["Decreases"]


def describe_units(stored: dict[str, Any], now: float) -> dict[str, Any]:
    """The ProvisionedThroughput of a description."""
    result = {"NumberOfDecreasesToday": decreases_today(stored, now)}
    result |= {unit: stored[unit] for unit in UNITS}
    for member, kept in (("LastIncreaseDateTime", "LastIncrease"), ("LastDecreaseDateTime", "LastDecrease")):
        if kept in stored:
            result[member] = stored[kept]
    return result


def switched(index: dict[str, Any], old_mode: str, mode: str) -> dict[str, Any]:
    """A global index whose table goes from one BillingMode to the other; units come with its update."""
    warm = _raised(warm_of(index | {"BillingMode": old_mode}), warm_of(index | {"BillingMode": mode}))
    result = {name: value for name, value in index.items() if name != "OnDemandThroughput"}
    if mode == "PAY_PER_REQUEST":
        result |= dict.fromkeys(UNITS, 0)
    return result | {"WarmThroughput": warm}


def _of(index: str | None) -> str:
    return " for table" if index is None else f" for index {index}"


def _day(when: float) -> datetime.date:
    return datetime.datetime.fromtimestamp(when, datetime.UTC).date()


def _maxima(
    table: dict[str, Any],
    wanted: dict[str, Any] | None,
    old: dict[str, Any],
    clear: int | None,
    index: str | None,
) -> dict[str, Any]:
    """OnDemandThroughput: bounds of an on-demand table; the value `clear` takes one away."""
    if not wanted:
        return {}
    kept = dict(old)
    for member in MAXIMA:
        value = wanted.get(member)
        if value is None:
            continue
        if table["BillingMode"] != "PAY_PER_REQUEST":
            of = "" if index is None else f" for index: {index}"
            raise invalid(
                f"{member} for OnDemandThroughput{of} cannot be specified when the table BillingMode is "
                "PROVISIONED"
            )
        if value != clear and not 1 <= value <= CAPACITY_MAX:
            where = " for table" if index is None else f" for index : {index}"
            raise invalid(f"Requested {member} for OnDemandThroughput{where} is outside of valid range")
        if value == clear:
            kept.pop(member, None)
        else:
            kept[member] = value
    return {"OnDemandThroughput": kept}


def warm_of(stored: dict[str, Any]) -> dict[str, int]:
    """The table's warm throughput."""
    on_demand = stored["BillingMode"] == "PAY_PER_REQUEST"
    base = ON_DEMAND_WARM if on_demand else dict(zip(WARM, (stored[unit] for unit in UNITS), strict=True))
    return _raised(base, stored.get("WarmThroughput", {}))


def _raised(one: dict[str, int], other: dict[str, int]) -> dict[str, int]:
    return {member: max(one.get(member, 0), other.get(member, 0)) for member in WARM}


def _warm(current: dict[str, int], wanted: dict[str, int], index: str | None) -> dict[str, int]:
    for member in WARM:
        if wanted.get(member, current[member]) < current[member]:
            raise invalid(
                f"Requested {member} for WarmThroughput{_of(index)} is lower than current WarmThroughput, "
                "decreasing WarmThroughput is not supported"
            )
        if wanted.get(member, 0) > CAPACITY_MAX:
            raise invalid(f"Requested {member} for WarmThroughput{_of(index)} is outside of valid range")
    return current | wanted
