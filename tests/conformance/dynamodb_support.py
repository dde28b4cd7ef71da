"""Helpers of the DynamoDB conformance tests: tables in process, refusals compared word by word."""

from __future__ import annotations

from typing import Any

import pytest

from cloudcore.dynamodb import DynamoDB, Streams
from cloudcore.errors import ApiError

COUNTED = "1 validation error detected: "
"""PutItem and UpdateItem count what is wrong with the request itself; other operations only say it."""


def create(
    db: DynamoDB, name: str = "tab", pk: str = "S", sk: str | None = "N", **more: Any
) -> dict[str, Any]:
    keys = [("p", "HASH", pk)] + ([("s", "RANGE", sk)] if sk else [])
    return db.call(
        "CreateTable",
        {
            **more,
            "TableName": name,
            "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": [{"AttributeName": n, "KeyType": k} for n, k, _ in keys],
            "AttributeDefinitions": [{"AttributeName": n, "AttributeType": t} for n, _, t in keys],
        },
    )["TableDescription"]


def refused(
    db: DynamoDB | Streams, operation: str, params: dict[str, Any], message: str, code: str = "ValidationException"
):
    """The operation must fail with exactly this code and message; gives the error."""
    with pytest.raises(ApiError) as caught:
        db.call(operation, params)
    assert (caught.value.code, caught.value.message) == (code, message)
    return caught.value


def key(p: str, s: int | str | None = None) -> dict[str, Any]:
    return {"p": {"S": p}} | ({} if s is None else {"s": {"N": str(s)}})
