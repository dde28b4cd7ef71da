"""kill -9 of a process whose function sums a table's changes up in tumbling windows: a window's state and how far its records
came are kept as one, so that the states hold every acknowledged change once, whatever was run again.

CLOUDCORE_CRASH_CYCLES (default 4) kills on one directory.
"""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import pytest
from mapping_writer import killed, place

import cloudcore
from cloudcore.clock import ManualClock
from cloudcore.lambda_.code import pack

CYCLES = int(os.environ.get("CLOUDCORE_CRASH_CYCLES", "4"))
SEED = int(os.environ.get("CLOUDCORE_CRASH_SEED", "0")) or int(time.time())
WINDOW_S = 900
CODE = b"""import boto3
table = boto3.resource("dynamodb").Table("windows")
def handler(event, context):
    held = event["state"].get("numbers", [])
    held += [int(record["dynamodb"]["NewImage"]["n"]["N"]) for record in event["Records"]]
    if event["isFinalInvokeForWindow"]:
        table.put_item(Item={"start": event["window"]["start"], "numbers": held})
    return {"state": {"numbers": held}}
"""


@pytest.mark.crash
def test_killed_windows(tmp_path: Path) -> None:
    dice, directory = random.Random(SEED), tmp_path / "db"
    with cloudcore.open(directory) as cloud:
        cloud.table("tab", pk="id:S").enable_stream()
        cloud.table("windows", pk="start:S")
        cloud.function("fn", pack({"h.py": CODE}), handler="h.handler", timeout=60)
        described = cloud.client("dynamodb").describe_table(TableName="tab")
        cloud.client("lambda").create_event_source_mapping(
            FunctionName="fn", EventSourceArn=described["Table"]["LatestStreamArn"],
            StartingPosition="TRIM_HORIZON", BatchSize=5, TumblingWindowInSeconds=WINDOW_S,
        )  # fmt: skip
    last, with_state = 0, 0
    for _ in range(CYCLES):
        last = killed(directory, last, 60, dice, 0.5, SEED)
        with_state += '"numbers"' in place(directory)
        with cloudcore.open(directory) as cloud:  # what was written and not acknowledged is there or not
            last = max([last, *(int(item["n"]) for item in cloud.table("tab").scan())])
    assert with_state > CYCLES / 2  # the kills fell into open windows
    with cloudcore.open(directory, clock=ManualClock(time.time())) as cloud:
        cloud.lambda_  # noqa: B018 - its mappings go on
        deadline = time.monotonic() + 240
        while True:
            cloud.clock.advance(WINDOW_S)
            found = [int(n) for item in cloud.table("windows").scan() for n in item["numbers"]]
            if len(found) >= last:
                break
            assert time.monotonic() < deadline, (SEED, last, sorted(found))
            time.sleep(0.2)
    assert sorted(found) == list(range(1, last + 1)), SEED
    print(f"{CYCLES} kills, {last} changes, each once in the states of its windows")
