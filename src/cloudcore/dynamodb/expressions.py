"""Conditions, updates and projections as Python: what `attr` and its operators build, as AWS's expressions.

    attr("total") > 5                         attr("tags").contains("new") & attr("seen").missing()
    set={"total": attr("total") + 1}          attr("address")["city"] == "Rome"

Names and values never stand in the text: every name goes by an alias, so that reserved words, dots and
spaces in it need no care, and every value as itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any


class Aliases:
    """The names and values of one request, the caller's own among them, with or without their # and :."""

    def __init__(self, names: Mapping[str, str] | None = None, values: Mapping[str, Any] | None = None):
        self.names = {_prefixed("#", name): target for name, target in (names or {}).items()}
        self.values = {_prefixed(":", name): value for name, value in (values or {}).items()}
        self._known: dict[str, str] = {}

    def name(self, attribute: str) -> str:
        """The alias of an attribute's name."""
        alias = self._known.get(attribute)
        if alias is None:
            alias = self._known[attribute] = _free("#", self.names)
            self.names[alias] = attribute
        return alias

    def value(self, value: Any) -> str:
        """The alias of a value."""
        alias = _free(":", self.values)
        self.values[alias] = value
        return alias

    def members(self) -> dict[str, Any]:
        """The request's members; what is empty is left out, as AWS wants it."""
        found = {"ExpressionAttributeNames": self.names, "ExpressionAttributeValues": self.values}
        return {member: content for member, content in found.items() if content}


def _prefixed(mark: str, name: str) -> str:
    return name if name.startswith(mark) else mark + name


def _free(mark: str, taken: Mapping[str, Any]) -> str:
    number = len(taken)
    while f"{mark}_{number}" in taken:
        number += 1
    return f"{mark}_{number}"


class Operand:
    """Something with a value: comparing it gives a Condition, + and - what `set` of an update takes."""

    __hash__ = object.__hash__

    def render(self, aliases: Aliases) -> str:
        """The expression's text."""
        raise NotImplementedError

    def __eq__(self, other: Any) -> Condition:  # type: ignore[override]
        return Condition("{} = {}", self, other)

    def __ne__(self, other: Any) -> Condition:  # type: ignore[override]
        return Condition("{} <> {}", self, other)

    def __lt__(self, other: Any) -> Condition:
        return Condition("{} < {}", self, other)

    def __le__(self, other: Any) -> Condition:
        return Condition("{} <= {}", self, other)

    def __gt__(self, other: Any) -> Condition:
        return Condition("{} > {}", self, other)

    def __ge__(self, other: Any) -> Condition:
        return Condition("{} >= {}", self, other)

    def between(self, low: Any, high: Any) -> Condition:
        """From `low` to `high`, both included."""
        return Condition("{} BETWEEN {} AND {}", self, low, high)

    def is_in(self, values: Iterable[Any]) -> Condition:
        """Equal to one of 1 to 100 values."""
        listed = list(values)
        return Condition(f"{{}} IN ({', '.join(['{}'] * len(listed))})", self, *listed)

    def __add__(self, other: Any) -> Operand:
        return Term("{} + {}", self, other)

    def __radd__(self, other: Any) -> Operand:
        return Term("{} + {}", other, self)

    def __sub__(self, other: Any) -> Operand:
        return Term("{} - {}", self, other)

    def __rsub__(self, other: Any) -> Operand:
        return Term("{} - {}", other, self)


class Attr(Operand):
    """The path to an attribute; [name] and [position] go into maps and lists. Made by `attr`."""

    def __init__(self, *steps: str | int):
        if not steps or not isinstance(steps[0], str):
            raise TypeError("a path begins with the name of an attribute")
        self.steps = steps

    def __getitem__(self, step: str | int) -> Attr:
        return Attr(*self.steps, step)

    def __iter__(self) -> Any:  # or [] above would make it look like an endless sequence
        raise TypeError("a path is not a sequence")

    def render(self, aliases: Aliases) -> str:
        """The expression's text."""
        parts = [f"[{s}]" if isinstance(s, int) else f".{aliases.name(s)}" for s in self.steps]
        return "".join(parts).removeprefix(".")

    def exists(self) -> Condition:
        """The item has it."""
        return Condition("attribute_exists({})", self)

    def missing(self) -> Condition:
        """The item does not have it."""
        return Condition("attribute_not_exists({})", self)

    def type_is(self, kind: str) -> Condition:
        """It is of a type: S, N, B, BOOL, NULL, SS, NS, BS, L or M."""
        return Condition("attribute_type({}, {})", self, kind)

    def begins_with(self, prefix: str | bytes) -> Condition:
        """A text or binary that begins so."""
        return Condition("begins_with({}, {})", self, prefix)

    def contains(self, value: Any) -> Condition:
        """A text with this part, a set with this member, a list with this element."""
        return Condition("contains({}, {})", self, value)

    def size(self) -> Operand:
        """Characters of a text, bytes of a binary, members of the others."""
        return Term("size({})", self)

    def if_missing(self, default: Any) -> Operand:
        """Of an update: its value, or `default` when the item does not have it."""
        return Term("if_not_exists({}, {})", self, default)

    def append(self, elements: Any) -> Operand:
        """Of an update: the list with `elements` behind it."""
        return Term("list_append({}, {})", self, elements)

    def prepend(self, elements: Any) -> Operand:
        """Of an update: the list with `elements` in front of it."""
        return Term("list_append({}, {})", elements, self)

    def __repr__(self) -> str:
        return f"attr({', '.join(map(repr, self.steps))})"


def attr(*steps: str | int) -> Attr:
    """An attribute of the item, or by further steps (or []) a place inside it.

    >>> (attr("total") > 5) & attr("address")["city"].exists()
    <Condition #_0 > :_0 AND attribute_exists(#_1.#_2)>
    """
    return Attr(*steps)


