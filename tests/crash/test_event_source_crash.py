"""kill -9 of a process whose function follows a table's stream: every acknowledged change is seen by the function at
least once.

CLOUDCORE_CRASH_CYCLES (default 8) kills on one directory.
"""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import pytest
from mapping_writer import killed

import cloudcore

CYCLES = int(os.environ.get("CLOUDCORE_CRASH_CYCLES", "8"))
SEED = int(os.environ.get("CLOUDCORE_CRASH_SEED", "0")) or int(time.time())
CODE = b"""import boto3
table = boto3.resource("dynamodb").Table("seen")
def handler(event, context):
    for record in event["Records"]:
        image = record["dynamodb"]["NewImage"]
        table.put_item(Item={"n": int(image["n"]["N"])})
"""


def create(directory: Path) -> None:
    from cloudcore.lambda_.code import pack

    with cloudcore.open(directory) as cloud:
        cloud.table("tab", pk="id:S").enable_stream()
        cloud.table("seen", pk="n:N")
        cloud.function("fn", pack({"h.py": CODE}), handler="h.handler", timeout=60)
        described = cloud.client("dynamodb").describe_table(TableName="tab")
        cloud.client("lambda").create_event_source_mapping(
            FunctionName="fn", EventSourceArn=described["Table"]["LatestStreamArn"],
            StartingPosition="TRIM_HORIZON", BatchSize=10, ParallelizationFactor=2,
        )  # fmt: skip


@pytest.mark.crash
def test_killed_followers(tmp_path):
    dice = random.Random(SEED)
    create(tmp_path / "db")
    acknowledged, found = 0, [0]
    for _ in range(CYCLES):
        acknowledged = killed(tmp_path / "db", acknowledged, 100, dice, 1, SEED)
        with cloudcore.open(tmp_path / "db") as cloud:
            found.append(sum(1 for _ in cloud.table("seen").scan()))
    with cloudcore.open(tmp_path / "db") as cloud:
        cloud.lambda_  # noqa: B018 - its mappings go on
        deadline = time.monotonic() + 240
        while True:
            seen = {int(item["n"]) for item in cloud.table("seen").scan()}
            missing = set(range(1, acknowledged + 1)) - seen
            if not missing:
                break
            assert time.monotonic() < deadline, (SEED, sorted(missing)[:20])
            time.sleep(0.1)
    assert found[-1] > found[1] > 0  # the kills fell while it was at work, from one life to the next
    print(f"{CYCLES} kills, {acknowledged} acknowledged changes, all seen; after each kill {found[1:]}")
