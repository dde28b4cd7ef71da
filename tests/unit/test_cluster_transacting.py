"""Steps of transactions over two ranges, in every order, again, and at replicas that began with a checkpoint in between."""

from __future__ import annotations

import io
import itertools
import json
from dataclasses import dataclass
from typing import Any

import pytest
from test_cluster_checkpoint import SCHEMA, filled, replica
from test_cluster_splitting import MIDDLE, split

from cloudcore._table import call_part, place
from cloudcore.cluster.tables.checkpoint import Taken, read, write
from cloudcore.cluster.tables.entry import EXPIRE, PRIMITIVE, WRITE, Batch, Entry
from cloudcore.cluster.tables.replica import Answer, Replica
from cloudcore.cluster.tables.splitting import CATALOGUE, MOVED, SPLIT, covered
from cloudcore.cluster.tables.transacting import (
    BUSY,
    DECIDE,
    DRAIN_MS,
    FINISH,
    FORGET,
    LATE,
    NO,
    PREPARE,
    REPEATED,
    RESOLVE,
    YES,
    packed,
    unpacked,
)

START_MS = 1_700_000_000_000
UNTIL_MS = START_MS + 300_000


def again(of: Replica) -> Replica:
    """A replica that begins with a checkpoint of this one."""
    file = io.BytesIO()
    write(file, {"sequence": of.after, "time_ms": START_MS, **of.part()}, Taken(of))
    made = replica()
    file.seek(0)
    head = read(file, made.tables)
    made.filled()
    made.after = head["sequence"]
    made.is_part(head)
    of.close()
    return made


@dataclass
class Ranges:
    """Both halves, and an item of each; `anew`: every entry comes to replicas that have just begun with a checkpoint."""

    lower: Replica
    upper: Replica
    low: str
    high: str
    low_hash: int
    high_hash: int
    anew: bool = False
    now_ms: int = START_MS

    def run(self, at: str, operation: str, body: bytes, kind: str = WRITE) -> Answer:
        if self.anew:
            setattr(self, at, again(getattr(self, at)))
        of = getattr(self, at)
        got: list[Answer] = []
        of.apply(Batch(1, self.now_ms, of.after, [Entry("a.1", kind, operation, body)]), of.after + 1,
                 lambda _, answer: got.append(answer))  # fmt: skip
        return got[0]

    def step(self, at: str, operation: str, told: dict[str, Any], body: bytes = b"") -> dict[str, Any]:
        status, data = self.run(at, operation, packed(told, body))
        if status != 200:
            return {"status": status, "told": data}
        head, raw = unpacked(data)
        return {**head, "raw": raw}

    def head(self, txn: str, **more: Any) -> dict[str, Any]:
        return {"txn": txn, "at": self.low_hash, "until": UNTIL_MS, "operation": "TransactWriteItems", "token": None,
                "digest": [1, 2], "reads": False, "bytes": 0, **more}  # fmt: skip

    def prepare(self, txn: str = "t", actions: Any = None, keep: bool = True, **more: Any) -> dict[str, Any]:
        body = json.dumps({"TransactItems": actions or [add(self.high)]}).encode()
        return self.step("upper", PREPARE, self.head(txn, keep=keep, **more), body)

    def decide(self, txn: str = "t", actions: Any = None, **more: Any) -> dict[str, Any]:
        body = json.dumps({"TransactItems": actions or [add(self.low)]}).encode()
        return self.step("lower", DECIDE, self.head(txn, others=[self.high_hash], **more), body)

    def resolve(self, txn: str = "t") -> Any:
        return self.step("lower", RESOLVE, {"txn": txn, "hash": self.low_hash, "until": UNTIL_MS})["commit"]

    def finish(self, commit: Any, txn: str = "t") -> Any:
        return self.step("upper", FINISH, {"txn": txn, "hash": self.high_hash, "commit": commit})["held"]

    def values(self) -> tuple[int, int]:
        return value(self.lower, self.low), value(self.upper, self.high)

    def put(self, at: str, name: str) -> int:
        return self.run(at, "PutItem", json.dumps({"TableName": "kept", "Item": {"id": {"S": name}}}).encode())[0]


