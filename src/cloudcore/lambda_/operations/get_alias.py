"""GetAlias and ListAliases. Source: AWS, Lambda API reference (at most 50 a page)."""

from __future__ import annotations

from typing import Any

from cloudcore.lambda_ import aliases
from cloudcore.lambda_.paging import page


def get_alias(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """One alias."""
    with service.lock:
        function = service.function(service.reference(params))
        return aliases.shown(service, function.name, aliases.find(service, function, params["Name"]))


def list_aliases(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """The aliases of a function, or those that point to FunctionVersion."""
    with service.lock:
        function = service.function(service.reference(params))
        wanted = params.get("FunctionVersion")
        names = function.aliases if wanted is None else aliases.users(function, wanted)
        rows = [(name, aliases.shown(service, function.name, function.aliases[name])) for name in names]
    return page(rows, params, "Aliases")
