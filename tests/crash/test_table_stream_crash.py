"""kill -9 of a process that writes to a table with a stream: stream and table always tell the same.

CLOUDCORE_CRASH_CYCLES (default 50) kills on one directory, some of them while the stream is switched off and on or
while another table with a stream comes and goes. After each reopening the streams of the table, replayed one behind
the other onto what was read before, are the table; no acknowledged write is missing; nothing was told twice.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cloudcore.dynamodb import DynamoDB

CYCLES = int(os.environ.get("CLOUDCORE_CRASH_CYCLES", "50"))
SEED = int(os.environ.get("CLOUDCORE_CRASH_SEED", "0")) or int(time.time())

WRITER = """
import random, sys
from cloudcore.dynamodb import DynamoDB
dice = random.Random(int(sys.argv[2]))
serial = int(sys.argv[3])
KEYS = {"KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}], "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}}
with DynamoDB(sys.argv[1]) as db:
    print("open", flush=True)
    while True:
        serial += 1
        kind, key = dice.randrange(10), {"id": {"S": f"key-{dice.randrange(30)}"}}
        mark = {"PutRequest": {"Item": {"id": {"S": "serial"}, "n": {"N": str(serial)}}}}
        if kind < 5:
            write = {"PutRequest": {"Item": key | {"n": {"N": str(dice.randrange(5))}, "x": {"S": "y" * dice.randrange(2000)}}}}
        else:
            write = {"DeleteRequest": {"Key": key}}
        db.call("BatchWriteItem", {"RequestItems": {"tab": [write, mark]}})
        print(serial, flush=True)
        if dice.randrange(40) == 0:
            db.call("UpdateTable", {"TableName": "tab", "StreamSpecification": {"StreamEnabled": False}})
            print("off", flush=True)
            db.call("UpdateTable", {"TableName": "tab", "StreamSpecification": KEYS["StreamSpecification"]})
            print("on", flush=True)
        if dice.randrange(40) == 0:
            db.call("CreateTable", {"TableName": "passing", **KEYS})
            db.call("PutItem", {"TableName": "passing", "Item": key})
            db.call("DeleteTable", {"TableName": "passing"})
"""


def create(directory: Path) -> None:
    with DynamoDB(directory) as db:
        db.call(
            "CreateTable",
            {
                "TableName": "tab",
                "BillingMode": "PAY_PER_REQUEST",
                "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
                "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
                "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
            },
        )


def streams_of(db: DynamoDB, **params: str) -> list[str]:
    """The ARNs of all streams, oldest first in each table."""
    found: list[str] = []
    while True:
        page = db.streams.call("ListStreams", params)
        found += [stream["StreamArn"] for stream in page["Streams"]]
        if "LastEvaluatedStreamArn" not in page:
            return found
        params["ExclusiveStartStreamArn"] = page["LastEvaluatedStreamArn"]


class Replay:
    """What the streams of the table told so far."""

    def __init__(self) -> None:
        self.items: dict[str, dict] = {}
        self.last = ""
        self.ids: set[str] = set()

    def catch_up(self, db: DynamoDB) -> None:
        for arn in streams_of(db, TableName="tab"):
            (shard,) = db.streams.call("DescribeStream", {"StreamArn": arn})["StreamDescription"]["Shards"]
            end = shard["SequenceNumberRange"].get("EndingSequenceNumber", "9")
            if end <= self.last:
                continue
            at = {"StreamArn": arn, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
            if shard["SequenceNumberRange"]["StartingSequenceNumber"] <= self.last:
                at |= {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": self.last}
            token = db.streams.call("GetShardIterator", at)["ShardIterator"]
            while token is not None:
                page = db.streams.call("GetRecords", {"ShardIterator": token})
                for record in page["Records"]:
                    self.take(record)
                token = page.get("NextShardIterator") if page["Records"] else None

    def take(self, record: dict) -> None:
        data = record["dynamodb"]
        key = data["Keys"]["id"]["S"]
        assert data["SequenceNumber"] > self.last
        assert record["eventID"] not in self.ids
        assert data.get("OldImage") == self.items.get(key)
        self.last = data["SequenceNumber"]
        self.ids.add(record["eventID"])
        if "NewImage" in data:
            self.items[key] = data["NewImage"]
        else:
            del self.items[key]


@pytest.mark.crash
def test_killed_writers(tmp_path):
    dice = random.Random(SEED)
    create(tmp_path / "db")
    replay = Replay()
    acknowledged = switched = 0
    for cycle in range(CYCLES):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path / "db"), str(SEED + cycle), str(acknowledged)],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        time.sleep(dice.uniform(0.005, 0.3))
        process.send_signal(signal.SIGKILL)
        lines = process.stdout.read().split("\n")[:-1]  # the last one may be cut off
        process.wait()
        acknowledged = max([acknowledged, *(int(line) for line in lines if line.isdigit())])
        switched += lines.count("on")
        with DynamoDB(tmp_path / "db") as db:
            live = db.call("DescribeTable", {"TableName": "tab"})["Table"].get("StreamSpecification")
            if live is None:  # killed between off and on: nothing was written in between
                specification = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
                db.call("UpdateTable", {"TableName": "tab", "StreamSpecification": specification})
            if db.tables.describe("passing") is not None:
                db.call("DeleteTable", {"TableName": "passing"})
            replay.catch_up(db)
            items = {item["id"]["S"]: item for item in db.call("Scan", {"TableName": "tab"})["Items"]}
            assert replay.items == items, f"seed {SEED}"
            found = int(items["serial"]["n"]["N"]) if "serial" in items else 0
            assert acknowledged <= found <= acknowledged + 1, f"seed {SEED}"
            acknowledged = found
            for arn in streams_of(db):  # of the dropped tables, too
                description = db.streams.call("DescribeStream", {"StreamArn": arn})
                assert len(description["StreamDescription"]["Shards"]) == 1
    print(f"{CYCLES} kills, {acknowledged} writes, {len(replay.ids)} records, {switched} switches, seed {SEED}")
