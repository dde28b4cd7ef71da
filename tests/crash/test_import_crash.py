"""kill -9 of a process that imports a table, or puts in bulk: it goes on where it was, and counts nothing twice.

CLOUDCORE_CRASH_CYCLES (default 12) kills, each at a step that the dice choose: the process stops there, before or
after the step is counted, and is killed. So every kill meets an import on its way, on any machine.
"""

from __future__ import annotations

import gzip
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from cloudcore.cloud import Cloud

CYCLES = int(os.environ.get("CLOUDCORE_CRASH_CYCLES", "12"))
SEED = int(os.environ.get("CLOUDCORE_CRASH_SEED", "0")) or int(time.time())
OBJECTS, LINES = 3, 400
PIECE = 4_000
"""Bytes of a step: an object is eleven."""
BAD = range(0, LINES, 57)
"""Lines without the sort key."""

TABLE = {
    "BillingMode": "PAY_PER_REQUEST",
    "KeySchema": [{"AttributeName": "p", "KeyType": "HASH"}, {"AttributeName": "s", "KeyType": "RANGE"}],
    "AttributeDefinitions": [{"AttributeName": "p", "AttributeType": "S"}, {"AttributeName": "s", "AttributeType": "N"}],
}

WRITER = f"""
import json, sys, time
from cloudcore.cloud import Cloud
from cloudcore.dynamodb.transfer import bulk_putting, formats
formats.PIECE = {PIECE}
directory, table, step, before, kind = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4] == "before", sys.argv[5]
with Cloud(directory) as cloud:
    db, steps = cloud.dynamodb, 0
    if kind == "bulk":
        db.call("CreateTable", {TABLE} | {{"TableName": table}})
    put = db.catalogue.put

    def counted(kind, id_, record):
        global steps
        if not before or steps != step:
            put(kind, id_, record)
        if steps == step:
            print("there", flush=True)
            time.sleep(600)
        steps += 1

    db.catalogue.put = counted
    if kind == "import":
        db.call("ImportTable", {{
            "S3BucketSource": {{"S3Bucket": "bkt"}}, "InputFormat": "DYNAMODB_JSON", "InputCompressionType": "NONE",
            "TableCreationParameters": {TABLE} | {{"TableName": table}},
        }})
    else:
        db.call("StartBulkPutItems", {{
            "TableName": table, "InputS3Configuration": {{"S3Bucket": "bkt", "InputFormat": "DYNAMODB_JSON"}},
            "OutputS3Configuration": {{"S3Bucket": "out", "S3KeyPrefix": table, "OutputType": ["ERROR"]}},
        }})
    for name in list(db.jobs._names):
        db.jobs.wait(name)
    print("over", flush=True)
"""


def fill(cloud: Cloud) -> None:
    for part in range(OBJECTS):
        lines = []
        for number in range(LINES):
            key = {"p": {"S": f"part{part}"}} | ({} if number in BAD else {"s": {"N": str(number)}})
            lines.append(json.dumps({"Item": key | {"v": {"S": "x" * 40}}}) + "\n")
        cloud.objects.put("bkt", f"in/{part}", "".join(lines).encode())


def kill(directory: Path, table: str, step: int, side: str, kind: str) -> None:
    """Let a process come to a step, and kill it there."""
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(directory), table, str(step), side, kind], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    assert writer.stdout.readline() == "there\n"
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    writer.stdout.close()


def told(cloud: Cloud, kind: str, id_: str, table: str) -> list[dict[str, Any]]:
    """The errors that were reported."""
    if kind == "import":
        log = Path(cloud.dynamodb.files(), "imports", id_, "error.jsonl").read_bytes()
    else:
        home = f"{table}/AWSDynamoDB/{id_}"
        assert json.loads(cloud.objects.get("out", f"{home}/manifest-summary.json"))["failedItemCount"]
        data = [key for key in cloud.objects.list("out", home) if "/data/" in key]
        log = b"".join(gzip.decompress(cloud.objects.get("out", key)) for key in data)
    return [json.loads(line)["itemS3Pointer"] for line in log.splitlines()]


@pytest.mark.crash
def test_imports_and_bulk_puts_survive_kills(tmp_path: Path) -> None:
    dice = random.Random(SEED)
    with Cloud(tmp_path) as cloud:
        fill(cloud)
        size = sum(len(cloud.objects.get("bkt", f"in/{part}")) for part in range(OBJECTS))
    looked, errors = OBJECTS * LINES, OBJECTS * len(BAD)
    for cycle in range(CYCLES):
        # The first one or two say that it is begun, and what there is to read.
        kind, step, side = ("import", "bulk")[cycle % 2], dice.randrange(2, 9 * OBJECTS), dice.choice(["before", "after"])
        about = f"seed {SEED}, cycle {cycle}: {kind}, step {step} {side}"
        kill(tmp_path, f"tab{cycle}", step, side, kind)
        with Cloud(tmp_path) as cloud:
            db = cloud.dynamodb
            (id_, record) = db.catalogue.all(kind)[-1]
            assert db.jobs.wait(f"{kind}-{id_}", 240), about
            arn = f"{record['arn']}/{kind}/{id_}"
            if kind == "import":
                done = db.call("DescribeImport", {"ImportArn": arn})["ImportTableDescription"]
                assert done["FailureCode"] == "ItemValidationError", about
                assert (done["ErrorCount"], done["ProcessedSizeBytes"]) == (errors, size), about
            else:
                done = db.call("DescribeBulkOperation", {"BulkOperationArn": arn})["BulkOperationDescription"]
                assert done["BulkOperationStatus"] == "COMPLETED_WITH_ERRORS", about
                assert (done["FailedItemCount"], done["ProcessedInputBytes"]) == (errors, size), about
            assert done["ProcessedItemCount"] == looked, about
            pointers = told(cloud, kind, id_, f"tab{cycle}")
            assert sorted((one["key"], one["itemIndex"]) for one in pointers) == [
                (f"in/{part}", number) for part in range(OBJECTS) for number in BAD
            ], about
            found = {(item["p"], item["s"]) for item in cloud.table(f"tab{cycle}").scan()}
            assert found == {
                (f"part{part}", number) for part in range(OBJECTS) for number in range(LINES) if number not in BAD
            }, about
    print(f"{CYCLES} imports and bulk puts cut short and ended, each item and each error counted once (seed {SEED})")
