"""Put-, Get-, List- and DeleteProvisionedConcurrencyConfig. Source: AWS, Lambda API reference."""

from __future__ import annotations

from typing import Any

from cloudcore.errors import ApiError
from cloudcore.lambda_ import aliases, snapstart
from cloudcore.lambda_.capacity import check_provision
from cloudcore.lambda_.configuration import refused
from cloudcore.lambda_.names import LATEST
from cloudcore.lambda_.paging import page
from cloudcore.lambda_.registry import FunctionRecord


def put_provisioned_concurrency_config(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Keep environments of a version or an alias started; they get ready after the answer."""
    if params["Qualifier"] == LATEST:
        raise refused("Provisioned Concurrency Configs cannot be applied to unpublished function versions.")
    reference, wanted = _reference(service, params), params["ProvisionedConcurrentExecutions"]
    with service.edit(reference) as function:
        qualifier = reference.qualifier
        service.version(reference)
        snapstart.check_provisioned(function, qualifier)
        _check_place(function, qualifier)
        others = sum(held["Requested"] for at, held in function.provisioned.items() if at != qualifier)
        check_provision(service.capacity, function.name, others + wanted)
        function.provisioned[qualifier] = {"Requested": wanted, "LastModified": service.moment()}
        return {
            "RequestedProvisionedConcurrentExecutions": wanted,
            "AllocatedProvisionedConcurrentExecutions": 0,
            "AvailableProvisionedConcurrentExecutions": 0,
            "Status": "IN_PROGRESS",
            "LastModified": function.provisioned[qualifier]["LastModified"],
        }


def get_provisioned_concurrency_config(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """How far the environments are."""
    reference = _reference(service, params)
    with service.lock:
        function = service.function(reference)
        service.version(reference)
        if reference.qualifier not in function.provisioned:
            raise ApiError(
                "ProvisionedConcurrencyConfigNotFoundException",
                "No Provisioned Concurrency Config found for this function", 404,
            )  # fmt: skip
        return _shown(service, function, reference.qualifier)


def list_provisioned_concurrency_configs(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Every configuration of a function."""
    with service.lock:
        function = service.function(service.reference(params))
        rows = [
            (at, {"FunctionArn": service.arn(function.name, at), **_shown(service, function, at)})
            for at in function.provisioned
        ]
    return page(rows, params, "ProvisionedConcurrencyConfigs")


def delete_provisioned_concurrency_config(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Let the environments go when they are idle."""
    reference = _reference(service, params)
    with service.edit(reference) as function:
        service.version(reference)
        function.provisioned.pop(reference.qualifier, None)
    return {}


def _reference(service: Any, params: dict[str, Any]) -> Any:
    reference = service.reference(params)
    if reference.qualifier in (None, LATEST):
        raise refused("The function resource provided must be an alias or a published version.")
    return reference


def _check_place(function: FunctionRecord, qualifier: str) -> None:
    """One version is provisioned by its number or by one alias."""
    alias = function.aliases.get(qualifier)
    if alias and aliases.weights(alias):
        raise refused("Alias with weights cannot be used for Provisioned Concurrency.")
    number = function.resolve(qualifier)
    for other in function.provisioned:
        if other != qualifier and function.resolve(other) == number:
            if alias:
                raise refused(
                    "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned "
                    "version"
                )
            raise refused("Version is pointed by a Provisioned Concurrency alias")


def _shown(service: Any, function: FunctionRecord, qualifier: str) -> dict[str, Any]:
    held = function.provisioned[qualifier]
    runner = service.runner(function.name, function.versions[function.resolve(qualifier)])
    ready, status = service.provisioned_state(function.name, runner, held["Requested"])
    answer = {
        "RequestedProvisionedConcurrentExecutions": held["Requested"],
        "AllocatedProvisionedConcurrentExecutions": ready,
        "AvailableProvisionedConcurrentExecutions": ready,
        "Status": status,
        "LastModified": held["LastModified"],
    }
    if status == "FAILED":
        answer["StatusReason"] = "FUNCTION_ERROR_INIT_FAILURE"
    return answer
