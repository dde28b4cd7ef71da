"""CreateAlias. Source: AWS, Lambda API reference, CreateAlias."""

from __future__ import annotations

from typing import Any

from cloudcore.errors import ApiError
from cloudcore.lambda_ import aliases


def create_alias(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Make a name for a version."""
    name = params["Name"]
    with service.edit(service.reference(params)) as function:
        if name in function.aliases:
            raise ApiError(
                "ResourceConflictException", f"Alias already exists: {service.arn(function.name, name)}", 409
            )
        alias: dict[str, Any] = {"Name": name, "Description": ""}
        aliases.update(service, function, alias, params)
        function.aliases[name] = alias
        return aliases.shown(service, function.name, alias)
