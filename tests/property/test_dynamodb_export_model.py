"""Exports of random moments, and of random stretches, of random histories, against a plain dict.

CLOUDCORE_RECOVERY_RUNS makes more of them.
"""

from __future__ import annotations

import gzip
import json
import os
import time

import pytest
from histories import lived_through

from cloudcore.dynamodb.transfer import exports
from cloudcore.objects import LocalObjects

RUNS = int(os.environ.get("CLOUDCORE_RECOVERY_RUNS", "4"))


def exported(db, store, table, **params):
    """The records of one export."""
    arn = f"arn:aws:dynamodb:us-east-1:000000000000:table/{table}"
    params = {"TableArn": arn, "S3Bucket": "bkt", **params}
    arn = db.call("ExportTableToPointInTime", params)["ExportDescription"]["ExportArn"]
    assert db.jobs.wait(f"export-{arn.rpartition('/')[2]}", 60)
    done = db.call("DescribeExport", {"ExportArn": arn})["ExportDescription"]
    assert done["ExportStatus"] == "COMPLETED", done
    summary = json.loads(store.get("bkt", done["ExportManifest"]))
    records = []
    for line in store.get("bkt", summary["manifestFilesS3Key"]).splitlines():
        data = gzip.decompress(store.get("bkt", json.loads(line)["dataFileS3Key"]))
        records += [json.loads(record) for record in data.splitlines()]
    assert len(records) == done["ItemCount"]
    return records


@pytest.mark.parametrize("run", range(RUNS))
def test_exports_are_what_was(tmp_path, run, monkeypatch):
    monkeypatch.setattr(exports, "WINDOW_MS", (0, exports.WINDOW_MS[1]))
    seed = int(os.environ.get("CLOUDCORE_RECOVERY_SEED", "0")) or int(time.time() * 1000) + run
    store = LocalObjects(tmp_path / "objects", durable=False)
    history = lived_through(tmp_path / "store", seed, lambda: store)
    db = history.db
    for table in history.model:
        for moment, expected in history.dice.sample(history.moments, 4):
            items = [record["Item"] for record in exported(db, store, table, ExportTime=moment)]
            assert {item["s"]["N"]: item for item in items} == expected[table], f"seed {seed}, {moment}, {table}"
        items = [record["Item"] for record in exported(db, store, table)]
        assert {item["s"]["N"]: item for item in items} == history.model[table], f"seed {seed}, now, {table}"
        for _ in range(4):
            (since, before), (until, behind) = sorted(history.dice.sample(history.moments, 2), key=lambda m: m[0])
            window = {"ExportFromTime": since, "ExportToTime": until}
            records = exported(
                db, store, table, ExportType="INCREMENTAL_EXPORT", IncrementalExportSpecification=window
            )
            seen = {record["Keys"]["s"]["N"]: record for record in records}
            assert len(seen) == len(records)
            old, new, told = before[table], behind[table], f"seed {seed}, {since} to {until}, {table}"
            for number, record in seen.items():
                assert record.get("OldImage") == old.get(number) and record.get("NewImage") == new.get(number), told
                assert "OldImage" in record or "NewImage" in record, told
                written = int(record["Metadata"]["WriteTimestampMicros"]["N"]) / 1e6
                assert since.timestamp() - 0.001 <= written <= until.timestamp(), told
            changed = {number for number in {*old, *new} if old.get(number) != new.get(number)}
            assert changed <= set(seen), told
    db.close()
