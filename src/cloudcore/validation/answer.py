"""Answers in their two forms. Operations give timestamps as epoch seconds and blobs as bytes."""

from __future__ import annotations

import base64
import datetime
from collections.abc import Iterator
from typing import Any

from cloudcore.validation.model import Model, load, member_shape


def for_boto3(service: str, operation: str, answer: dict[str, Any]) -> dict[str, Any]:
    """The answer as boto3 gives it: timestamps as aware datetimes. Copies what it changes only."""
    model = load(service)
    name = model.operations.get(operation, {}).get("output")
    return answer if name is None else _datetimes(model, name, answer)


def _datetimes(model: Model, name: str, value: Any) -> Any:
    shape = model.shapes.get(name)
    if shape is None or value is None or isinstance(value, Iterator):  # an event stream is read as it comes
        return value
    kind = shape["type"]
    if kind == "timestamp":
        return datetime.datetime.fromtimestamp(value, datetime.UTC)
    if kind == "structure":
        members = shape["members"]
        return {
            key: _datetimes(model, member_shape(members[key]), inner) if key in members else inner
            for key, inner in value.items()
        }
    if kind == "list":
        return [_datetimes(model, shape["member"], inner) for inner in value]
    if kind == "map":
        return {key: _datetimes(model, shape["value"], inner) for key, inner in value.items()}
    return value


def for_json(value: Any) -> Any:
    """A `default` for json.dumps: blobs as base64."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return base64.b64encode(value).decode()
    raise TypeError(f"{type(value).__name__} has no form in JSON")
