"""Nothing is left of many invocations, and kill -9 of anybody costs one call at most: figures of both.

CLOUDCORE_INVOCATIONS (default 20,000; the long form is make soak) and CLOUDCORE_CRASH_CYCLES (default 6).
"""

from __future__ import annotations

import json
import os
import signal
import socket
import statistics
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cloudcore.lambda_ import zygotes
from cloudcore.lambda_.pool import Pool, Spec
from cloudcore.lambda_.spec import environment_of

pytestmark = pytest.mark.crash
CALLS = int(os.environ.get("CLOUDCORE_INVOCATIONS", "20000"))
CYCLES = int(os.environ.get("CLOUDCORE_CRASH_CYCLES", "6"))
CODE = """
import os, socket, subprocess, sys, time
import html.parser  # no zygote has it, so a version gets a zygote of its own, which does
def handler(event, context):
    do = event.get("do")
    if do == "fail": raise ValueError(event["n"])
    if do == "exit": os._exit(1)
    if do == "child": subprocess.Popen(["sleep", "600"])
    if do == "sleep":
        socket.create_connection(("127.0.0.1", event["port"])).close()
        time.sleep(600)
    return [event["n"], os.getpid(), os.getppid()]
"""


def make(directory: Path) -> Pool:
    (directory / "app.py").write_text(CODE)
    spec = Spec("f", "arn:aws:lambda:us-east-1:000000000000:function:f", str(directory), "app.handler", 10, 512)
    spec.environment = environment_of(spec, "us-east-1", None, "000000000000")
    return Pool(spec)


def right(n: int, do: str, told: Any) -> bool:
    """Whether an answer is the one of its call."""
    if do == "fail":
        return bool(told["errorMessage"] == str(n))
    if do == "exit":
        return bool(told["errorType"] == "Runtime.ExitError")
    return bool(told[0] == n)


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def descendants() -> set[int]:
    """Every process below this one, zombies too."""
    found, left = set(), [os.getpid()]
    while left:
        pid = left.pop()
        try:
            for task in os.listdir(f"/proc/{pid}/task"):
                below = {int(c) for c in Path(f"/proc/{pid}/task/{task}/children").read_text().split()}
                left += below - found
                found |= below
        except OSError:
            continue
    return found


def wait_for(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def memory_files() -> int:
    return sum("memfd:cloudcore" in line for line in Path("/proc/self/maps").read_text().splitlines())


def test_many_invocations_leave_nothing(tmp_path: Path) -> None:
    with make(tmp_path) as pool:  # what this process opens once and keeps: the supervisor's descriptors
        pool.invoke(b'{"n": 0}')
    before = descriptors(), descendants(), memory_files(), set(os.listdir("/dev/shm"))
    scratch = {name for name in os.listdir("/tmp") if name.startswith("cloudcore-fn-")}
    with make(tmp_path) as pool:
        wrong: list[object] = []

        def some(first: int) -> None:
            for n in range(first, CALLS, 4):
                do = "exit" if n % 1000 == 999 else "child" if n % 997 == 0 else "fail" if n % 50 == 0 else ""
                result = pool.invoke(json.dumps({"n": n, "do": do}).encode())
                told = json.loads(result.payload)
                if not right(n, do, told):
                    wrong.append((n, told))

        threads = [threading.Thread(target=some, args=(n,)) for n in range(4)]
        [thread.start() for thread in threads]
        middle = 0
        while any(thread.is_alive() for thread in threads):
            middle = max(middle, descriptors())
            time.sleep(0.05)
        assert wrong == []
        assert middle < before[0] + 200 and len(descendants() - before[1]) < 60
    deadline = time.monotonic() + 60
    while descendants() - before[1] or descriptors() > before[0]:
        assert time.monotonic() < deadline, (descendants() - before[1], descriptors(), before[0])
        time.sleep(0.05)
    assert memory_files() <= before[2] and set(os.listdir("/dev/shm")) <= before[3]
    assert {name for name in os.listdir("/tmp") if name.startswith("cloudcore-fn-")} <= scratch
    print(f"{CALLS} invocations: no process, descriptor, shared memory or temporary directory is left")


def kill_asked(listener: socket.socket, victim: int) -> None:
    """Kill it when the call is at work, which says so."""
    listener.settimeout(60)
    listener.accept()[0].close()
    os.kill(victim, signal.SIGKILL)


@pytest.mark.parametrize("whom", ["worker", "zygote of the version", "shared zygote"])
def test_kill_9_costs_one_call_at_most(tmp_path: Path, whom: str) -> None:
    """While a call runs: its caller gets the contract's error, and the next call works, after so many ms."""
    took = []
    with make(tmp_path) as pool, socket.create_server(("127.0.0.1", 0)) as listener:
        for cycle in range(CYCLES):
            _, worker, parent = json.loads(pool.invoke(b'{"n": 0}').payload)
            if whom == "zygote of the version":
                wait_for(lambda: pool._version.get() is not None)
                pool.retire(0)  # the worker was forked from the shared one
                _, worker, parent = json.loads(pool.invoke(b'{"n": 0}').payload)
                own = pool._version.get()
                assert own is not None and parent == own.pid
            elif whom == "shared zygote":
                assert parent == zygotes.shared().get().pid
            victim = worker if whom == "worker" else parent
            killer = threading.Thread(target=kill_asked, args=(listener, victim), daemon=True)
            killer.start()
            asleep = {"n": cycle, "do": "sleep", "port": listener.getsockname()[1]}
            result = pool.invoke(json.dumps(asleep).encode())
            start = time.perf_counter()
            told = json.loads(result.payload)
            assert told["errorType"] == "Runtime.ExitError", told
            assert told["errorMessage"] == f"RequestId: {result.request_id} Error: Runtime exited with error: signal: killed"
            again = pool.invoke(json.dumps({"n": cycle}).encode())
            took.append((time.perf_counter() - start) * 1000)
            assert again.function_error is None and json.loads(again.payload)[0] == cycle
            killer.join()
    print(f"kill -9 of the {whom}: the next call is answered after {statistics.median(took):.0f} ms (median of {CYCLES})")
