"""Billing and throughput of a table: the rules of CreateTable and UpdateTable, and what is stored.

Capacity is kept and shown as AWS shows it; nothing is throttled by it (docs/deviations.md).
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
    stored |= _maxima(stored, params.get("OnDemandThroughput"), {}, clear=None)
    warm = params.get("WarmThroughput") or {}
    least = warm_of(stored)
    for member, unit in zip(WARM, UNITS, strict=True):
        if warm.get(member, least[member]) < least[member]:
            bound = "initial throughput for OnDemand" if on_demand else f"{unit} of ProvisionedThroughput"
            raise invalid(f"Requested {member} for WarmThroughput for table is lower than {bound}")
    if warm:
        stored["WarmThroughput"] = least | warm
    return stored


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
        changed = _throughput(stored, throughput, now)
    after = stored | changed
    changed |= _maxima(after, params.get("OnDemandThroughput"), after.get("OnDemandThroughput", {}), clear=-1)
    if changed:
        changed["WarmThroughput"] = _raised(warm_of(stored), warm_of(after))
    if params.get("WarmThroughput"):
        changed["WarmThroughput"] = _warm(warm_of(stored), params["WarmThroughput"])
    return changed


def _throughput(stored: dict[str, Any], wanted: dict[str, Any], now: float) -> dict[str, Any]:
    """Other units of a provisioned table, with the times of the last increase and decrease."""
    if all(stored[unit] == wanted[unit] for unit in UNITS):
        shown = " ".join(
            f"Current {unit} provisioned for the table: {stored[unit]}. Requested {unit}: {wanted[unit]}."
            for unit in UNITS
        )
        raise refuse(
            "The provisioned throughput for the table will not change. The requested value equals the "
            f"current value. {shown} Refer to the Amazon DynamoDB Developer Guide for current limits and "
            "how to request higher limits."
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


def _day(when: float) -> datetime.date:
    return datetime.datetime.fromtimestamp(when, datetime.UTC).date()


def _maxima(
    table: dict[str, Any], wanted: dict[str, Any] | None, old: dict[str, Any], clear: int | None
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
            raise invalid(
                f"{member} for OnDemandThroughput cannot be specified when the table BillingMode is "
                "PROVISIONED"
            )
        if value != clear and not 1 <= value <= CAPACITY_MAX:
            raise invalid(f"Requested {member} for OnDemandThroughput for table is outside of valid range")
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


def _warm(current: dict[str, int], wanted: dict[str, int]) -> dict[str, int]:
    for member in WARM:
        if wanted.get(member, current[member]) < current[member]:
            raise invalid(
                f"Requested {member} for WarmThroughput for table is lower than current WarmThroughput, "
                "decreasing WarmThroughput is not supported"
            )
        if wanted.get(member, 0) > CAPACITY_MAX:
            raise invalid(f"Requested {member} for WarmThroughput for table is outside of valid range")
    return current | wanted
