"""Put-, Get- and DeleteFunctionConcurrency. Source: AWS, Lambda API reference."""

from __future__ import annotations

from typing import Any

from cloudcore.lambda_.capacity import check_reserve
from cloudcore.lambda_.configuration import refused


def put_function_concurrency(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Take a reserve out of the account's concurrency for one function; 0 stops it."""
    wanted = params["ReservedConcurrentExecutions"]
    with service.edit(unqualified(service, params)) as function:
        check_reserve(service.capacity, function.name, wanted)
        function.reserved = wanted
    return {"ReservedConcurrentExecutions": wanted}


def get_function_concurrency(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """The reserve; nothing when there is none."""
    with service.lock:
        reserved = service.function(unqualified(service, params)).reserved
    return {} if reserved is None else {"ReservedConcurrentExecutions": reserved}


def delete_function_concurrency(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Give the reserve back."""
    with service.edit(unqualified(service, params)) as function:
        function.reserved = None
    return {}


def unqualified(service: Any, params: dict[str, Any]) -> Any:
    """The function itself. Raises InvalidParameterValueException for a version or an alias."""
    reference = service.reference(params)
    if reference.qualifier is not None:
        raise refused(
            "This operation is permitted on Lambda functions only. Aliases and versions do not support this "
            "operation. Please specify either a function name or an unqualified function ARN."
        )
    return reference
