"""What of a cluster needs no server: addresses, keys, cuts, refusals."""

from __future__ import annotations

import itertools
import json
import random

import pytest

from cloudcore.cluster.address import Address, parse
from cloudcore.cluster.cutter import Cutter, Numbered, load
from cloudcore.cluster.following import AT_LEAST, STREAMS, followers
from cloudcore.cluster.layout import catalogue_key, of_catalogue_key
from cloudcore.cluster.stream import _BATCH_BYTES, _batches
from cloudcore.firehose.journal import Plan
from cloudcore.firehose.records import split


@pytest.mark.parametrize(
    ("text", "node", "found"),
    [
        ("nats://a,b:99,c/n1", None, Address(("nats://a:4222", "nats://b:99", "nats://c:4222"), "n1")),
        ("nats://a", "n-2", Address(("nats://a:4222",), "n-2")),
        ("nats://a/", None, Address(("nats://a:4222",), "")),
        ("tls://u:p@a,[::1]:5/n", "n", Address(("tls://u:p@a:4222", "tls://u:p@[::1]:5"), "n")),
    ],
)
def test_addresses(text, node, found):
    assert parse(text, node) == found


@pytest.mark.parametrize(
    "text",
    ["data", "http://a/n", "nats://", "nats:///n", "nats://a,,b/n", "nats://a:x/n", "nats://a/n m", "nats://a:70000",
     "nats://a/" + "n" * 65, "nats://a?x/n", "nats://a/n/m", "nats://a b/n"],
)  # fmt: skip
def test_what_is_no_address(text):
    with pytest.raises(ValueError):
        parse(text)


def test_a_node_has_one_name():
    with pytest.raises(ValueError, match="names the node 'a', and 'b' is asked for"):
        parse("nats://h/a", "b")


@pytest.mark.parametrize("name", ["clicks", ".a.b.", "a_-Z9", "..."])
def test_keys_of_the_catalogue_come_back(name):
    key = catalogue_key("000000000000", "us-east-1", name)
    assert of_catalogue_key(key) == ("000000000000", "us-east-1", name)
    assert not key.endswith(".") and ".." not in key  # NATS refuses such keys


def test_cuts_follow_each_other_without_a_hole():
    dice = random.Random(7)
    cutter = Cutter(1000, 5.0, next=41)
    cut, now, records = [], 100.0, 0
    for sequence in range(41, 541):
        now += dice.choice((0.0, 0.1, 3.0))
        count = dice.randrange(1, 5)
        records += count
        cutter.add(sequence, count, dice.randrange(1, 400), 1_000_000 + sequence, now, now)
        if span := cutter.take(now):
            cut.append(span)
    cut.append(cutter.take_all())
    assert cutter.take_all() is None and cutter.due() is None
    assert [cut[0].first, cut[-1].last] == [41, 540] and len(cut) > 50
    assert all(one.last + 1 == other.first for one, other in itertools.pairwise(cut))
    assert sum(span.records for span in cut) == records
    assert all(span.time_ms == 1_000_000 + span.first for span in cut)


def test_a_cut_comes_by_size_by_time_or_by_flush():
    cutter = Cutter(100, 10.0)
    cutter.add(1, 1, 99, 5, 0.0, 0.0)
    assert cutter.due() == 10.0
    assert cutter.take(9.9) is None and cutter.take(9.9, flush_to=0) is None
    assert cutter.take(0.0, flush_to=2) is None  # the batch to flush to is still to come, and goes with this one
    assert cutter.take(0.0, flush_to=1).last == 1
    cutter.add(2, 1, 99, 5, 0.0, 0.0)
    assert cutter.take(0.0, flush_to=1) is None
    cutter.add(3, 1, 1, 6, 0.0, 0.0)
    assert (span := cutter.take(0.0)).size == 100 and (span.first, span.last) == (2, 3)
    cutter.add(4, 1, 1, 5, 0.0, 100.0)  # read late: it gathers others for half of the time
    assert cutter.due() == 105.0 and cutter.take(104.9) is None and cutter.take(105.0).first == 4


@pytest.mark.parametrize("sequence", [1, 2, 4])
def test_a_batch_that_is_not_the_next_one_is_refused(sequence):
    cutter = Cutter(100, 10.0)
    for each in (1, 2):
        cutter.add(each, 1, 1, 0, 0.0, 0.0)
    with pytest.raises(ValueError, match=f"batch {sequence} came in the place of 3"):
        cutter.add(sequence, 1, 1, 0, 0.0, 0.0)


def test_plans_come_back_from_json():
    made = Numbered(Plan(3, "source", "data", [[7, 9]], "b", "k", 1, 2, 30, 400, 1), 90)
    assert load(json.loads(json.dumps(made.dump()))) == made and made.last == 9


def test_records_in_batches_that_fit_a_message():
    dice = random.Random(3)
    records = [dice.randbytes(dice.choice((0, 10, 5_000, 300_000, 1_024_000))) for _ in range(80)]
    batches = list(_batches(records))
    assert [bytes(record) for payload, _ in batches for record in split(payload)] == records
    assert all(len(payload) <= _BATCH_BYTES for payload, _ in batches)
    assert all(len(split(payload)) == count for payload, count in batches)


def test_streams_are_spread_over_nodes_where_there_are_many():
    nodes = [f"n{at}" for at in range(20)]
    few, many = [f"s{at}" for at in range(STREAMS)], [f"s{at}" for at in range(2000)]
    assert all(len(followers(nodes, stream, len(few))) == 20 for stream in few)
    found = {stream: followers(nodes, stream, len(many)) for stream in many}
    assert {len(set(each)) for each in found.values()} == {AT_LEAST}
    loads = [sum(node in each for each in found.values()) for node in nodes]
    assert sum(loads) == AT_LEAST * 2000 and min(loads) > 200 and max(loads) < 400
    for stream in many[:100]:  # a node that goes is followed by one, and moves no stream of others
        gone, *stay = found[stream]
        left = [node for node in nodes if node != gone]
        assert followers(left, stream, len(many))[: len(stay)] == stay
    assert followers(["a"], "s", 5000) == ["a"] and followers([], "s", 1) == []
