"""kill -9 of a process that exports a table: what was begun ends, whole, as of the moment it was begun at.

CLOUDCORE_CRASH_CYCLES (default 15) kills on one directory, each a random while after the answer to
ExportTableToPointInTime; data files are small, so that an export is many objects. Every second export stops
at one of them until it is killed, so that a kill meets it on its way on any machine.
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

import pytest

from cloudcore.cloud import Cloud

CYCLES = int(os.environ.get("CLOUDCORE_CRASH_CYCLES", "15"))
SEED = int(os.environ.get("CLOUDCORE_CRASH_SEED", "0")) or int(time.time())
ITEMS = 3000
ARN = "arn:aws:dynamodb:us-east-1:000000000000:table/tab"

WRITER = """
import sys, time
from cloudcore.cloud import Cloud
from cloudcore.dynamodb.transfer import files
files.FILE_BYTES = 40_000
end_file = files.Files._end_file
left = [int(sys.argv[4])]
def held(self):
    left[0] -= 1
    time.sleep(600 if left[0] == 0 else 0.02)
    end_file(self)
files.Files._end_file = held
round = sys.argv[2]
with Cloud(sys.argv[1]) as cloud:
    for number in range(0, 3000, 7):
        cloud.dynamodb.call("PutItem", {"TableName": "tab", "Item": {"p": {"N": str(number)}, "v": {"S": round}}})
    time.sleep(0.003)
    print(cloud.dynamodb.call("ExportTableToPointInTime", {"TableArn": sys.argv[3], "S3Bucket": "bkt", "S3Prefix": round})
        ["ExportDescription"]["ExportArn"], flush=True)
    time.sleep(0.003)
    for number in range(3000):
        cloud.dynamodb.call("PutItem", {"TableName": "tab", "Item": {"p": {"N": str(number)}, "v": {"S": "later"}}})
    time.sleep(600)
"""


def exported(cloud: Cloud, arn: str, prefix: str) -> dict[str, str]:
    assert cloud.dynamodb.jobs.wait(f"export-{arn.rpartition('/')[2]}", 240)
    done = cloud.dynamodb.call("DescribeExport", {"ExportArn": arn})["ExportDescription"]
    assert done["ExportStatus"] == "COMPLETED", done
    summary = json.loads(cloud.objects.get("bkt", done["ExportManifest"]))
    listed = [json.loads(line) for line in cloud.objects.get("bkt", summary["manifestFilesS3Key"]).splitlines()]
    items = {}
    for entry in listed:
        for line in gzip.decompress(cloud.objects.get("bkt", entry["dataFileS3Key"])).splitlines():
            item = json.loads(line)["Item"]
            items[item["p"]["N"]] = item["v"]["S"]
    assert len(items) == done["ItemCount"] == sum(entry["itemCount"] for entry in listed)
    data = [key for key in cloud.objects.list("bkt", f"{prefix}/") if "/data/" in key]
    assert sorted(data) == sorted(entry["dataFileS3Key"] for entry in listed)  # nothing half is left
    return items


@pytest.mark.crash
def test_exports_survive_kills(tmp_path: Path) -> None:
    dice = random.Random(SEED)
    state = {str(number): "begin" for number in range(ITEMS)}
    with Cloud(tmp_path) as cloud:
        table = cloud.table("tab", "p:N")
        with table.batch() as batch:
            for number in range(ITEMS):
                batch.put({"p": number, "v": "begin"})
        on = {"PointInTimeRecoveryEnabled": True}
        cloud.dynamodb.call("UpdateContinuousBackups", {"TableName": "tab", "PointInTimeRecoverySpecification": on})
        for archive in cloud.dynamodb.recovery._archives.values():
            cloud.dynamodb.jobs.wait(f"base-{archive.id}")
    begun = resumed = 0
    for cycle in range(CYCLES):
        prefix = f"cycle{cycle}"
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), prefix, ARN, str((cycle + 1) % 2)],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert writer.stdout is not None
        arn = writer.stdout.readline().strip()
        assert arn
        state |= {str(number): prefix for number in range(0, ITEMS, 7)}
        time.sleep(dice.random() * 0.25)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        begun += 1
        resumed += not any(prefix in path.parts for path in tmp_path.rglob("manifest-summary.json"))
        with Cloud(tmp_path) as cloud:
            listed = cloud.dynamodb.call("ListExports", {"MaxResults": 1})["ExportSummaries"]
            assert listed[0]["ExportArn"] == arn
            assert exported(cloud, arn, prefix) == state, f"seed {SEED}, cycle {cycle}"
            found = cloud.dynamodb.call("Scan", {"TableName": "tab"})["Items"]
            state = {item["p"]["N"]: item["v"]["S"] for item in found}
    assert resumed >= (CYCLES + 1) // 2, "an export that was held was done"
    print(f"{begun} exports, {resumed} of them cut short and begun again, all as they were (seed {SEED})")
