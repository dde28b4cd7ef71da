"""Numbers, times and values as people read them: the filters of the templates."""

from __future__ import annotations

import datetime
import json
import math
import re
from typing import Any
from urllib.parse import quote

_NUMBER = re.compile(r'"\\u0000([-+.0-9Ee]+)\\u0000"')


def size(count: float | None) -> str:
    """Bytes: 812 B, 4.1 KB, 1.2 GB."""
    if count is None:
        return "-"
    value = float(count)
    for unit in ("B", "KB", "MB", "GB"):
        if abs(value) < 1000 or unit == "GB":
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return ""


def number(value: float | None) -> str:
    """12,345"""
    return "-" if value is None else f"{value:,.0f}" if value == int(value) else f"{value:,.2f}"


def quantity(value: float, unit: str = "") -> str:
    """12,345 units, 1 request, 0.0000251 GB-months: six significant digits, never an exponent."""
    if value == int(value):
        text = f"{value:,.0f}"
    else:
        places = max(0, 5 - math.floor(math.log10(abs(value))))
        text = f"{value:,.{places}f}".rstrip("0").rstrip(".")
    return f"{text} {unit.removesuffix('s') if value == 1 else unit}"


def dollars(amount: float) -> str:
    """$1.500000; what rounds to nothing and is something says so."""
    return "< $0.000001" if 0 < amount < 0.0000005 else f"${amount:,.6f}"


def operation(name: str) -> str:
    """DynamoDB GetItem, of DynamoDB_20120810.GetItem."""
    return re.sub(r"_\d{8}\.", " ", name)


def moment(value: Any) -> str:
    """A time, in UTC, to the second."""
    if value is None:
        return "-"
    if isinstance(value, (int, float)):
        value = datetime.datetime.fromtimestamp(value, datetime.UTC)
    return str(value.astimezone(datetime.UTC).strftime("%Y-%m-%d %H:%M:%S"))


def duration(seconds: float | None) -> str:
    """0.4 ms, 12 s, 3 min, 2 h"""
    if seconds is None:
        return "-"
    if seconds < 1:
        ms = seconds * 1000
        return f"{ms:.2g} ms" if ms < 99.5 else f"{ms:.0f} ms"
    if seconds < 120:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def plain(value: dict[str, Any]) -> str:
    """An attribute value of DynamoDB as a person writes it."""
    kind, held = next(iter(value.items()))
    if kind in ("S", "N"):
        return str(held)
    if kind == "BOOL":
        return "true" if held else "false"
    if kind == "NULL":
        return "null"
    text = json.dumps(_unwrapped(value), ensure_ascii=False, default=_bytes)
    return _NUMBER.sub(r"\1", text)


def _unwrapped(value: dict[str, Any]) -> Any:
    """An attribute value without its types; numbers are marked text, so that none loses a digit."""
    kind, held = next(iter(value.items()))
    if kind == "N":
        return f"\0{held}\0"
    if kind == "NS":
        return [f"\0{one}\0" for one in held]
    if kind == "M":
        return {name: _unwrapped(inner) for name, inner in held.items()}
    if kind == "L":
        return [_unwrapped(inner) for inner in held]
    if kind == "NULL":
        return None
    return held


def as_json(value: Any) -> str:
    """Indented JSON."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=_bytes)


def _bytes(value: Any) -> str:
    import base64

    return base64.b64encode(value).decode() if isinstance(value, (bytes, bytearray)) else str(value)


FILTERS = {
    "size": size,
    "number": number,
    "quantity": quantity,
    "dollars": dollars,
    "operation": operation,
    "moment": moment,
    "duration": duration,
    "plain": plain,
    "as_json": as_json,
    "path": lambda text: quote(str(text), safe=""),
}
