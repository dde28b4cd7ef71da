"""Policies: does any statement allow, does any deny, this action on this resource?

A policy document is AWS's (Version, Statement: Effect, Action or NotAction, Resource or NotResource,
Condition). One that a resource has itself says of whom it speaks, too (Principal or NotPrincipal). Nothing
said is a denial; an explicit Deny wins over every Allow. A document with a word that is
not known here is refused when it is read, never passed over. Source: IAM, "Policy evaluation logic",
"IAM JSON policy elements: Condition operators", "IAM JSON policy elements: Principal".
"""

from __future__ import annotations

import base64
import binascii
import datetime
import functools
import ipaddress
import re
from collections.abc import Callable, Mapping
from typing import Any

Context = Mapping[str, list[str]]
"""Condition keys by lower-case name, each with its values."""
_PRINCIPAL = {"Principal", "NotPrincipal"}
_KINDS = {"AWS", "Service", "Federated", "CanonicalUser"}
_STATEMENT = {"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"}
_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_LITERAL = {"*": "[*]", "?": "[?]", "$": "$"}  # ${*} is a star that is meant


class PolicyError(ValueError):
    """The document is no policy."""


class Policy:
    """One document, checked; `of_resource`: that of a table or a function. Raises PolicyError."""

    def __init__(self, document: Any, where: str = "policy", of_resource: bool = False):
        if not isinstance(document, dict) or set(document) - {"Version", "Id", "Statement"}:
            raise PolicyError(f"{where}: a policy has Version, Id and Statement")
        if document.get("Version", "2012-10-17") not in ("2012-10-17", "2008-10-17"):
            raise PolicyError(f"{where}: Version {document['Version']!r} is not known")
        found = document.get("Statement")
        statements = found if isinstance(found, list) else [found]
        self._statements = [
            _Statement(one, f"{where}: statement {at + 1}", of_resource) for at, one in enumerate(statements)
        ]

    def says(self, action: str, resource: str, context: Context) -> str | None:
        """ "Deny", "Allow", or None."""
        said = {s.effect for s in self._statements if s.applies(action, resource, context)}
        return "Deny" if "Deny" in said else "Allow" if said else None


def decide(policies: list[Policy], action: str, resource: str, context: Context) -> str | None:
    """What all policies say together: "Deny", "Allow", or None."""
    said = {policy.says(action, resource, context) for policy in policies}
    return "Deny" if "Deny" in said else "Allow" if "Allow" in said else None


class _Statement:
    def __init__(self, found: Any, where: str, of_resource: bool):
        members = _STATEMENT | (_PRINCIPAL if of_resource else set())
        if not isinstance(found, dict) or set(found) - members:
            raise PolicyError(f"{where}: members are {', '.join(sorted(members))}")
        self.effect = found.get("Effect")
        if self.effect not in ("Allow", "Deny"):
            raise PolicyError(f"{where}: Effect is Allow or Deny")
        self._not_action, self._actions = _one_of(found, "Action", where)
        self._not_resource, self._resources = _one_of(found, "Resource", where)
        self._conditions = _conditions(found.get("Condition", {}), where)
        self._speaks_of = _principals(found, self.effect, where) if of_resource else lambda context: True

    def applies(self, action: str, resource: str, context: Context) -> bool:
        matches = any(_like(wanted.lower(), action.lower()) for wanted in self._actions)
        if matches == self._not_action:
            return False
        matches = any(_arn_like(_filled(wanted, context), resource) for wanted in self._resources)
        if matches == self._not_resource:
            return False
        return self._speaks_of(context) and all(holds(context) for holds in self._conditions)


def _one_of(found: dict[str, Any], name: str, where: str) -> tuple[bool, list[str]]:
    """(is it the Not form, the patterns)."""
    given = [form for form in (name, "Not" + name) if form in found]
    if len(given) != 1:
        raise PolicyError(f"{where}: needs {name} or Not{name}, one of them")
    value = found[given[0]]
    patterns = value if isinstance(value, list) else [value]
    if not patterns or not all(isinstance(one, str) for one in patterns):
        raise PolicyError(f"{where}: {given[0]} is text or a list of it")
    return given[0].startswith("Not"), patterns


def _principals(found: dict[str, Any], effect: str, where: str) -> Callable[[Context], bool]:
    """Whether a statement of a resource speaks of who asks.

    An account stands for all who are in it when it is denied something. When it is allowed something, what
    its users may do is left to their own policies: for a user of the account the statement says nothing.
    """
    given = [form for form in sorted(_PRINCIPAL) if form in found]
    if len(given) != 1:
        raise PolicyError(f"{where}: needs Principal or NotPrincipal, one of them")
    value = found[given[0]]
    kinds = {"AWS": value} if value == "*" else value
    if not isinstance(kinds, dict) or not kinds or set(kinds) - _KINDS:
        raise PolicyError(f'{where}: {given[0]} is "*" or has {", ".join(sorted(_KINDS))}')
    users: list[str] = []
    for kind, names in kinds.items():
        listed = names if isinstance(names, list) else [names]
        if not listed or not all(isinstance(one, str) for one in listed):
            raise PolicyError(f"{where}: {given[0]} {kind} is text or a list of it")
        users += listed if kind == "AWS" else []  # a service is nobody who signs with a key of ours
    accounts = {one.split(":")[4] if one.endswith(":root") and one.count(":") == 5 else one for one in users}

    def is_listed(context: Context) -> bool:
        return "*" in users or context["aws:principalarn"][0] in users

    def is_of_listed(context: Context) -> bool:
        return is_listed(context) or context["aws:principalaccount"][0] in accounts

    if given[0] == "NotPrincipal":
        return lambda context: not is_of_listed(context)
    return is_of_listed if effect == "Deny" else is_listed


