"""Durable executions under AWS's own SDK for them, unmodified: steps, waits, callbacks, chained invocations, kills."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import Any

import pytest
from lambda_clients import create, refusal

import cloudcore
from cloudcore.clock import ManualClock
from cloudcore.lambda_.code import pack

pytest.importorskip("aws_durable_execution_sdk_python", reason="needs aws-durable-execution-sdk-python")

CODE = '''
import json, os
from aws_durable_execution_sdk_python import DurableContext, StepContext, durable_execution, durable_step
from aws_durable_execution_sdk_python.config import Duration, StepConfig, CallbackConfig
from aws_durable_execution_sdk_python.retries import RetryStrategyConfig, create_retry_strategy
RUNS = {}

@durable_step
def add(context: StepContext, name, number):
    RUNS[name] = RUNS.get(name, 0) + 1
    print("step", name)
    return number + 1

@durable_step
def fails_twice(context: StepContext):
    RUNS["flaky"] = RUNS.get("flaky", 0) + 1
    if RUNS["flaky"] < 3: raise ValueError("not yet")
    return RUNS["flaky"]

@durable_execution
def handler(event, context: DurableContext):
    do = event.get("do")
    if do == "raise": raise KeyError("lost")
    first = context.step(add("first", event.get("n", 0)))
    if do == "wait":
        context.wait(Duration.from_seconds(event["s"]))
    if do == "flaky":
        retry = create_retry_strategy(RetryStrategyConfig(max_attempts=5, initial_delay=Duration.from_seconds(1), backoff_rate=1))
        return context.step(fails_twice(), config=StepConfig(retry_strategy=retry))
    if do == "callback":
        callback = context.create_callback("approve", config=CallbackConfig(timeout=Duration.from_seconds(event["s"])))
        context.step(add("told " + callback.callback_id, 0))
        return [first, callback.result()]
    if do == "invoke":
        return [first, context.invoke(event["function"], {"x": first})]
    if do == "parallel":
        return context.map([1, 2, 3], lambda c, item, index, items: c.step(add(f"item {item}", item))).get_results()
    second = context.step(add("second", first))
    return {"sum": second, "runs": RUNS}
'''
CONFIG = {"ExecutionTimeout": 600, "RetentionPeriodInDays": 3}


@pytest.fixture(scope="module")
def clock():
    return ManualClock(1_700_000_000.0)


@pytest.fixture(scope="module")
def cloud(clock):
    with cloudcore.open(":memory:", clock=clock) as made:
        made.client("lambda").create_function(
            FunctionName="fn", Runtime=f"python3.{sys.version_info[1]}", Handler="app.handler", Timeout=30,
            Role="arn:aws:iam::000000000000:role/r", Code={"ZipFile": pack({"app.py": CODE.encode()})},
            DurableConfig=CONFIG,
        )  # fmt: skip
        yield made


@pytest.fixture
def client(cloud):
    return cloud.client("lambda")


def start(client: Any, event: Any, **more: Any) -> str:
    answer = client.invoke(
        FunctionName="fn", Qualifier="$LATEST", InvocationType="Event", Payload=json.dumps(event).encode(), **more
    )
    arn: str = answer["DurableExecutionArn"]
    return arn


def until(client: Any, arn: str, check: Any, clock: Any = None) -> Any:
    deadline = time.monotonic() + 60
    while not check(found := client.get_durable_execution(DurableExecutionArn=arn)):
        assert time.monotonic() < deadline, found
        if clock is not None and history(client, arn)[-1]["EventType"] == "InvocationCompleted":
            clock.advance(1)  # while nothing runs, so that its 600 s are not used up
        time.sleep(0.02)
    return found


def done(found: Any) -> bool:
    return found["Status"] not in ("RUNNING", "PAUSING", "PAUSED")


def history(client: Any, arn: str) -> list[Any]:
    events: list[Any] = client.get_durable_execution_history(DurableExecutionArn=arn, IncludeExecutionData=True)["Events"]
    return events


def test_steps_run_once_and_a_wait_sleeps_without_an_environment(client, clock, cloud):
    arn = start(client, {"do": "wait", "s": 300, "n": 5}, DurableExecutionName="first")
    kinds = ["ExecutionStarted", "StepStarted", "StepSucceeded", "WaitStarted", "InvocationCompleted"]
    until(client, arn, lambda found: [e["EventType"] for e in history(client, arn)] == kinds)
    found = client.get_durable_execution(DurableExecutionArn=arn)
    assert (found["Status"], found["DurableExecutionName"]) == ("RUNNING", "first")
    assert found["DurableConfig"] == CONFIG and json.loads(found["InputPayload"])["n"] == 5
    assert sum(pool.active for pool in (r.pool() for r in cloud.lambda_._runners.values())) == 0
    clock.advance(299)
    assert client.get_durable_execution(DurableExecutionArn=arn)["Status"] == "RUNNING"
    clock.advance(2)
    found = until(client, arn, done)
    assert found["Status"] == "SUCCEEDED" and json.loads(found["Result"])["sum"] == 7
    assert json.loads(found["Result"])["runs"]["first"] == 1  # replayed, not run again
    kinds += ["WaitSucceeded", "StepStarted", "StepSucceeded"]
    seen = [e["EventType"] for e in history(client, arn)]
    assert seen[: len(kinds)] == kinds and set(seen[len(kinds) :]) == {"ExecutionSucceeded", "InvocationCompleted"}
    assert [e["EventId"] for e in history(client, arn)] == list(range(1, len(seen) + 1))
    step = next(e for e in history(client, arn) if e["EventType"] == "StepSucceeded")
    assert step["StepSucceededDetails"]["Result"]["Payload"] == "6"
    bare = client.get_durable_execution_history(DurableExecutionArn=arn, ReverseOrder=True, MaxItems=2)
    assert bare["Events"][0]["EventId"] == len(seen) and "NextMarker" in bare
    again = start(client, {"do": "wait", "s": 300, "n": 5}, DurableExecutionName="first")
    assert again == arn
    with pytest.raises(client.exceptions.DurableExecutionAlreadyStartedException):
        start(client, {"do": "other"}, DurableExecutionName="first")


def test_a_caller_may_wait(client):
    answer = client.invoke(FunctionName="fn", Qualifier="$LATEST", Payload=b'{"n": 1}')
    assert json.loads(answer["Payload"].read())["sum"] == 3 and ":function:fn:$LATEST/durable-execution/" in answer["DurableExecutionArn"]
    answer = client.invoke(FunctionName="fn", Qualifier="$LATEST", Payload=b'{"do": "raise"}')
    assert answer["FunctionError"] == "Unhandled" and "lost" in json.loads(answer["Payload"].read())["errorMessage"]
    with pytest.raises(client.exceptions.InvalidParameterValueException, match="unqualified ARN"):
        client.invoke(FunctionName="fn", Payload=b"{}")


def test_a_step_is_tried_again_after_its_delay(client, clock):
    arn = start(client, {"do": "flaky"})
    found = until(client, arn, done, clock)
    assert (found["Status"], found["Result"]) == ("SUCCEEDED", "3")
    failed = [e for e in history(client, arn) if e["EventType"] == "StepFailed"]
    assert [e["StepFailedDetails"]["RetryDetails"]["CurrentAttempt"] for e in failed] == [1, 2]


@pytest.mark.parametrize("how", ["success", "failure", "timeout"])
def test_callbacks(client, clock, how):
    arn = start(client, {"do": "callback", "s": 100})
    until(client, arn, lambda _: any(e["EventType"] == "InvocationCompleted" for e in history(client, arn)))
    (begun,) = [e for e in history(client, arn) if e["EventType"] == "CallbackStarted"]
    one = begun["CallbackStartedDetails"]["CallbackId"]
    assert begun["CallbackStartedDetails"]["Timeout"] == 100 and begun["Name"] == "approve"
    client.send_durable_execution_callback_heartbeat(CallbackId=one)
    if how == "success":
        client.send_durable_execution_callback_success(CallbackId=one, Result=b'"yes"')
    elif how == "failure":
        client.send_durable_execution_callback_failure(CallbackId=one, Error={"ErrorMessage": "no", "ErrorType": "Own"})
    else:
        clock.advance(101)
    found = until(client, arn, done)
    if how == "success":
        assert found["Status"] == "SUCCEEDED" and "yes" in found["Result"]
    else:
        assert found["Status"] == "FAILED" and ("no" if how == "failure" else "timed out") in found["Error"]["ErrorMessage"]
    with pytest.raises(client.exceptions.CallbackTimeoutException):
        client.send_durable_execution_callback_success(CallbackId=one, Result=b"1")
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.send_durable_execution_callback_success(CallbackId="bm90IG9uZQ==", Result=b"1")


def test_chained_invocations_and_parallel_steps(client, cloud):
    cloud.function("plain", pack({"h.py": b"def handler(e, c):\n  return {'got': 1 / e['x']}\n"}), handler="h.handler", timeout=20)
    arn = start(client, {"do": "invoke", "function": "plain", "n": 1})
    found = until(client, arn, done)
    assert (found["Status"], json.loads(found["Result"])) == ("SUCCEEDED", [2, {"got": 0.5}])
    arn = start(client, {"do": "invoke", "function": "plain", "n": -1})
    found = until(client, arn, done)
    assert found["Status"] == "FAILED" and "division by zero" in found["Error"]["ErrorMessage"]
    arn = start(client, {"do": "parallel"})
    assert json.loads(until(client, arn, done)["Result"]) == [2, 3, 4]


def test_stop_pause_resume_time_out_and_list(client, clock):
    arn = start(client, {"do": "wait", "s": 50}, DurableExecutionName="stopped")
    waiting = lambda _: any(e["EventType"] == "InvocationCompleted" for e in history(client, arn))  # noqa: E731
    until(client, arn, waiting)
    client.stop_durable_execution(DurableExecutionArn=arn, Error={"ErrorMessage": "enough"})
    found = client.get_durable_execution(DurableExecutionArn=arn)
    assert (found["Status"], found["Error"]["ErrorMessage"]) == ("STOPPED", "enough")

    arn = start(client, {"do": "wait", "s": 50}, DurableExecutionName="paused")
    until(client, arn, waiting)
    client.pause_durable_execution(DurableExecutionArn=arn, Reason="lunch", ExecutionTimeoutPaused=True)
    clock.advance(1000)
    found = client.get_durable_execution(DurableExecutionArn=arn)
    assert found["Status"] == "PAUSED" and found["PauseDetails"]["ExecutionTimeoutPaused"]
    with pytest.raises(client.exceptions.ResourceConflictException):
        client.delete_durable_execution(DurableExecutionArn=arn)
    client.resume_durable_execution(DurableExecutionArn=arn)
    assert until(client, arn, done)["Status"] == "SUCCEEDED"

    arn = start(client, {"do": "wait", "s": 5000})
    until(client, arn, waiting)
    clock.advance(601)
    assert until(client, arn, done)["Status"] == "TIMED_OUT"
    listed = client.list_durable_executions_by_function(FunctionName="fn", Statuses=["STOPPED", "TIMED_OUT"])
    assert [one["Status"] for one in listed["DurableExecutions"]] == ["TIMED_OUT", "STOPPED"]
    client.delete_durable_execution(DurableExecutionArn=arn)
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_durable_execution(DurableExecutionArn=arn)
    for _ in range(5):
        clock.advance(86_400)
    until_gone = time.monotonic() + 60
    while client.list_durable_executions_by_function(FunctionName="fn")["DurableExecutions"]:
        assert time.monotonic() < until_gone
        time.sleep(0.02)


def test_over_http_with_unmodified_boto3(functions):
    create(functions, "wired", Handler="app.handler", Code={"ZipFile": pack({"app.py": CODE.encode()})}, DurableConfig=CONFIG, Timeout=20)
    answer = functions.invoke(FunctionName="wired", Qualifier="$LATEST", Payload=b"{\"n\": 1}", DurableExecutionName="wired")
    assert json.loads(answer["Payload"].read())["sum"] == 3
    arn = answer["DurableExecutionArn"]
    assert functions.get_durable_execution(DurableExecutionArn=arn)["Status"] == "SUCCEEDED"
    wrong = {"DurableExecutionArn": arn, "CheckpointToken": "bm90IG9uZQ==", "Updates": []}
    assert refusal(functions.checkpoint_durable_execution, **wrong) == (
        "InvalidParameterValueException", 400, "Invalid Checkpoint Token",
    )  # fmt: skip


KILLED = """
import json, os, sys
import cloudcore
cloud = cloudcore.open(sys.argv[1])
arn = cloud.client("lambda").invoke(FunctionName="fn", Qualifier="$LATEST", InvocationType="Event",
    Payload=b'{"do": "wait", "s": 3, "n": 7}')["DurableExecutionArn"]
while True:
    events = cloud.client("lambda").get_durable_execution_history(DurableExecutionArn=arn)["Events"]
    if any(e["EventType"] == "InvocationCompleted" for e in events): break
print(arn, flush=True)
os.kill(os.getpid(), 9)
"""


def test_kill_9_between_two_steps(tmp_path):
    with cloudcore.open(tmp_path) as cloud:
        cloud.client("lambda").create_function(
            FunctionName="fn", Runtime=f"python3.{sys.version_info[1]}", Handler="app.handler", Timeout=30,
            Role="arn:aws:iam::000000000000:role/r", Code={"ZipFile": pack({"app.py": CODE.encode()})},
            DurableConfig=CONFIG,
        )  # fmt: skip
    told = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True, timeout=120, check=False)
    assert told.returncode == -9
    arn = told.stdout.strip()
    with cloudcore.open(tmp_path) as cloud:
        client = cloud.client("lambda")
        found = until(client, arn, done)
        assert found["Status"] == "SUCCEEDED" and json.loads(found["Result"])["sum"] == 9
        assert "first" not in json.loads(found["Result"])["runs"]  # done before the kill, not done again
