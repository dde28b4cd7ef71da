"""kill -9 of a process whose table sends its changes into a delivery stream: what the table's own stream tells is in
the objects, every change at least once, and the first time in order.

CLOUDCORE_CRASH_CYCLES (default 50) kills on one directory.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import cloudcore

CYCLES = int(os.environ.get("CLOUDCORE_CRASH_CYCLES", "50"))
SEED = int(os.environ.get("CLOUDCORE_CRASH_SEED", "0")) or int(time.time())
ARN = "arn:aws:firehose:us-east-1:000000000000:deliverystream/changes"

WRITER = """
import random, sys, time
import cloudcore
dice = random.Random(int(sys.argv[2]))
serial = int(sys.argv[3])
with cloudcore.open(sys.argv[1]) as cloud:
    table = cloud.table("tab", pk="id:S")
    print("open", flush=True)
    while True:
        for _ in range(dice.randrange(1, 60)):
            serial += 1
            table.put({"id": f"key-{serial % 7}", "n": serial})
        print(serial, flush=True)
        time.sleep(0.003)
"""


def create(directory: Path) -> None:
    with cloudcore.open(directory) as cloud:
        cloud.table("tab", pk="id:S").enable_stream("KEYS_ONLY")
        cloud.stream("changes", bucket="lake", prefix="changes/")
        client = cloud.client("dynamodb")
        client.enable_kinesis_streaming_destination(TableName="tab", StreamArn=ARN)


@pytest.mark.crash
def test_killed_senders(tmp_path):
    dice = random.Random(SEED)
    create(tmp_path / "db")
    acknowledged = 0
    for cycle in range(CYCLES):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path / "db"), str(SEED + cycle), str(acknowledged)],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        time.sleep(dice.uniform(0.005, 0.2))
        process.send_signal(signal.SIGKILL)
        lines = process.stdout.read().split("\n")[:-1]
        process.wait()
        acknowledged = max([acknowledged, *(int(line) for line in lines if line.isdigit())])
    with cloudcore.open(tmp_path / "db") as cloud:
        client = cloud.client("dynamodb")
        client.disable_kinesis_streaming_destination(TableName="tab", StreamArn=ARN)
        end = time.monotonic() + 120
        while True:
            described = client.describe_kinesis_streaming_destination(TableName="tab")
            if described["KinesisDataStreamDestinations"][0]["DestinationStatus"] == "DISABLED":
                break
            assert time.monotonic() < end
            time.sleep(0.01)
        cloud.firehose.get("changes").flush()
        told = stream_of(client, cloud.client("dynamodbstreams"))
        objects = [cloud.objects.get("lake", name).splitlines() for name in cloud.objects.list("lake")]
    place = {event_id: number for number, event_id in enumerate(told)}
    parts = [[json.loads(line) for line in lines] for lines in objects]
    parts.sort(key=lambda part: place[event_id_of(part[0])])  # names of one second do not tell the order
    sent = [record for part in parts for record in part]
    assert list(dict.fromkeys(map(event_id_of, sent))) == told, f"seed {SEED}"
    numbers = {int(record["dynamodb"]["NewImage"]["n"]["N"]) for record in sent}
    assert numbers >= set(range(1, acknowledged + 1)), f"seed {SEED}"
    print(f"{CYCLES} kills, {acknowledged} writes, {len(sent) - len(told)} sent again, seed {SEED}")


def event_id_of(record: dict) -> str:
    """As the table's stream has it."""
    return record["eventID"].replace("-", "")


def stream_of(dynamodb, streams) -> list[str]:
    """The eventIDs of the table's stream."""
    arn = dynamodb.describe_table(TableName="tab")["Table"]["LatestStreamArn"]
    (shard,) = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
    at = streams.get_shard_iterator(
        StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    found: list[str] = []
    while True:
        page = streams.get_records(ShardIterator=at)
        if not page["Records"]:
            return found
        found += [record["eventID"] for record in page["Records"]]
        at = page["NextShardIterator"]
