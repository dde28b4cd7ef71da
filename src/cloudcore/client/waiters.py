"""Waiters, polling as often as suits a service on the same machine.

Where boto3 waits 20 seconds between two looks, these wait INTERVAL_S; they give up after the same total time.
WaiterConfig (Delay in seconds, MaxAttempts) is taken as boto3 takes it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

from cloudcore.client.errors import bases

INTERVAL_S = 0.02


class Spec(NamedTuple):
    """What a waiter looks at. `path` None: whether there is an error is all that counts."""

    method: str
    total_s: float
    path: tuple[str, ...] | None
    good: str | None = None
    bad: str | None = None
    missing: str = "raise"
    """What ResourceNotFoundException means: "raise", "retry" or "success"."""


def _state(method: str, total_s: float, *path: str, good: str) -> Spec:
    return Spec(method, total_s, path, good, "Failed")


WAITERS: dict[str, dict[str, Spec]] = {
    "dynamodb": {
        "table_exists": Spec("describe_table", 500, ("Table", "TableStatus"), "ACTIVE", missing="retry"),
        "table_not_exists": Spec("describe_table", 500, None, missing="success"),
    },
    "lambda": {
        "function_exists": Spec("get_function", 20, (), missing="retry"),
        "function_active": _state("get_function_configuration", 300, "State", good="Active"),
        "function_active_v2": _state("get_function", 300, "Configuration", "State", good="Active"),
        "function_updated": _state("get_function_configuration", 300, "LastUpdateStatus", good="Successful"),
        "function_updated_v2": _state(
            "get_function", 300, "Configuration", "LastUpdateStatus", good="Successful"
        ),
        "published_version_active": _state("get_function_configuration", 1560, "State", good="Active"),
    },
    "dynamodbstreams": {},
    "firehose": {},
}
"""Service -> waiter -> what it looks at."""


class Waiter:
    """Made by Client.get_waiter."""

    def __init__(self, name: str, method: Callable[..., dict[str, Any]], spec: Spec):
        self.name, self._method, self._spec = name, method, spec

    def wait(self, WaiterConfig: dict[str, Any] | None = None, **params: Any) -> None:
        """Return when it is so. Raises WaiterError when it will not be, or has not been in time."""
        config = WaiterConfig or {}
        delay = float(config.get("Delay", INTERVAL_S))
        attempts = int(config.get("MaxAttempts", max(1, self._spec.total_s / max(delay, 1e-3))))
        for attempt in range(attempts):
            if attempt:
                time.sleep(delay)
            state, answer = self._look(params)
            if state == "success":
                return
            if state == "failure":
                raise _error(self.name, "Waiter encountered a terminal failure state", answer)
        raise _error(self.name, "Max attempts exceeded", answer)

    def _look(self, params: dict[str, Any]) -> tuple[str, Any]:
        spec = self._spec
        try:
            answer: Any = self._method(**params)
        except bases()[0] as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException" or spec.missing == "raise":
                raise _error(
                    self.name, f"An error occurred ({error.response['Error']['Code']})", error.response
                ) from error
            return spec.missing, error.response
        if spec.path is None:
            return "retry", answer
        value = answer
        for step in spec.path:
            value = value.get(step, {})
        if not spec.path or value == spec.good:
            return "success", answer
        return ("failure" if value == spec.bad else "retry"), answer


def _error(name: str, reason: str, last_response: Any) -> Exception:
    made: Exception = bases()[2](name=name, reason=reason, last_response=last_response)
    return made
