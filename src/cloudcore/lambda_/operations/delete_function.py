"""DeleteFunction. Source: AWS, Lambda API reference, DeleteFunction."""

from __future__ import annotations

from typing import Any

from cloudcore.lambda_.configuration import refused
from cloudcore.lambda_.names import LATEST


def delete_function(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Delete a function, or with a qualifier one published version of it."""
    reference = service.reference(params)
    with service.lock:
        function = service.function(reference)
        if reference.qualifier is None:
            service.removed(function.name)
            return {"StatusCode": 204}
        if reference.qualifier == LATEST:
            raise refused("$LATEST version cannot be deleted without deleting the function.")
        service.version(reference)
        del function.versions[reference.qualifier]
        service.changed(function)
    return {"StatusCode": 204}
