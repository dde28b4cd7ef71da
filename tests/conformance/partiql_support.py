"""A table for the tests of PartiQL, and statements run on it in process and as JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cloudcore.dynamodb import DynamoDB
from cloudcore.errors import ApiError

WRONG = "Statement wasn't well formed, can't be processed: "


def create(db: DynamoDB) -> None:
    """`tab` of p (S) and s (N), a global index on g and s that includes n, a local one on l."""

    def schema(*names: str) -> list[dict[str, str]]:
        kinds = zip(names, ("HASH", "RANGE"), strict=False)
        return [{"AttributeName": name, "KeyType": kind} for name, kind in kinds]

    db.call(
        "CreateTable",
        {
            "TableName": "tab",
            "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": schema("p", "s"),
            "AttributeDefinitions": [
                {"AttributeName": name, "AttributeType": kind} for name, kind in zip("psgl", "SNSN", strict=True)
            ],
            "GlobalSecondaryIndexes": [
                {
                    "IndexName": "wide",
                    "KeySchema": schema("g", "s"),
                    "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["n"]},
                }
            ],
            "LocalSecondaryIndexes": [
                {
                    "IndexName": "near",
                    "KeySchema": schema("p", "l"),
                    "Projection": {"ProjectionType": "KEYS_ONLY"},
                }
            ],
        },
    )


def fill(db: DynamoDB) -> None:
    """Items a1 to a5 with n = s * s, g = g0 or g1, l = 10 - s; and b1 with a value of every other kind."""
    for i in range(1, 6):
        run(
            db,
            f"INSERT INTO tab VALUE {{'p': 'a', 's': {i}, 'g': 'g{i % 2}', 'l': {10 - i}, 'n': {i * i}, "
            "'x': 'y', 'm': {'k': [1, 2, 3]}}",
        )
    run(
        db,
        "INSERT INTO tab VALUE {'p': 'b', 's': 1, 'yes': true, 'nil': NULL, 'words': <<'a', 'b'>>, "
        "'numbers': <<1, 2>>, 'text': 'hello', 'bin': ?, 'bins': ?}",
        {"B": b"\x00\x01"},
        {"BS": [b"q"]},
    )


def run(db: DynamoDB, statement: str, *parameters: dict[str, Any], **more: Any) -> dict[str, Any]:
    """ExecuteStatement in process; the same in JSON must answer the same, when nothing was changed."""
    params = {"Statement": statement, **more} | ({"Parameters": list(parameters)} if parameters else {})
    reply: dict[str, Any] | None = None
    refusal: ApiError | None = None
    try:
        reply = db.call("ExecuteStatement", params)
    except ApiError as error:
        refusal = error
    reads = statement.lstrip().upper().startswith("SELECT")
    if not _has_bytes(params) and (refusal is not None or (reads and not _has_bytes(reply))):
        status, body = db.call_json("ExecuteStatement", json.dumps(params).encode())
        said = json.loads(body)
        if refusal is None:
            assert (status, said) == (200, reply)
        else:
            kind, message = said["__type"].split("#")[1], said.get("message", said.get("Message"))
            assert (status, kind, message) == (400, refusal.code, refusal.message)
    if reply is None:
        assert refusal is not None
        raise refusal
    return reply


def keys(reply: dict[str, Any]) -> list[str]:
    """ "a1" for every item, in order."""
    return [item["p"]["S"] + item["s"]["N"] for item in reply["Items"]]


def refused(
    db: DynamoDB,
    statement: str,
    message: str,
    *parameters: dict[str, Any],
    code: str = "ValidationException",
    **more: Any,
) -> ApiError:
    """The statement must fail with exactly this code and message, by both doors."""
    with pytest.raises(ApiError) as caught:
        run(db, statement, *parameters, **more)
    assert (caught.value.code, caught.value.message) == (code, message)
    return caught.value


def _has_bytes(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_has_bytes, value.values()))
    if isinstance(value, list):
        return any(map(_has_bytes, value))
    return isinstance(value, bytes)