def add(name: str, **more: Any) -> dict[str, Any]:
    return {"Update": {"TableName": "kept", "Key": {"id": {"S": name}}, "UpdateExpression": "ADD n :one",
                       "ExpressionAttributeValues": {":one": {"N": "1"}, **more.pop("values", {})}, **more}}  # fmt: skip


def value(of: Replica, name: str) -> int:
    status, raw = of.tables.call_json("GetItem", json.dumps({"TableName": "kept", "Key": {"id": {"S": name}}}).encode())
    assert status == 200, raw
    return int(json.loads(raw).get("Item", {}).get("n", {"N": "0"})["N"])


@pytest.fixture(params=[False, True], ids=["on", "anew"])
def ranges(request: pytest.FixtureRequest) -> Any:
    lower, upper = filled(30), replica()
    taken = split(lower)
    taken.derive(upper)
    hashes = {f"{n}": place(lower.tables, "kept", {"id": {"S": f"{n}"}})[0] for n in range(30)}
    low = next(name for name, each in hashes.items() if each < MIDDLE)
    high = next(name for name, each in hashes.items() if each >= MIDDLE)
    made = Ranges(lower, upper, low, high, hashes[low], hashes[high], request.param)
    yield made
    made.lower.close()
    made.upper.close()


def test_a_decision_is_done_in_both_once(ranges: Ranges) -> None:
    assert ranges.prepare()["vote"] == YES
    assert ranges.values() == (0, 0)
    assert ranges.decide()["vote"] == YES
    assert ranges.values() == (1, 0)
    assert ranges.resolve() is True and ranges.resolve() is True
    assert [ranges.finish(True), ranges.finish(True), ranges.finish(False)] == [True, False, False]
    assert ranges.values() == (1, 1)
    assert ranges.step("lower", FORGET, {"txn": "t"}).get("status") is None
    assert (ranges.lower.transactions.decided, ranges.upper.transactions.locks) == ({}, {})


@pytest.mark.parametrize("order", list(itertools.permutations(("prepare", "decide", "resolve"))), ids="-".join)
def test_whatever_comes_first_both_have_it_or_neither(ranges: Ranges, order: tuple[str, ...]) -> None:
    """As a coordinator and one who recovers would: decides only when it is prepared, finishes by what was resolved."""
    votes: dict[str, Any] = {}
    for what in order:
        if what == "decide" and votes.get("prepare") != YES:
            continue
        votes[what] = ranges.resolve() if what == "resolve" else getattr(ranges, what)()["vote"]
    if votes.get("decide") == YES:
        ranges.finish(True)
    ranges.finish(ranges.resolve())
    low, high = ranges.values()
    assert low == high == int(votes.get("decide") == YES)
    assert not ranges.upper.transactions.locks and not ranges.upper.transactions.prepared
    if order.index("resolve") < order.index("decide") and "decide" in votes:
        assert votes["decide"] == LATE


def test_what_was_given_up_is_not_decided_however_late(ranges: Ranges) -> None:
    assert ranges.prepare()["vote"] == YES
    assert ranges.resolve() is False
    assert ranges.decide()["vote"] == LATE
    ranges.now_ms = UNTIL_MS  # what was given up is forgotten then, and too late by itself
    assert ranges.resolve("another") is False
    assert "t" not in ranges.lower.transactions.refused
    assert ranges.decide()["vote"] == LATE
    assert ranges.finish(False) is True and ranges.values() == (0, 0)


def test_locks_hold_off_writes_and_not_reads(ranges: Ranges) -> None:
    assert ranges.prepare()["vote"] == YES
    assert ranges.put("upper", ranges.high) == BUSY
    batch = {"RequestItems": {"kept": [{"PutRequest": {"Item": {"id": {"S": ranges.high}}}}]}}
    assert ranges.run("upper", "BatchWriteItem", json.dumps(batch).encode())[0] == BUSY
    expired = json.dumps({"TableName": "kept", "Key": {"id": {"S": ranges.high}}}).encode()
    assert ranges.run("upper", "DeleteItem", expired, EXPIRE)[0] == BUSY
    text = json.dumps({"Statement": f"DELETE FROM kept WHERE id = '{ranges.high}'"}).encode()
    assert ranges.run("upper", "ExecuteStatement", text)[0] == BUSY
    told = ranges.prepare("other")
    assert (told["status"], json.loads(told["told"])) == (BUSY, [ranges.high_hash])
    assert value(ranges.upper, ranges.high) == 0
    free = next(f"{n}" for n in itertools.count(100) if place(ranges.upper.tables, "kept", {"id": {"S": f"{n}"}})[0] > ranges.high_hash)
    assert ranges.put("upper", free) == 200
    ranges.finish(False)
    assert ranges.put("upper", ranges.high) == 200


