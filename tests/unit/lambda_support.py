"""Pools over code that a test writes."""

from __future__ import annotations

import json
import os
import time

from cloudcore.lambda_.pool import Pool, Spec, environment_of

ARN = "arn:aws:lambda:us-east-1:000000000000:function:f"
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"


def make(tmp_path, code, *, handler="app.handler", timeout_s=20, memory_mb=256, idle_s=300.0, **variables):
    """A pool over `code` as app.py; keywords in capitals are environment variables."""
    (tmp_path / "app.py").write_text(code)
    spec = Spec("f", ARN, str(tmp_path), handler, timeout_s, memory_mb, variables)
    spec.environment = environment_of(spec, "us-east-1", None, "000000000000")
    return Pool(spec, idle_s=idle_s)


def ask(functions, event=None, **options):
    """The result and its decoded payload."""
    result = functions.invoke(json.dumps(event or {}).encode(), **options)
    return result, json.loads(result.payload)


def until(check, seconds=60.0):
    """Wait until `check()` holds; AssertionError when it does not in time."""
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.01)


def alive(pid):
    """Whether the process exists and is not a zombie."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def children(pid=None):
    """The pids of the processes that `pid` (default: this one) started."""
    pid = pid or os.getpid()
    found = []
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/children") as line:
            found += [int(child) for child in line.read().split()]
    return found
