"""kill -9 of a process that imports a table: every import goes on where it was, and counts nothing twice.

CLOUDCORE_CRASH_CYCLES (default 15) kills, each at a step of an import that the dice choose: the process stops
there, before or after the step is counted, and is killed. So every kill meets an import on its way, on any machine.
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

from cloudcore.cloud import Cloud

CYCLES = int(os.environ.get("CLOUDCORE_CRASH_CYCLES", "15"))
SEED = int(os.environ.get("CLOUDCORE_CRASH_SEED", "0")) or int(time.time())
OBJECTS, LINES = 3, 400
PIECE = 4_000
BAD = range(0, LINES, 57)
"""Lines without the sort key."""

WRITER = f"""
import json, sys, time
from cloudcore.cloud import Cloud
from cloudcore.dynamodb.transfer import formats
formats.PIECE = {PIECE}
directory, table, step, before = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4] == "before"
with Cloud(directory) as cloud:
    catalogue, steps = cloud.dynamodb.catalogue, 0
    put = catalogue.put

    def counted(kind, id_, record):
        global steps
        if not before or steps != step:
            put(kind, id_, record)
        if steps == step:
            print("there", flush=True)
            time.sleep(600)
        steps += 1

    catalogue.put = counted
    cloud.dynamodb.call("ImportTable", {{
        "S3BucketSource": {{"S3Bucket": "bkt"}}, "InputFormat": "DYNAMODB_JSON", "InputCompressionType": "NONE",
        "TableCreationParameters": {{
            "TableName": table, "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": [{{"AttributeName": "p", "KeyType": "HASH"}}, {{"AttributeName": "s", "KeyType": "RANGE"}}],
            "AttributeDefinitions": [{{"AttributeName": "p", "AttributeType": "S"}}, {{"AttributeName": "s", "AttributeType": "N"}}],
        }},
    }})
    time.sleep(600)
"""


def fill(cloud: Cloud) -> None:
    for part in range(OBJECTS):
        lines = []
        for number in range(LINES):
            key = {"p": {"S": f"part{part}"}} | ({} if number in BAD else {"s": {"N": str(number)}})
            lines.append(json.dumps({"Item": key | {"v": {"S": "x" * 40}}}) + "\n")
        cloud.objects.put("bkt", f"in/{part}", "".join(lines).encode())


@pytest.mark.crash
def test_imports_survive_kills(tmp_path: Path) -> None:
    dice = random.Random(SEED)
    with Cloud(tmp_path) as cloud:
        fill(cloud)
    errors = OBJECTS * len(BAD)
    resumed = 0
    for cycle in range(CYCLES):
        step, side = dice.randrange(1, 12 * OBJECTS), dice.choice(["before", "after"])  # put 0 is the import's begin
        about = f"seed {SEED}, cycle {cycle}, step {step} {side}"
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), f"tab{cycle}", str(step), side],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert writer.stdout is not None
        assert writer.stdout.readline() == "there\n", about
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        with Cloud(tmp_path) as cloud:
            db = cloud.dynamodb
            (id_, record) = db.catalogue.all("import")[-1]
            assert db.jobs.wait(f"import-{id_}", 60), about
            arn = f"{record['arn']}/import/{id_}"
            done = db.call("DescribeImport", {"ImportArn": arn})["ImportTableDescription"]
            assert done["FailureCode"] == "ItemValidationError", about
            looked = OBJECTS * LINES
            assert [done[f"{name}ItemCount"] for name in ("Processed", "Imported")] == [looked, looked - errors], about
            assert done["ErrorCount"] == errors, about
            assert done["ProcessedSizeBytes"] == sum(len(cloud.objects.get("bkt", f"in/{n}")) for n in range(OBJECTS)), about
            log = Path(db.files(), "imports", id_, "error.jsonl").read_text().splitlines()
            told = [json.loads(line)["itemS3Pointer"] for line in log]
            assert sorted((one["key"], one["itemIndex"]) for one in told) == [
                (f"in/{part}", number) for part in range(OBJECTS) for number in BAD
            ], about
            found = {(item["p"], item["s"]) for item in cloud.table(f"tab{cycle}").scan()}
            assert found == {
                (f"part{part}", number) for part in range(OBJECTS) for number in range(LINES) if number not in BAD
            }, about
            resumed += 1
    assert resumed == CYCLES
    print(f"{resumed} imports cut short and ended, each item and each error counted once (seed {SEED})")
