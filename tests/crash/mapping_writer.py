"""A process that puts numbered items into the table of an event source mapping, killed while the mapping is at work."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

WRITER = """
import sys, time
import cloudcore
serial = int(sys.argv[2])
with cloudcore.open(sys.argv[1]) as cloud:
    table = cloud.table("tab")
    cloud.lambda_
    print("open", flush=True)
    sys.stdin.readline()
    for _ in range(int(sys.argv[3])):
        serial += 1
        table.put({"id": f"key-{serial % 7}", "n": serial})
        print(serial, flush=True)
        time.sleep(0.004)
    time.sleep(600)
"""


def place(directory: Path) -> str:
    """How far the one mapping of a directory has come, as it is kept."""
    (kept,) = directory.glob("*/*/lambda/event-source-places/*.json")
    return kept.read_text()


def killed(directory: Path, last: int, items: int, dice: random.Random, rest_s: float, seed: int) -> int:
    """Puts items from `last` on, `items` of them at most, and is killed up to `rest_s` after the mapping has come
    further; the number of the last one that was acknowledged."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(directory), str(last), str(items)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdin is not None and process.stdout is not None and process.stdout.readline() == "open\n"
    began, deadline = place(directory), time.monotonic() + 120
    process.stdin.write("go\n")  # now that it is known where it began: all of the items could be through before that
    process.stdin.flush()
    while place(directory) == began:  # until it has come further
        assert time.monotonic() < deadline, seed
        time.sleep(0.005)
    time.sleep(dice.uniform(0, rest_s))
    process.send_signal(signal.SIGKILL)
    lines = process.stdout.read().split("\n")[:-1]
    process.wait()
    process.stdin.close()
    process.stdout.close()
    return max([last, *(int(line) for line in lines if line.isdigit())])
