"""The first step: JSON types. A request is read into plain values, or refused at the first wrong one."""

from __future__ import annotations

import base64
import binascii
import datetime
import math
from typing import Any

from cloudcore.errors import ApiError
from cloudcore.validation.model import Model, Shape, member_shape
from cloudcore.validation.words import JAVA_STRING, STRUCTURES, serialization, words

_ALPHABET = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=")


class Reader:
    """Reads values by their shapes: nulls dropped, blobs as bytes, timestamps as epoch seconds.

    `wire`: the value was JSON, so text is base64 where a blob belongs; otherwise it has boto3's types.
    """

    def __init__(self, model: Model, wire: bool):
        self._shapes = model.shapes
        self._wire = wire
        self._words = words(model.service)

    def read(self, name: str, value: Any, element: bool = False) -> Any:
        """`value` in the form of the shape `name`. Raises ApiError SerializationException."""
        shape = self._shapes[name]
        kind = shape["type"]
        if kind == "structure":
            return self._structure(name, shape, value, element)
        if kind == "list":
            if not isinstance(value, (list, tuple)):
                raise self._words.collection(value, kind, name, element)
            return [None if e is None else self.read(shape["member"], e, True) for e in value]
        if kind == "map":
            return self._map(shape, value, element)
        return self.scalar(kind, value)

    def _structure(self, name: str, shape: Shape, value: Any, element: bool) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self._words.collection(value, "structure", name, element)
        members = shape["members"]
        result = {}
        for key, inner in value.items():
            if inner is None:
                continue
            member = members.get(key) if isinstance(key, str) else None
            result[key] = inner if member is None else self.read(member_shape(member), inner)
        return result

    def _map(self, shape: Shape, value: Any, element: bool) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self._words.collection(value, "map", self._java(shape["value"]), element)
        return {
            self.scalar("string", key): None if inner is None else self.read(shape["value"], inner, True)
            for key, inner in value.items()
        }

    def _java(self, name: str) -> str:
        """A shape's Java type, as refusals name it."""
        shape = self._shapes[name]
        if shape["type"] == "list":
            return f"java.util.List<{self._java(shape['member'])}>"
        return JAVA_STRING if shape["type"] == "string" else STRUCTURES + name

    def scalar(self, kind: str, value: Any) -> Any:
        """`value` as the model's scalar type `kind`."""
        if kind == "string":
            if not isinstance(value, str):
                raise self._words.scalar(value, kind)
            return _encodable(value)
        if kind == "boolean":
            if isinstance(value, str) and value.lower() in ("true", "false"):
                return value.lower() == "true"
            if not isinstance(value, bool):
                raise self._words.scalar(value, kind)
            return value
        if kind == "blob":
            return self._blob(value)
        if kind == "timestamp":
            return self._timestamp(value)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not _finite(value):
            raise self._words.scalar(value, kind)
        return float(value) if kind in ("double", "float") else int(value)

    def _blob(self, value: Any) -> bytes:
        if isinstance(value, (bytes, bytearray, memoryview)):
            return bytes(value)  # boto3's, or the body of a REST request: JSON has no bytes
        if not self._wire and hasattr(value, "read"):
            return self._blob(value.read())
        if not isinstance(value, str):
            raise self._words.scalar(value, "blob")
        if not self._wire:
            return _encodable(value).encode()  # as boto3 takes text
        if len(value) % 4:
            raise serialization(
                f"Base64 encoded length is expected a multiple of 4 bytes but found: {len(value)}"
            )
        for character in value:
            if character not in _ALPHABET:
                raise serialization(f"Invalid Base64 character: '{character}'")
        try:
            data = base64.b64decode(value, validate=True)
        except binascii.Error:
            data = b""
        if base64.b64encode(data) != value.encode():
            raise serialization("Invalid last non-pad Base64 character dectected")
        return data

    def _timestamp(self, value: Any) -> float:
        try:
            if not self._wire and isinstance(value, str):
                value = datetime.datetime.fromisoformat(value)
            if not self._wire and isinstance(value, datetime.datetime):
                when: datetime.datetime = value
                return (when if when.tzinfo else when.replace(tzinfo=datetime.UTC)).timestamp()
        except (ValueError, OverflowError):
            raise self._words.scalar(value, "timestamp") from None
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not _finite(value):
            raise self._words.scalar(value, "timestamp")
        seconds: float = value
        return seconds


def read_body(model: Model, operation: str, params: Any, wire: bool) -> dict[str, Any]:
    """The whole request. Raises ApiError SerializationException."""
    if isinstance(params, (list, tuple)):
        raise serialization("Start of list found where not expected")
    if not isinstance(params, dict):
        raise ApiError("SerializationException", "")
    name = model.input(operation)
    if name is None:
        return {key: value for key, value in params.items() if value is not None}
    try:
        members: dict[str, Any] = Reader(model, wire).read(name, params)
        return members
    except RecursionError:
        raise serialization("The request is nested too deeply") from None


def _encodable(text: str) -> str:
    """Text that UTF-8 can carry; lone surrogates come from broken escapes only."""
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise serialization("The text holds a lone surrogate, which is not Unicode") from None
    return text


def _finite(number: int | float) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:  # an integer beyond a double's range
        return False
