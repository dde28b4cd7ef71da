"""Replies held against botocore's models: no member that the model does not know, every value of its type."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from functools import cache
from typing import Any

from botocore.loaders import Loader
from botocore.model import ServiceModel, Shape

TYPES: dict[str, Any] = {
    "string": str, "integer": int, "long": int, "boolean": bool, "blob": (bytes, bytearray),
    "double": (int, float), "float": (int, float), "timestamp": datetime.datetime,
}  # fmt: skip


@cache
def model(service: str) -> ServiceModel:
    return ServiceModel(Loader().load_service_model(service, "service-2"), service)


def check_reply(service: str, operation: str, reply: Any) -> None:
    """AssertionError, with the path, for what boto3's parser would not give for this operation."""
    shape = model(service).operation_model(operation).output_shape
    if shape is None:
        assert reply == {}, f"{operation}: {reply!r} where the model has no answer"
    else:
        _check(shape, reply, operation)


def _check(shape: Shape, value: Any, path: str) -> None:
    if shape.type_name == "structure":
        assert isinstance(value, dict), f"{path}: {value!r} is no structure"
        unknown = set(value) - set(shape.members)
        assert not unknown, f"{path}: the model has no {sorted(unknown)}"
        for name in shape.required_members:
            assert name in value, f"{path}.{name} is required"
        for name, inner in value.items():
            if getattr(inner, "read", None) is None and not isinstance(inner, Iterator):  # streams
                _check(shape.members[name], inner, f"{path}.{name}")
    elif shape.type_name == "list":
        assert isinstance(value, list), f"{path}: {value!r} is no list"
        for at, inner in enumerate(value):
            _check(shape.member, inner, f"{path}[{at}]")
    elif shape.type_name == "map":
        assert isinstance(value, dict), f"{path}: {value!r} is no map"
        for key, inner in value.items():
            _check(shape.value, inner, f"{path}[{key!r}]")
    else:
        kind = TYPES[shape.type_name]
        good = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
        assert good, f"{path}: {value!r} is no {shape.type_name}"
        if getattr(shape, "enum", None):
            assert value in shape.enum, f"{path}: {value!r} is none of {shape.enum}"
