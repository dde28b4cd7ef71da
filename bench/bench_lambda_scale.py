"""How functions scale: many callers at once, memory per environment, 0 to 100 environments, idle cost, over HTTP.

Answers are checked, events vary. Peers: multiprocessing.Pool for memory and for a hundred workers, MiniStack over HTTP.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from bench.bench_lambda import CODE, Cloudcore, MultiprocessingPool, event, work
from bench.wire_peer import free_port
from cloudcore.lambda_ import Pool, Spec
from cloudcore.lambda_.code import pack
from cloudcore.lambda_.spec import environment_of

CALLS = 4000


def spec_of(directory: Path, code: str) -> Spec:
    (directory / "app.py").write_text(code)
    spec = Spec("bench", "arn:aws:lambda:us-east-1:000000000000:function:bench", str(directory), "app.handler")
    spec.environment = environment_of(spec, "us-east-1", None, "000000000000")
    return spec


def proportional_kb(pid: int) -> int:
    """The proportional share of memory of a process."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    raise AssertionError("no Pss")


@pytest.mark.parametrize("callers", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("kind", [Cloudcore, MultiprocessingPool], ids=lambda k: k.__name__.lower())
def test_concurrency_sweep(benchmark, tmp_path, kind, callers):
    """Calls of so many threads at once; cloudcore has an environment for each, the Pool two workers."""
    runner = kind(tmp_path)
    numbers = iter(range(10**9))

    def setup():
        return ([[json.dumps(event(next(numbers))).encode() for _ in range(CALLS // callers)] for _ in range(callers)],), {}

    def calls(parts):
        wrong = []

        def some(bodies):
            for body in bodies:
                if json.loads(runner.call(body))["seen"] != 16:
                    wrong.append(body)

        threads = [threading.Thread(target=some, args=(part,)) for part in parts]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        assert wrong == []

    try:
        benchmark.pedantic(calls, setup=setup, rounds=3, warmup_rounds=1)
    finally:
        runner.close()
    rate = CALLS / benchmark.stats.stats.median
    benchmark.extra_info["calls_per_s"] = round(rate)
    print(f" {kind.__name__}, {callers} callers: {rate:,.0f} calls/s")


def test_memory_per_environment(benchmark, tmp_path):
    """Proportional share of memory of 20 environments with their zygotes, beside 20 spawned pool workers."""
    with Pool(spec_of(tmp_path, CODE)) as pool:
        benchmark.pedantic(lambda: pool.prewarm(20), rounds=1)
        pids = [one.pid for one in pool._warm]
        parents = {int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]) for pid in pids}
        ours = sum(map(proportional_kb, [*pids, *parents])) / 20
    with multiprocessing.get_context("spawn").Pool(20) as peer:
        peer.map(work, [json.dumps(event(n)).encode() for n in range(200)], chunksize=1)
        theirs = sum(proportional_kb(worker.pid) for worker in peer._pool) / 20
    benchmark.extra_info.update(kib=round(ours), pool_kib=round(theirs))
    print(f" {ours / 1024:.2f} MiB an environment, zygotes included; a spawned pool worker {theirs / 1024:.2f} MiB")


def test_from_nothing_to_a_hundred_environments(benchmark, tmp_path):
    """Until a hundred environments are initialised, none and no zygote being there; the peer's hundred workers."""

    def ours():
        with Pool(spec_of(tmp_path, CODE)) as pool:
            start = time.perf_counter()
            assert pool.prewarm(100) and pool.warm == 100
            return time.perf_counter() - start

    took = [ours() for _ in range(3)]
    start = time.perf_counter()
    with multiprocessing.get_context("spawn").Pool(100) as peer:
        assert len(set(peer.map(_pid, range(2000), chunksize=1))) > 1
        theirs = time.perf_counter() - start
    benchmark.pedantic(ours, rounds=1)
    benchmark.extra_info.update(seconds=statistics.median(took), pool_seconds=theirs)
    print(f" 100 environments in {statistics.median(took):.2f} s; a spawned pool of 100 first answers after {theirs:.2f} s")


def _pid(_: int) -> int:
    return os.getpid()


def test_idle_cost(benchmark, tmp_path):
    """After the idle time: processes that are left, and the processor time of this process in two seconds."""

    before = set(_children())  # multiprocessing's resource tracker, of the benches before

    def idle():
        with Pool(spec_of(tmp_path, CODE), idle_s=0.5) as pool:
            assert json.loads(pool.invoke(json.dumps(event(1)).encode()).payload)["seen"] == 16
            deadline = time.monotonic() + 30
            while children := set(_children()) - before:
                assert time.monotonic() < deadline, children
                time.sleep(0.05)
            used = time.process_time()
            time.sleep(2)
            return time.process_time() - used

    used = idle()
    benchmark.pedantic(idle, rounds=1)
    benchmark.extra_info["cpu_us_per_s"] = used / 2 * 1e6
    print(f" no process left, {used / 2 * 1e6:.0f} us of processor time a second")


def _children() -> list[int]:
    found = []
    for task in os.listdir("/proc/self/task"):
        found += Path(f"/proc/self/task/{task}/children").read_text().split()
    return [int(pid) for pid in found]


@pytest.mark.parametrize("server", ["cloudcore", "ministack"])
def test_invoke_over_http(benchmark, tmp_path, server):
    """A warm Invoke through unmodified boto3, answers checked."""
    import boto3
    from botocore.config import Config

    port = free_port()
    environment = dict(os.environ)
    if server == "cloudcore":
        command = [sys.executable, "-m", "cloudcore.cli.main", "serve", "--port", str(port), "--data", ":memory:"]
    else:
        program = shutil.which("ministack")
        if program is None:
            pytest.skip("pip install ministack")
        command, environment = [program], environment | {"GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1"}
    process = subprocess.Popen(
        command, env=environment, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        client = boto3.client(
            "lambda", endpoint_url=f"http://127.0.0.1:{port}", region_name="us-east-1", aws_access_key_id="test",
            aws_secret_access_key="test", config=Config(retries={"max_attempts": 10}),
        )  # fmt: skip
        deadline = time.monotonic() + 60
        while True:
            try:
                client.list_functions()
                break
            except Exception:
                assert time.monotonic() < deadline and process.poll() is None, "no answer"
                time.sleep(0.05)
        client.create_function(
            FunctionName="bench", Runtime=f"python3.{sys.version_info[1]}", Handler="app.handler", Timeout=30,
            Role="arn:aws:iam::000000000000:role/r", Code={"ZipFile": pack({"app.py": CODE.encode()})},
        )  # fmt: skip
        numbers, took = iter(range(10**9)), []

        def call():
            one = event(next(numbers))
            start = time.perf_counter_ns()
            answer = client.invoke(FunctionName="bench", Payload=json.dumps(one).encode())
            body = json.loads(answer["Payload"].read())
            took.append(time.perf_counter_ns() - start)
            assert body == {"number": one["number"], "seen": 16}

        call()
        took.clear()
        benchmark.pedantic(call, rounds=50 if server == "ministack" else 500)
        took.sort()
        p50, p99 = took[len(took) // 2] / 1e6, took[len(took) * 99 // 100] / 1e6
        benchmark.extra_info.update(p50_ms=p50, p99_ms=p99)
        print(f" {server}: p50 {p50:.2f} ms, p99 {p99:.2f} ms through boto3")
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)
