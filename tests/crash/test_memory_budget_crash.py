"""kill -9 of a cloud whose tables are many times their memory budget, again and again over one directory.

A child writes items and says so on a pipe; killed at a random moment, the next one opens the same directory within the same
budget. Every item that was acknowledged must be there with that version or the one that was being written, no other.
CLOUDCORE_CRASH_CYCLES (default 12) kills; prints its figures.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

BUDGET = 4 << 20
COUNT, SIZE = 8_000, 4_000
CYCLES = int(os.environ.get("CLOUDCORE_CRASH_CYCLES", "12"))


def body(number: int, version: int) -> str:
    return (f"{number:x}.{version}." * SIZE)[: SIZE - number % 900]


def child(home: str, seed: int) -> None:
    """Check that memory is within the budget, then write: "number version" a line, once it is acknowledged."""
    import cloudcore

    rng = random.Random(seed)
    with cloudcore.open(home, memory=BUDGET) as cloud:
        cloud.dynamodb.tables.info()
        table = cloud.table("items", pk="pk:N")
        info = cloud.dynamodb.tables.info()
        assert info["used_bytes"] <= BUDGET + (1 << 20), info
        print(f"open {info['memory_bytes']}", flush=True)
        while True:
            number = rng.randrange(COUNT)
            found = table.get(number)
            version = 0 if found is None else int(found["version"]) + 1
            if found is not None:
                assert found["body"] == body(number, version - 1)
            table.put({"pk": number, "version": version, "body": body(number, version)})
            print(number, version, flush=True)
            if rng.randrange(700) == 0:
                cloud.dynamodb.tables.checkpoint()


@pytest.mark.crash
def test_killed_over_budget(tmp_path: Path) -> None:
    import cloudcore

    rng = random.Random(7)
    acknowledged: dict[int, int] = {}
    with cloudcore.open(tmp_path / "c", memory=BUDGET) as cloud:
        table = cloud.table("items", pk="pk:N")
        with table.batch() as batch:
            batch.extend({"pk": n, "version": 0, "body": body(n, 0)} for n in range(COUNT))
    acknowledged = dict.fromkeys(range(COUNT), 0)
    largest = writes = 0
    for cycle in range(CYCLES):
        command = [sys.executable, __file__, str(tmp_path / "c"), str(cycle)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            opened = process.stdout.readline().split()
            assert opened, "the child did not open the store"
            largest = max(largest, int(opened[1]))
            wanted = rng.randrange(2000)
            for _, line in zip(range(wanted), process.stdout, strict=False):
                number, version = map(int, line.split())
                acknowledged[number] = version
                writes += 1
            time.sleep(rng.random() * 0.02)  # somewhere in a write, a checkpoint, an eviction
            process.kill()
            for line in process.stdout:
                if line.endswith("\n") and len(line.split()) == 2:
                    number, version = map(int, line.split())
                    acknowledged[number] = version
                    writes += 1
    assert largest <= BUDGET + (6 << 20)
    with cloudcore.open(tmp_path / "c", memory=BUDGET) as cloud:
        seen = newer = 0
        for found in cloud.table("items").scan():
            number, version = int(found["pk"]), int(found["version"])
            assert version in (acknowledged[number], acknowledged[number] + 1)
            assert found["body"] == body(number, version)
            newer += version != acknowledged[number]
            seen += 1
        assert seen == COUNT
        assert newer <= CYCLES
        spilled = cloud.dynamodb.tables.info()["spilled_bytes"]
    print(
        f"{CYCLES} kills, {writes} acknowledged writes, 0 lost; {spilled / BUDGET:.1f} times the budget on disk"
    )


if __name__ == "__main__":
    child(sys.argv[1], int(sys.argv[2]))
