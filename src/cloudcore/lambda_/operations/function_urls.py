"""Create-, Get-, Update-, Delete- and ListFunctionUrlConfig(s). Source: AWS, Lambda API reference."""

from __future__ import annotations

import secrets
from typing import Any

from cloudcore.errors import ApiError
from cloudcore.lambda_.configuration import refused
from cloudcore.lambda_.names import LATEST
from cloudcore.lambda_.paging import page
from cloudcore.lambda_.registry import FunctionRecord

_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"


def create_function_url_config(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Give a function, or an alias of it, a URL."""
    reference, qualifier = _place(service, params)
    with service.edit(reference) as function:
        service.version(reference)
        if qualifier in function.urls:
            raise ApiError(
                "ResourceConflictException",
                "Failed to create function url config for [functionArn = "
                f"{service.arn(function.name, qualifier)}]. Error message:  FunctionUrlConfig exists for "
                "this Lambda function", 409,
            )  # fmt: skip
        now = service.moment(milliseconds=True)
        held = {"Id": "".join(secrets.choice(_ALPHABET) for _ in range(32)), "InvokeMode": "BUFFERED"}
        held |= {"CreationTime": now, "LastModifiedTime": now} | _settings(params)
        function.urls[qualifier] = held
        answer = _shown(service, function, qualifier)
    del answer["LastModifiedTime"]
    return answer


def get_function_url_config(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """One URL."""
    reference, qualifier = _place(service, params)
    with service.lock:
        function = service.function(reference)
        _held(function, qualifier)
        return _shown(service, function, qualifier)


def update_function_url_config(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Change settings of a URL; Cors is replaced as a whole."""
    reference, qualifier = _place(service, params)
    with service.edit(reference) as function:
        held = _held(function, qualifier)
        held |= _settings(params) | {"LastModifiedTime": service.moment(milliseconds=True)}
        return _shown(service, function, qualifier)


def delete_function_url_config(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """The URL leads nowhere from now on."""
    reference, qualifier = _place(service, params)
    with service.edit(reference) as function:
        _held(function, qualifier)
        del function.urls[qualifier]
    return {}


def list_function_url_configs(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """The URLs of a function and its aliases."""
    with service.lock:
        function = service.function(service.reference(params))
        rows = [(at or "$", _shown(service, function, at)) for at in function.urls]
    return page(rows, params, "FunctionUrlConfigs")


def _place(service: Any, params: dict[str, Any]) -> tuple[Any, str]:
    reference = service.reference(params)
    qualifier = reference.qualifier or ""
    if qualifier.isdecimal():
        raise refused("A function URL belongs to a function or an alias, not to a version.")
    return reference, "" if qualifier == LATEST else qualifier


def _settings(params: dict[str, Any]) -> dict[str, Any]:
    return {name: params[name] for name in ("AuthType", "InvokeMode", "Cors") if name in params}


def _held(function: FunctionRecord, qualifier: str) -> dict[str, Any]:
    held: dict[str, Any] | None = function.urls.get(qualifier)
    if held is None:
        raise ApiError("ResourceNotFoundException", "The resource you requested does not exist.", 404)
    return held


def _shown(service: Any, function: FunctionRecord, qualifier: str) -> dict[str, Any]:
    held = dict(function.urls[qualifier])
    return {
        "FunctionUrl": service.url(held.pop("Id")),
        "FunctionArn": service.arn(function.name, qualifier),
        **held,
    }
