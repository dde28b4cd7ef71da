"""UpdateAlias. Source: AWS, Lambda API reference, UpdateAlias."""

from __future__ import annotations

from typing import Any

from cloudcore.lambda_ import aliases
from cloudcore.lambda_.operations.update_function_code import check_revision


def update_alias(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Point an alias elsewhere; calls from now on follow it."""
    with service.edit(service.reference(params)) as function:
        alias = aliases.find(service, function, params["Name"])
        check_revision(params, alias)
        aliases.update(service, function, alias, params)
        return aliases.shown(service, function.name, alias)
