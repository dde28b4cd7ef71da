"""DynamoDB Streams: what writes leave in a stream, its views, and reading it by every kind of iterator."""

import json
import re
from datetime import UTC, datetime

import pytest
from dynamodb_support import key, refused
from stream_support import get, iterator, put, read_all, shards, streamed, switch

from cloudcore.clock import ManualClock
from cloudcore.dynamodb import DynamoDB

HOUR = 3600
NOT_FOUND = "ResourceNotFoundException"


@pytest.fixture
def clock():
    return ManualClock(1_700_000_000.25)


@pytest.fixture
def db(clock):
    with DynamoDB(clock=clock) as service:
        yield service


def of(records, *members):
    """The members of each record that a test looks at."""
    return [tuple(r["eventName"] if m == "eventName" else r["dynamodb"].get(m) for m in members) for r in records]


# ---- what is in a record ----


def test_a_record(db):
    arn = streamed(db)
    put(db, "a", 1, b={"B": b"\x00\xff"}, m={"M": {"x": {"L": [{"NULL": True}, {"BOOL": False}]}}})
    (record,) = read_all(db, arn)
    item = key("a", 1) | {"b": {"B": b"\x00\xff"}, "m": {"M": {"x": {"L": [{"NULL": True}, {"BOOL": False}]}}}}
    assert re.fullmatch("[0-9a-f]{32}", record.pop("eventID"))
    number = record["dynamodb"].pop("SequenceNumber")
    assert number.isdecimal()
    assert 21 <= len(number) <= 40
    assert record == {
        "eventName": "INSERT",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "us-east-1",
        "dynamodb": {
            "ApproximateCreationDateTime": datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC),
            "Keys": key("a", 1),
            "NewImage": item,
            "SizeBytes": 26,
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
    }


def test_insert_modify_remove(db):
    arn = streamed(db)
    put(db, "a", 1, v={"N": "1"})
    put(db, "a", 1, v={"N": "2"})
    db.call("DeleteItem", {"TableName": "tab", "Key": key("a", 1)})
    one, two = key("a", 1) | {"v": {"N": "1"}}, key("a", 1) | {"v": {"N": "2"}}
    assert of(read_all(db, arn), "eventName", "NewImage", "OldImage") == [
        ("INSERT", one, None),
        ("MODIFY", two, one),
        ("REMOVE", None, two),
    ]


def test_what_changes_nothing_leaves_no_record(db):
    arn = streamed(db)
    put(db, "a", 1, v={"N": "1.50"}, w={"SS": ["x", "y"]})
    put(db, "a", 1, w={"SS": ["y", "x"]}, v={"N": "1.5"})  # the same item
    update = {"TableName": "tab", "Key": key("a", 1), "UpdateExpression": "SET v = :v REMOVE nothing"}
    db.call("UpdateItem", update | {"ExpressionAttributeValues": {":v": {"N": "15e-1"}}})
    db.call("DeleteItem", {"TableName": "tab", "Key": key("b", 1)})
    db.call("BatchWriteItem", {"RequestItems": {"tab": [{"DeleteRequest": {"Key": key("c", 1)}}]}})
    assert of(read_all(db, arn), "eventName") == [("INSERT",)]


def test_an_update_creates(db):
    arn = streamed(db)
    db.call("UpdateItem", {"TableName": "tab", "Key": key("a", 1)})
    update = {"TableName": "tab", "Key": key("a", 1), "UpdateExpression": "ADD n :n"}
    db.call("UpdateItem", update | {"ExpressionAttributeValues": {":n": {"N": "3"}}})
    assert of(read_all(db, arn), "eventName", "NewImage") == [
        ("INSERT", key("a", 1)),
        ("MODIFY", key("a", 1) | {"n": {"N": "3"}}),
    ]


def test_a_refused_write_leaves_nothing(db):
    arn = streamed(db)
    put(db, "a", 1)
    item = {"TableName": "tab", "Item": key("a", 1), "ConditionExpression": "attribute_not_exists(p)"}
    refused(db, "PutItem", item, "The conditional request failed", "ConditionalCheckFailedException")
    assert len(read_all(db, arn)) == 1


