"""What of tables on a cluster needs no server: batches of requests, who is asked, and that nothing is taken twice."""

from __future__ import annotations

import json
import random

import pytest

from cloudcore.clock import Clock
from cloudcore.cluster.layout import first_of, of_tables_log, range_from, tables_log
from cloudcore.cluster.tables.entry import PART_MAX, Batch, Entry, Joiner, load
from cloudcore.cluster.tables.kinds import LOCAL, eventual, kind_of
from cloudcore.cluster.tables.pending import KNOWN, REFUSED, Pending
from cloudcore.cluster.tables.range import Seen
from cloudcore.cluster.tables.replica import Replica
from cloudcore.dynamodb.operations import CONTROL, ITEM


def test_batches_come_back_from_messages_of_bounded_size():
    dice = random.Random(7)
    joiner = Joiner()
    for term in range(1, 20):
        bodies = [dice.randbytes(dice.choice((0, 5, 3000, 2_500_000))) for _ in range(dice.randrange(1, 5))]
        entries = [Entry(f"{'ab' * 16}.{n}", "w", "PutItem", body) for n, body in enumerate(bodies)]
        batch = Batch(term, 5, term * 3, entries)
        messages = list(batch.messages())
        assert all(len(message) <= PART_MAX + 6 for message in messages)
        if dice.random() < 0.3:  # another leader died behind the first part
            assert len(messages) == 1 or joiner.add(messages[0]) is None
            joiner.drop()
        *before, last = messages
        assert [joiner.add(message) for message in before] == [None] * len(before)
        assert joiner.add(last) == batch


@pytest.mark.parametrize("message", [b"", b"T1\0", b"T2\0\0\1\0", b"T1\1\0\2\0rest", b"T1\0\0\1\0\xff\xff\xff\xffx"])
def test_what_is_no_batch_is_refused(message):
    with pytest.raises(ValueError):
        Joiner().add(message)


def test_entries_keep_their_bodies_whatever_is_in_them():
    entry = Entry("0.1", "w", "PutItem", b'{"a b": "\n\n \\u0000"}')
    assert load(entry.dump()) == entry
    with pytest.raises(ValueError):
        load(b"no end of a line")


@pytest.mark.parametrize(
    ("operation", "request_", "kind"),
    [
        ("GetItem", {}, LOCAL),
        ("GetItem", {"ConsistentRead": False}, LOCAL),
        ("GetItem", {"ConsistentRead": True}, "r"),
        ("Query", {"ConsistentRead": True}, "r"),
        ("BatchGetItem", {"RequestItems": {"a": {"Keys": []}, "b": {"ConsistentRead": True}}}, "r"),
        ("BatchGetItem", {"RequestItems": {"a": {"ConsistentRead": False}}}, LOCAL),
        ("BatchGetItem", {"RequestItems": 7}, LOCAL),
        ("TransactGetItems", {}, "r"),
        ("PutItem", {}, "w"),
        ("BatchWriteItem", {}, "w"),
        ("TransactWriteItems", {}, "w"),
        ("ExecuteStatement", {"Statement": "  select * from t"}, LOCAL),
        ("ExecuteStatement", {"Statement": "SELECT * FROM t", "ConsistentRead": True}, "r"),
        ("ExecuteStatement", {"Statement": "INSERT INTO t VALUE {}"}, "w"),
        ("ExecuteStatement", {"Statement": "/**/SELECT"}, "w"),  # whatever that is, the log orders it
        ("ExecuteStatement", {}, "w"),
        ("BatchExecuteStatement", {"Statements": [{"Statement": "SELECT 1"}, {"Statement": "UPDATE t"}]}, "w"),
        ("BatchExecuteStatement", {"Statements": [{"Statement": "SELECT 1"}]}, LOCAL),
        ("ExecuteTransaction", {"TransactStatements": [{"Statement": "SELECT 1"}]}, "r"),
        ("ExecuteTransaction", {"TransactStatements": 3}, LOCAL),
        ("CreateTable", {}, "c"),
        ("CreateTable", {"StreamSpecification": {"StreamEnabled": False}}, "c"),
        ("UpdateTimeToLive", {}, "c"),
        ("DescribeTable", {}, "d"),
        ("UpdateContributorInsights", {}, "c"),
        ("ListContributorInsights", {}, "d"),
        ("GetResourcePolicy", {}, "d"),
        ("SearchVectors", {}, LOCAL),
    ],
)
def test_who_may_answer(operation, request_, kind):
    assert kind_of(operation, json.dumps(request_).encode()) == kind
    if operation in ("GetItem", "Query") or (kind == "r" and operation == "BatchGetItem"):
        assert eventual(operation, request_) == (kind == LOCAL)


