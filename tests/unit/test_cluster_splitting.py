"""A replica whose range is split: what it answers behind that, what the new one holds, and when it is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from test_cluster_checkpoint import SCHEMA, filled, replica

from cloudcore._table import Snapshot, Tables, place
from cloudcore.cluster.tables.entry import PRIMITIVE, WRITE, Batch, Entry
from cloudcore.cluster.tables.replica import Answer, Replica
from cloudcore.cluster.tables.splitting import CATALOGUE, LAST, MOVED, SPLIT, Taken, catalogue_of
from cloudcore.errors import CloudcoreError

MIDDLE = 1 << 63


def ordered(of: Replica, operation: str, body: Any, kind: str = WRITE) -> Answer:
    got: list[Answer] = []
    batch = Batch(1, 1_700_000_000_000, of.after, [Entry("a.1", kind, operation, json.dumps(body).encode())])
    of.apply(batch, of.after + 1, lambda _, answer: got.append(answer))
    return got[0]


def split(of: Replica, at: int = MIDDLE) -> Taken:
    taken: list[Taken] = []
    of.on_split = taken.append
    status, body = ordered(of, SPLIT, {"at": at}, PRIMITIVE)
    assert status == 200, body
    return taken[0]


def put(of: Replica, number: int) -> int:
    return ordered(of, "PutItem", {"TableName": "kept", "Item": {"id": {"S": f"{number}"}, "n": {"N": "7"}}})[0]


def test_both_halves_have_what_was_before_and_take_their_own() -> None:
    lower, upper = filled(200), replica()
    hashes = [place(lower.tables, "kept", {"id": {"S": f"{number}"}})[0] for number in range(200)]
    taken = split(lower)
    assert [put(lower, number) for number in range(200)] == [200 if each < MIDDLE else MOVED for each in hashes]
    taken.derive(upper)
    assert (upper.first, upper.last, upper.after) == (MIDDLE, LAST, 0)
    described = Tables.describe(upper.tables, "kept")
    assert described is not None and described[1] == sum(each >= MIDDLE for each in hashes)
    assert [put(upper, number) for number in range(200)] == [200 if each >= MIDDLE else MOVED for each in hashes]
    with pytest.raises(KeyError):  # neither knows a table that came later
        Tables.drop(upper.tables, "late")
    ordered(lower, "create", {"name": "late", "description": json.dumps({**SCHEMA, "TableName": "late"})}, PRIMITIVE)
    told = json.loads(catalogue_of(lower))
    assert ordered(upper, CATALOGUE, told)[0] == 200 and "late" in upper.tables.names()
    assert ordered(upper, CATALOGUE, {"version": 0, "tables": {}})[0] == 200 and "late" in upper.tables.names()
    lower.close()
    upper.close()


@pytest.mark.parametrize("at", [0, MIDDLE + 1, LAST])
def test_a_split_outside_the_range_is_refused(at: int) -> None:
    lower = filled(3)
    split(lower)
    status, body = ordered(lower, SPLIT, {"at": at}, PRIMITIVE)
    assert status == 400 and "nothing of the range" in json.loads(body)["message"]
    lower.close()


def test_what_lies_in_one_range_is_refused_before_a_split_and_behind_it() -> None:
    followed, whole = filled(3), filled(3)
    described = json.dumps({**SCHEMA, "TableName": "kept", "Feed": "KEYS"})
    asked = {"name": "kept", "description": described}
    assert ordered(followed, "set_description", asked, PRIMITIVE)[0] == 200
    status, body = ordered(followed, SPLIT, {"at": MIDDLE}, PRIMITIVE)
    assert status == 400 and "kept is followed" in json.loads(body)["message"]
    assert followed.last == LAST
    split(whole)
    assert ordered(whole, "set_description", asked, PRIMITIVE)[0] == 400
    followed.close()
    whole.close()


def test_what_cannot_be_taken_whole_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    lower = filled(3)
    opened: list[Snapshot] = []

    def snapshot(tables: Tables, name: str) -> Snapshot:
        if len(opened) == 2:
            raise CloudcoreError("no memory")
        opened.append(Snapshot(tables, name))
        return opened[-1]

    monkeypatch.setattr("cloudcore.cluster.tables.splitting.Snapshot", snapshot)
    with pytest.raises(CloudcoreError, match="no memory"):
        Taken(lower, MIDDLE, LAST)
    for each in opened:
        with pytest.raises(CloudcoreError):
            each.read(1)
    lower.close()
