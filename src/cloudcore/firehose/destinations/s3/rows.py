"""JSON records as Python objects, for what needs to look at them: inference, and JSON lines out.

The conversion itself is C (cloudcore._stream.Columns). A record may hold several concatenated objects;
anything but objects is refused.
"""

from __future__ import annotations

import json
from typing import Any

import orjson

PARSE = "DataFormatConversion.ParseError"
_decoder = json.JSONDecoder()


class BadRecord(Exception):
    """A record that cannot become a row: `code` is Firehose's, the text says why."""

    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code = code


def objects_of(record: bytes) -> list[dict[str, Any]]:
    """The JSON objects in a record, in order; blank records have none. Raises BadRecord."""
    try:
        value = orjson.loads(record)
    except orjson.JSONDecodeError as error:
        values = _concatenated(record, error)
    else:
        values = [value]
    for value in values:
        if not isinstance(value, dict):
            raise BadRecord(PARSE, f"expected a JSON object, found {_name(value)}")
    return values


def _concatenated(record: bytes, first: Exception) -> list[Any]:
    try:
        text = record.decode()
    except UnicodeDecodeError as error:
        raise BadRecord(PARSE, f"not UTF-8 at byte {error.start}") from None
    values = []
    at = len(text) - len(text.lstrip())
    while at < len(text):
        try:
            value, at = _decoder.raw_decode(text, at)
        except (json.JSONDecodeError, RecursionError):
            raise BadRecord(PARSE, str(first)) from None
        values.append(value)
        while at < len(text) and text[at] in " \t\r\n":
            at += 1
    return values


def _name(value: Any) -> str:
    kinds = {bool: "a boolean", int: "a number", float: "a number", str: "a string", list: "an array"}
    return "null" if value is None else kinds.get(type(value), "an object")
