"""Replicas of one log number the changes of their tables alike, whether they began with the log or with a checkpoint."""

from __future__ import annotations

import json
import random
from typing import Any

from cluster_replicas import HOUR_MS, IDS, KEYS, Log

from cloudcore.cluster.tables.entry import EXPIRE
from cloudcore.cluster.tables.replica import Replica


def some(log: Log, table: str, dice: random.Random, count: int) -> None:
    for _ in range(count):
        key = {"id": {"S": f"{dice.randrange(20)}"}}
        kind = dice.randrange(4)
        if kind == 0:
            log.write("DeleteItem", TableName=table, Key=key)
        elif kind == 1:
            log.write("PutItem", TableName=table, Item={**key, "n": {"N": "1"}})  # often what is there already
        elif kind == 2:
            log.write("UpdateItem", TableName=table, Key=key, UpdateExpression="ADD n :one",
                      ExpressionAttributeValues={":one": {"N": "1"}})  # fmt: skip
        else:
            puts = [{"PutRequest": {"Item": {"id": {"S": f"{n}"}, "r": {"N": str(dice.random())}}}} for n in range(3)]
            log.write("BatchWriteItem", RequestItems={table: puts})
        log.clock.ms += 1


def told(replica: Replica) -> list[Any]:
    """Every stream of a replica: its description, and the records of every shard."""

    def ask(operation: str, **body: Any) -> Any:
        status, found = replica.call_json(operation, json.dumps(body).encode())
        assert status == 200, found
        return json.loads(found)

    everything: list[Any] = []
    for stream in ask("ListStreams")["Streams"]:
        described = ask("DescribeStream", StreamArn=stream["StreamArn"])["StreamDescription"]
        everything.append(described)
        for shard in described["Shards"]:
            iterator = ask("GetShardIterator", StreamArn=stream["StreamArn"], ShardId=shard["ShardId"],
                           ShardIteratorType="TRIM_HORIZON")["ShardIterator"]  # fmt: skip
            records = []
            while iterator:
                page = ask("GetRecords", ShardIterator=iterator, Limit=7)
                records += page["Records"]
                iterator = page.get("NextShardIterator") if page["Records"] else None
            everything.append(records)
    return everything


def create(log: Log, name: str, view: str) -> None:
    log.control("CreateTable", TableName=name, KeySchema=KEYS, AttributeDefinitions=IDS, BillingMode="PAY_PER_REQUEST",
                StreamSpecification={"StreamEnabled": True, "StreamViewType": view})  # fmt: skip


def test_every_replica_tells_the_same() -> None:
    """Streams begin, end and begin anew, shards follow each other, a table goes and another one gets its name: whoever
    read the whole log, began with a checkpoint, or with one of one, has the same shards and records."""
    log, dice = Log(), random.Random(1)
    follower = log.replica()
    create(log, "both", "NEW_AND_OLD_IMAGES")
    create(log, "keys", "KEYS_ONLY")
    some(log, "both", dice, 60)
    some(log, "keys", dice, 20)
    early = log.beginner()
    log.clock.ms += 5 * HOUR_MS
    log.leader.pass_time(log.clock.now())  # the next shard
    some(log, "both", dice, 40)
    log.control("UpdateTable", TableName="both", StreamSpecification={"StreamEnabled": False})
    some(log, "both", dice, 10)
    middle = log.beginner()
    log.control("UpdateTable", TableName="both", StreamSpecification={"StreamEnabled": True, "StreamViewType": "OLD_IMAGE"})
    some(log, "both", dice, 30)
    log.control("DeleteTable", TableName="keys")
    create(log, "keys", "NEW_IMAGE")
    some(log, "keys", dice, 30)
    late = log.beginner()
    some(log, "keys", dice, 10)
    expected = told(log.leader)
    assert [len(one["Shards"]) for one in expected if isinstance(one, dict)] == [2, 1, 2, 1]
    assert sum(len(one) for one in expected if isinstance(one, list)) > 150
    for each in (follower, early, middle, late):
        assert told(log.catch_up(each)) == expected
    log.clock.ms += 20 * HOUR_MS  # the first streams are over a day old
    log.leader.pass_time(log.clock.now())
    some(log, "keys", dice, 5)
    last = log.beginner()
    expected = told(log.leader)
    assert all(told(log.catch_up(each)) == expected for each in (follower, early, middle, late, last))
    for each in (log.leader, follower, early, middle, late, last):
        each.close()


def test_a_shard_begins_where_it_is_in_the_log() -> None:
    """The leader asks for a shard behind what it saw; what was written before that was ordered is not in it."""
    log, dice = Log(), random.Random(2)
    create(log, "told", "KEYS_ONLY")
    some(log, "told", dice, 10)
    order = log.leader.tables.order
    assert order is not None

    def late(operation: str, arguments: dict[str, Any]) -> tuple[int, bytes]:
        some(log, "told", dice, 10)
        return order(operation, arguments)

    log.leader.tables.order = late
    log.clock.ms += 5 * HOUR_MS
    log.leader.pass_time(log.clock.now())
    log.leader.tables.order = order
    _, before, after = told(log.leader)
    numbers = [record["dynamodb"]["SequenceNumber"] for record in before + after]
    assert not after and numbers == sorted(set(numbers))
    some(log, "told", dice, 10)
    assert told(log.leader)[2] and told(log.leader)[1] == before
    log.leader.close()


def test_who_deleted_is_told() -> None:
    log = Log()
    create(log, "told", "OLD_IMAGE")
    for name in ("old", "asked"):
        log.write("PutItem", TableName="told", Item={"id": {"S": name}, "t": {"N": "1"}})
    log.add(EXPIRE, "DeleteItem", {"TableName": "told", "Key": {"id": {"S": "old"}}})
    log.write("DeleteItem", TableName="told", Key={"id": {"S": "asked"}})
    log.write("DeleteItem", TableName="told", Key={"id": {"S": "absent"}})
    records = told(log.catch_up(log.replica()))[1]
    assert [(one["eventName"], one.get("userIdentity", {}).get("PrincipalId")) for one in records] == [
        ("INSERT", None), ("INSERT", None), ("REMOVE", "dynamodb.amazonaws.com"), ("REMOVE", None),
    ]  # fmt: skip
    log.leader.close()
