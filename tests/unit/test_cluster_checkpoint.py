"""Checkpoints of a cluster's tables as files: what comes back, and what a damaged one is refused with."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from cloudcore.clock import Clock
from cloudcore.cluster.tables.checkpoint import Taken, read, write
from cloudcore.cluster.tables.entry import PRIMITIVE, WRITE, Batch, Entry
from cloudcore.cluster.tables.replica import Answer, Replica
from cloudcore.errors import CorruptError

SEED = 99
SCHEMA = {
    "TableName": "kept",
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}, {"AttributeName": "kind", "AttributeType": "S"}],
    "GlobalSecondaryIndexes": [{
        "IndexName": "by-kind", "KeySchema": [{"AttributeName": "kind", "KeyType": "HASH"}],
        "Projection": {"ProjectionType": "ALL"}, "IndexStatus": "ACTIVE",
    }],
}  # fmt: skip


def replica() -> Replica:
    return Replica("000000000000", "us-east-1", SEED, Clock(), [], lambda *_: (400, b"{}"))


def asked(of: Replica, operation: str, body: Any, kind: str = WRITE) -> dict[str, Any]:
    """One request, out of the log."""
    got: list[Answer] = []
    batch = Batch(1, 1_700_000_000_000, of.after, [Entry("a.1", kind, operation, json.dumps(body).encode())])
    of.apply(batch, of.after + 1, lambda _, answer: got.append(answer))
    assert got[0][0] == 200, got
    answer: dict[str, Any] = json.loads(got[0][1])
    return answer


def filled(items: int) -> Replica:
    made = replica()
    for name in ("kept", "other"):
        described = json.dumps({**SCHEMA, "TableName": name})
        asked(made, "create", {"name": name, "description": described}, PRIMITIVE)
    for number in range(items):
        item = {"id": {"S": f"{number}"}, "kind": {"S": f"{number % 3}"}, "b": {"B": "AAEC"}, "pad": {"S": "x" * (number % 90)}}
        asked(made, "PutItem", {"TableName": "kept", "Item": item})
    asked(made, "TransactWriteItems", added())
    return made


def added() -> dict[str, Any]:
    add = {"TableName": "other", "Key": {"id": {"S": "n"}}, "UpdateExpression": "ADD n :one"}
    return {"ClientRequestToken": "once", "TransactItems": [
        {"Update": {**add, "ExpressionAttributeValues": {":one": {"N": "1"}}}}]}  # fmt: skip


def dumped(of: Replica) -> bytes:
    file = io.BytesIO()
    assert write(file, {"sequence": of.after, "time_ms": 1_700_000_000_000}, Taken(of)) == len(file.getvalue())
    return file.getvalue()


def scanned(of: Replica, table: str, **more: Any) -> Any:
    return json.loads(of.tables.call_json("Scan", json.dumps({"TableName": table, **more}).encode())[1])


def test_a_replica_made_of_a_checkpoint_is_the_same() -> None:
    one, other = filled(1000), replica()
    data = dumped(one)
    head = read(io.BytesIO(data), other.tables)
    other.after = head["sequence"]
    assert head == {"sequence": one.after, "time_ms": 1_700_000_000_000, "spaces": 3, "changes": 0}
    for table, more in (("kept", {}), ("kept", {"IndexName": "by-kind"}), ("other", {}), ("kept", {"Limit": 7})):
        assert scanned(one, table, **more) == scanned(other, table, **more)
    assert one.tables.names() == other.tables.names() == ["kept", "other"]
    for name in one.tables.names():
        here, there = one.tables.describe(name), other.tables.describe(name)
        assert here is not None and there is not None and here[:3] == there[:3]
    assert dumped(other) == data
    asked(other, "TransactWriteItems", added())  # it knows the token
    assert scanned(other, "other")["Items"] == [{"id": {"S": "n"}, "n": {"N": "1"}}]


def test_what_is_written_meanwhile_is_not_in_it() -> None:
    one, other = filled(300), replica()
    taken = Taken(one)
    asked(one, "PutItem", {"TableName": "kept", "Item": {"id": {"S": "late"}}})
    asked(one, "DeleteItem", {"TableName": "kept", "Key": {"id": {"S": "7"}}})
    asked(one, "drop", {"name": "other"}, PRIMITIVE)
    file = io.BytesIO()
    write(file, {"sequence": 1, "time_ms": 1}, taken)
    file.seek(0)
    read(file, other.tables)
    found = {item["id"]["S"] for item in scanned(other, "kept")["Items"]}
    assert found == {f"{number}" for number in range(300)} and other.tables.names() == ["kept", "other"]


def test_a_damaged_one_is_refused() -> None:
    """Each bit of it is covered, and each length: no part of a checkpoint passes for the whole."""
    data = dumped(filled(5))
    broken = [bytearray(data) for _ in data]
    for at, one in enumerate(broken):
        one[at] ^= 1 << at % 8
    for each in (*broken, *(data[:at] for at in range(len(data))), data + b"\0"):
        fresh = replica()
        with pytest.raises(CorruptError):
            read(io.BytesIO(each), fresh.tables)
        fresh.close()
