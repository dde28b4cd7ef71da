"""Warm calls, batches and cold starts of functions, beside multiprocessing's pools, Ray's actors and spawn.

Every call carries another event of about 1 KB and every answer is checked. The peers run the same
handler on the same JSON bytes and give JSON back; they have no time limit, no memory limit, no log
and no context, which cloudcore's figures include. Placement is what each pool chooses itself;
`taskset -c 0` gives the figures for one core.
"""

from __future__ import annotations

import concurrent.futures
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import threading
import time

import pytest

from cloudcore.lambda_ import Pool, Spec
from cloudcore.lambda_.spec import environment_of

WORKERS = 2
CALLS = 2000
BATCH = 100

CODE = """
def handler(event, context):
    if "records" in event:
        return {"numbers": [record["number"] for record in event["records"]]}
    return {"number": event["number"], "seen": len(event["items"])}
"""


def event(number: int) -> dict:
    items = [{"id": n, "name": f"name-{number}-{n}", "price": n * 1.5 + number} for n in range(16)]
    return {"number": number, "items": items, "note": f"{number:08d}" * 10}


def work(body: bytes) -> bytes:
    """What the peers' workers run: the same handler, JSON in and out."""
    found = json.loads(body)
    if "records" in found:
        return json.dumps({"numbers": [record["number"] for record in found["records"]]}).encode()
    return json.dumps({"number": found["number"], "seen": len(found["items"])}).encode()


