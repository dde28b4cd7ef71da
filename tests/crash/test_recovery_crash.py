"""kill -9 of a process whose table is archived: every acknowledged moment can still be restored.

CLOUDCORE_CRASH_CYCLES (default 15) kills on one directory. The process adds one to a random half of its counters
in a transaction, says so with the time before and after, archives, takes base images; after each kill some of
the moments that were said, of this cycle and of earlier ones, are restored and compared.
"""

from __future__ import annotations

import datetime
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cloudcore.dynamodb import DynamoDB

CYCLES = int(os.environ.get("CLOUDCORE_CRASH_CYCLES", "15"))
SEED = int(os.environ.get("CLOUDCORE_CRASH_SEED", "0")) or int(time.time())

WRITER = """
import random, sys, time
from cloudcore.dynamodb import DynamoDB
from cloudcore.dynamodb.recovery import continuous
from cloudcore._table import Snapshot
continuous.PAUSE_SECONDS = 0.01
dice = random.Random(int(sys.argv[2]))
with DynamoDB(sys.argv[1]) as db:
    found = {i["p"]["N"]: int(i["n"]["N"]) for i in db.call("Scan", {"TableName": "tab"})["Items"]}
    print("open", found, flush=True)
    while True:
        chosen = dice.sample(range(20), 10)
        db.call("TransactWriteItems", {"TransactItems": [{"Update": {"TableName": "tab", "Key": {"p": {"N": str(n)}},
            "UpdateExpression": "ADD n :one", "ExpressionAttributeValues": {":one": {"N": "1"}}}} for n in chosen]})
        time.sleep(0.002)
        print(time.time(), chosen, flush=True)
        time.sleep(0.002)
        if dice.random() < 0.1:
            for archive in list(db.recovery._archives.values()):
                if archive.record["bases"] and not db.jobs.running(continuous._job(archive)):
                    snapshot = Snapshot(db.tables, archive.record["table"])
                    db.recovery._base(archive, snapshot, db.clock.now_ms())
"""


def state_of(db: DynamoDB, table: str) -> dict[str, int]:
    return {i["p"]["N"]: int(i["n"]["N"]) for i in db.call("Scan", {"TableName": table})["Items"]}


@pytest.mark.crash
def test_moments_survive_kills(tmp_path: Path) -> None:
    dice = random.Random(SEED)
    directory, restored = tmp_path / "store", 0
    moments: list[tuple[float, dict[str, int]]] = []
    with DynamoDB(directory) as db:
        db.call(
            "CreateTable",
            {"TableName": "tab", "BillingMode": "PAY_PER_REQUEST",
             "KeySchema": [{"AttributeName": "p", "KeyType": "HASH"}],
             "AttributeDefinitions": [{"AttributeName": "p", "AttributeType": "N"}]},
        )  # fmt: skip
        on = {"PointInTimeRecoveryEnabled": True}
        db.call("UpdateContinuousBackups", {"TableName": "tab", "PointInTimeRecoverySpecification": on})
        for archive in db.recovery._archives.values():
            db.jobs.wait(f"base-{archive.id}")
    for cycle in range(CYCLES):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(directory), str(SEED + cycle)], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        begin = writer.stdout.readline()
        state = dict(eval(begin.removeprefix("open ")))
        time.sleep(dice.random() * 0.3)
        writer.send_signal(signal.SIGKILL)
        lines = writer.stdout.read().split("\n")[:-1]
        writer.stdout.close()
        writer.wait()
        for line in lines:
            when, _, chosen = line.partition(" ")
            for number in eval(chosen):
                state[str(number)] = state.get(str(number), 0) + 1
            moments.append((float(when), dict(state)))
        with DynamoDB(directory) as db:
            for number, (when, expected) in enumerate(dice.sample(moments, min(4, len(moments)))):
                target = f"copy-{cycle}-{number}"
                db.call(
                    "RestoreTableToPointInTime",
                    {"SourceTableName": "tab", "TargetTableName": target,
                     "RestoreDateTime": datetime.datetime.fromtimestamp(when, datetime.UTC)},
                )  # fmt: skip
                assert db.jobs.wait(f"restore-{target}", 240)
                assert state_of(db, target) == expected, f"seed {SEED}, cycle {cycle}"
                db.call("DeleteTable", {"TableName": target})
                restored += 1
    print(f"{CYCLES} kills, {len(moments)} moments, {restored} restored, all as they were (seed {SEED})")