def test_batches_and_transactions_in_their_order(db):
    arn = streamed(db)
    streamed(db, name="other")
    batch = [{"PutRequest": {"Item": key("b", i)}} for i in range(5)]
    db.call("BatchWriteItem", {"RequestItems": {"other": [{"PutRequest": {"Item": key("x", 1)}}], "tab": batch}})
    actions = [{"Put": {"TableName": "tab", "Item": key("t", i)}} for i in range(3)]
    actions.insert(1, {"Put": {"TableName": "other", "Item": key("x", 2)}})
    actions.append({"Delete": {"TableName": "tab", "Key": key("b", 4)}})
    actions.append({"ConditionCheck": {"TableName": "tab", "Key": key("b", 3),
                                       "ConditionExpression": "attribute_exists(p)"}})  # fmt: skip
    db.call("TransactWriteItems", {"TransactItems": actions, "ClientRequestToken": "once"})
    db.call("TransactWriteItems", {"TransactItems": actions, "ClientRequestToken": "once"})
    records = read_all(db, arn)
    assert [r["dynamodb"]["Keys"] for r in records] == [
        *(key("b", i) for i in range(5)), *(key("t", i) for i in range(3)), key("b", 4),
    ]  # fmt: skip
    numbers = [int(r["dynamodb"]["SequenceNumber"]) for r in records]
    assert numbers == sorted(set(numbers))
    assert len({r["eventID"] for r in records}) == 9


@pytest.mark.parametrize(
    ("view", "sizes", "images"),
    [
        ("KEYS_ONLY", [6, 6, 6], [(False, False)] * 3),
        ("NEW_IMAGE", [6 + 8, 6 + 9, 6], [(True, False), (True, False), (False, False)]),
        ("OLD_IMAGE", [6, 6 + 8, 6 + 9], [(False, False), (False, True), (False, True)]),
        ("NEW_AND_OLD_IMAGES", [6 + 8, 6 + 8 + 9, 6 + 9], [(True, False), (True, True), (False, True)]),
    ],
)
def test_views(db, view, sizes, images):
    arn = streamed(db, view)
    put(db, "ab", 1, v={"S": "x"})
    put(db, "ab", 1, v={"S": "xy"})
    db.call("DeleteItem", {"TableName": "tab", "Key": key("ab", 1)})
    records = read_all(db, arn)
    assert of(records, "StreamViewType", "Keys") == [(view, key("ab", 1))] * 3
    assert [r["dynamodb"]["SizeBytes"] for r in records] == sizes
    assert [("NewImage" in r["dynamodb"], "OldImage" in r["dynamodb"]) for r in records] == images


@pytest.mark.parametrize(("kind", "value"), [("S", "\u00fc\x00\"'"), ("N", "-1E-130"), ("B", b"\x00\xff")])
def test_keys_of_every_type(db, kind, value):
    arn = streamed(db, "KEYS_ONLY", pk=kind, sk=kind)
    keys = {"p": {kind: value}, "s": {kind: value}}
    db.call("PutItem", {"TableName": "tab", "Item": keys | {"v": {"S": "x"}}})
    db.call("DeleteItem", {"TableName": "tab", "Key": keys})
    shown = db.call("Scan", {"TableName": "tab"})["Items"]
    assert shown == []
    if kind == "N":
        keys = {name: {"N": "-0." + "0" * 129 + "1"} for name in "ps"}
    assert of(read_all(db, arn), "eventName", "Keys") == [("INSERT", keys), ("REMOVE", keys)]


def test_what_time_to_live_removed(db, clock):
    arn = streamed(db)
    specification = {"AttributeName": "ttl", "Enabled": True}
    db.call("UpdateTimeToLive", {"TableName": "tab", "TimeToLiveSpecification": specification})
    put(db, "a", 1, ttl={"N": str(int(clock.now()) + 5)})
    clock.advance(10)
    db.expiry.sweep()
    put(db, "a", 1)
    db.call("DeleteItem", {"TableName": "tab", "Key": key("a", 1)})
    expired, _, removed = read_all(db, arn)[1:]
    assert expired["eventName"] == removed["eventName"] == "REMOVE"
    assert expired["userIdentity"] == {"PrincipalId": "dynamodb.amazonaws.com", "Type": "Service"}
    assert "userIdentity" not in removed
    _, body = db.streams.call_json("GetRecords", json.dumps({"ShardIterator": iterator(db, arn)}).encode())
    identity = json.loads(body)["Records"][1]["userIdentity"]
    assert identity["type"] == identity["Type"] == "Service"
    assert identity["principalId"] == identity["PrincipalId"] == "dynamodb.amazonaws.com"


