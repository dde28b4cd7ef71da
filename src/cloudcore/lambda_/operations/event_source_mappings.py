"""Create-, Get-, List-, Update- and DeleteEventSourceMapping. Source: AWS, Lambda API reference."""

from __future__ import annotations

import json
import uuid
from typing import Any

from cloudcore.lambda_ import delivering, names
from cloudcore.lambda_.configuration import refused
from cloudcore.lambda_.event_sources import patterns
from cloudcore.lambda_.paging import page

_DEFAULTS = {
    "BatchSize": 100,
    "MaximumBatchingWindowInSeconds": 0,
    "ParallelizationFactor": 1,
    "MaximumRecordAgeInSeconds": -1,
    "BisectBatchOnFunctionError": False,
    "MaximumRetryAttempts": -1,
    "TumblingWindowInSeconds": 0,
}
_TAKEN = {*_DEFAULTS, "FilterCriteria", "DestinationConfig", "FunctionResponseTypes"}
_FIXED = {"FunctionName", "EventSourceArn", "StartingPosition", "Enabled", "UUID"}
FILTERS_MAX = 5


def create_event_source_mapping(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Call a function with what a table's stream holds."""
    arn = params.get("EventSourceArn")
    if not arn:
        raise refused("Unrecognized event source, must be kinesis, dynamodb stream, sqs or kafka.")
    if ":dynamodb:" not in arn or "/stream/" not in arn or service.follow is None:
        raise refused(f"The event source {arn} is not supported by this endpoint: streams of tables are.")
    settings = _settings(service, params)
    position = params.get("StartingPosition")
    if position not in ("TRIM_HORIZON", "LATEST"):
        if position is None:
            raise refused("1 validation error detected: Value null at 'startingPosition' failed to satisfy "
                          "constraint: Member must not be null.")  # fmt: skip
        raise refused(f"Unsupported starting position for arn type: {arn}")
    function = _function(service, params)
    source = service.follow(arn)
    held = {
        "UUID": str(uuid.uuid4()),
        "EventSourceArn": arn,
        "FunctionArn": function,
        "StartingPosition": position,
        **_DEFAULTS,
        **settings,
        "State": "Enabled" if params.get("Enabled", True) else "Disabled",
        "LastModified": service.clock.now(),
    }
    service.mappings.create(held, source.first(position))
    return _shown(service, held, "Creating")


def get_event_source_mapping(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """A mapping as it is."""
    return _shown(service, service.mappings.get(params["UUID"]))


def list_event_source_mappings(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """The mappings of a source, a function, or all."""
    source, function = params.get("EventSourceArn"), None
    if params.get("FunctionName"):
        reference = names.parse(params["FunctionName"])
        function = service.arn(reference.name, reference.qualifier)
    rows = [
        (held["UUID"], _shown(service, held))
        for held in service.mappings.all()
        if source in (None, held["EventSourceArn"]) and function in (None, held["FunctionArn"])
    ]
    return page(rows, params, "EventSourceMappings", 100)


def update_event_source_mapping(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Change some of the settings, the function, or whether it runs."""
    held = service.mappings.get(params["UUID"])
    changed = held | _settings(service, params) | {"LastModified": service.clock.now()}
    state = "Updating"
    if params.get("FunctionName"):
        changed["FunctionArn"] = _function(service, params)
    if "Enabled" in params:
        changed["State"] = "Enabled" if params["Enabled"] else "Disabled"
        if changed["State"] != held["State"]:
            state = "Enabling" if params["Enabled"] else "Disabling"
    service.mappings.update(params["UUID"], changed)
    return _shown(service, changed, state)


def delete_event_source_mapping(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Stop a mapping and forget it."""
    held = service.mappings.get(params["UUID"])
    shown = _shown(service, held, "Deleting")
    service.mappings.remove(params["UUID"])
    return shown


def _function(service: Any, params: dict[str, Any]) -> str:
    reference = names.parse(params["FunctionName"])
    service.version(reference)
    arn: str = service.arn(reference.name, reference.qualifier)
    return arn


def _settings(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """The settings that were given, checked; what is not built is refused."""
    for name, value in params.items():
        if name not in _TAKEN | _FIXED and value not in (None, {}, [], ""):
            raise refused(f"{name} is not supported by this endpoint for a table's stream.")
    given = {name: params[name] for name in _TAKEN if params.get(name) is not None}
    if given.get("ParallelizationFactor", 1) != 1:
        raise refused("A ParallelizationFactor above 1 is not supported by this endpoint.")
    if given.get("TumblingWindowInSeconds", 0) != 0:
        raise refused("TumblingWindowInSeconds is not supported by this endpoint.")
    if 0 <= given.get("MaximumRecordAgeInSeconds", -1) < 60:
        raise refused("Maximum record age must be -1 (infinite) or between 60 and 604800 seconds.")
    filters = given.get("FilterCriteria", {}).get("Filters") or []
    if len(filters) > FILTERS_MAX:
        raise refused(f"Too many filters: at most {FILTERS_MAX} are allowed.")
    for one in filters:
        try:
            patterns.check(json.loads(one.get("Pattern", "")))
        except (ValueError, TypeError) as error:
            raise refused(f"Invalid filter pattern definition. {error}") from None
    if "FilterCriteria" in given:
        given["FilterCriteria"] = {"Filters": filters} if filters else {}
    _check_destination(service, given)
    return given


def _check_destination(service: Any, given: dict[str, Any]) -> None:
    config = given.get("DestinationConfig", {})
    if config.get("OnSuccess", {}).get("Destination"):
        raise refused("Unsupported DestinationConfig parameter for given event source mapping type.")
    target = config.get("OnFailure", {}).get("Destination", "")
    if delivering.service_of(target) in ("lambda", "events"):
        raise refused(f"Invalid destination ARN {target}: functions and event buses take no such records.")
    if target:
        delivering.check(service, target)


def _shown(service: Any, held: dict[str, Any], state: str | None = None) -> dict[str, Any]:
    shown = {"DestinationConfig": {"OnFailure": {}}, "FunctionResponseTypes": []} | held
    if not shown.get("FilterCriteria"):
        shown.pop("FilterCriteria", None)
    arn = f"arn:aws:lambda:{service.region}:{service.account}:event-source-mapping:{held['UUID']}"
    return shown | {
        "EventSourceMappingArn": arn,
        "State": state or held["State"],
        "StateTransitionReason": "User action",
        "LastProcessingResult": service.mappings.result(held["UUID"]),
    }
