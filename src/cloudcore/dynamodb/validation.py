"""Checks of control-plane parameters in AWS's words.

`Violations` collects what the service reports together ("2 validation errors detected: ...");
everything after that is one refusal at a time.
"""

from __future__ import annotations

import re
from typing import Any

from cloudcore.errors import ApiError

NAME_PATTERN = re.compile(r"[a-zA-Z0-9_.-]+\Z")


def refuse(message: str) -> ApiError:
    """A ValidationException; raise what this returns."""
    return ApiError("ValidationException", message)


def serialization(message: str) -> ApiError:
    """A SerializationException; raise what this returns."""
    return ApiError("SerializationException", message)


class Violations:
    """Constraint violations, at most ten, reported as one ValidationException."""

    def __init__(self) -> None:
        self._found: list[str] = []

    def add(self, value: Any, at: str, rule: str) -> None:
        """Note that `value` (None prints null) breaks `rule` at the member path `at`."""
        shown = "null" if value is None else f"'{value}'"
        self._found.append(f"Value {shown} at '{at}' failed to satisfy constraint: {rule}")

    def length(self, value: str | list[Any], at: str, low: int, high: int) -> None:
        shown = value if isinstance(value, str) else f"[{len(value)} members]"
        if len(value) < low:
            self.add(shown, at, f"Member must have length greater than or equal to {low}")
        elif len(value) > high:
            self.add(shown, at, f"Member must have length less than or equal to {high}")

    def enum(self, value: Any, at: str, words: tuple[str, ...]) -> None:
        if value not in words:
            self.add(value, at, f"Member must satisfy enum value set: [{', '.join(words)}]")

    def table_name(self, name: Any, at: str, low: int = 3) -> None:
        """A table name of `low` to 255 characters of [a-zA-Z0-9_.-]."""
        if name is None:
            self.add(None, at, "Member must not be null")
            return
        if name and not NAME_PATTERN.match(name):
            self.add(name, at, "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+")
        self.length(name, at, low, 255)

    def report(self) -> None:
        """Raise ValidationException when anything was noted."""
        if self._found:
            plural = "" if len(self._found) == 1 else "s"
            listed = "; ".join(self._found[:10])
            raise refuse(f"{len(self._found)} validation error{plural} detected: {listed}")


def expect(value: Any, kind: type | tuple[type, ...], wanted: str) -> None:
    """SerializationException unless `value` is None or of the JSON type `kind`."""
    if value is None or (isinstance(value, kind) and not (isinstance(value, bool) and kind is not bool)):
        return
    if isinstance(value, dict):
        raise serialization("Start of structure or map found where not expected")
    if isinstance(value, list):
        raise serialization("Start of list found where not expected")
    if isinstance(value, bool):
        token = "TRUE_VALUE" if value else "FALSE_VALUE"
    else:
        token = "STRING_VALUE" if isinstance(value, str) else "NUMBER_VALUE"
    raise serialization(f"{token} cannot be converted to {wanted}")


def table_name_of(name_or_arn: str) -> str:
    """arn:aws:dynamodb:REGION:ACCOUNT:table/NAME -> NAME; any other text as it is."""
    if name_or_arn.startswith("arn:") and ":table/" in name_or_arn:
        return name_or_arn.split(":table/", 1)[1]
    return name_or_arn


def required_table_name(params: dict[str, Any]) -> str:
    """TableName of a request about an existing table, ARN resolved."""
    name = params.get("TableName")
    expect(name, str, "String")
    if name is not None:
        name = table_name_of(name)
    violations = Violations()
    violations.table_name(name, "tableName", low=1)
    violations.report()
    assert name is not None
    return name