# ---- iterators ----


def test_at_and_after_a_sequence_number(db):
    arn = streamed(db)
    for i in range(3):
        put(db, "a", i)
    records = read_all(db, arn)
    for at, record in enumerate(records):
        number = record["dynamodb"]["SequenceNumber"]
        for kind, first in (("AT_SEQUENCE_NUMBER", at), ("AFTER_SEQUENCE_NUMBER", at + 1)):
            assert get(db, iterator(db, arn, kind, SequenceNumber=number))["Records"] == records[first:]
    start = shards(db, arn)[0]["SequenceNumberRange"]["StartingSequenceNumber"]
    assert get(db, iterator(db, arn, "AT_SEQUENCE_NUMBER", SequenceNumber=start))["Records"] == records


def test_latest(db):
    arn = streamed(db)
    put(db, "a", 1)
    at = iterator(db, arn, "LATEST")
    page = get(db, at)
    assert page["Records"] == []
    put(db, "a", 2)
    put(db, "a", 3)
    for start in (at, page["NextShardIterator"]):
        assert of(get(db, start)["Records"], "Keys") == [(key("a", 2),), (key("a", 3),)]


def test_at_a_time(db, clock):
    arn = streamed(db)
    for i in range(4):
        put(db, "a", i)
        clock.advance(10)
    start = clock.now() - 40
    for after, first in ((-100, 0), (0, 0), (5, 1), (10, 1), (25, 3), (31, 4)):
        at = iterator(db, arn, "AT_TIMESTAMP", Timestamp=datetime.fromtimestamp(start + after, UTC))
        assert of(get(db, at)["Records"], "Keys") == [(key("a", i),) for i in range(first, 4)]


def test_limit_and_next(db):
    arn = streamed(db)
    for i in range(10):
        put(db, "a", i)
    at, seen = iterator(db, arn), []
    for count in (3, 3, 3, 1, 0):
        page = get(db, at, Limit=3)
        assert len(page["Records"]) == count
        seen += of(page["Records"], "Keys")
        at = page["NextShardIterator"]
    assert seen == [(key("a", i),) for i in range(10)]


def test_at_most_a_megabyte_a_page(db):
    arn = streamed(db)
    for i in range(4):
        put(db, "a", i, v={"S": "x" * 390_000})
        put(db, "a", i, v={"S": "y" * 390_000})
    at, counts = iterator(db, arn), []
    while True:
        page = get(db, at)
        if not page["Records"]:
            break
        counts.append(len(page["Records"]))
        assert sum(r["dynamodb"]["SizeBytes"] for r in page["Records"]) <= 1 << 20
        at = page["NextShardIterator"]
    assert sum(counts) == 8
    assert max(counts) == 1  # an insert of 390 kB and a change of 780 kB do not fit together
    assert of(get(db, iterator(db, arn), Limit=1)["Records"], "eventName") == [("INSERT",)]


def test_a_stream_of_another_table_is_not_seen(db):
    arn, other = streamed(db), streamed(db, name="other")
    for i in range(20):
        put(db, "a", i, "tab" if i % 3 else "other")
    assert len(read_all(db, arn)) == 13
    assert len(read_all(db, other)) == 7


def test_an_iterator_lives_fifteen_minutes(db, clock):
    arn = streamed(db)
    put(db, "a", 1)
    at = iterator(db, arn)
    clock.advance(15 * 60)
    following = get(db, at)["NextShardIterator"]
    clock.advance(1)
    refused(db.streams, "GetRecords", {"ShardIterator": at}, "Shard iterator has expired",
            "ExpiredIteratorException")  # fmt: skip
    assert get(db, following)["Records"] == []


def test_what_is_no_iterator(db):
    arn = streamed(db)
    at = iterator(db, arn)
    other = arn.replace("tab", "tba")
    for bad in ("x", at[:-4], at[:-8] + "AAAA" + at[-4:], at.replace("|1|", "|2|"), other + at[len(arn):]):
        refused(db.streams, "GetRecords", {"ShardIterator": bad}, "Invalid ShardIterator")