def test_escapes_do_not_hide_a_strong_read():
    assert kind_of("GetItem", b'{"\\u0043onsistentRead": true}') == "r"


def test_every_operation_has_somebody_who_answers_it():
    shows = {operation for operation in CONTROL if kind_of(operation, b"{}") == "d"}
    assert all(operation.startswith(("Describe", "List", "Get")) for operation in shows) and len(shows) == 23
    assert {kind_of(operation, b"{}") for operation in CONTROL - shows} == {"c"}
    assert {operation for operation in ITEM if kind_of(operation, b"{}") == "w"} == {
        "PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems", "ExecuteStatement",
    }  # fmt: skip


def test_no_request_is_taken_twice():
    seen = Seen()
    assert seen.add(1) and seen.add(3) and not seen.add(3)
    seen.drop(3)
    assert not seen.add(2), "its node waits for it no more"
    assert not seen.add(3) and seen.add(4) and seen.add(7)
    seen.drop(2)  # an older message
    assert not seen.add(1)


def test_names_of_logs():
    place = ("000000000000", "us-east-1")
    assert of_tables_log(tables_log(*place)) == (*place, "all")
    assert of_tables_log(tables_log(*place, range_from(1 << 60))) == (*place, "1000000000000000")
    assert [first_of(range_from(first)) for first in (0, 5, 1 << 63)] == [0, 5, 1 << 63]
    assert of_tables_log("cc-0-log") is None and of_tables_log("KV_cloudcore_leases") is None


class Loop:
    """A link that does at once what it is asked for."""

    instance = "me"

    def __init__(self):
        self.time = 0.0

    def now(self):
        return self.time

    def soon(self, call, *arguments):
        call(*arguments)


@pytest.fixture
def asking():
    """A Pending, and what it sent to the leader of the term in `at`."""
    at = {"term": 1, "reached": 100}
    sent = []

    def send(entries):
        sent.append([entry.id for entry in entries])
        return at["term"]

    link = Loop()
    return Pending(link, send, lambda: at["term"], lambda: at["reached"]), at, sent, link


def test_a_write_of_a_lost_leader_is_answered_by_the_log_or_sent_again(asking):
    pending, at, sent, _ = asking
    first, second = pending.submit("w", "PutItem", b"{}"), pending.submit("w", "PutItem", b"{}")
    pending.applied("me.1", (200, b"here"))
    assert not first.done(), "the leader has not applied it yet, for all that is known"
    at["term"] = 2
    pending.new_term(2)
    assert first.result() == (200, b"here") and not second.done()
    assert sent == [["me.1"], ["me.2"], ["me.2"]] and pending.lowest() == 2
    pending.answered("me.2", 200, 90, b"there")
    assert second.result() == (200, b"there") and pending.lowest() == 3


def test_who_begins_anew_sends_nothing_again(asking):
    """What came by in front of a checkpoint is not known here: a write that a leader has may have been done."""
    pending, at, sent, _ = asking
    write, step, read = (pending.submit(*what) for what in (("w", "PutItem", b"{}"), ("p", "drop", b"{}", 1), ("r", "GetItem", b"{}")))
    pending.jumped()
    assert write.result()[0] == 500 and step.result()[0] == 500 and not read.done()
    at["term"] = 2
    pending.new_term(2)
    assert sent[3:] == [["me.3"]]
    pending.give_up("another version leads")
    assert read.result()[0] == 500 and b"another version leads" in read.result()[1]


