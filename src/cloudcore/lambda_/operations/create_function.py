"""CreateFunction. Source: AWS, Lambda API reference, CreateFunction."""

from __future__ import annotations

import copy
from typing import Any

from cloudcore.errors import ApiError
from cloudcore.lambda_ import code_signing
from cloudcore.lambda_ import layers as layering
from cloudcore.lambda_.configuration import merge, refused
from cloudcore.lambda_.destinations import check_dead_letters
from cloudcore.lambda_.names import LATEST
from cloudcore.lambda_.operations.package import Package, package_of
from cloudcore.lambda_.operations.tags import check_tags
from cloudcore.lambda_.publishing import publish
from cloudcore.lambda_.registry import FunctionRecord, Version

_DEFAULTS: dict[str, Any] = {
    "Description": "",
    "Timeout": 3,
    "MemorySize": 128,
    "PackageType": "Zip",
    "Architectures": ["x86_64"],
    "EphemeralStorage": {"Size": 512},
    "TracingConfig": {"Mode": "PassThrough"},
    "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
    "State": "Active",
    "LastUpdateStatus": "Successful",
}
_OTHER = ("FunctionName", "Code", "CodeSigningConfigArn", "Layers", "Publish", "Tags")


def create_function(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Make a function; its configuration as GetFunctionConfiguration gives it."""
    reference = service.reference(params)
    if reference.qualifier:
        raise refused("A qualifier is not allowed in the name of a function to be created.")
    settings = {name: value for name, value in params.items() if name not in _OTHER}
    configuration = merge(defaults(), settings)
    check_tags(params.get("Tags", {}))
    check_dead_letters(service, settings)
    signing = code_signing.named(service, params.get("CodeSigningConfigArn"))
    with package_of(service, params["Code"]) as package:
        return create(
            service, reference.name, configuration, package, params.get("Tags", {}),
            params.get("Publish", False), layers=params.get("Layers"),
            settings={"CodeSigningConfigArn": signing} if signing else {},
        )  # fmt: skip


def defaults() -> dict[str, Any]:
    """The settings of a function that says nothing of them."""
    return copy.deepcopy(_DEFAULTS)


def create(
    service: Any,
    name: str,
    configuration: dict[str, Any],
    package: Package,
    tags: dict[str, str],
    publishes: bool = False,
    *,
    layers: list[str] | None = None,
    settings: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Make a function of checked settings; its configuration, or that of its first version."""
    configuration |= {
        "FunctionName": name,
        "FunctionArn": service.arn(name),
        "Version": LATEST,
        **package.members(),
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{name}"}
        | configuration.get("LoggingConfig", {}),
    }
    service.stamp(configuration)
    with service.lock:
        if service.registry.get(name) is not None:
            raise ApiError("ResourceConflictException", f"Function already exist: {name}", 409)
        code_signing.check_code(service, (settings or {}).get("CodeSigningConfigArn"), name)
        version = layering.apply(service, Version(configuration, package.name, package.directory), layers)
        function = FunctionRecord(name, {LATEST: version}, tags=tags, settings=settings or {})
        answer = publish(service, function).configuration if publishes else configuration
        service.changed(function)
    return dict(answer)