def test_reads_share_what_they_lock(ranges: Ranges) -> None:
    gets = [{"Get": {"TableName": "kept", "Key": {"id": {"S": ranges.high}}}}]
    more = {"operation": "TransactGetItems", "reads": True}
    for txn in ("one", "two"):
        told = ranges.prepare(txn, gets, **more)
        assert told["vote"] == YES and json.loads(told["raw"])["Responses"][0]["Item"]["id"]["S"] == ranges.high
    assert ranges.prepare("write")["status"] == BUSY and ranges.put("upper", ranges.high) == BUSY
    assert ranges.finish(False, "one") is True
    assert ranges.put("upper", ranges.high) == BUSY
    assert [ranges.finish(False, "two"), ranges.finish(False, "two")] == [True, False]
    assert ranges.put("upper", ranges.high) == 200
    assert ranges.prepare("write")["vote"] == YES
    assert ranges.prepare("three", gets, **more)["status"] == BUSY


def test_a_single_read_of_several_sees_no_part(ranges: Ranges) -> None:
    gets = [{"Get": {"TableName": "kept", "Key": {"id": {"S": ranges.high}}}}]
    body = json.dumps({"TransactItems": gets}).encode()
    ranges.anew = False
    hashes = covered(ranges.upper, "TransactGetItems", body)
    assert hashes is not None
    found, turn = ranges.upper.transactions, ranges.upper.transactions.turn
    assert found.passed(hashes, turn) is None
    ranges.prepare()
    assert found.passed(hashes, found.turn) == (BUSY, json.dumps([ranges.high_hash]).encode())
    ranges.finish(True)
    assert found.passed(hashes, turn) == (BUSY, b"[]")  # it came and went meanwhile
    assert found.passed(hashes, found.turn) is None


def test_a_refusal_says_why_and_locks_nothing(ranges: Ranges) -> None:
    held = {"ConditionExpression": "n = :seven", "values": {":seven": {"N": "7"}},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}  # fmt: skip
    told = ranges.prepare(actions=[add(ranges.high, **held)])
    assert told["vote"] == NO
    (reason,) = json.loads(told["raw"])["CancellationReasons"]
    assert reason["Code"] == "ConditionalCheckFailed" and reason["Item"]["id"]["S"] == ranges.high
    assert not ranges.upper.transactions.locks
    assert ranges.decide(actions=[add(ranges.low, **held)])["vote"] == NO
    assert ranges.resolve() is False and ranges.values() == (0, 0)
    assert ranges.prepare(keep=False)["vote"] == YES
    assert not ranges.upper.transactions.locks


def test_sizes_of_all_parts_are_bounded_together(ranges: Ranges) -> None:
    told = ranges.prepare()
    assert 0 < told["bytes"] < 200
    told = ranges.decide(bytes=4 << 20)
    assert told["vote"] == NO and b"exceeds the limit of 4 MB" in told["raw"]
    assert ranges.decide(bytes=(4 << 20) - 1000)["vote"] == YES


def test_tokens_are_known_to_every_part(ranges: Ranges) -> None:
    token: dict[str, Any] = {"token": "mine"}
    told = ranges.prepare(**token)
    assert told["vote"] == YES, told
    assert ranges.prepare("other", [add("x")], **token)["status"] in (BUSY, MOVED)  # one of that token at a time
    assert ranges.decide(**token)["vote"] == YES
    ranges.finish(True)
    assert ranges.values() == (1, 1)
    for run in (ranges.prepare, ranges.decide):
        assert run("again", **token)["vote"] == REPEATED
        told = run("otherwise", **token, digest=[3, 4])
        assert told["vote"] == NO and b"IdempotentParameterMismatchException" in told["raw"]
    assert ranges.values() == (1, 1) and not ranges.upper.transactions.locks


