"""Code signing configurations and the functions that have one. Source: AWS, Lambda API reference."""

from __future__ import annotations

import secrets
from typing import Any

from cloudcore.errors import ApiError
from cloudcore.lambda_ import code_signing
from cloudcore.lambda_.operations.concurrency import unqualified
from cloudcore.lambda_.operations.tags import check_tags
from cloudcore.lambda_.paging import page

_ALPHABET = "0123456789abcdef"
_CHANGES = ("Description", "AllowedPublishers")


def create_code_signing_config(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Make a configuration; its policy is Warn unless it says Enforce."""
    check_tags(params.get("Tags", {}))
    identity = "csc-" + "".join(secrets.choice(_ALPHABET) for _ in range(17))
    held = {
        "CodeSigningConfigId": identity,
        "CodeSigningConfigArn": code_signing.arn(service, identity),
        "Description": params.get("Description", ""),
        "AllowedPublishers": params["AllowedPublishers"],
        "CodeSigningPolicies": _policies(params),
        "LastModified": service.moment(milliseconds=True),
        "Tags": params.get("Tags", {}),
    }
    with service.lock:
        service.signing.save(identity, held)
    return {"CodeSigningConfig": _shown(held)}


def update_code_signing_config(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Change a configuration."""
    with service.lock:
        held = dict(code_signing.find(service, params["CodeSigningConfigArn"]))
        held |= {member: params[member] for member in _CHANGES if member in params}
        if "CodeSigningPolicies" in params:
            held["CodeSigningPolicies"] = _policies(params)
        held["LastModified"] = service.moment(milliseconds=True)
        service.signing.save(held["CodeSigningConfigId"], held)
    return {"CodeSigningConfig": _shown(held)}


def get_code_signing_config(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """One configuration."""
    with service.lock:
        return {"CodeSigningConfig": _shown(code_signing.find(service, params["CodeSigningConfigArn"]))}


def delete_code_signing_config(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Forget a configuration that no function uses."""
    with service.lock:
        held = code_signing.find(service, params["CodeSigningConfigArn"])
        if _users(service, held["CodeSigningConfigArn"]):
            raise ApiError(
                "ResourceConflictException",
                "The Lambda code signing configuration is in use by one or more functions.", 409,
            )  # fmt: skip
        service.signing.remove(held["CodeSigningConfigId"])
    return {}


def list_code_signing_configs(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Every configuration."""
    with service.lock:
        rows = [(identity, _shown(held)) for identity, held in service.signing.documents.items()]
    return page(rows, params, "CodeSigningConfigs", 10_000)


def list_functions_by_code_signing_config(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """The functions that use a configuration."""
    with service.lock:
        held = code_signing.find(service, params["CodeSigningConfigArn"])
        rows = [(name, service.arn(name)) for name in _users(service, held["CodeSigningConfigArn"])]
    return page(rows, params, "FunctionArns", 10_000)


def put_function_code_signing_config(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Hold a function's next packages against a configuration."""
    given = params["CodeSigningConfigArn"]
    with service.edit(unqualified(service, params)) as function:
        function.settings["CodeSigningConfigArn"] = code_signing.named(service, given)
    return {"CodeSigningConfigArn": given, "FunctionName": function.name}


def get_function_code_signing_config(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """The configuration of a function; no ARN when it has none."""
    with service.lock:
        function = service.function(unqualified(service, params))
    held = function.settings.get("CodeSigningConfigArn")
    return ({"CodeSigningConfigArn": held} if held else {}) | {"FunctionName": function.name}


def delete_function_code_signing_config(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Take any package from now on."""
    with service.edit(unqualified(service, params)) as function:
        function.settings.pop("CodeSigningConfigArn", None)
    return {}


def _policies(params: dict[str, Any]) -> dict[str, Any]:
    return {"UntrustedArtifactOnDeployment": "Warn"} | params.get("CodeSigningPolicies", {})


def _shown(held: dict[str, Any]) -> dict[str, Any]:
    return {member: value for member, value in held.items() if member != "Tags"}


def _users(service: Any, given: str) -> list[str]:
    return [
        name
        for name, function in service.registry.functions.items()
        if function.settings.get("CodeSigningConfigArn") == given
    ]
