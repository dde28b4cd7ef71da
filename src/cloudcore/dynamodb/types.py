"""Native Python values <-> DynamoDB attribute values, by boto3's rules.

str S, int and Decimal N, bytes B, bool BOOL, None NULL, list and tuple L, dict M, sets of one kind
SS, NS or BS. Floats are refused, because their digits are not what they look like; use Decimal.
On the way back integral numbers are int, others Decimal.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any


def serialize(value: Any) -> dict[str, Any]:
    """One attribute value; TypeError for what has no type in DynamoDB."""
    if isinstance(value, str):
        return {"S": value}
    if value is None:
        return {"NULL": True}
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, (int, Decimal)):
        return {"N": _number(value)}
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {"B": bytes(value)}
    if isinstance(value, Mapping):
        return {"M": {name: serialize(member) for name, member in value.items()}}
    if isinstance(value, (list, tuple)):
        return {"L": [serialize(element) for element in value]}
    if isinstance(value, (set, frozenset)):
        return _serialize_set(value)
    if isinstance(value, float):
        raise TypeError("float types are not supported; use Decimal instead")
    raise TypeError(f"unsupported type {type(value).__name__!r} for value {value!r}")


def _number(value: int | Decimal) -> str:
    if isinstance(value, Decimal) and not value.is_finite():
        raise TypeError("Infinity and NaN are not supported")
    return str(value)


def _serialize_set(members: set[Any] | frozenset[Any]) -> dict[str, Any]:
    if not members:
        raise TypeError("an empty set has no type in DynamoDB")
    if all(isinstance(m, str) for m in members):
        return {"SS": sorted(members)}
    if all(isinstance(m, (int, Decimal)) and not isinstance(m, bool) for m in members):
        return {"NS": [_number(m) for m in members]}
    if all(isinstance(m, (bytes, bytearray)) for m in members):
        return {"BS": [bytes(m) for m in members]}
    raise TypeError("the members of a set must be all str, all numbers or all bytes")


def serialize_item(item: Mapping[str, Any]) -> dict[str, Any]:
    """A whole item or key."""
    return {name: serialize(value) for name, value in item.items()}


def _parse_number(text: str) -> int | Decimal:
    return Decimal(text) if "." in text else int(text)


def deserialize(value: Mapping[str, Any]) -> Any:
    """The native value of one attribute value."""
    ((kind, content),) = value.items()
    if kind == "N":
        return _parse_number(content)
    if kind == "M":
        return deserialize_item(content)
    if kind == "L":
        return [deserialize(element) for element in content]
    if kind == "NULL":
        return None
    if kind == "NS":
        return {_parse_number(member) for member in content}
    if kind in ("SS", "BS"):
        return set(content)
    return content


def deserialize_item(item: Mapping[str, Any]) -> dict[str, Any]:
    """A whole item."""
    return {name: deserialize(value) for name, value in item.items()}
