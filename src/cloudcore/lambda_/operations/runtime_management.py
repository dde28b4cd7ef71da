"""Put- and GetRuntimeManagementConfig. Source: AWS, "Managing Lambda runtime version updates".

A runtime here is an interpreter of this machine. It is one version, named by its hash (metering.py), which is
the only one that Manual may ask for.
"""

from __future__ import annotations

from typing import Any

from cloudcore.lambda_ import metering
from cloudcore.lambda_.configuration import refused
from cloudcore.lambda_.names import LATEST


def put_runtime_management_config(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Say when a version's runtime is updated."""
    reference = service.reference(params)
    mode, wanted = params["UpdateRuntimeOn"], params.get("RuntimeVersionArn")
    if (mode == "Manual") != (wanted is not None):
        raise refused(
            "RuntimeVersionArn must be given if, and only if, UpdateRuntimeOn is Manual."
        )
    with service.edit(reference) as function:
        number = service.version(reference).configuration["Version"]
        here = metering.runtime_version_arn(service.region)
        if wanted not in (None, here):
            raise refused(f"Runtime version {wanted} is not found: this endpoint has {here} only.")
        function.runtimes[number] = {"UpdateRuntimeOn": mode}
        if wanted:
            function.runtimes[number]["RuntimeVersionArn"] = wanted
        return _shown(service, function, number)


def get_runtime_management_config(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """When a version's runtime is updated; Auto unless it was said otherwise."""
    reference = service.reference(params)
    with service.lock:
        number = service.version(reference).configuration["Version"]
        return _shown(service, service.function(reference), number)


def _shown(service: Any, function: Any, number: str) -> dict[str, Any]:
    held = function.runtimes.get(number, {"UpdateRuntimeOn": "Auto"})
    return {"FunctionArn": service.arn(function.name, None if number == LATEST else number), **held}
