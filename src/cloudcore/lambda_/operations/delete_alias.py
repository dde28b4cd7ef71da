"""DeleteAlias. Source: AWS, Lambda API reference, DeleteAlias."""

from __future__ import annotations

from typing import Any


def delete_alias(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Forget an alias; one that is not there is no error."""
    with service.edit(service.reference(params)) as function:
        function.aliases.pop(params["Name"], None)
        function.forget(params["Name"])
    return {}
