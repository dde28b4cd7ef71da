"""Tags of a stream: at most 50, with AWS's rules for keys and values."""

from __future__ import annotations

import re
from typing import Any

from cloudcore.errors import ApiError
from cloudcore.firehose.checks import failed, member

TAGS_MAX = 50
_PATTERN = r"^(?!aws:)[\p{L}\p{Z}\p{N}_.:\/=+\-@%]*$"
_ALLOWED = re.compile(r"(?!aws:)[\w\s.:/=+\-@%]*")


def read(params: dict[str, Any], *, required: bool) -> dict[str, str]:
    """The Tags member as a dict. Raises ApiError ValidationException, InvalidArgumentException."""
    given = member(params, "Tags", list, required=required)
    if given is None:
        return {}
    _length(given, "tags")
    out: dict[str, str] = {}
    for at, tag in enumerate(given, 1):
        if not isinstance(tag, dict):
            raise ApiError("SerializationException", "Tags must hold structures")
        key = check_key(member(tag, "Key", str, required=True), f"tags.{at}.member.key")
        value = member(tag, "Value", str, default="")
        if len(value) > 256:
            raise failed(
                value, f"tags.{at}.member.value", "Member must have length less than or equal to 256"
            )
        _pattern(value, f"tags.{at}.member.value")
        if key in out:
            raise ApiError("InvalidArgumentException", f"Duplicate tag key: {key}")
        out[key] = value
    return out


def read_keys(params: dict[str, Any]) -> list[str]:
    """The TagKeys member."""
    given = member(params, "TagKeys", list, required=True)
    _length(given, "tagKeys")
    return [check_key(key, f"tagKeys.{at}.member") for at, key in enumerate(given, 1)]


def check_key(key: Any, path: str) -> str:
    """A tag key: 1..128 characters, not beginning with aws:."""
    if not isinstance(key, str):
        raise ApiError("SerializationException", "a tag key must be a string")
    if not key:
        raise failed(key, path, "Member must have length greater than or equal to 1")
    if len(key) > 128:
        raise failed(key, path, "Member must have length less than or equal to 128")
    _pattern(key, path)
    return key


def _pattern(text: str, path: str) -> None:
    if not _ALLOWED.fullmatch(text):
        raise failed(text, path, f"Member must satisfy regular expression pattern: {_PATTERN}")


def _length(given: list[Any], path: str) -> None:
    if not given:
        raise failed("[]", path, "Member must have length greater than or equal to 1")
    if len(given) > TAGS_MAX:
        raise failed(f"[{len(given)} members]", path, "Member must have length less than or equal to 50")
