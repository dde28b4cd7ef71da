"""Settings of event source mappings: those that a kind of source takes, checked; the others are refused."""

from __future__ import annotations

import json
from typing import Any

from cloudcore.lambda_ import delivering
from cloudcore.lambda_.configuration import refused
from cloudcore.lambda_.event_sources import patterns

STREAM = {
    "BatchSize": 100,
    "MaximumBatchingWindowInSeconds": 0,
    "ParallelizationFactor": 1,
    "MaximumRecordAgeInSeconds": -1,
    "BisectBatchOnFunctionError": False,
    "MaximumRetryAttempts": -1,
    "TumblingWindowInSeconds": 0,
}
QUEUE = {"BatchSize": 10, "MaximumBatchingWindowInSeconds": 0}
DEFAULTS: dict[str, dict[str, Any]] = {"dynamodb": STREAM, "kinesis": STREAM, "sqs": QUEUE}
_ALWAYS = {"FunctionName", "EventSourceArn", "Enabled", "UUID", "FilterCriteria", "FunctionResponseTypes"}
_MORE = {
    "dynamodb": {"StartingPosition", "DestinationConfig"},
    "kinesis": {"StartingPosition", "StartingPositionTimestamp", "DestinationConfig"},
    "sqs": {"ScalingConfig"},
}
_POSITIONS = {
    "dynamodb": ("TRIM_HORIZON", "LATEST"),
    "kinesis": ("TRIM_HORIZON", "LATEST", "AT_TIMESTAMP"),
}
FILTERS_MAX = 5


def kind(arn: str) -> str:
    """The service of an event source. Raises InvalidParameterValueException for one that has none here."""
    if not arn:
        raise refused("Unrecognized event source, must be kinesis, dynamodb stream, sqs or kafka.")
    parts = arn.split(":", 5)
    found = parts[2] if len(parts) == 6 else ""
    path = parts[5].split("/") if found else []
    fits = {
        "dynamodb": len(path) == 4 and path[2] == "stream",
        "kinesis": len(path) == 2 and path[0] == "stream",
        "sqs": len(path) == 1 and ":" not in path[0],
    }
    if not fits.get(found):
        raise refused(
            f"The event source {arn} is not supported by this endpoint: streams of tables, Kinesis streams "
            "and queues are."
        )
    return found


def position(arn: str, params: dict[str, Any], now: float) -> dict[str, Any]:
    """StartingPosition of a stream, and StartingPositionTimestamp in epoch seconds; a queue has none."""
    wanted, at = params.get("StartingPosition"), params.get("StartingPositionTimestamp")
    if kind(arn) == "sqs" and wanted is None and at is None:
        return {}
    if wanted is None:
        raise refused("1 validation error detected: Value null at 'startingPosition' failed to satisfy "
                      "constraint: Member must not be null.")  # fmt: skip
    if wanted not in _POSITIONS.get(kind(arn), ()):
        raise refused(f"Unsupported starting position for arn type: {arn}")
    if (wanted == "AT_TIMESTAMP") is (at is None):
        raise refused("StartingPositionTimestamp goes with StartingPosition AT_TIMESTAMP, and only with it.")
    if at is None:
        return {"StartingPosition": wanted}
    seconds = float(at.timestamp() if hasattr(at, "timestamp") else at)
    if seconds > now:
        raise refused("StartingPositionTimestamp must not lie in the future.")
    return {"StartingPosition": wanted, "StartingPositionTimestamp": seconds}


def settings(service: Any, arn: str, params: dict[str, Any]) -> dict[str, Any]:
    """Those of `params` that are given."""
    of = kind(arn)
    taken = {*DEFAULTS[of], "FilterCriteria", "FunctionResponseTypes", *_MORE[of]} - {
        "StartingPosition", "StartingPositionTimestamp",
    }  # fmt: skip
    for name, value in params.items():
        if name not in taken | _ALWAYS | _MORE[of] and value not in (None, {}, [], ""):
            raise refused(f"{name} is not supported by this endpoint for the event source {arn}.")
    given = {name: params[name] for name in taken if params.get(name) is not None}
    if 0 <= given.get("MaximumRecordAgeInSeconds", -1) < 60:
        raise refused("Maximum record age must be -1 (infinite) or between 60 and 604800 seconds.")
    if "FilterCriteria" in given:
        given["FilterCriteria"] = _filters(given["FilterCriteria"])
    _check_destination(service, given)
    return given


def check_batches(arn: str, held: dict[str, Any]) -> None:
    """Refuse batches that a queue does not have."""
    if kind(arn) != "sqs":
        return
    size, window = held["BatchSize"], held["MaximumBatchingWindowInSeconds"]
    if arn.endswith(".fifo") and (window or size > 10):
        raise refused("A FIFO queue has batches of at most 10 messages and no batching window.")
    if size > 10 and not window:
        raise refused(
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10"
        )


def _filters(criteria: dict[str, Any]) -> dict[str, Any]:
    filters = criteria.get("Filters") or []
    if len(filters) > FILTERS_MAX:
        raise refused(f"Too many filters: at most {FILTERS_MAX} are allowed.")
    for one in filters:
        try:
            patterns.check(json.loads(one.get("Pattern", "")))
        except (ValueError, TypeError) as error:
            raise refused(f"Invalid filter pattern definition. {error}") from None
    return {"Filters": filters} if filters else {}


def _check_destination(service: Any, given: dict[str, Any]) -> None:
    config = given.get("DestinationConfig", {})
    if config.get("OnSuccess", {}).get("Destination"):
        raise refused("Unsupported DestinationConfig parameter for given event source mapping type.")
    target = config.get("OnFailure", {}).get("Destination", "")
    if delivering.service_of(target) in ("lambda", "events"):
        raise refused(f"Invalid destination ARN {target}: functions and event buses take no such records.")
    if target:
        delivering.check(service, target)
