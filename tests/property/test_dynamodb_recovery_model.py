"""Restores to random moments of random histories, against copies of a plain dict taken at those moments.

CLOUDCORE_RECOVERY_RUNS makes more of them.
"""

from __future__ import annotations

import os
import time

import pytest
from histories import lived_through

RUNS = int(os.environ.get("CLOUDCORE_RECOVERY_RUNS", "4"))


@pytest.mark.parametrize("run", range(RUNS))
def test_every_moment_is_what_it_was(tmp_path, run):
    seed = int(os.environ.get("CLOUDCORE_RECOVERY_SEED", "0")) or int(time.time() * 1000) + run
    history = lived_through(tmp_path / "store", seed)
    db = history.db
    for number, (moment, expected) in enumerate(history.dice.sample(history.moments, 8)):
        for table in history.model:
            target = f"{table}-{number}"
            db.call(
                "RestoreTableToPointInTime",
                {"SourceTableName": table, "TargetTableName": target, "RestoreDateTime": moment},
            )
            assert db.jobs.wait(f"restore-{target}", 60)
            found = {item["s"]["N"]: item for item in db.call("Scan", {"TableName": target})["Items"]}
            assert found == expected[table], f"seed {seed}, moment {moment}, table {table}"
            indexed = db.call("Scan", {"TableName": target, "IndexName": "gsi"})["Items"]
            assert len(indexed) == sum("g" in item for item in found.values()), f"seed {seed}"
    db.close()
