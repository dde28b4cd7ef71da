"""Connecting: an event source mapping in few words, made, or made what it is asked to be.

| word | member |
| --- | --- |
| batch, window_s | BatchSize, MaximumBatchingWindowInSeconds |
| start | StartingPosition: "TRIM_HORIZON" (the default), "LATEST", or a time: AT_TIMESTAMP |
| filters | FilterCriteria: patterns, any of which chooses a record |
| parallel, tumbling_s | ParallelizationFactor, TumblingWindowInSeconds |
| retries, max_age_s, bisect | MaximumRetryAttempts, MaximumRecordAgeInSeconds, BisectBatchOnFunctionError |
| partial | FunctionResponseTypes: ReportBatchItemFailures |
| failure | DestinationConfig: the ARN that is told of what is given up |
| concurrency | ScalingConfig: MaximumConcurrency, of a queue |
| enabled | Enabled |
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

_WORDS = {
    "batch": "BatchSize",
    "window_s": "MaximumBatchingWindowInSeconds",
    "parallel": "ParallelizationFactor",
    "tumbling_s": "TumblingWindowInSeconds",
    "retries": "MaximumRetryAttempts",
    "max_age_s": "MaximumRecordAgeInSeconds",
    "bisect": "BisectBatchOnFunctionError",
    "enabled": "Enabled",
}
WORDS = frozenset({*_WORDS, "start", "filters", "partial", "failure", "concurrency"})
_ENABLED = {"Enabled": True, "Enabling": True, "Creating": True, "Updating": True}


def members(arn: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """What CreateEventSourceMapping takes, less the function. Raises TypeError for a word that is none."""
    unknown = sorted(set(settings) - WORDS)
    if unknown:
        raise TypeError(f"a connection has no setting {unknown[0]!r}; there are {', '.join(sorted(WORDS))}")
    given = {name: value for name, value in settings.items() if value is not None}
    found: dict[str, Any] = {"EventSourceArn": arn}
    found |= {member: given[word] for word, member in _WORDS.items() if word in given}
    start = given.get("start", None if ":sqs:" in arn else "TRIM_HORIZON")
    if isinstance(start, str):
        found["StartingPosition"] = start
    elif start is not None:
        found |= {"StartingPosition": "AT_TIMESTAMP", "StartingPositionTimestamp": start}
    if "filters" in given:
        patterns = [one if isinstance(one, str) else json.dumps(one) for one in given["filters"]]
        found["FilterCriteria"] = {"Filters": [{"Pattern": one} for one in patterns]}
    if "partial" in given:
        found["FunctionResponseTypes"] = ["ReportBatchItemFailures"] if given["partial"] else []
    if "failure" in given:
        found["DestinationConfig"] = {"OnFailure": {"Destination": given["failure"]}}
    if "concurrency" in given:
        found["ScalingConfig"] = {"MaximumConcurrency": given["concurrency"]}
    return found


def changes(held: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """What UpdateEventSourceMapping has to be told; where reading began cannot change."""
    shown = dict(held) | {"Enabled": _ENABLED.get(held["State"], False)}
    fixed = {"EventSourceArn", "StartingPosition", "StartingPositionTimestamp"}
    return {name: value for name, value in wanted.items() if name not in fixed and shown.get(name) != value}


def stream_of(call: Callable[[str, dict[str, Any]], dict[str, Any]], table: str) -> str:
    """The ARN of a table's stream, which begins now if it has none; `call(operation, ..)` is DynamoDB's."""
    told = call("DescribeTable", {"TableName": table})["Table"]
    if not told.get("StreamSpecification", {}).get("StreamEnabled"):
        wanted = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
        call("UpdateTable", {"TableName": table, "StreamSpecification": wanted})
        told = call("DescribeTable", {"TableName": table})["Table"]
    return str(told["LatestStreamArn"])


def connect(service: Any, function: str, source: Any, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Have `function` called with what a source holds. See Function.connect."""
    wanted = members(_arn(service, source), settings)
    asked = {"EventSourceArn": wanted["EventSourceArn"], "FunctionName": function}
    found = service.call("ListEventSourceMappings", asked)["EventSourceMappings"]
    if not found:
        made: dict[str, Any] = service.call("CreateEventSourceMapping", wanted | {"FunctionName": function})
        return made
    held: dict[str, Any] = found[0]
    changed = changes(held, wanted)
    if changed:
        held = service.call("UpdateEventSourceMapping", {"UUID": held["UUID"], **changed})
    return held


def _arn(service: Any, source: Any) -> str:
    if isinstance(source, str) and source.startswith("arn:"):
        return source
    if hasattr(source, "enable_stream"):  # a table
        return stream_of(source.call, source.name)
    if isinstance(source, str) and service.tables is not None:
        return stream_of(service.tables, source)
    raise TypeError(
        f"{source!r} is no event source: a table, its name, or the ARN of a stream or a queue is; "
        "a delivery stream calls a function by its own setting transform"
    )
