"""What Firehose checks beyond its model; cloudcore.validation has seen to types and limits, also of what the
library makes."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from cloudcore.errors import ApiError


def failed(value: Any, member: str, constraint: str) -> ApiError:
    """The ValidationException of a member that breaks a constraint of the model."""
    shown = "null" if value is None else f"'{value}'"
    return ApiError(
        "ValidationException",
        f"1 validation error detected: Value {shown} at '{member}' failed to satisfy constraint: "
        f"{constraint}",
    )


def invalid(message: str) -> ApiError:
    return ApiError("InvalidArgumentException", message)


def at_most(params: dict[str, Any], name: str, high: int, default: int) -> int:
    """A number that the model does not bound from above, and we do."""
    value: int = params.get(name, default)
    if value > high:
        raise failed(
            value, name[0].lower() + name[1:], f"Member must have value less than or equal to {high}"
        )
    return value


def only(params: dict[str, Any], allowed: Collection[str], where: str) -> None:
    """Refuse members that we would have to ignore."""
    for name, value in params.items():
        if name not in allowed and value is not None:
            raise invalid(f"{where}.{name} is not supported" if where else f"{name} is not supported")
