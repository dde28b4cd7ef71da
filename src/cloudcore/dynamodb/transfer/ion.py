"""Ion read by amazon.ion, an optional library: structs with an Item, as DynamoDB exports them."""

from __future__ import annotations

import base64
import importlib.util
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from cloudcore.dynamodb.transfer.inputs import Malformed
from cloudcore.dynamodb.validation import refuse
from cloudcore.errors import ApiError

SETS = {"$dynamodb_SS": "STRING", "$dynamodb_NS": "DECIMAL", "$dynamodb_BS": "BLOB"}


def check() -> None:
    """ApiError ValidationException when the library is not there."""
    if importlib.util.find_spec("amazon") is None or importlib.util.find_spec("amazon.ion") is None:
        raise refuse("ION is read by the library amazon.ion: pip install cloudcore[ion]")


def values(file: Any) -> Iterator[Any]:
    """The top-level values of an object. Raises Malformed."""
    from amazon.ion import simpleion
    from amazon.ion.exceptions import IonException

    try:
        yield from simpleion.load(file, single_value=False, parse_eagerly=False)
    except (IonException, ValueError, UnicodeDecodeError, EOFError) as error:
        raise Malformed(str(error) or type(error).__name__) from error


def item_of(record: Any) -> dict[str, Any]:
    """The item in a struct's Item, of Python values.

    Raises ApiError: SerializationException for what is no such struct, ValidationException for a value
    that has no type in DynamoDB.
    """
    item: dict[str, Any] = record_of(record)["Item"]
    return item


def record_of(record: Any) -> dict[str, Any]:
    """All members of such a struct, of Python values. Raises as item_of()."""
    if not isinstance(record, Mapping) or not isinstance(record.get("Item"), Mapping):
        raise ApiError("SerializationException", "the value is no struct with an Item")
    return {str(name): _value(value) for name, value in record.items()}


def wire(value: Any) -> dict[str, Any]:
    """One of these Python values as the wire has it: {"S": "text"}."""
    if value is None:
        return {"NULL": True}
    if isinstance(value, Mapping):
        return {"M": {name: wire(inner) for name, inner in value.items()}}
    if isinstance(value, list):
        return {"L": [wire(inner) for inner in value]}
    if isinstance(value, set):
        members = [next(iter(wire(member).items())) for member in value]
        return {f"{members[0][0]}S": [text for _, text in members]}
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, bytes):
        return {"B": base64.b64encode(value).decode()}
    return {"S": value} if isinstance(value, str) else {"N": str(value)}


def _value(value: Any) -> Any:
    from amazon.ion.simple_types import IonPyNull

    if isinstance(value, IonPyNull):
        return None
    kind = value.ion_type.name
    marks = [mark.text for mark in value.ion_annotations]
    if kind == "LIST":
        return _set(marks, value) if marks else [_value(inner) for inner in value]
    if kind == "STRUCT" and not marks:
        return {str(name): _value(inner) for name, inner in value.items()}
    plain = {"STRING": str, "BOOL": bool, "DECIMAL": Decimal, "INT": int, "BLOB": bytes}.get(kind)
    if plain is None or marks:
        marked = "".join(f"{mark}::" for mark in marks)
        raise refuse(f"the Ion type {marked}{kind.lower()} has no type in DynamoDB")
    return plain(value)


def _set(marks: list[str], members: Any) -> Any:
    wanted = SETS.get(marks[0]) if len(marks) == 1 else None
    found = [_value(member) for member in members]
    kinds = {"DECIMAL" if member.ion_type.name == "INT" else member.ion_type.name for member in members}
    if wanted is None or kinds != {wanted}:
        raise refuse(f"a list marked {'::'.join(marks)} is no set of DynamoDB's")
    if len(set(found)) != len(found):
        raise refuse("One or more parameter values were invalid: Input collection contains duplicates.")
    return set(found)
