"""The generated tables, read when a service is first used (about 1 ms each)."""

from __future__ import annotations

import functools
import json
import os
import re
from typing import Any

_DIRECTORY = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "_models")
Shape = dict[str, Any]
"""One shape of a table: type, limits, members; see tools/make_validation_table.py."""


class Model:
    """One service's operations and shapes. Not to be changed."""

    def __init__(
        self,
        service: str,
        operations: dict[str, dict[str, Any]],
        shapes: dict[str, Shape],
        errors: list[str],
    ):
        self.service = service
        self.operations = operations
        self.shapes = shapes
        self.errors = errors

    def input(self, operation: str) -> str | None:
        """The shape of an operation's request; None when it takes none. KeyError: no such operation."""
        return self.operations[operation].get("input")

    def members(self, operation: str) -> dict[str, Any]:
        """The members of an operation's request."""
        name = self.input(operation)
        return {} if name is None else self.shapes[name]["members"]


@functools.cache
def load(service: str) -> Model:
    """The table of "dynamodb", "dynamodbstreams", "firehose" or "lambda"."""
    with open(os.path.join(_DIRECTORY, f"{service}.json"), "rb") as file:
        table = json.load(file)
    return Model(service, table["operations"], table["shapes"], table["errors"])


def member_shape(member: Any) -> str:
    """The name of a member's shape, with or without a place in an HTTP message."""
    return member if isinstance(member, str) else member["shape"]


_JAVA_ONLY = (
    (r"\p{L}\p{Z}\p{N}_", r"\w \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"),
    (r"\p{Print}", r"[\x20-\x7e]"),
    (r"\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF", r"\uE000-\uFFFD\U00010000-\U0010FFFF"),
)
"""Java's character classes -> Python's, for the few that the models use."""


@functools.cache
def pattern(text: str) -> re.Pattern[str]:
    """A model's pattern, to be matched against the whole value."""
    for java, python in _JAVA_ONLY:
        text = text.replace(java, python)
    return re.compile(text)