# ---- conditions ----------------------------------------------------------------------------------


def _conditions(found: Any, where: str) -> list[Callable[[Context], bool]]:
    made = []
    for operator, keys in found.items() if isinstance(found, dict) else [("", None)]:
        if not isinstance(keys, dict):
            raise PolicyError(f"{where}: Condition maps operators to keys")
        for key, value in keys.items():
            values = [_text(one) for one in (value if isinstance(value, list) else [value])]
            made.append(_condition(operator, key.lower(), values, where))
    return made


def _condition(operator: str, key: str, wanted: list[str], where: str) -> Callable[[Context], bool]:
    quantifier, _, plain = operator.rpartition(":")
    if_exists = plain.endswith("IfExists")
    plain = plain.removesuffix("IfExists")
    if plain == "Null" and not quantifier and not if_exists:
        return lambda context: (not context.get(key)) == (wanted == ["true"])
    negated = "Not" in plain
    compare = _OPERATORS.get(plain.replace("Not", ""))
    if compare is None or quantifier not in ("", "ForAllValues", "ForAnyValue") or (
        negated and plain.replace("Not", "") in ("Bool", "BinaryEquals")
    ):  # fmt: skip
        raise PolicyError(f"{where}: condition operator {operator!r} is not known")
    try:  # a value that cannot be read is a mistake of the document, not of a request
        for value in wanted:
            if "${" not in value:
                compare(value, value)
    except ValueError:
        raise PolicyError(f"{where}: {operator} cannot use {wanted!r}") from None

    def one(value: str, context: Context) -> bool:
        try:
            return any(compare(_filled(pattern, context), value) for pattern in wanted) != negated
        except ValueError:
            return negated

    def holds(context: Context) -> bool:
        values = context.get(key, [])
        if not values:
            return if_exists or quantifier == "ForAllValues" or (negated and not quantifier)
        if quantifier == "ForAllValues":
            return all(one(value, context) for value in values)
        if quantifier == "ForAnyValue" or not negated:
            return any(one(value, context) for value in values)
        return all(one(value, context) for value in values)

    return holds


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _filled(pattern: str, context: Context) -> str:
    """Policy variables replaced; one that is absent matches nothing."""
    if "${" not in pattern:
        return pattern

    def fill(match: re.Match[str]) -> str:
        name, _, default = match[1].partition(",")
        if name in _LITERAL:
            return _LITERAL[name]
        values = context.get(name.strip().lower())
        found = values[0] if values and len(values) == 1 else default.strip().strip("'") or "\0"
        return found.replace("*", "[*]").replace("?", "[?]")

    return _VARIABLE.sub(fill, pattern)


@functools.lru_cache(4096)
def _pattern(text: str) -> re.Pattern[str]:
    """* any run of characters, ? one; [*] and [?] the characters themselves."""
    words = {"*": ".*", "?": ".", "[*]": r"\*", "[?]": r"\?"}
    parts = re.split(r"(\[\*\]|\[\?\]|\*|\?)", text)
    return re.compile("".join(words.get(part, re.escape(part)) for part in parts), re.DOTALL)


def _like(pattern: str, value: str) -> bool:
    return _pattern(pattern).fullmatch(value) is not None


def _arn_like(pattern: str, value: str) -> bool:
    """Parts of an ARN are matched one by one, so that a * of one does not reach into the next."""
    wanted, given = pattern.split(":", 5), value.split(":", 5)
    if pattern == "*" or len(given) != 6:
        return _like(pattern, value)
    return len(wanted) == 6 and all(_like(w, g) for w, g in zip(wanted, given, strict=True))


def _moment(text: str) -> float:
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    found = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    return (found if found.tzinfo else found.replace(tzinfo=datetime.UTC)).timestamp()


def _boolean(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(text)
    return text.lower() == "true"


def _binary(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from None


_OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda w, v: w.replace("[*]", "*").replace("[?]", "?") == v,
    "StringEqualsIgnoreCase": lambda w, v: w.lower() == v.lower(),
    "StringLike": _like,
    "NumericEquals": lambda w, v: float(v) == float(w),
    "NumericLessThan": lambda w, v: float(v) < float(w),
    "NumericLessThanEquals": lambda w, v: float(v) <= float(w),
    "NumericGreaterThan": lambda w, v: float(v) > float(w),
    "NumericGreaterThanEquals": lambda w, v: float(v) >= float(w),
    "DateEquals": lambda w, v: _moment(v) == _moment(w),
    "DateLessThan": lambda w, v: _moment(v) < _moment(w),
    "DateLessThanEquals": lambda w, v: _moment(v) <= _moment(w),
    "DateGreaterThan": lambda w, v: _moment(v) > _moment(w),
    "DateGreaterThanEquals": lambda w, v: _moment(v) >= _moment(w),
    "Bool": lambda w, v: _boolean(v) == _boolean(w),
    "BinaryEquals": lambda w, v: _binary(v) == _binary(w),
    "IpAddress": lambda w, v: ipaddress.ip_network(v, strict=False).subnet_of(
        ipaddress.ip_network(w, strict=False)  # type: ignore[arg-type]
    ),
    "ArnEquals": _arn_like,
    "ArnLike": _arn_like,
}
