"""What Firehose checks beyond its model: cloudcore.validation has seen to types and limits of requests.

`member`, `number` and `one_of` read configurations, which the library makes too.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from cloudcore.errors import ApiError

_TYPES = {str: "a string", int: "an integer", bool: "a boolean", list: "a list", dict: "a structure"}


def failed(value: Any, member: str, constraint: str) -> ApiError:
    """The ValidationException of a member that breaks a constraint of the model."""
    return ApiError(
        "ValidationException",
        f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: "
        f"{constraint}",
    )


def invalid(message: str) -> ApiError:
    return ApiError("InvalidArgumentException", message)


def member(
    params: dict[str, Any], name: str, kind: type, *, required: bool = False, default: Any = None
) -> Any:
    """The value of a member, its type checked; `default` when it is absent."""
    value = params.get(name)
    if value is None:
        if required:
            raise failed("null", name[0].lower() + name[1:], "Member must not be null")
        return default
    good = isinstance(value, kind) and not (kind is int and isinstance(value, bool))
    if not good:
        raise ApiError("SerializationException", f"{name} must be {_TYPES.get(kind, kind.__name__)}")
    return value


def number(params: dict[str, Any], name: str, low: int, high: int, default: int, unit: str = "") -> int:
    """An integer member within [low, high]."""
    value = member(params, name, int, default=default)
    path = name[0].lower() + name[1:]
    if value < low:
        raise failed(value, path, f"Member must have value greater than or equal to {low}{unit}")
    if value > high:
        raise failed(value, path, f"Member must have value less than or equal to {high}{unit}")
    return value


def decimal(params: dict[str, Any], name: str, low: float, high: float, default: float) -> float:
    """A number member within [low, high]."""
    value = params.get(name)
    if value is None:
        return default
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ApiError("SerializationException", f"{name} must be a number")
    if not low <= value <= high:
        bound = f"greater than or equal to {low:g}" if not value >= low else f"less than or equal to {high:g}"
        raise failed(value, name[0].lower() + name[1:], f"Member must have value {bound}")
    return float(value)


def one_of(params: dict[str, Any], name: str, allowed: Collection[str], default: str) -> str:
    """A string member of an enumeration."""
    value = member(params, name, str, default=default)
    if value not in allowed:
        path = name[0].lower() + name[1:]
        raise failed(value, path, f"Member must satisfy enum value set: [{', '.join(allowed)}]")
    return value


def only(params: dict[str, Any], allowed: Collection[str], where: str) -> None:
    """Refuse members that we would have to ignore."""
    for name, value in params.items():
        if name not in allowed and value is not None:
            raise invalid(f"{where}.{name} is not supported" if where else f"{name} is not supported")
