"""check(): both steps over one request."""

from __future__ import annotations

from typing import Any

from cloudcore.errors import ApiError
from cloudcore.validation.limits import Limits
from cloudcore.validation.model import load
from cloudcore.validation.types import read_body


def check(service: str, operation: str, params: Any, wire: bool = False) -> dict[str, Any]:
    """The request without its nulls, blobs as bytes, timestamps as epoch seconds; `params` stays as it is.

    `wire`: `params` was read from JSON; otherwise it has boto3's types. Raises ApiError:
    SerializationException for wrong types, ValidationException for broken limits. KeyError: the
    service's model has no such operation.
    """
    model = load(service)
    read = read_body(model, operation, params, wire)
    name = model.input(operation)
    if name is None:
        return read
    for member, words in model.shapes[name].get("missing", {}).items():
        if read.get(member) is None:
            raise ApiError("ValidationException", words)
    limits = Limits(model)
    try:
        limits.walk(name, read, "")
    except RecursionError:
        raise ApiError("SerializationException", "The request is nested too deeply") from None
    limits.violations.report()
    return read
