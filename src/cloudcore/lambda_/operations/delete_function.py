"""DeleteFunction. Source: AWS, Lambda API reference, DeleteFunction."""

from __future__ import annotations

from typing import Any

from cloudcore.errors import ApiError
from cloudcore.lambda_ import aliases
from cloudcore.lambda_.configuration import refused
from cloudcore.lambda_.names import LATEST


def delete_function(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Delete a function, or with a qualifier one published version of it."""
    reference = service.reference(params)
    number = reference.qualifier
    if number is None:
        with service.lock:
            service.removed(service.function(reference).name)
        return {"StatusCode": 204}
    with service.edit(reference) as function:
        if number == LATEST:
            raise refused("$LATEST version cannot be deleted without deleting the function.")
        if number in function.aliases:
            raise refused("Deletion of aliases is not currently supported.")
        service.version(reference)
        users = aliases.users(function, number)
        if users:
            raise ApiError(
                "ResourceConflictException",
                f"Unable to delete version because the following aliases reference it: [{', '.join(users)}]",
                409,
            )
        del function.versions[number]
        function.forget(number)
    return {"StatusCode": 204}
