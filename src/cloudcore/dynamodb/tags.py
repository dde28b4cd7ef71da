"""Tags of a table: what AWS takes as a key and a value, and the words it refuses with."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from cloudcore.dynamodb.validation import refuse

TAGS_MAX = 50
_CHARACTERS = re.compile(r"[\w +\-=.:/@\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]*")


def read(tags: Iterable[dict[str, Any]]) -> dict[str, str]:
    """A request's Tags as a dict. Raises ApiError ValidationException."""
    result: dict[str, str] = {}
    for tag in tags:
        key, value = check_key(tag.get("Key")), tag.get("Value")
        if value is None or len(value) > 256 or not _CHARACTERS.fullmatch(value):
            raise refuse(f"The Tag Value provided is invalid, Value: {'null' if value is None else value}")
        if key in result:
            raise refuse(f"Duplicate Tag Keys provided as input: Duplicate Tag Key found {key}")
        result[key] = value
    check_count(result)
    return result


def check_key(key: str | None) -> str:
    """A key of 1 to 128 letters, digits, spaces and + - = . _ : / @, not beginning with aws:."""
    if not key or len(key) > 128 or not _CHARACTERS.fullmatch(key):
        raise refuse(f"The Tag Key provided is invalid, Key: {'null' if key is None else key}")
    if key.lower().startswith("aws:"):
        raise refuse(f"Tag Key cannot be prefixed with aws:, Key: {key}")
    return key


def check_count(tags: Iterable[str]) -> None:
    """At most 50 on a table."""
    if len(list(tags)) > TAGS_MAX:
        raise refuse("Number of Tags exceed the current limit for the provided ResourceArn")