# ---- retention and shards ----


def test_after_a_day_changes_are_trimmed(db, clock):
    arn = streamed(db)
    put(db, "a", 1)
    number = read_all(db, arn)[0]["dynamodb"]["SequenceNumber"]
    clock.advance(24 * HOUR - 60)
    put(db, "a", 2)
    assert of(read_all(db, arn), "Keys") == [(key("a", 1),), (key("a", 2),)]
    clock.advance(61)
    assert of(read_all(db, arn), "Keys") == [(key("a", 2),)]
    at = {"StreamArn": arn, "ShardId": shards(db, arn)[0]["ShardId"], "SequenceNumber": number}
    for kind in ("AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"):
        refused(
            db.streams, "GetShardIterator", at | {"ShardIteratorType": kind},
            "The data you are trying to access has been trimmed", "TrimmedDataAccessException",
        )  # fmt: skip


def test_an_iterator_whose_record_is_trimmed_meanwhile(db, clock):
    arn = streamed(db)
    put(db, "a", 1)
    number = read_all(db, arn)[0]["dynamodb"]["SequenceNumber"]
    clock.advance(24 * HOUR - 60)
    at = iterator(db, arn, "AT_SEQUENCE_NUMBER", shard=0, SequenceNumber=number)
    clock.advance(120)
    refused(
        db.streams, "GetRecords", {"ShardIterator": at}, "The data you are trying to access has been trimmed",
        "TrimmedDataAccessException",
    )  # fmt: skip


def test_a_new_shard_every_four_hours(db, clock):
    arn = streamed(db)
    open_at = iterator(db, arn, "LATEST")
    for i in range(3):
        put(db, "a", i)
        clock.advance(4 * HOUR)
        assert len(shards(db, arn)) == i + 2
    one, two, three, four = shards(db, arn)
    assert "ParentShardId" not in one
    assert [s["ParentShardId"] for s in (two, three, four)] == [s["ShardId"] for s in (one, two, three)]
    assert all(28 <= len(s["ShardId"]) <= 65 for s in (one, two, three, four))
    for shard in (one, two, three):
        numbers = shard["SequenceNumberRange"]
        assert int(numbers["StartingSequenceNumber"]) <= int(numbers["EndingSequenceNumber"])
    assert "EndingSequenceNumber" not in four["SequenceNumberRange"]
    assert of(read_all(db, arn), "Keys") == [(key("a", i),) for i in range(3)]
    page = get(db, iterator(db, arn, shard=1))
    assert of(page["Records"], "Keys") == [(key("a", 1),)]
    assert "NextShardIterator" not in page  # a closed shard has an end
    assert get(db, iterator(db, arn, "LATEST", shard=0)) == {"Records": []}
    refused(db.streams, "GetRecords", {"ShardIterator": open_at}, "Shard iterator has expired",
            "ExpiredIteratorException")  # fmt: skip


def test_children_of_a_shard(db, clock):
    arn = streamed(db)
    for _ in range(3):
        clock.advance(4 * HOUR)
        shards(db, arn)
    one, two, three, four = shards(db, arn)

    def children(shard_id):
        shard_filter = {"Type": "CHILD_SHARDS", "ShardId": shard_id}
        found = db.streams.call("DescribeStream", {"StreamArn": arn, "ShardFilter": shard_filter})
        return found["StreamDescription"]["Shards"]

    assert children(one["ShardId"]) == [two]
    assert children(three["ShardId"]) == [four]
    assert children(four["ShardId"]) == []
    refused(
        db.streams, "DescribeStream", {"StreamArn": arn, "ShardFilter": {"Type": "CHILD_SHARDS"}},
        "One or more parameter values were invalid: ShardFilter needs both Type and ShardId",
    )  # fmt: skip


def test_pages_of_shards(db, clock):
    arn = streamed(db)
    for _ in range(4):
        clock.advance(4 * HOUR)
        shards(db, arn)
    every, found, start = shards(db, arn), [], {}
    while True:
        page = db.streams.call("DescribeStream", {"StreamArn": arn, "Limit": 2, **start})["StreamDescription"]
        found += page["Shards"]
        if "LastEvaluatedShardId" not in page:
            break
        assert page["LastEvaluatedShardId"] == page["Shards"][-1]["ShardId"]
        start = {"ExclusiveStartShardId": page["LastEvaluatedShardId"]}
    assert found == every
    assert [s["ShardId"] for s in found] == sorted(s["ShardId"] for s in found)
    none = db.streams.call("DescribeStream", {"StreamArn": arn, "ExclusiveStartShardId": "z" * 40})
    assert none["StreamDescription"]["Shards"] == []


