"""Put-, Update-, Get-, List- and DeleteFunctionEventInvokeConfig. Source: AWS, Lambda API reference."""

from __future__ import annotations

from typing import Any

from cloudcore.errors import ApiError
from cloudcore.lambda_ import destinations
from cloudcore.lambda_.configuration import refused
from cloudcore.lambda_.names import LATEST
from cloudcore.lambda_.paging import page
from cloudcore.lambda_.registry import FunctionRecord

_SETTINGS = ("MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig")


def put_function_event_invoke_config(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Say how often, how long and with which destinations asynchronous events run; replaces what was said."""
    return _set(service, params, keep=False)


def update_function_event_invoke_config(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Change some of the settings."""
    return _set(service, params, keep=True)


def get_function_event_invoke_config(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """The settings of a function, a version or an alias."""
    reference = service.reference(params)
    qualifier = reference.qualifier or LATEST
    with service.lock:
        function = service.function(reference)
        _check_there(service, function, qualifier)
        return _shown(service, function, qualifier)


def list_function_event_invoke_configs(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """The settings of everything under a function's name."""
    with service.lock:
        function = service.function(service.reference(params))
        rows = [(at, _shown(service, function, at)) for at in function.events]
    return page(rows, params, "FunctionEventInvokeConfigs")


def delete_function_event_invoke_config(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Back to two retries within six hours and no destinations."""
    reference = service.reference(params)
    qualifier = reference.qualifier or LATEST
    with service.edit(reference) as function:
        _check_there(service, function, qualifier)
        del function.events[qualifier]
    return {}


def _set(service: Any, params: dict[str, Any], *, keep: bool) -> dict[str, Any]:
    given = {name: params[name] for name in _SETTINGS if name in params}
    if not given:
        raise refused("You must specify at least one of error handling or destination setting.")
    reference = service.reference(params)
    qualifier = reference.qualifier or LATEST
    service.version(reference)
    destinations.check(service, reference.name, given.get("DestinationConfig", {}))
    with service.edit(reference) as function:
        service.version(reference)
        if keep:
            _check_there(service, function, qualifier)
        held = function.events.get(qualifier, {}) if keep else {}
        function.events[qualifier] = held | given | {"LastModified": service.clock.now()}
        return _shown(service, function, qualifier)


def _check_there(service: Any, function: FunctionRecord, qualifier: str) -> None:
    if qualifier not in function.events:
        raise ApiError(
            "ResourceNotFoundException",
            f"The function {service.arn(function.name, qualifier)} doesn't have an EventInvokeConfig", 404,
        )  # fmt: skip


def _shown(service: Any, function: FunctionRecord, qualifier: str) -> dict[str, Any]:
    held = dict(function.events[qualifier])
    held["DestinationConfig"] = {"OnSuccess": {}, "OnFailure": {}} | held.get("DestinationConfig", {})
    return {"FunctionArn": service.arn(function.name, qualifier), **held}
