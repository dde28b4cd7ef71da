"""Capacity providers and scaling configurations: managed instances, of which one machine has none.

So nothing can be made, lists are empty, and what is asked for by name is not there (docs/deviations.md).
Source: AWS, "Lambda Managed Instances".
"""

from __future__ import annotations

from typing import Any

from cloudcore.errors import ApiError
from cloudcore.lambda_.configuration import refused

_NONE = "Capacity providers are not supported by this endpoint: functions run on this machine."


def create_capacity_provider(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Always refused."""
    raise refused(_NONE)


def absent_capacity_provider(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Get-, Update-, DeleteCapacityProvider and ListFunctionVersionsByCapacityProvider: it is not there."""
    name = params["CapacityProviderName"]
    raise ApiError("ResourceNotFoundException", f"Capacity provider not found: {name}", 404)


def list_capacity_providers(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """None."""
    return {"CapacityProviders": []}


def function_scaling_config(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Put- and GetFunctionScalingConfig: refused, since no function has a capacity provider."""
    reference = service.reference(params)
    with service.lock:
        service.function(reference)
    raise refused("The function does not use a capacity provider, so it has no scaling configuration.")
