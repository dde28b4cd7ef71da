"""Items between DynamoDB's typed form and the JSON that people write in a text field."""

from __future__ import annotations

import base64
import binascii
import json
from decimal import Decimal
from typing import Any

from cloudcore.errors import ApiError

_TYPES = frozenset(("S", "N", "B", "SS", "NS", "BS", "M", "L", "NULL", "BOOL"))


def written(item: dict[str, Any]) -> str:
    """An item as JSON: plain where plain JSON can say all of it, else with types."""
    try:
        return json.dumps(_Plain().of(item), indent=2, ensure_ascii=False)
    except _Typed:
        return json.dumps(item, indent=2, ensure_ascii=False, default=_base64)


def read(text: str) -> dict[str, Any]:
    """An item of the JSON of a text field, plain or with types. Raises ApiError."""
    try:
        found = json.loads(text, parse_float=Decimal, parse_int=Decimal)
    except ValueError as error:
        raise ApiError("SerializationException", f"The item is no JSON: {error}") from None
    if not isinstance(found, dict) or not found:
        raise ApiError("ValidationException", "An item is a JSON object with attributes")
    if all(_is_typed(value) for value in found.values()):
        return {name: _typed(value) for name, value in found.items()}
    return {name: of_plain(value) for name, value in found.items()}


def scalar(kind: str, text: str) -> dict[str, Any]:
    """A key value of a text field."""
    return {kind: _bytes(text) if kind == "B" else text}


def of_plain(value: Any) -> dict[str, Any]:
    """The typed form of plain JSON."""
    if value is None:
        return {"NULL": True}
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, Decimal):
        return {"N": str(value)}
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, list):
        return {"L": [of_plain(one) for one in value]}
    return {"M": {name: of_plain(one) for name, one in value.items()}}


def token(key: dict[str, Any]) -> str:
    """A key as a part of a URL."""
    return base64.urlsafe_b64encode(json.dumps(key, default=_base64).encode()).decode()


def of_token(text: str) -> dict[str, Any]:
    """The key of a token. Raises ApiError."""
    try:
        found = json.loads(base64.urlsafe_b64decode(text.encode()))
        return {str(name): _typed(value) for name, value in found.items()}
    except (ValueError, AttributeError, binascii.Error):
        raise ApiError("ValidationException", "The link names no key") from None


class _Typed(Exception):
    """Plain JSON cannot say this value."""


class _Plain:
    def of(self, item: dict[str, Any]) -> dict[str, Any]:
        plain = {name: self._value(value) for name, value in item.items()}
        if all(_is_typed(value) for value in plain.values()):
            raise _Typed  # it would be read as typed
        return plain

    def _value(self, value: dict[str, Any]) -> Any:
        kind, held = next(iter(value.items()))
        if kind == "N":
            return self._number(held)
        if kind == "L":
            return [self._value(one) for one in held]
        if kind == "M":
            return {name: self._value(one) for name, one in held.items()}
        if kind == "NULL":
            return None
        if kind in ("S", "BOOL"):
            return held
        raise _Typed

    @staticmethod
    def _number(text: str) -> int | float:
        number = int(text) if text.lstrip("-").isdigit() else float(text)
        if isinstance(number, float) and Decimal(repr(number)) != Decimal(text):
            raise _Typed
        return number


def _is_typed(value: Any) -> bool:
    return isinstance(value, dict) and len(value) == 1 and next(iter(value)) in _TYPES


def _typed(value: dict[str, Any]) -> dict[str, Any]:
    kind, held = next(iter(value.items()))
    if kind == "B":
        return {kind: _bytes(held)}
    if kind == "BS":
        return {kind: [_bytes(one) for one in held]}
    if kind == "L":
        return {kind: [_typed(one) for one in held]}
    if kind == "M":
        return {kind: {name: _typed(one) for name, one in held.items()}}
    if kind == "N":
        return {kind: str(held)}
    return {kind: held}


def _bytes(text: Any) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise ApiError("SerializationException", "Binary values are base64") from None


def _base64(value: Any) -> str:
    return base64.b64encode(value).decode()
