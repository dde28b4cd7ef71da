"""Put- and GetFunctionRecursionConfig. Source: AWS, "Use Lambda recursive loop detection"."""

from __future__ import annotations

from typing import Any

from cloudcore.lambda_.operations.concurrency import unqualified


def put_function_recursion_config(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Say whether a function that calls itself round and round is stopped (see lineage.py)."""
    with service.edit(unqualified(service, params)) as function:
        function.settings["RecursiveLoop"] = params["RecursiveLoop"]
    return {"RecursiveLoop": params["RecursiveLoop"]}


def get_function_recursion_config(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Terminate unless it was said otherwise."""
    with service.lock:
        function = service.function(unqualified(service, params))
    return {"RecursiveLoop": function.settings.get("RecursiveLoop", "Terminate")}
