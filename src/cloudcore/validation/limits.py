"""The second step: required members, lengths, ranges, patterns and enumerations."""

from __future__ import annotations

from typing import Any

from cloudcore.errors import ApiError
from cloudcore.validation.model import Model, Shape, member_shape, pattern

SHOWN_MAX = 4096
"""Characters of a value that a refusal repeats."""
VIOLATIONS_MAX = 10
NOT_NULL = "Member must not be null"
_SIZED = ("string", "blob", "list", "map")


class Violations:
    """Broken constraints, at most ten, told as one ValidationException."""

    def __init__(self) -> None:
        self._found: list[str] = []

    def add(self, value: str | None, at: str, rule: str, secret: bool = False) -> None:
        """Note that `value` (as text; None is null) breaks `rule` at the member path `at`."""
        shown = " null" if value is None else "" if secret else f" '{value[:SHOWN_MAX]}'"
        if len(self._found) < VIOLATIONS_MAX:
            self._found.append(f"Value{shown} at '{at}' failed to satisfy constraint: {rule}")

    def report(self) -> None:
        """Raise ValidationException when anything was noted."""
        if self._found:
            plural = "" if len(self._found) == 1 else "s"
            raise ApiError(
                "ValidationException",
                f"{len(self._found)} validation error{plural} detected: {'; '.join(self._found)}",
            )


class Limits:
    """Walks a request that types.Reader gave back and notes what breaks the model's limits."""

    def __init__(self, model: Model):
        self._shapes = model.shapes
        self._tail = [] if model.service.startswith("dynamodb") else [NOT_NULL]
        self.violations = Violations()

    def walk(self, name: str, value: Any, at: str) -> None:
        """Check `value` of the shape `name` at the path `at` ("" for the whole request)."""
        shape = self._shapes[name]
        for rule in broken(shape, value):
            self.violations.add(self.shown(name, value), at, rule, "sensitive" in shape)
        if shape["type"] == "structure":
            self._members(shape, value, at)
        elif shape["type"] == "list":
            self._elements(name, value, shape["member"], at, enumerate(value, 1), "Member")
        elif shape["type"] == "map":
            key_rules = rules(self._shapes[shape["key"]])
            if key_rules and any(broken(self._shapes[shape["key"]], key) for key in value):
                self._bracket(name, value, at, "Map keys", key_rules)
            self._elements(name, value, shape["value"], at, value.items(), "Map value")

    def _members(self, shape: Shape, value: dict[str, Any], at: str) -> None:
        required = shape.get("required", ())
        for member, place in shape["members"].items():
            inner = value.get(member)
            path = f"{at}.{_lower(member)}" if at else _lower(member)
            if inner is not None:
                self.walk(member_shape(place), inner, path)
            elif member in required:
                self.violations.add(None, path, NOT_NULL)

    def _elements(self, name: str, whole: Any, element: str, at: str, pairs: Any, kind: str) -> None:
        """Scalars that break a rule are told once, at the collection; structures each at its own path."""
        shape = self._shapes[element]
        if shape["type"] in ("structure", "list", "map"):
            own = rules(shape) if kind == "Map value" else []
            if own and any(v is not None and broken(shape, v) for _, v in pairs):
                self._bracket(name, whole, at, kind, own)
                return
            for key, value in pairs:
                path = f"{at}.{key}.member"
                if value is None:
                    self.violations.add(None, path, NOT_NULL)
                else:
                    self.walk(element, value, path)
        elif any(value is None or broken(shape, value) for _, value in pairs):
            self._bracket(name, whole, at, kind, rules(shape) or ([] if self._tail else [NOT_NULL]))

    def _bracket(self, name: str, whole: Any, at: str, kind: str, texts: list[str]) -> None:
        listed = ", ".join(texts + self._tail)
        rule = f"{kind} must satisfy constraint: [{listed}]"
        self.violations.add(self.shown(name, whole), at, rule, "sensitive" in self._shapes[name])

    def shown(self, name: str, value: Any) -> str:
        """A value as refusals print it, which is how Java prints it."""
        shape = self._shapes[name]
        kind = shape["type"]
        if value is None:
            return "null"
        if kind == "boolean":
            return "true" if value else "false"
        if kind == "blob":
            return f"java.nio.HeapByteBuffer[pos=0 lim={len(value)} cap={len(value)}]"
        if kind == "string":
            return _plain_name(shape, value)
        if kind == "list":
            return f"[{', '.join(self.shown(shape['member'], e) for e in value)}]"
        if kind == "map":
            entries = [f"{key}={self.shown(shape['value'], inner)}" for key, inner in value.items()]
            return "{" + ", ".join(entries) + "}"
        if kind == "structure":
            members = (
                f"{_lower(m)}={self.shown(member_shape(place), value.get(m))}"
                for m, place in shape["members"].items()
            )
            return f"{name}({', '.join(members)})"
        return str(value)


def rules(shape: Shape) -> list[str]:
    """All rules of a shape, as refusals list them in brackets."""
    found = []
    word = "length" if shape["type"] in _SIZED else "value"
    if "max" in shape:
        found.append(f"Member must have {word} less than or equal to {_number(shape['max'])}")
    if "min" in shape:
        found.append(f"Member must have {word} greater than or equal to {_number(shape['min'])}")
    if "pattern" in shape:
        found.append(f"Member must satisfy regular expression pattern: {shape['pattern']}")
    if "enum" in shape:
        found.append(f"Member must satisfy enum value set: [{', '.join(shape['enum'])}]")
    return found


def broken(shape: Shape, value: Any) -> list[str]:
    """The rules of its own shape that a value breaks; not those of its members."""
    found = []
    kind = shape["type"]
    if kind == "string":
        value = _plain_name(shape, value)
        if "enum" in shape and value not in shape["enum"]:
            found.append(f"Member must satisfy enum value set: [{', '.join(shape['enum'])}]")
        told_by_length = not value and shape.get("min")
        if "pattern" in shape and not told_by_length and not pattern(shape["pattern"]).fullmatch(value):
            found.append(f"Member must satisfy regular expression pattern: {shape['pattern']}")
    if "min" in shape or "max" in shape:
        word, size = ("length", len(value)) if kind in _SIZED else ("value", value)
        if size < shape.get("min", size):
            found.append(f"Member must have {word} greater than or equal to {_number(shape['min'])}")
        elif size > shape.get("max", size):
            found.append(f"Member must have {word} less than or equal to {_number(shape['max'])}")
    return found


def _plain_name(shape: Shape, value: str) -> str:
    """The name within an ARN, for shapes whose limits are those of the name."""
    after = shape.get("name_after")
    if after and value.startswith("arn:"):
        return value.split(after, 1)[-1]
    return value


def _number(limit: int | float) -> str:
    return str(int(limit)) if limit == int(limit) else str(limit)


def _lower(member: str) -> str:
    return member[0].lower() + member[1:]
