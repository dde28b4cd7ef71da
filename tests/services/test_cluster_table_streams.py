"""Streams of tables on a real NATS JetStream server: two nodes in this process, and three that are killed."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from cluster_load import leader
from cluster_support import Nodes, Servers, Witness, until, zipped

import cloudcore

KEYS = [{"AttributeName": "id", "KeyType": "HASH"}]
IDS = [{"AttributeName": "id", "AttributeType": "S"}]
SOURCE = """
import os, urllib.request
def handler(event, context):
    said = ",".join(r["dynamodb"]["Keys"]["id"]["S"] + "-" + r["dynamodb"]["NewImage"]["n"]["N"] for r in event["Records"]
                    if "n" in r["dynamodb"]["NewImage"])
    urllib.request.urlopen(os.environ["WITNESS"] + "/" + said, timeout=20).read()
"""
BOTH = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}


@pytest.fixture(scope="module")
def pair(server: Servers) -> Iterator[tuple[Any, Any]]:
    """Two nodes; nothing says which of them leads."""
    with cloudcore.open(f"{server.url}/a") as a, cloudcore.open(f"{server.url}/b") as b:
        yield a, b


def create(client: Any, name: str, stream: dict[str, Any] = BOTH) -> str:
    made = client.create_table(TableName=name, KeySchema=KEYS, AttributeDefinitions=IDS, BillingMode="PAY_PER_REQUEST",
                               StreamSpecification=stream)  # fmt: skip
    arn: str = made["TableDescription"]["LatestStreamArn"]
    return arn


def iterators(client: Any, arn: str, kind: str = "TRIM_HORIZON") -> list[str]:
    shards = client.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
    return [client.get_shard_iterator(StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType=kind)["ShardIterator"]
            for shard in shards]  # fmt: skip


def test_an_iterator_of_one_node_goes_on_at_the_other(pair: Any) -> None:
    tables = [cloud.client("dynamodb") for cloud in pair]
    streams = [cloud.client("dynamodbstreams") for cloud in pair]
    arn = create(tables[0], "passed")
    assert [one["StreamArn"] for one in streams[1].list_streams(TableName="passed")["Streams"]] == [arn]
    described = streams[0].describe_stream(StreamArn=arn)
    assert streams[1].describe_stream(StreamArn=arn)["StreamDescription"] == described["StreamDescription"]
    for number in range(40):
        tables[number % 2].put_item(TableName="passed", Item={"id": {"S": f"{number % 7}"}, "n": {"N": f"{number // 2}"}})
        tables[0].put_item(TableName="passed", Item={"id": {"S": "same"}})  # no change but the first
    (at,) = iterators(streams[1], arn)
    found: list[Any] = []
    for turn in range(200):
        page = streams[turn % 2].get_records(ShardIterator=at, Limit=3)
        found += page["Records"]
        at = page["NextShardIterator"]
        if len(found) == 41:
            break
    assert [one["eventName"] for one in found].count("INSERT") == 8 and len(found) == 41
    numbers = [one["dynamodb"]["SequenceNumber"] for one in found]
    assert numbers == sorted(set(numbers)) and len({one["eventID"] for one in found}) == 41
    assert all(one["dynamodb"]["OldImage"]["id"] == one["dynamodb"]["Keys"]["id"] for one in found if one["eventName"] == "MODIFY")
    for each in streams:  # all of it from each
        until("this node has all of it", lambda each=each: len(read_all(each, arn)) == 41)
        whole = each.get_records(ShardIterator=iterators(streams[0], arn)[0])["Records"]
        assert whole == found
    again = streams[1].get_shard_iterator(StreamArn=arn, ShardId=described["StreamDescription"]["Shards"][0]["ShardId"],
                                          ShardIteratorType="AFTER_SEQUENCE_NUMBER", SequenceNumber=numbers[20])  # fmt: skip
    assert streams[0].get_records(ShardIterator=again["ShardIterator"])["Records"] == found[21:]
    shard = described["StreamDescription"]["Shards"][0]["ShardId"]
    since = found[0]["dynamodb"]["ApproximateCreationDateTime"]
    again = streams[1].get_shard_iterator(StreamArn=arn, ShardId=shard, ShardIteratorType="AT_TIMESTAMP", Timestamp=since)
    assert streams[0].get_records(ShardIterator=again["ShardIterator"])["Records"] == found
    tables[1].update_table(TableName="passed", StreamSpecification={"StreamEnabled": False})
    tables[0].put_item(TableName="passed", Item={"id": {"S": "untold"}})
    page = streams[0].get_records(ShardIterator=at)
    assert page["Records"] == [] and "NextShardIterator" not in page
    assert streams[0].describe_stream(StreamArn=arn)["StreamDescription"]["StreamStatus"] == "DISABLED"
    tables[0].delete_table(TableName="passed")
    assert streams[1].get_records(ShardIterator=iterators(streams[0], arn)[0])["Records"] == found
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        streams[1].describe_stream(StreamArn=arn.replace("passed", "absent"))


def test_changes_of_a_table_with_native_values(pair: Any) -> None:
    a, b = (cloud.table("native", pk="id:S") for cloud in pair)
    a.enable_stream()
    for number in range(5):
        a.put({"id": "x", "n": number})
    changes = list(b.changes())
    assert [(one.kind, one.new) for one in changes] == [("insert", {"id": "x", "n": 0})] + [
        ("modify", {"id": "x", "n": number}) for number in range(1, 5)
    ]
    b.delete("x")
    (last,) = a.changes(after=changes[-1].position)
    assert (last.kind, last.old, last.expired) == ("remove", {"id": "x", "n": 4}, False)
    waiting = b.changes(latest=True, wait=60)
    a.put({"id": "y"})
    assert next(waiting).key == {"id": "y"}
    waiting.close()
    b.disable_stream()


def test_what_expires_says_so(pair: Any) -> None:
    a, b = pair
    arn = create(a.client("dynamodb"), "expiring")
    b.client("dynamodb").update_time_to_live(TableName="expiring", TimeToLiveSpecification={"Enabled": True, "AttributeName": "t"})
    b.table("expiring").put({"id": "old", "t": int(time.time()) - 100})
    until("it is deleted", lambda: a.table("expiring").get("old", consistent=True) is None)
    records = a.client("dynamodbstreams").get_records(ShardIterator=iterators(b.client("dynamodbstreams"), arn)[0])["Records"]
    assert [one["eventName"] for one in records] == ["INSERT", "REMOVE"]
    assert records[1]["userIdentity"] == {"PrincipalId": "dynamodb.amazonaws.com", "Type": "Service"}


def mapped(client: Any, arn: str, witness: Witness) -> str:
    """A function that tells the witness of every change of a stream: KEY-n."""
    client.create_function(
        FunctionName="seen", Runtime="python3.11", Role="arn:aws:iam::000000000000:role/r", Handler="index.handler", Timeout=30,
        Code={"ZipFile": zipped(SOURCE)}, Environment={"Variables": {"WITNESS": witness.url}},
    )  # fmt: skip
    uuid: str = client.create_event_source_mapping(
        FunctionName="seen", EventSourceArn=arn, StartingPosition="TRIM_HORIZON", BatchSize=100
    )["UUID"]
    return uuid


def witnessed(witness: Witness) -> set[str]:
    return {one for said in witness.seen() for one in said.split(",")}


def test_a_table_is_a_source_of_a_function(pair: Any) -> None:
    a, b = pair
    arn = create(a.client("dynamodb"), "source")
    put = lambda cloud, number: cloud.table("source").put({"id": "k", "n": number})  # noqa: E731
    with Witness() as witness:
        uuid = mapped(b.client("lambda"), arn, witness)
        for number in range(6):
            put(pair[number % 2], number)
        until("they are seen", lambda: witnessed(witness) >= {f"k-{number}" for number in range(6)})
        runs = lambda: [cloud for cloud in pair if uuid in cloud.lambda_.mappings._pollers]  # noqa: E731
        a.client("lambda").update_event_source_mapping(UUID=uuid, Enabled=False)
        until("nobody runs it", lambda: not runs())
        put(a, 6)
        before = witness.count()
        b.client("lambda").update_event_source_mapping(UUID=uuid, Enabled=True)
        until("it goes on", lambda: "k-6" in witnessed(witness))
        assert witness.count() == before + 1  # from where it was
        a.client("lambda").delete_event_source_mapping(UUID=uuid)
        a.client("lambda").delete_function(FunctionName="seen")


class Writer(threading.Thread):
    """Counts items up through whichever node answers; `acknowledged[key]`: the numbers it was given."""

    def __init__(self, nodes: Nodes, names: list[str], at: int):
        super().__init__(daemon=True)
        self.clients = [nodes.client(name, "dynamodb") for name in names[at:] + names[:at]]
        self.keys = [f"{at}-{number}" for number in range(5)]
        self.acknowledged: dict[str, list[int]] = defaultdict(list)
        self.stopping = threading.Event()

    def run(self) -> None:
        turn = 0
        while not self.stopping.is_set():
            turn += 1
            key = self.keys[turn % 5]
            try:
                answer = self.clients[0].update_item(
                    TableName="counted", Key={"id": {"S": key}}, UpdateExpression="ADD n :one",
                    ExpressionAttributeValues={":one": {"N": "1"}}, ReturnValues="UPDATED_NEW",
                )  # fmt: skip
            except (BotoCoreError, ClientError):
                self.clients.append(self.clients.pop(0))  # it may have happened
            else:
                self.acknowledged[key].append(int(answer["Attributes"]["n"]["N"]))


def read_all(client: Any, arn: str) -> list[dict[str, Any]]:
    """The records of a stream as one node has them, up to its end now."""
    found = []
    for at in iterators(client, arn):
        following: str | None = at
        while following:
            page = client.get_records(ShardIterator=following)
            found += page["Records"]
            following = page.get("NextShardIterator") if page["Records"] else None
    return found


def has_all(client: Any, arn: str, count: int) -> bool:
    try:
        return len(read_all(client, arn)) >= count
    except (BotoCoreError, ClientError):
        return False  # it begins


def test_every_change_is_told_once_whoever_is_killed(tmp_path: Path) -> None:
    """The leader is killed under writes, twice, and begins again from a checkpoint: one reader goes on with its iterator at
    whichever node answers and gets every acknowledged change once, in order; each node tells the same, number by number; and a
    function whose source the stream is is told of every one."""
    names = ["n0", "n1", "n2"]
    servers = Servers(tmp_path / "nats", 1)
    nodes = Nodes(tmp_path / "nodes", servers.url, "http://127.0.0.1:9")
    nodes.environment["CLOUDCORE_CHECKPOINT_BYTES"] = "40000"
    witness = Witness()
    try:
        for name in names:
            nodes.start(name)
        for name in names:
            nodes.wait(name)
        arn = create(nodes.client("n0", "dynamodb"), "counted")
        mapped(nodes.client("n2", "lambda"), arn, witness)
        writers = [Writer(nodes, names, at) for at in range(3)]
        for writer in writers:
            writer.start()
        seen: list[dict[str, Any]] = []
        (at,) = iterators(nodes.client("n1", "dynamodbstreams"), arn)

        def follow(least: int) -> None:
            nonlocal at
            streams, end = [nodes.client(name, "dynamodbstreams") for name in names], time.monotonic() + 120
            wanted = len(seen) + least
            while len(seen) < wanted:
                assert time.monotonic() < end, f"{len(seen)} of {wanted} changes came"
                streams.append(streams.pop(0))
                try:
                    page = streams[0].get_records(ShardIterator=at, Limit=50)
                except (BotoCoreError, ClientError):
                    continue  # it is killed, or begins
                seen.extend(page["Records"])
                at = page["NextShardIterator"]

        for _ in range(2):
            follow(150)
            victim = leader(servers)
            nodes.signal(victim)
            follow(150)  # while it is away
            nodes.start(victim)
            nodes.wait(victim)
        for writer in writers:
            writer.stopping.set()
        for writer in writers:
            writer.join(60)
        tables = nodes.client("n0", "dynamodb")
        tables.put_item(TableName="counted", Item={"id": {"S": "last"}})
        while seen[-1]["dynamodb"]["Keys"]["id"]["S"] != "last":
            follow(1)
        told: dict[str, list[int]] = defaultdict(list)
        for record in seen[:-1]:
            told[record["dynamodb"]["Keys"]["id"]["S"]].append(int(record["dynamodb"]["NewImage"]["n"]["N"]))
        for writer in writers:
            for key, acknowledged in writer.acknowledged.items():
                assert told[key] == list(range(1, len(told[key]) + 1)), key  # once, in order, none left out
                assert acknowledged == sorted(set(acknowledged)) and acknowledged[-1] <= len(told[key]), key
        numbers = [record["dynamodb"]["SequenceNumber"] for record in seen]
        assert numbers == sorted(set(numbers)) and len(seen) > 600
        for name in names:
            streams = nodes.client(name, "dynamodbstreams")
            until(f"{name} has all", lambda c=streams: has_all(c, arn, len(seen)))
            assert read_all(streams, arn) == seen, name
        every = {f"{key}-{n}" for key, numbers in told.items() for n in numbers}
        until("the function has seen them", lambda: witnessed(witness) >= every)
        print(f"{len(seen)} changes, {sum(len(v) for w in writers for v in w.acknowledged.values())} acknowledged")
    except BaseException:
        for name in names:
            print(name, nodes.said(name)[-1500:])
        raise
    finally:
        nodes.stop()
        servers.stop()
        witness.stop()