def _render(part: Any, aliases: Aliases) -> str:
    if isinstance(part, (Operand, Condition)):
        return part.render(aliases)
    return aliases.value(part)


class Term(Operand):
    """A function of operands, or a sum."""

    def __init__(self, text: str, *parts: Any):
        self.text, self.parts = text, parts

    def render(self, aliases: Aliases) -> str:
        """The expression's text."""
        return self.text.format(*(_render(part, aliases) for part in self.parts))


class Condition:
    """What is true or not of an item; & | ~ combine conditions. bool() of one is refused."""

    def __init__(self, text: str, *parts: Any, binds: int = 3):
        self.text, self.parts, self.binds = text, parts, binds

    def __and__(self, other: Condition) -> Condition:
        return self._with(other, "{} AND {}", 1)

    def __or__(self, other: Condition) -> Condition:
        return self._with(other, "{} OR {}", 0)

    def __invert__(self) -> Condition:
        return Condition("NOT {}", self, binds=2)

    def _with(self, other: Any, text: str, binds: int) -> Condition:
        if not isinstance(other, Condition):
            return NotImplemented
        return Condition(text, self, other, binds=binds)

    def __bool__(self) -> bool:
        raise TypeError("a condition has no truth of its own: combine conditions with & | ~, in parentheses")

    def render(self, aliases: Aliases) -> str:
        """The expression's text; parentheses where precedence needs them, as AWS refuses redundant ones."""
        texts = []
        for part in self.parts:
            text = _render(part, aliases)
            texts.append(f"({text})" if isinstance(part, Condition) and part.binds < self.binds else text)
        return self.text.format(*texts)

    def __repr__(self) -> str:
        return f"<Condition {self.render(Aliases())}>"


# ---- ranges of a sort key ----


class Range:
    """What a sort key is to be, in Table.query: made by between, begins_with, gt, ge, lt and le."""

    def __init__(self, text: str, *values: Any):
        self.text, self.values = text, values


def between(low: Any, high: Any) -> Range:
    """From `low` to `high`, both included."""
    return Range("{} BETWEEN {} AND {}", low, high)


def begins_with(prefix: str | bytes) -> Range:
    """Texts or binaries that begin so."""
    return Range("begins_with({}, {})", prefix)


def gt(value: Any) -> Range:
    """Greater than."""
    return Range("{} > {}", value)


def ge(value: Any) -> Range:
    """Greater than or equal."""
    return Range("{} >= {}", value)


def lt(value: Any) -> Range:
    """Less than."""
    return Range("{} < {}", value)


def le(value: Any) -> Range:
    """Less than or equal."""
    return Range("{} <= {}", value)


def key_condition(parts: Iterable[tuple[str, Any]], aliases: Aliases) -> str:
    """The key condition of (attribute, value or Range) pairs."""
    texts = []
    for name, wanted in parts:
        wanted = wanted if isinstance(wanted, Range) else Range("{} = {}", wanted)
        texts.append(wanted.text.format(aliases.name(name), *map(aliases.value, wanted.values)))
    return " AND ".join(texts)


# ---- whole expressions ----


def expression(condition: Any, aliases: Aliases) -> str:
    """The text of a condition: one of ours, one of boto3's, or an expression that is text already."""
    if isinstance(condition, Condition):
        return condition.render(aliases)
    if isinstance(condition, str):
        return condition
    if hasattr(condition, "get_expression"):
        return _boto3_condition(condition, aliases)
    raise TypeError(f"a condition is made with attr(), or a text, not a {type(condition).__name__}")


def _boto3_condition(part: Any, aliases: Aliases) -> str:
    """boto3.dynamodb.conditions, by the shape they describe themselves in."""
    if hasattr(part, "get_expression"):
        shape = part.get_expression()
        grouped = getattr(part, "has_grouped_values", False)
        values = [
            f"({', '.join(map(aliases.value, value))})"
            if grouped and isinstance(value, (list, tuple, set))
            else _boto3_condition(value, aliases)
            for value in shape["values"]
        ]
        text: str = shape["format"].format(*values, operator=shape["operator"])
        return text
    if hasattr(part, "name") and hasattr(part, "begins_with"):  # Key("a") or Attr("a.b[0]")
        return re.sub(r"[^.\[\]]+(?![^\[]*\])", lambda found: aliases.name(found[0]), part.name)
    return aliases.value(part)


def projection(wanted: str | Iterable[str | Attr], aliases: Aliases) -> str:
    """The text of a projection: names and paths, or an expression that is text already."""
    if isinstance(wanted, str):
        return wanted
    return ", ".join((Attr(path) if isinstance(path, str) else path).render(aliases) for path in wanted)


def update(
    set: Mapping[Any, Any] | None,
    add: Mapping[Any, Any] | None,
    remove: Iterable[Any] | None,
    delete: Mapping[Any, Any] | None,
    aliases: Aliases,
) -> str:
    """The text of an update; keys are names or paths, values of `set` may be operands."""

    def path(key: Any) -> str:
        return (key if isinstance(key, Attr) else Attr(key)).render(aliases)

    clauses = {
        "SET": [f"{path(key)} = {_render(value, aliases)}" for key, value in (set or {}).items()],
        "REMOVE": [path(key) for key in ([remove] if isinstance(remove, (str, Attr)) else remove or ())],
        "ADD": [f"{path(key)} {aliases.value(value)}" for key, value in (add or {}).items()],
        "DELETE": [f"{path(key)} {aliases.value(value)}" for key, value in (delete or {}).items()],
    }
    return " ".join(f"{clause} {', '.join(texts)}" for clause, texts in clauses.items() if texts)