def test_a_transaction_before_a_split_is_known_behind_it() -> None:
    whole, upper = filled(0), replica()
    names = ["a", "b", "c", "d"]
    request = {"TransactItems": [add(name) for name in names], "ClientRequestToken": "mine"}
    body = json.dumps(request).encode()
    made = Ranges(whole, upper, "", "", 0, 0)
    assert made.run("lower", "TransactWriteItems", body)[0] == 200
    split(whole).derive(upper)
    status, _, digest, *_ = call_part(whole.tables, "form", "TransactWriteItems", body)
    assert status == 200
    hashes = {name: place(whole.tables, "kept", {"id": {"S": name}})[0] for name in names}
    high = next(name for name in names if hashes[name] >= MIDDLE)
    assert made.prepare(actions=[add(high)], token="mine", digest=list(digest))["vote"] == REPEATED
    whole.close()
    upper.close()


def test_splits_and_other_tables_wait_until_nothing_is_prepared(ranges: Ranges) -> None:
    shapes: list[tuple[str, Any, str]] = [
        (SPLIT, {"at": MIDDLE + (1 << 62)}, PRIMITIVE),
        ("set_description", {"name": "kept", "description": json.dumps({**SCHEMA, "TableName": "kept"})}, PRIMITIVE),
        (CATALOGUE, {"version": 1 << 40, "tables": {}}, WRITE),
        ("drop", {"name": "other"}, PRIMITIVE),
    ]
    assert ranges.prepare()["vote"] == YES
    for operation, body, kind in shapes:
        assert ranges.run("upper", operation, json.dumps(body).encode(), kind)[0] == BUSY
    other = next(f"{n}" for n in range(30) if place(ranges.upper.tables, "kept", {"id": {"S": f"{n}"}})[0] > ranges.high_hash)
    assert ranges.prepare("new", [add(other)])["status"] == BUSY  # so that they come to their turn
    ranges.now_ms += DRAIN_MS
    assert ranges.prepare("new", [add(other)])["vote"] == YES
    ranges.finish(True)
    ranges.finish(True, "new")
    assert ranges.run("upper", SPLIT, json.dumps(shapes[0][1]).encode(), PRIMITIVE)[0] == 200
    assert ranges.run("upper", "drop", json.dumps(shapes[3][1]).encode(), PRIMITIVE)[0] == 200


def test_decisions_go_to_both_halves(ranges: Ranges) -> None:
    ranges.anew = False
    assert ranges.prepare()["vote"] == YES and ranges.decide()["vote"] == YES
    assert ranges.resolve("never") is False
    half = replica()
    split(ranges.lower, ranges.low_hash + 1).derive(half)
    for each in (ranges.lower, half):
        assert set(each.transactions.decided) == {"t"} and set(each.transactions.refused) == {"never"}
    half.close()


def test_steps_go_where_their_keys_are(ranges: Ranges) -> None:
    assert ranges.step("lower", PREPARE, ranges.head("t", keep=True), json.dumps({"TransactItems": [add(ranges.high)]}).encode()) == {
        "status": MOVED, "told": b""}  # fmt: skip
    assert ranges.step("upper", RESOLVE, {"txn": "t", "hash": ranges.low_hash, "until": UNTIL_MS})["status"] == MOVED
    assert ranges.step("lower", FINISH, {"txn": "t", "hash": ranges.high_hash, "commit": True})["status"] == MOVED
    assert ranges.resolve() is False and ranges.finish(True) is False


def test_statements(ranges: Ranges) -> None:
    def body(name: str) -> bytes:
        return json.dumps({"TransactStatements": [{"Statement": f"UPDATE kept SET n = 5 WHERE id = '{name}'"}]}).encode()

    more = {"operation": "ExecuteTransaction"}
    assert ranges.step("upper", PREPARE, ranges.head("t", keep=True, **more), body(ranges.high))["vote"] == YES
    assert ranges.values() == (0, 0)
    assert ranges.step("lower", DECIDE, ranges.head("t", others=[ranges.high_hash], **more), body(ranges.low))["vote"] == YES
    ranges.finish(ranges.resolve())
    assert ranges.values() == (5, 5)
