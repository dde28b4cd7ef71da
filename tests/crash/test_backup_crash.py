"""kill -9 of a process that backs up and restores: a backup is there whole, a restored table is the backup's.

CLOUDCORE_CRASH_CYCLES (default 20) kills on one directory. The process writes rounds: every item of the table gets
the round's number in one transaction-free sweep, then a backup is asked for, then a restore of it. After each
kill what was acknowledged is finished by the next open: backups become AVAILABLE, restored tables ACTIVE, and
each restored table holds what its backup held when it was asked for.
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

CYCLES = int(os.environ.get("CLOUDCORE_CRASH_CYCLES", "20"))
SEED = int(os.environ.get("CLOUDCORE_CRASH_SEED", "0")) or int(time.time())
ITEMS = 3000

WRITER = """
import sys
from cloudcore.dynamodb import DynamoDB
number = int(sys.argv[2])
with DynamoDB(sys.argv[1]) as db:
    print("open", flush=True)
    while True:
        number += 1
        for n in range(0, 3000, 25):
            puts = [{"PutRequest": {"Item": {"p": {"N": str(m)}, "round": {"N": str(number)}, "pad": {"S": "x" * 200}}}}
                    for m in range(n, n + 25)]
            db.call("BatchWriteItem", {"RequestItems": {"tab": puts}})
        arn = db.call("CreateBackup", {"TableName": "tab", "BackupName": f"round-{number}"})["BackupDetails"]["BackupArn"]
        print("backup", number, arn, flush=True)
        db.jobs.wait("backup-" + arn.rpartition("/")[2])
        db.call("RestoreTableFromBackup", {"TargetTableName": f"copy-{number}", "BackupArn": arn})
        print("restore", number, arn, flush=True)
        db.jobs.wait(f"restore-copy-{number}")
"""


def finish(db: DynamoDB) -> None:
    for arn in [summary["BackupArn"] for summary in db.call("ListBackups", {})["BackupSummaries"]]:
        assert db.jobs.wait("backup-" + arn.rpartition("/")[2], 120)
    for name in db.call("ListTables", {})["TableNames"]:
        assert db.jobs.wait(f"restore-{name}", 120)


def rounds_of(db: DynamoDB, table: str) -> list[int]:
    found, start = [], {}
    while True:
        page = db.call("Scan", {"TableName": table, **start})
        found += [int(item["round"]["N"]) for item in page["Items"]]
        if "LastEvaluatedKey" not in page:
            return found
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


def check(directory: Path, asked: dict[str, int], restored: set[int]) -> int:
    """What the kill left, after the open that finishes it; backups and copies are then taken away."""
    with DynamoDB(directory) as db:
        finish(db)
        summaries = db.call("ListBackups", {})["BackupSummaries"]
        assert set(asked) <= {s["BackupArn"] for s in summaries}, "an acknowledged backup is missing"
        assert {s["BackupStatus"] for s in summaries} <= {"AVAILABLE"}
        names = set(db.call("ListTables", {})["TableNames"])
        assert {f"copy-{number}" for number in restored} <= names, "an acknowledged restore is missing"
        last = max(rounds_of(db, "tab"), default=0)
        for summary in summaries:
            number = int(summary["BackupName"].removeprefix("round-"))
            if f"copy-{number}" not in names:
                db.call("RestoreTableFromBackup", {"TargetTableName": f"copy-{number}", "BackupArn": summary["BackupArn"]})
                finish(db)
            assert rounds_of(db, f"copy-{number}") == [number] * ITEMS
            assert db.call("DescribeTable", {"TableName": f"copy-{number}"})["Table"]["TableStatus"] == "ACTIVE"
            db.call("DeleteTable", {"TableName": f"copy-{number}"})
            db.call("DeleteBackup", {"BackupArn": summary["BackupArn"]})
        assert db.call("ListTables", {})["TableNames"] == ["tab"]
        assert os.listdir(directory / "backups") == [] if summaries else True
        return last


@pytest.mark.crash
def test_backups_and_restores_survive_kills(tmp_path: Path) -> None:
    dice = random.Random(SEED)
    directory, number, seen = tmp_path / "store", 0, 0
    with DynamoDB(directory) as db:
        db.call(
            "CreateTable",
            {"TableName": "tab", "BillingMode": "PAY_PER_REQUEST",
             "KeySchema": [{"AttributeName": "p", "KeyType": "HASH"}],
             "AttributeDefinitions": [{"AttributeName": "p", "AttributeType": "N"}]},
        )  # fmt: skip
    for _ in range(CYCLES):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(directory), str(number)], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None and writer.stdout.readline() == "open\n"
        first = ""
        if dice.random() < 0.7:
            first = writer.stdout.readline()  # a backup was asked for: kill it while it is written or restored
            time.sleep(dice.random() * 0.03)
        else:
            time.sleep(dice.random() * 0.1)
        writer.send_signal(signal.SIGKILL)
        lines = [line.split() for line in (first + writer.stdout.read()).split("\n")[:-1]]
        writer.stdout.close()
        writer.wait()
        asked = {arn: int(n) for what, n, arn in lines if what == "backup"}
        restored = {int(n) for what, n, _ in lines if what == "restore"}
        number = check(directory, asked, restored)
        seen += len(asked)
    print(f"{CYCLES} kills, {seen} backups seen afterwards, none lost (seed {SEED})")
