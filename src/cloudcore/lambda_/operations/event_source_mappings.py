"""Create-, Get-, List-, Update- and DeleteEventSourceMapping. Source: AWS, Lambda API reference."""

from __future__ import annotations

import uuid
from typing import Any

from cloudcore.lambda_ import names
from cloudcore.lambda_.event_sources import opening, settings
from cloudcore.lambda_.paging import page


def create_event_source_mapping(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Call a function with what a stream or a queue holds."""
    arn = params.get("EventSourceArn") or ""
    kind = settings.kind(arn)
    given = settings.settings(service, arn, params)
    function = _function(service, params)
    held = {
        "UUID": str(uuid.uuid4()),
        "EventSourceArn": arn,
        "FunctionArn": function,
        **settings.position(arn, params, service.clock.now()),
        **settings.DEFAULTS[kind],
        **given,
        "State": "Enabled" if params.get("Enabled", True) else "Disabled",
        "LastModified": service.clock.now(),
    }
    settings.check_batches(arn, held)
    service.mappings.create(held, opening.begin(service, held))
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
    given = settings.settings(service, held["EventSourceArn"], params)
    changed = held | given | {"LastModified": service.clock.now()}
    settings.check_batches(held["EventSourceArn"], changed)
    state = "Updating"
    if params.get("FunctionName"):
        changed["FunctionArn"] = _function(service, params)
    if "Enabled" in params:
        changed["State"] = "Enabled" if params["Enabled"] else "Disabled"
        if changed["State"] != held["State"]:
            state = "Enabling" if params["Enabled"] else "Disabling"
    if settings.kind(held["EventSourceArn"]) == "sqs" and changed["State"] == "Enabled":
        opening.check_queue(service, changed)
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


def _shown(service: Any, held: dict[str, Any], state: str | None = None) -> dict[str, Any]:
    shown = {"FunctionResponseTypes": []} | held
    if settings.kind(held["EventSourceArn"]) != "sqs":
        shown = {"DestinationConfig": {"OnFailure": {}}} | shown
    for name in ("FilterCriteria", "ScalingConfig"):
        if not shown.get(name):
            shown.pop(name, None)
    arn = f"arn:aws:lambda:{service.region}:{service.account}:event-source-mapping:{held['UUID']}"
    return shown | {
        "EventSourceMappingArn": arn,
        "State": state or held["State"],
        "StateTransitionReason": "User action",
        "LastProcessingResult": service.mappings.result(held["UUID"]),
    }
