"""Patterns: EventBridge's pattern language, by which FilterCriteria choose records.

A pattern is an object whose leaves are lists of alternatives: {"eventName": ["INSERT"], "dynamodb":
{"NewImage": {"total": {"N": [{"prefix": "9"}]}}}}.
Source: AWS, "Create event patterns in Amazon EventBridge".
"""

from __future__ import annotations

import functools
import ipaddress
import re
from typing import Any

_COMPARE = {
    "=": lambda a, b: a == b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
_ABSENT = object()


def check(pattern: Any) -> None:
    """Raises ValueError for what is no pattern."""
    if not isinstance(pattern, dict) or not pattern:
        raise ValueError("a pattern is an object with members")
    for name, value in pattern.items():
        if name == "$or":
            if not isinstance(value, list) or len(value) < 2:
                raise ValueError("$or takes two patterns or more")
            for one in value:
                check(one)
        elif isinstance(value, dict):
            check(value)
        elif isinstance(value, list) and value:
            for one in value:
                _check_rule(one)
        else:
            raise ValueError(f"{name!r} must be an object or a list that is not empty")


def _check_rule(rule: Any) -> None:
    if isinstance(rule, list):
        raise ValueError("a list of alternatives holds no list")
    if not isinstance(rule, dict):
        return
    if len(rule) != 1:
        raise ValueError("a rule has one operator")
    (name, value), = rule.items()
    if name not in _RULES:
        raise ValueError(f"Unrecognized match type {name}")
    _CHECKS[name](value)


def _check_text(value: Any) -> None:
    folded = value.get("equals-ignore-case") if isinstance(value, dict) and len(value) == 1 else None
    if not isinstance(value, str) and not isinstance(folded, str):
        raise ValueError("the operator takes a string")


def _check_string(value: Any) -> None:
    if not isinstance(value, str):
        raise ValueError("the operator takes a string")


def _check_wildcard(value: Any) -> None:
    _check_string(value)
    if "**" in value:
        raise ValueError("consecutive wildcard characters")


def _check_exists(value: Any) -> None:
    if not isinstance(value, bool):
        raise ValueError("exists takes true or false")


def _check_numeric(value: Any) -> None:
    parts = value if isinstance(value, list) else []
    if len(parts) not in (2, 4) or any(one not in _COMPARE for one in parts[::2]):
        raise ValueError("numeric takes comparisons and numbers")
    if not all(_is_number(one) for one in parts[1::2]):
        raise ValueError("numeric takes comparisons and numbers")


def _check_cidr(value: Any) -> None:
    _check_string(value)
    ipaddress.ip_network(value, strict=False)  # raises ValueError


def _check_anything_but(value: Any) -> None:
    if isinstance(value, dict):
        if len(value) != 1 or next(iter(value)) not in ("prefix", "suffix", "equals-ignore-case", "wildcard"):
            raise ValueError("anything-but takes values, prefix, suffix, equals-ignore-case or wildcard")
        (name, inner), = value.items()
        for one in inner if isinstance(inner, list) and inner else [inner]:
            _CHECKS[name](one)
        return
    values = value if isinstance(value, list) else [value]
    if not values or not all(isinstance(one, str) or _is_number(one) for one in values):
        raise ValueError("anything-but takes strings or numbers")


def matches(pattern: dict[str, Any], event: Any) -> bool:
    """Whether an event, as JSON gives it, is one that a checked pattern chooses."""
    held = event if isinstance(event, dict) else {}
    for name, value in pattern.items():
        if name == "$or":
            if not any(matches(one, event) for one in value):
                return False
        elif isinstance(value, dict):
            found = held.get(name)
            each = found if isinstance(found, list) else [found]
            if not any(matches(value, one) for one in each or [None]):
                return False
        elif not any(_chooses(rule, held.get(name, _ABSENT)) for rule in value):
            return False
    return True


def _chooses(rule: Any, found: Any) -> bool:
    if isinstance(rule, dict) and "exists" in rule:
        leaf = found is not _ABSENT and not isinstance(found, dict) and found != []
        return leaf is rule["exists"]
    if found is _ABSENT:
        return False
    each = found if isinstance(found, list) else [found]
    return any(_one(rule, value) for value in each)


def _one(rule: Any, value: Any) -> bool:
    if isinstance(value, dict | list):
        return False
    if isinstance(rule, dict):
        (name, argument), = rule.items()
        return bool(_RULES[name](argument, value))
    return _same(rule, value)


def _same(a: Any, b: Any) -> bool:
    return a == b and isinstance(a, bool) is isinstance(b, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _prefix(argument: Any, value: Any) -> bool:
    if isinstance(argument, dict):
        return isinstance(value, str) and value.lower().startswith(argument["equals-ignore-case"].lower())
    return isinstance(value, str) and value.startswith(argument)


def _suffix(argument: Any, value: Any) -> bool:
    if isinstance(argument, dict):
        return isinstance(value, str) and value.lower().endswith(argument["equals-ignore-case"].lower())
    return isinstance(value, str) and value.endswith(argument)


def _folded(argument: str, value: Any) -> bool:
    return isinstance(value, str) and value.lower() == argument.lower()


@functools.lru_cache(maxsize=256)
def _wildcard_of(text: str) -> re.Pattern[str]:
    parts = re.findall(r"\\[*\\]|\*|[^*\\]+|\\", text)
    made = [".*" if one == "*" else re.escape(one[1:] if len(one) > 1 and one[0] == "\\" else one)
            for one in parts]  # fmt: skip
    return re.compile("".join(made), re.DOTALL)


def _wildcard(argument: str, value: Any) -> bool:
    return isinstance(value, str) and _wildcard_of(argument).fullmatch(value) is not None


def _numeric(argument: list[Any], value: Any) -> bool:
    pairs = zip(argument[::2], argument[1::2], strict=True)
    return _is_number(value) and all(_COMPARE[sign](value, bound) for sign, bound in pairs)


def _cidr(argument: str, value: Any) -> bool:
    try:
        return ipaddress.ip_address(value) in ipaddress.ip_network(argument, strict=False)
    except ValueError:
        return False


def _anything_but(argument: Any, value: Any) -> bool:
    if isinstance(argument, dict):
        (name, inner), = argument.items()
        each = inner if isinstance(inner, list) else [inner]
        return isinstance(value, str) and not any(_RULES[name](one, value) for one in each)
    each = argument if isinstance(argument, list) else [argument]
    return not any(_same(one, value) for one in each)


_RULES = {
    "prefix": _prefix,
    "suffix": _suffix,
    "equals-ignore-case": _folded,
    "wildcard": _wildcard,
    "numeric": _numeric,
    "cidr": _cidr,
    "anything-but": _anything_but,
    "exists": _same,
}
_CHECKS = {
    "prefix": _check_text,
    "suffix": _check_text,
    "equals-ignore-case": _check_string,
    "wildcard": _check_wildcard,
    "numeric": _check_numeric,
    "cidr": _check_cidr,
    "anything-but": _check_anything_but,
    "exists": _check_exists,
}