def test_shards_go_after_a_day(db, clock):
    arn = streamed(db)
    first = shards(db, arn)[0]["ShardId"]
    for _ in range(8):
        put(db, "a", 1, t={"N": str(int(clock.now()))})
        clock.advance(4 * HOUR)
        shards(db, arn)
    clock.advance(1)
    left = shards(db, arn)
    assert first not in [shard["ShardId"] for shard in left]
    assert len(left) == 7
    assert len(read_all(db, arn)) == 5
    gone = {"StreamArn": arn, "ShardId": first, "ShardIteratorType": "TRIM_HORIZON"}
    words = "Requested resource not found: Shard does not exist"
    refused(db.streams, "GetShardIterator", gone, words, NOT_FOUND)


# ---- the life of streams ----


def test_the_latest_stream_of_a_table(db, clock):
    arn = streamed(db, "KEYS_ONLY")
    shown = db.call("DescribeTable", {"TableName": "tab"})["Table"]
    assert shown["StreamSpecification"] == {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}
    assert shown["LatestStreamLabel"] == "2023-11-14T22:13:20.250"
    assert shown["LatestStreamArn"] == arn == f"{shown['TableArn']}/stream/{shown['LatestStreamLabel']}"
    clock.advance(1)
    ended = switch(db, None)
    assert ended["TableStatus"] == "UPDATING"
    assert "StreamSpecification" not in ended
    assert ended["LatestStreamArn"] == arn  # as on AWS, it lingers
    clock.advance(1)
    begun = switch(db, "NEW_IMAGE")
    assert begun["LatestStreamArn"] != arn
    assert begun["StreamSpecification"]["StreamViewType"] == "NEW_IMAGE"


def test_a_stream_that_was_switched_off_can_be_read_for_a_day(db, clock):
    arn = streamed(db)
    put(db, "a", 1)
    open_at = iterator(db, arn, "LATEST")
    switch(db, None)
    put(db, "a", 2)
    clock.advance(1)
    second = switch(db, "KEYS_ONLY")["LatestStreamArn"]
    put(db, "a", 3)
    described = db.streams.call("DescribeStream", {"StreamArn": arn})["StreamDescription"]
    assert described["StreamStatus"] == "DISABLED"
    assert "EndingSequenceNumber" in described["Shards"][-1]["SequenceNumberRange"]
    page = get(db, iterator(db, arn))
    assert of(page["Records"], "Keys") == [(key("a", 1),)]
    assert "NextShardIterator" not in page
    assert get(db, open_at) == {"Records": []}
    assert of(read_all(db, second), "Keys") == [(key("a", 3),)]
    assert [s["StreamArn"] for s in db.streams.call("ListStreams", {})["Streams"]] == [arn, second]
    clock.advance(24 * HOUR)
    refused(db.streams, "DescribeStream", {"StreamArn": arn},
            f"Requested resource not found: Stream: {arn} not found", NOT_FOUND)  # fmt: skip
    assert [s["StreamArn"] for s in db.streams.call("ListStreams", {})["Streams"]] == [second]


def test_switched_off_and_on_within_a_millisecond(db):
    arns = [streamed(db)]
    for _ in range(3):
        switch(db, None)
        arns.append(switch(db, "NEW_IMAGE")["LatestStreamArn"])
    assert len(set(arns)) == 4


def test_the_stream_of_a_dropped_table_stays_for_a_day(db, clock):
    arn = streamed(db)
    put(db, "a", 1)
    db.call("DeleteTable", {"TableName": "tab"})
    clock.advance(1)
    again = streamed(db)
    put(db, "b", 1)
    assert db.streams.call("DescribeStream", {"StreamArn": arn})["StreamDescription"]["StreamStatus"] == "DISABLED"
    assert of(read_all(db, arn), "Keys") == [(key("a", 1),)]
    assert of(read_all(db, again), "Keys") == [(key("b", 1),)]
    assert [s["StreamArn"] for s in db.streams.call("ListStreams", {"TableName": "tab"})["Streams"]] == [arn, again]
    db.call("DeleteTable", {"TableName": "tab"})
    clock.advance(24 * HOUR + 1)
    assert db.streams.call("ListStreams", {})["Streams"] == []
    assert db.call("ListTables", {})["TableNames"] == []


