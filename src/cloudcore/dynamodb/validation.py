"""What the control plane checks beyond the model: see cloudcore.validation for types and limits."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from cloudcore.errors import ApiError
from cloudcore.validation import load


def refuse(message: str) -> ApiError:
    """A ValidationException; raise what this returns."""
    return ApiError("ValidationException", message)


def invalid(message: str) -> ApiError:
    """A ValidationException about values that do not go together; raise what this returns."""
    return refuse(f"One or more parameter values were invalid: {message}")


def honoured(operation: str, params: dict[str, Any], members: Collection[str]) -> None:
    """Refuse the model's members other than `members`: what is not honoured is never ignored."""
    for name in load("dynamodb").members(operation):
        if name not in members and params.get(name):
            raise invalid(f"{name} is not supported by cloudcore")


def table_name_of(name_or_arn: str) -> str:
    """arn:aws:dynamodb:REGION:ACCOUNT:table/NAME -> NAME; any other text as it is."""
    if name_or_arn.startswith("arn:") and ":table/" in name_or_arn:
        return name_or_arn.split(":table/", 1)[1]
    return name_or_arn
