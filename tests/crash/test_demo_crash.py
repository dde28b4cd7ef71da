"""kill -9 of the demo at random moments: nothing acknowledged is lost, nothing is doubled, totals are exact.

CLOUDCORE_CRASH_CYCLES (default 50) kills are made, over as many fresh directories as it takes; every
directory is then run to its end, whose own check compares objects, table and counters with pyarrow.
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

ROOT = Path(__file__).parents[2]
CYCLES = int(os.environ.get("CLOUDCORE_CRASH_CYCLES", "50"))
SEED = int(os.environ.get("CLOUDCORE_CRASH_SEED", "0")) or int(time.time())
RECORDS = 20_000
KILLS_PER_DIRECTORY = 10


def start(directory: Path) -> subprocess.Popen[str]:
    """The demo, in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "examples.flights", "--data", str(directory / "data"),
         "--records", str(RECORDS),
         "--acknowledged", str(directory / "acknowledged"), "--quiet"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip


def resumed_behind(output: str) -> int:
    """What the demo found in its stream when it started."""
    for line in output.splitlines():
        if line.startswith("going on behind record "):
            return int(line.rsplit(" ", 1)[1].replace(",", ""))
    return -1


def acknowledged(directory: Path) -> int:
    try:
        return int((directory / "acknowledged").read_text() or 0)
    except FileNotFoundError:
        return 0


@pytest.mark.crash
@pytest.mark.slow
def test_demo_survives_kills(tmp_path: Path) -> None:
    dice = random.Random(SEED)
    kills = rounds = 0
    longest = 4.0  # seconds that one run takes; learned from the runs that finish
    while kills < CYCLES:
        rounds += 1
        directory = tmp_path / f"round-{rounds}"
        directory.mkdir()
        here = 0
        while True:
            known = acknowledged(directory)
            demo = start(directory)
            began = time.monotonic()
            killed = False
            try:
                may_kill = kills < CYCLES and here < KILLS_PER_DIRECTORY
                output, _ = demo.communicate(timeout=dice.uniform(0.3, longest) if may_kill else 240)
            except subprocess.TimeoutExpired:
                os.killpg(demo.pid, signal.SIGKILL)
                output, _ = demo.communicate()
                killed = may_kill
                assert killed, f"the demo hangs (seed {SEED}): {output}"
            behind = resumed_behind(output)
            assert behind in (-1,) or behind >= known, (
                f"acknowledged records were lost (seed {SEED}): {output}"
            )
            if killed:
                kills += 1
                here += 1
                continue
            assert demo.returncode == 0, f"after {kills} kills, seed {SEED}:\n{output}"
            assert behind >= known or known == 0, f"seed {SEED}: {output}"
            longest = max(1.0, min(longest, time.monotonic() - began)) if here == 0 else longest
            break
    print(f"{kills} kills in {rounds} directories, seed {SEED}")
    assert kills >= CYCLES