@pytest.mark.parametrize("drop", [False, True])
def test_streams_survive_a_restart(tmp_path, clock, drop):
    with DynamoDB(tmp_path, clock=clock) as db:
        arn = streamed(db)
        put(db, "a", 1)
        clock.advance(4 * HOUR)
        put(db, "a", 2)
        before, left = shards(db, arn), read_all(db, arn)
        at = iterator(db, arn, "LATEST")
        if drop:
            db.call("DeleteTable", {"TableName": "tab"})
    with DynamoDB(tmp_path, clock=clock) as db:
        assert read_all(db, arn) == left
        assert of(left, "Keys") == [(key("a", 1),), (key("a", 2),)]
        if drop:
            assert get(db, at) == {"Records": []}
            return
        assert shards(db, arn) == before
        put(db, "a", 3)
        assert of(get(db, at)["Records"], "eventName", "Keys") == [("INSERT", key("a", 3))]
        switch(db, None)
        ended = shards(db, arn)
    with DynamoDB(tmp_path, clock=clock) as db:
        assert shards(db, arn) == ended
        assert len(read_all(db, arn)) == 3


# ---- ListStreams ----


def test_pages_of_streams(db):
    arns = [streamed(db, name=f"tab-{i}") for i in range(5)]
    found, start = [], {}
    while True:
        page = db.streams.call("ListStreams", {"Limit": 2, **start})
        found += page["Streams"]
        if "LastEvaluatedStreamArn" not in page:
            break
        start = {"ExclusiveStartStreamArn": page["LastEvaluatedStreamArn"]}
        if len(found) == 2:
            streamed(db, name="tab-0a")  # does not disturb who reads
    assert [s["StreamArn"] for s in found] == arns
    assert found[0].keys() == {"StreamArn", "TableName", "StreamLabel"}
    assert db.streams.call("ListStreams", {"TableName": "tab-3"})["Streams"][0]["StreamArn"] == arns[3]
    assert db.streams.call("ListStreams", {"TableName": "none"}) == {"Streams": []}


# ---- refusals ----


def test_limits(db):
    arn = streamed(db)
    words = "1 validation error detected: Value '{}' at 'limit' failed to satisfy constraint: Member must have value {}"
    for operation, params, most in (
        ("ListStreams", {}, 100),
        ("DescribeStream", {"StreamArn": arn}, 100),
        ("GetRecords", {"ShardIterator": iterator(db, arn)}, 1000),
    ):
        refused(db.streams, operation, params | {"Limit": 0}, words.format(0, "greater than or equal to 1"))
        refused(db.streams, operation, params | {"Limit": most + 1},
                words.format(most + 1, f"less than or equal to {most}"))  # fmt: skip
        db.streams.call(operation, params | {"Limit": most})


def test_streams_that_are_none(db):
    arn = streamed(db)
    shard = shards(db, arn)[0]["ShardId"]
    for bad in ("x" * 50, arn.replace(":table/", ":chair/"), arn.rpartition("/")[0] + "/" * 30):
        refused(db.streams, "DescribeStream", {"StreamArn": bad}, "Invalid StreamArn")
        at = {"StreamArn": bad, "ShardId": shard, "ShardIteratorType": "LATEST"}
        refused(db.streams, "GetShardIterator", at, "Invalid StreamArn")
    refused(db.streams, "ListStreams", {"ExclusiveStartStreamArn": "x" * 50}, "Invalid StreamArn")
    for gone in (arn[:-1] + "9", arn.replace("/tab/", "/tba/"), arn.replace("us-east-1", "us-east-2")):
        refused(db.streams, "DescribeStream", {"StreamArn": gone},
                f"Requested resource not found: Stream: {gone} not found", NOT_FOUND)  # fmt: skip
    refused(
        db.streams, "DescribeStream", {"StreamArn": "short"},
        "1 validation error detected: Value 'short' at 'streamArn' failed to satisfy constraint: Member must have "
        "length greater than or equal to 37",
    )  # fmt: skip