def test_a_step_of_the_control_plane_is_of_one_term(asking):
    pending, at, sent, _ = asking
    step = pending.submit("p", "create", b"{}", 1)
    late = pending.submit("p", "create", b"{}", 0)
    at["term"] = 2
    pending.new_term(2)
    assert step.result()[0] == 500 and late.result()[0] == 500 and len(sent) == 2
    assert pending.submit("p", "create", b"{}", 1).result()[0] == 500, "its leader leads no more"
    assert len(sent) == 2


def test_an_answer_waits_for_this_nodes_replica_but_not_for_ever(asking):
    pending, _, _, link = asking
    one, other = pending.submit("w", "PutItem", b"{}"), pending.submit("w", "PutItem", b"{}")
    pending.answered("me.1", 200, 101, b"1")
    pending.answered("me.2", 200, 102, b"2")
    pending.came_to(101)
    assert one.done() and not other.done()
    link.time += 3
    pending.look()
    assert other.result() == (200, b"2")


def test_it_asks_again_and_gives_up_in_the_end(asking):
    pending, _, sent, link = asking
    write, read = pending.submit("w", "PutItem", b"{}"), pending.submit("r", "GetItem", b"{}")
    pending.answered("me.1", REFUSED, 0, b"")
    pending.answered("me.2", REFUSED, 0, b"")
    pending.look()
    assert sent[2:] == [["me.2"]]
    link.time += 2.5
    pending.look()
    assert sent[3:] == [["me.1", "me.2"]]
    pending.answered("me.1", KNOWN, 0, b"")  # it is in the log
    pending.applied("me.1", (200, b"done"))
    assert write.result() == (200, b"done")
    link.time += 30
    pending.look()
    assert read.result()[0] == 500 and b"InternalServerError" in read.result()[1]
    pending.close()
    assert pending.submit("r", "GetItem", b"{}").result()[0] == 500


def test_replicas_of_one_log_are_alike():
    """Random requests, some refused, at two replicas: the same answers, and the same order of pages."""
    dice = random.Random(11)
    replicas = [Replica("000000000000", "us-east-1", 99, Clock(), [], lambda *_: (400, b"{}")) for _ in range(2)]
    description = {
        "TableName": "one", "TableId": "x", "CreationDateTime": 1, "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    }  # fmt: skip
    make = json.dumps({"name": "one", "description": json.dumps(description)}).encode()
    entries = [Entry("m.0", "p", "create", make), Entry("m.1", "p", "create", make), Entry("m.2", "p", "fly", b"{}")]
    for number in range(3, 2000):
        key = {"id": {"S": str(dice.randrange(200))}}
        operation, request = dice.choice((
            ("PutItem", {"Item": key | {"n": {"N": str(number)}}, "ConditionExpression": "attribute_not_exists(id)"}),
            ("UpdateItem", {"Key": key, "UpdateExpression": "ADD n :n", "ExpressionAttributeValues": {":n": {"N": "1"}}}),
            ("DeleteItem", {"Key": key, "ReturnValues": "ALL_OLD"}),
            ("PutItem", {"Item": {"no": {"S": "key"}}}),
        ))  # fmt: skip
        entries.append(Entry(f"m.{number}", "w", operation, json.dumps({"TableName": "one", **request}).encode()))
    told = []
    for replica in replicas:
        answers = []
        replica.apply(Batch(1, 1_000, 0, entries[:3]), 1, lambda entry, answer, to=answers: to.append(answer))
        replica.apply(Batch(1, 2_000, 1, entries[3:]), 2, lambda entry, answer, to=answers: to.append(answer))
        told.append(answers)
        with pytest.raises(ValueError, match="came behind"):
            replica.apply(Batch(1, 2_000, 1, []), 3, lambda *_: None)
    assert told[0] == told[1] and {status for status, _ in told[0]} == {200, 400}
    assert told[0][1][0] == 400 and b"FileExistsError" in told[0][1][1]
    scans = [replica.tables.call_json("Scan", b'{"TableName": "one"}') for replica in replicas]
    assert scans[0] == scans[1] and json.loads(scans[0][1])["Count"] > 50
    for replica in replicas:
        replica.close()