class Cloudcore:
    def __init__(self, directory):
        (directory / "app.py").write_text(CODE)
        spec = Spec(
            "bench", "arn:aws:lambda:us-east-1:000000000000:function:bench", str(directory), "app.handler"
        )
        spec.environment = environment_of(spec, "us-east-1", None, "000000000000")
        self.pool = Pool(spec)

    def call(self, body):
        return self.pool.invoke(body).payload

    def call_all(self, bodies):
        found = [b""] * len(bodies)

        def some(start):
            for at in range(start, len(bodies), WORKERS):
                found[at] = self.pool.invoke(bodies[at]).payload

        threads = [threading.Thread(target=some, args=(n,)) for n in range(WORKERS)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        return found

    def close(self):
        self.pool.close()


class MultiprocessingPool:
    def __init__(self, directory):
        self.pool = multiprocessing.get_context("spawn").Pool(WORKERS)
        self.call_all([json.dumps(event(0)).encode()] * WORKERS)

    def call(self, body):
        return self.pool.apply(work, (body,))

    def call_all(self, bodies):
        return self.pool.map(work, bodies, chunksize=1)

    def close(self):
        self.pool.terminate()
        self.pool.join()


class Executor:
    def __init__(self, directory):
        context = multiprocessing.get_context("spawn")
        self.pool = concurrent.futures.ProcessPoolExecutor(WORKERS, mp_context=context)
        self.call_all([json.dumps(event(0)).encode()] * WORKERS)

    def call(self, body):
        return self.pool.submit(work, body).result()

    def call_all(self, bodies):
        return list(self.pool.map(work, bodies, chunksize=1))

    def close(self):
        self.pool.shutdown()


class Ray:
    """Two actors, the peer of many machines."""

    def __init__(self, directory):
        ray = pytest.importorskip("ray", reason="needs Ray: pip install ray")
        self.ray = ray
        found = {"PYTHONPATH": os.getcwd()}  # its workers import this module
        ray.init(
            num_cpus=WORKERS, include_dashboard=False, log_to_driver=False, logging_level="error",
            runtime_env={"env_vars": found},
        )  # fmt: skip
        actor = ray.remote(num_cpus=1)(_Actor)
        self.actors = [actor.remote() for _ in range(WORKERS)]
        self.call_all([json.dumps(event(0)).encode()] * WORKERS)

    def call(self, body):
        return self.ray.get(self.actors[0].work.remote(body))

    def call_all(self, bodies):
        return self.ray.get([self.actors[n % WORKERS].work.remote(body) for n, body in enumerate(bodies)])

    def close(self):
        self.ray.shutdown()


class _Actor:
    def work(self, body):
        return work(body)


@pytest.fixture(
    scope="module", params=[Cloudcore, MultiprocessingPool, Executor, Ray], ids=lambda p: p.__name__.lower()
)
def runner(request, tmp_path_factory):
    found = request.param(tmp_path_factory.mktemp("function"))
    yield found
    found.close()


def test_warm_call(benchmark, runner):
    numbers = iter(range(10**9))
    took: list[int] = []

    def setup():
        events = [event(next(numbers)) for _ in range(CALLS)]
        return (events, [json.dumps(one).encode() for one in events]), {}

    def calls(events, bodies):
        clock, call = time.perf_counter_ns, runner.call
        answers = []
        for body in bodies:
            start = clock()
            answers.append(call(body))
            took.append(clock() - start)
        for one, answer in zip(events, answers, strict=True):
            assert json.loads(answer) == {"number": one["number"], "seen": 16}

    benchmark.pedantic(calls, setup=setup, rounds=6, warmup_rounds=1)
    took.sort()
    p50, p99 = took[len(took) // 2] / 1e3, took[len(took) * 99 // 100] / 1e3
    benchmark.extra_info.update(p50_us=p50, p99_us=p99, event_bytes=len(json.dumps(event(1))))
    print(f" {type(runner).__name__}: p50 {p50:.1f} us, p99 {p99:.1f} us")


def test_batched_events(benchmark, runner):
    numbers = iter(range(10**9))
    messages = 100

    def setup():
        bodies = [
            json.dumps({"records": [event(next(numbers)) for _ in range(BATCH)]}).encode()
            for _ in range(messages)
        ]
        return (bodies,), {}

    def batches(bodies):
        for body, answer in zip(bodies, runner.call_all(bodies), strict=True):
            first = json.loads(answer)["numbers"]
            assert len(first) == BATCH and f'"number": {first[0]},'.encode() in body[:60]

    benchmark.pedantic(batches, setup=setup, rounds=5, warmup_rounds=1)
    rate = messages * BATCH / benchmark.stats.stats.median
    benchmark.extra_info["events_per_s"] = round(rate)
    print(f" {type(runner).__name__}: {rate:,.0f} events/s in batches of {BATCH}, {WORKERS} workers")


@pytest.mark.parametrize("library", ["json", "boto3"])
def test_cold_start(benchmark, tmp_path, library):
    """A new environment up to its first answer, its version's zygote being there."""
    (tmp_path / "app.py").write_text(
        f"import {library}\ndef handler(event, context): return event['number']\n"
    )
    spec = Spec("cold", "arn:aws:lambda:us-east-1:000000000000:function:cold", str(tmp_path), "app.handler")
    spec.environment = environment_of(spec, "us-east-1", None, "000000000000")
    with Pool(spec) as pool:
        first = time.perf_counter()
        assert pool.invoke(b'{"number": 0}').payload == b"0"
        first = time.perf_counter() - first
        time.sleep(1.5)  # the zygote of the version is prepared in the background
        numbers = iter(range(1, 10**9))

        def cold():
            number = next(numbers)
            result = pool.invoke(b'{"number": %d}' % number)
            assert result.payload == b"%d" % number and result.init_ms is not None

        benchmark.pedantic(cold, setup=lambda: pool.retire(0), rounds=30)
    spawned = []
    for _ in range(5):
        start = time.perf_counter()
        told = subprocess.run(
            [sys.executable, "-c", f"import {library}; print(7)"], capture_output=True, check=True
        )
        spawned.append(time.perf_counter() - start)
        assert told.stdout == b"7\n"
    p50 = benchmark.stats.stats.median * 1e3
    spawn = statistics.median(spawned) * 1e3
    benchmark.extra_info.update(p50_ms=p50, spawn_ms=spawn, first_ms=first * 1e3)
    print(f" {library}: {p50:.1f} ms, first of all {first * 1e3:.0f} ms, a fresh interpreter {spawn:.0f} ms")
