"""What the kill -9 tests of streams share: a child that puts and delivers, killed at random and begun again."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

CYCLES = int(os.environ.get("CLOUDCORE_CRASH_CYCLES", "50"))
SEED = int(os.environ.get("CLOUDCORE_CRASH_SEED", "0")) or int(time.time())
KILLS_PER_DIRECTORY = 15


def kill_and_check(
    tmp_path: Path,
    program: str,
    check: Callable[[Path, dict[str, int]], None],
    *,
    cycles: int,
    least_s: float,
    most_s: float = 1.2,
    arguments: tuple[str, ...] = (),
) -> None:
    """Make `cycles` kills, over as many directories as it takes; run each directory to its end and check it.

    `program HOME *arguments` prints "found N" (the sequence that it found), keeps what is acknowledged in
    HOME/acknowledged, and prints the stream's status as JSON at its end. It is killed after `least_s` to `most_s`.
    """
    dice = random.Random(SEED)
    kills = rounds = 0
    while kills < cycles:
        rounds += 1
        home = tmp_path / f"round-{rounds}"
        home.mkdir()
        here = 0
        while True:
            known = int((home / "acknowledged").read_text() or 0) if (home / "acknowledged").exists() else 0
            process = subprocess.Popen(
                [sys.executable, program, str(home), *arguments], stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, text=True, start_new_session=True,
            )  # fmt: skip
            may_kill = kills < cycles and here < KILLS_PER_DIRECTORY
            try:
                output, _ = process.communicate(timeout=dice.uniform(least_s, most_s) if may_kill else 300)
                killed = False
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                output, _ = process.communicate()
                killed = may_kill
                assert killed, f"it hangs (seed {SEED}): {output}"
            found = re.search(r"^found (\d+)$", output, re.M)
            assert found is None or int(found[1]) >= known, f"acknowledged records were lost (seed {SEED})"
            if killed:
                kills += 1
                here += 1
                continue
            assert process.returncode == 0, f"seed {SEED}:\n{output}"
            check(home, json.loads(output.splitlines()[-1]))
            break
    print(f"{kills} kills in {rounds} directories, seed {SEED}")
