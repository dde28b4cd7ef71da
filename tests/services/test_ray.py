"""Functions on a real Ray, which this test's process starts: two processors, on this machine."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cluster_support import until

import cloudcore
from cloudcore.errors import ApiError
from cloudcore.lambda_.code import pack
from conftest import missing

CODE = b"""
import os, time
print("initialised")
def handler(event, context):
    print("event", event)
    if "sleep" in event:
        time.sleep(event["sleep"])
    if "fail" in event:
        raise RuntimeError(event["fail"])
    if "exit" in event:
        os._exit(3)
    open("/tmp/of-mine", "a").write("x")
    return {"pid": os.getpid(), "host": os.getppid(), "context": context.function_name, "root": os.environ["LAMBDA_TASK_ROOT"],
            "data": open(os.path.join(os.path.dirname(__file__), "data.txt")).read(), "calls": os.path.getsize("/tmp/of-mine")}
"""

@pytest.fixture(scope="module")
def ray(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    try:
        import ray
    except ImportError:
        missing("ray", "pip install ray")
    for left in (2, 1, 0):
        try:
            ray.init(
                num_cpus=2, namespace="cloudcore", include_dashboard=False, log_to_driver=False, configure_logging=False,
                object_store_memory=100 << 20,
            )  # fmt: skip
            break
        except Exception:  # it gives itself 30 s, which a busy machine does not
            ray.shutdown()
            if not left:
                raise
    yield ray
    ray.shutdown()


@pytest.fixture
def cloud(ray: Any, tmp_path: Path) -> Iterator[cloudcore.Cloud]:
    with cloudcore.open(tmp_path / "data") as cloud:
        yield cloud
    until("the hosts are gone", lambda: ray.available_resources().get("CPU") == 2)


def made(cloud: cloudcore.Cloud, name: str = "f", cpus: str = "cpus=1", code: bytes = CODE, **more: Any) -> Any:
    function = cloud.function(name, handler="h.handler", environment={"CLOUDCORE_RAY": cpus}, **more)
    function.deploy(pack({"h.py": code, "data.txt": b"with it"}))
    return function


def called(cloud: cloudcore.Cloud, event: Any, name: str = "f") -> Any:
    return cloud.lambda_.invoke(name, json.dumps(event).encode())


def test_a_call_runs_on_ray_by_the_contract(cloud: cloudcore.Cloud, ray: Any) -> None:
    made(cloud, timeout=5)
    first = called(cloud, {"n": 1})
    told = json.loads(first.payload)
    assert first.function_error is None and first.init_ms and first.billed_ms >= first.duration_ms
    assert (told["context"], told["data"], told["calls"]) == ("f", "with it", 1)
    assert b"initialised" in first.log and b"event {'n': 1}" in first.log and b"REPORT RequestId" in first.log
    until("Ray counts it", lambda: ray.available_resources().get("CPU") == 1)  # the host is idle, and has what it asked for
    second = called(cloud, {})
    again = json.loads(second.payload)
    assert second.init_ms is None and (again["pid"], again["calls"]) == (told["pid"], 2)
    failed = called(cloud, {"fail": "on purpose"})
    assert failed.function_error == "Unhandled" and json.loads(failed.payload)["errorMessage"] == "on purpose"
    ended = called(cloud, {"exit": 1})
    assert json.loads(ended.payload)["errorType"] == "Runtime.ExitError"
    late = called(cloud, {"sleep": 30})
    assert b"Task timed out after 5.00 seconds" in late.payload and b"Status: timeout" in late.log
    assert json.loads(called(cloud, {}).payload)["pid"] != told["pid"]


def test_code_that_changes_and_environments_that_are_kept_ready(cloud: cloudcore.Cloud, ray: Any) -> None:
    function = made(cloud)
    before = json.loads(called(cloud, {}).payload)
    function.deploy(pack({"h.py": b"def handler(event, context): return 'new'"}))
    assert called(cloud, {}).payload == b'"new"'
    cloud.lambda_.run("PublishVersion", {"FunctionName": "f"})
    place = {"FunctionName": "f", "Qualifier": "1"}
    cloud.lambda_.run("PutProvisionedConcurrencyConfig", {**place, "ProvisionedConcurrentExecutions": 1})
    until("it is ready",
          lambda: cloud.lambda_.run("GetProvisionedConcurrencyConfig", place)["Status"] == "READY")  # fmt: skip
    kept = cloud.lambda_.invoke("f", b"{}", qualifier="1")
    assert (kept.payload, kept.init_ms) == (b'"new"', None)
    assert before["root"] != ""
    until("the code of before is gone", lambda: not os.path.exists(before["root"]))


def test_a_response_in_pieces(cloud: cloudcore.Cloud) -> None:
    made(cloud, code=b"def handler(event, context): return 'whole'")
    answer = cloud.client("lambda").invoke_with_response_stream(FunctionName="f", Payload=b"{}")
    pieces = [event["PayloadChunk"]["Payload"] for event in answer["EventStream"] if "PayloadChunk" in event]
    assert b"".join(pieces) == b'"whole"'


def test_a_host_that_is_killed(cloud: cloudcore.Cloud) -> None:
    made(cloud, timeout=60)
    told = json.loads(called(cloud, {}).payload)
    found: list[Any] = []
    caller = threading.Thread(target=lambda: found.append(called(cloud, {"sleep": 50})))
    caller.start()
    until("it runs", lambda: cloud.lambda_._targets["f", None].runner.pool().active == 1)
    os.kill(_parents(told["pid"])[-1], signal.SIGKILL)
    caller.join(60)
    (lost,) = found
    assert lost.function_error == "Unhandled" and json.loads(lost.payload)["errorType"] == "Runtime.ExitError"
    assert json.loads(called(cloud, {}).payload)["calls"] == 1


def test_a_host_that_fails_gives_its_place_back(cloud: cloudcore.Cloud, ray: Any) -> None:
    made(cloud)
    assert called(cloud, {}).function_error is None
    until("its place is taken", lambda: ray.available_resources().get("CPU") == 1)
    pool = cloud.lambda_._targets["f", None].runner.pool()
    with pytest.raises(ray.exceptions.RayTaskError):
        pool.invoke(b"{}", client_context=object())  # what no host can take
    until("its place is free", lambda: ray.available_resources().get("CPU") == 2)
    assert pool.active == 0 and json.loads(called(cloud, {}).payload)["calls"] == 1


def test_who_waits_gets_the_place_of_who_is_idle(cloud: cloudcore.Cloud, monkeypatch: Any) -> None:
    from cloudcore.lambda_.on_ray import hosts

    for name in ("f", "g"):
        made(cloud, name, "cpus=2")
    assert called(cloud, {}).function_error is None
    assert called(cloud, {}, "g").function_error is None
    monkeypatch.setattr(hosts, "_PLACE_S", 2.0)
    made(cloud, "large", "cpus=64")
    with pytest.raises(ApiError, match="Ray has no place with cpus=64") as caught:
        called(cloud, {}, "large")
    assert (caught.value.code, caught.value.status) == ("TooManyRequestsException", 429)


def _parents(pid: int) -> list[int]:
    """A process, its parent, and so on up to the actor."""
    found = [pid]
    while b"ray::" not in Path(f"/proc/{found[-1]}/cmdline").read_bytes():
        found.append(int(Path(f"/proc/{found[-1]}/stat").read_text().rpartition(")")[2].split()[1]))
        assert found[-1] > 1
    return found
