"""What kill -9 costs callers of functions: from the kill of whoever runs a call to the answer of the next call.

Worker, the version's zygote and the shared zygote are killed under a call, whose caller gets the contract's error; the
process that owns everything, the pool's supervisor with it, is killed and started again. Beside it: a new
ProcessPoolExecutor after a worker of the old one was killed, which breaks it.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import http.client
import json
import multiprocessing
import os
import signal
import statistics
import subprocess
import sys
import threading
import time
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest

import cloudcore
from bench.bench_lambda_scale import spec_of
from cloudcore.lambda_ import Pool
from cloudcore.lambda_.code import pack

CYCLES = 5
CODE = """
import csv, decimal, os, time
def handler(event, context):
    if event.get("wait"): time.sleep(30)
    return [event["n"], os.getpid(), os.getppid()]
"""


@pytest.mark.parametrize("whom", ["worker", "zygote of the version", "shared zygote"])
def test_the_next_call(benchmark, tmp_path, whom):
    took = []
    with Pool(spec_of(tmp_path, CODE)) as pool:

        def call(n, **more):
            return pool.invoke(json.dumps({"n": n} | more).encode())

        def cycle(n):
            call(n)
            deadline = time.monotonic() + 20
            while whom == "zygote of the version" and pool._version.get() is None:
                assert time.monotonic() < deadline, "it has no zygote"
                time.sleep(0.05)  # it is made in the background
            pool.retire(0)
            call(n)
            if whom == "shared zygote":
                pool._version.retire()
                pool.retire(0)
                call(n)
            _, worker, parent = json.loads(call(n).payload)
            killed = []

            def kill():
                killed.append(time.perf_counter())
                os.kill(worker if whom == "worker" else parent, signal.SIGKILL)

            killer = threading.Timer(0.2, kill)
            killer.start()
            assert json.loads(call(n, wait=True).payload)["errorType"] == "Runtime.ExitError"
            assert json.loads(call(n).payload)[0] == n
            took.append((time.perf_counter() - killed[0]) * 1e3)

        numbers = iter(range(10**9))
        benchmark.pedantic(lambda: cycle(next(numbers)), rounds=CYCLES)
    _say(benchmark, took, f"kill -9 of the {whom}: the next answer")


def test_the_process_that_owns_everything(benchmark, tmp_path):
    """From its kill, over a new start of `cloudcore serve`, to the first answer; no worker outlives it."""
    with cloudcore.open(tmp_path / "data") as cloud:
        cloud.function("fn", pack({"app.py": CODE.encode()}), handler="app.handler", timeout=60)
    took = []

    def start():
        command = [sys.executable, "-m", "cloudcore.cli.main", "serve", "--port", "0", "--data", str(tmp_path / "data")]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        port = int(process.stdout.readline().split("AWS_ENDPOINT_URL=")[1].split()[0].rpartition(":")[2])
        return process, port

    def call(port, n):
        link = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        with contextlib.closing(link):
            link.request("POST", "/2015-03-31/functions/fn/invocations", json.dumps({"n": n}))
            return json.loads(link.getresponse().read())

    process, port = start()

    def cycle(n):
        nonlocal process, port
        _, worker, _ = call(port, n)
        began = time.perf_counter()
        process.kill()
        process.wait()
        process.stdout.close()
        process, port = start()
        assert call(port, n)[0] == n
        took.append((time.perf_counter() - began) * 1e3)
        assert not Path(f"/proc/{worker}").exists()

    try:
        numbers = iter(range(10**9))
        benchmark.pedantic(lambda: cycle(next(numbers)), rounds=CYCLES)
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()
    _say(benchmark, took, "kill -9 of the process that owns everything: the next answer")


def _wait(_):
    time.sleep(30)


def test_an_executor_that_is_made_again(benchmark):
    took = []

    def cycle(n):
        pool = concurrent.futures.ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn"))
        assert pool.submit(abs, -n).result() == n
        waiting = pool.submit(_wait, n)
        while not waiting.running():
            time.sleep(0.01)
        began = time.perf_counter()
        for pid in list(pool._processes):
            os.kill(pid, signal.SIGKILL)
        with pytest.raises(BrokenProcessPool):
            waiting.result()
        pool.shutdown()
        with concurrent.futures.ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as again:
            assert again.submit(abs, -n).result() == n
            took.append((time.perf_counter() - began) * 1e3)

    numbers = iter(range(10**9))
    benchmark.pedantic(lambda: cycle(next(numbers)), rounds=CYCLES)
    _say(benchmark, took, "ProcessPoolExecutor, broken and made again: the next answer")


def _say(benchmark, took, what):
    benchmark.extra_info["ms"] = statistics.median(took)
    print(f" {what} after {statistics.median(took):.0f} ms (median of {len(took)}, worst {max(took):.0f})")