def test_shard_iterators_that_are_refused(db):
    arn = streamed(db)
    put(db, "a", 1)
    number = read_all(db, arn)[0]["dynamodb"]["SequenceNumber"]
    at = {"StreamArn": arn, "ShardId": shards(db, arn)[0]["ShardId"]}
    words = "One or more parameter values were invalid: SequenceNumber must {}be specified when ShardIteratorType is {}"
    for kind in ("AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"):
        refused(db.streams, "GetShardIterator", at | {"ShardIteratorType": kind}, words.format("", kind))
    for kind in ("TRIM_HORIZON", "LATEST"):
        params = at | {"ShardIteratorType": kind, "SequenceNumber": number}
        refused(db.streams, "GetShardIterator", params, words.format("not ", kind))
    for bad in ("1" * 21, "1" + "9" * 25, "1" + "0" * 25, "x" * 26):
        params = at | {"ShardIteratorType": "AT_SEQUENCE_NUMBER", "SequenceNumber": bad}
        if bad != "1" + "9" * 25:  # a number that may still come
            refused(db.streams, "GetShardIterator", params, "Invalid SequenceNumber for the shard")
    params = at | {"ShardIteratorType": "LATEST", "ShardId": "shardId-00000000000000000000-00000000"}
    refused(db.streams, "GetShardIterator", params, "Requested resource not found: Shard does not exist", NOT_FOUND)
    refused(
        db.streams, "GetShardIterator", at | {"ShardIteratorType": "SOME"},
        "1 validation error detected: Value 'SOME' at 'shardIteratorType' failed to satisfy constraint: Member must "
        "satisfy enum value set: [TRIM_HORIZON, LATEST, AT_SEQUENCE_NUMBER, AFTER_SEQUENCE_NUMBER, AT_TIMESTAMP]",
    )  # fmt: skip
    refused(db.streams, "MakeStream", {}, "", "UnknownOperationException")


def test_specifications_that_are_refused(db):
    invalid = "One or more parameter values were invalid: "
    base = {
        "BillingMode": "PAY_PER_REQUEST",
        "TableName": "tab",
        "KeySchema": [{"AttributeName": "p", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "p", "AttributeType": "S"}],
    }
    refused(db, "CreateTable", base | {"StreamSpecification": {"StreamEnabled": True}},
            invalid + "Table is being created with a stream enabled, UpdateViewType is required")  # fmt: skip
    off = {"StreamEnabled": False, "StreamViewType": "KEYS_ONLY"}
    refused(db, "CreateTable", base | {"StreamSpecification": off},
            invalid + "Table is being created with a stream disabled, UpdateViewType should not be specified")  # fmt: skip
    shown = db.call("CreateTable", base | {"StreamSpecification": {"StreamEnabled": False}})["TableDescription"]
    assert not any("Stream" in name for name in shown)

    def update(specification, message, **more):
        refused(db, "UpdateTable", {"TableName": "tab", "StreamSpecification": specification, **more}, message)

    update({"StreamEnabled": True}, invalid + "If stream is being enabled then UpdateViewType is required")
    update(off, invalid + "If stream is being disabled, then UpdateViewType must not be specified")
    update({"StreamEnabled": False}, "Table has no stream to disable: TableName: tab")
    on = {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
    update(on, invalid + "You cannot modify stream status while updating table IOPS", BillingMode="PAY_PER_REQUEST")
    index = {"Delete": {"IndexName": "idx"}}
    update(on, invalid + "You cannot create or delete index while changing stream status",
           GlobalSecondaryIndexUpdates=[index])  # fmt: skip
    assert switch(db, "NEW_IMAGE")["TableStatus"] == "UPDATING"
    for again in (on, on | {"StreamViewType": "KEYS_ONLY"}):
        update(again, "Table already has an enabled stream: TableName: tab")
    refused(
        db, "UpdateTable",
        {"TableName": "tab", "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "Fisk"}},
        "1 validation error detected: Value 'Fisk' at 'streamSpecification.streamViewType' failed to satisfy "
        "constraint: Member must satisfy enum value set: [NEW_IMAGE, OLD_IMAGE, NEW_AND_OLD_IMAGES, KEYS_ONLY]",
    )  # fmt: skip
