"""Items of the command line: plain JSON as people type it, and the typed form of the wire."""

from __future__ import annotations

import json
from typing import Any

from cloudcore.cli.connection import Refusal


class _Digits(str):
    """A number as it was written: no digit is lost on the way."""


def item_of(text: str, is_typed: bool) -> dict[str, Any]:
    """The wire's item of a line of JSON."""
    try:
        item = json.loads(text, parse_int=_Digits, parse_float=_Digits, parse_constant=_Digits)
    except ValueError as error:
        raise Refusal(f"an item is a JSON object: {error}", f"it begins: {text[:60]!r}") from None
    if not isinstance(item, dict):
        raise Refusal(f"an item is a JSON object, not {text[:60]!r}")
    return item if is_typed else {name: typed(value) for name, value in item.items()}


def parameter(text: str, is_typed: bool) -> dict[str, Any]:
    """A statement's parameter as the command line has it: JSON, and what is none is text."""
    try:
        value = json.loads(text, parse_int=_Digits, parse_float=_Digits, parse_constant=_refused)
    except ValueError:
        value = text
    return value if is_typed and isinstance(value, dict) else typed(value)


def _refused(text: str) -> Any:
    raise ValueError(text)


def typed(value: Any) -> dict[str, Any]:
    """{"S": "text"} of a plain value."""
    if isinstance(value, bool):
        return {"BOOL": value}
    if value is None:
        return {"NULL": True}
    if isinstance(value, (_Digits, int, float)):
        return {"N": str(value)}
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, list):
        return {"L": [typed(element) for element in value]}
    return {"M": {name: typed(inner) for name, inner in value.items()}}


def plain(item: dict[str, Any]) -> str:
    """Plain JSON text of the wire's item: numbers by their digits, binary as base64, sets as arrays."""
    return f"{{{', '.join(f'{json.dumps(n, ensure_ascii=False)}: {_plain(v)}' for n, v in item.items())}}}"


def _plain(value: dict[str, Any]) -> str:
    ((kind, content),) = value.items()
    if kind == "N":
        return str(content)
    if kind == "NULL":
        return "null"
    if kind == "M":
        return plain(content)
    if kind == "L":
        return f"[{', '.join(map(_plain, content))}]"
    if kind == "NS":
        return f"[{', '.join(content)}]"
    return json.dumps(content, ensure_ascii=False)


def key_value(kind: str, text: str) -> dict[str, Any]:
    """A key attribute's value as the command line has it: text, digits or base64."""
    return {kind: text}
