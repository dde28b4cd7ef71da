"""Asynchronous invocation under unmodified boto3: retries, ages, destinations, what survives kill -9."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lambda_clients import ARN, create, invoke, refusal, until

import cloudcore
from cloudcore.clock import ManualClock

NOTE = b"""
def handler(event, context):
    print("@@" + event["file"] + "\\t" + context.aws_request_id)
    if event.get("fail"):
        raise ValueError("on purpose")
    return {"done": event["n"]}
"""
KEEP = b"""
import json
def handler(event, context):
    print("@@" + event["requestPayload"]["file"] + ".record\\t" + json.dumps(event))
"""
homes: list[Path] = []  # of the cloud under test


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def cloud(clock: ManualClock) -> Iterator[cloudcore.Cloud]:
    with cloudcore.open(":memory:", clock=clock) as made:
        homes[:] = [Path(made.path)]
        yield made


def lines(path: Path) -> list[str]:
    """What functions printed for `path`; they see no file of ours, so their log tells."""
    places = ("lambda/logs/*", "*/*/lambda/logs/*")  # in memory, in a directory
    logs = [file.read_text() for place in places for file in homes[0].glob(place)]
    start = f"@@{path}\t"
    return [line.removeprefix(start) for log in logs for line in log.split("\n")[:-1] if line.startswith(start)]


def until_later(cloud: cloudcore.Cloud) -> None:
    """Wait until an event has its next time: only a clock that is moved after that brings it."""
    until(lambda: cloud.lambda_.asynchronous._later)


def send(client: Any, event: Any, **more: Any) -> dict[str, Any]:
    answer: dict[str, Any] = client.invoke(
        FunctionName="fn", InvocationType="Event", Payload=json.dumps(event).encode(), **more
    )
    return answer


def test_an_event_is_accepted_and_runs(functions: Any, cloud: cloudcore.Cloud, tmp_path: Path) -> None:
    create(functions, source=NOTE)
    answer = send(functions, {"file": str(tmp_path / "f"), "n": 1})
    assert (answer["StatusCode"], answer["Payload"].read()) == (202, b"")
    assert "ExecutedVersion" not in answer
    until(lambda: lines(tmp_path / "f"))
    until(lambda: cloud.lambda_.asynchronous.pending == 0)
    old = functions.invoke_async(
        FunctionName="fn", InvokeArgs=json.dumps({"file": str(tmp_path / "g"), "n": 2})
    )
    assert old["Status"] == 202
    until(lambda: lines(tmp_path / "g"))


def test_two_retries_after_one_and_two_minutes(
    functions: Any, cloud: cloudcore.Cloud, clock: ManualClock, tmp_path: Path
) -> None:
    create(functions, source=NOTE)
    create(functions, "sink", source=KEEP)
    sink = ARN.replace(":fn", ":sink")
    functions.put_function_event_invoke_config(
        FunctionName="fn", DestinationConfig={"OnFailure": {"Destination": sink}}
    )
    file = tmp_path / "f"
    event = {"file": str(file), "n": 1, "fail": True}
    send(functions, event)
    until(lambda: len(lines(file)) == 1)
    for seconds, runs in ((59, 1), (2, 2), (117, 2), (3, 3)):
        until_later(cloud)
        clock.advance(seconds)
        time.sleep(0.1)
        until(lambda: len(lines(file)) == runs)  # noqa: B023
    assert len(set(lines(file))) == 1  # every attempt has the same request id
    record = json.loads(until(lambda: lines(tmp_path / "f.record"))[0])
    assert time.strptime(record.pop("timestamp")[:19], "%Y-%m-%dT%H:%M:%S")
    trace = record["responsePayload"].pop("stackTrace")
    assert trace and record == {
        "version": "1.0",
        "requestContext": {
            "requestId": lines(file)[0], "functionArn": ARN + ":$LATEST", "condition": "RetriesExhausted",
            "approximateInvokeCount": 3,
        },
        "requestPayload": event,
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "responsePayload": {
            "errorMessage": "on purpose", "errorType": "ValueError", "requestId": lines(file)[0],
        },
    }  # fmt: skip
    until(lambda: cloud.lambda_.asynchronous.pending == 0)


def test_success_goes_to_its_destination(functions: Any, cloud: cloudcore.Cloud, tmp_path: Path) -> None:
    create(functions, source=NOTE, Publish=True)
    create(functions, "sink", source=KEEP)
    functions.create_alias(FunctionName="fn", Name="live", FunctionVersion="1")
    config = {"OnSuccess": {"Destination": ARN.replace(":fn", ":sink")}}
    functions.put_function_event_invoke_config(FunctionName="fn", Qualifier="live", DestinationConfig=config)
    send(functions, {"file": str(tmp_path / "no"), "n": 1})
    send(functions, {"file": str(tmp_path / "f"), "n": 2}, Qualifier="live")
    record = json.loads(until(lambda: lines(tmp_path / "f.record"))[0])
    assert record["requestContext"]["condition"] == "Success"
    assert record["requestContext"]["functionArn"] == ARN + ":live"
    assert record["responseContext"] == {"statusCode": 200, "executedVersion": "1"}
    assert record["responsePayload"] == {"done": 2}
    until(lambda: cloud.lambda_.asynchronous.pending == 0)
    assert not lines(tmp_path / "no.record")


def test_throttled_events_wait(functions: Any, cloud: cloudcore.Cloud, clock: ManualClock, tmp_path: Path) -> None:
    create(functions, source=NOTE)
    cloud.lambda_.concurrency = 0
    send(functions, {"file": str(tmp_path / "f"), "n": 1})
    until(lambda: cloud.lambda_.usage("fn")["throttles"] == 1)
    until_later(cloud)
    clock.advance(2)
    until(lambda: cloud.lambda_.usage("fn")["throttles"] == 2)
    until_later(cloud)
    cloud.lambda_.concurrency = 10
    time.sleep(0.1)
    assert not lines(tmp_path / "f")
    clock.advance(5)
    until(lambda: lines(tmp_path / "f"))


def test_old_events_go_to_the_bucket(
    functions: Any, cloud: cloudcore.Cloud, clock: ManualClock, tmp_path: Path
) -> None:
    create(functions, source=NOTE)
    functions.put_function_event_invoke_config(
        FunctionName="fn", MaximumEventAgeInSeconds=60, MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": "arn:aws:s3:::failed"}},
    )  # fmt: skip
    cloud.lambda_.concurrency = 0
    send(functions, {"file": str(tmp_path / "f"), "n": 1})
    until(lambda: cloud.lambda_.usage("fn")["throttles"] == 1)
    until_later(cloud)
    clock.advance(61)
    until(lambda: cloud.lambda_.asynchronous.pending == 0)
    (file,) = [p for p in Path(cloud.path).rglob("failed/aws/lambda/async/fn/*/*/*/*") if p.is_file()]
    record = json.loads(file.read_bytes())
    assert record["requestContext"]["condition"] == "EventAgeExceeded"
    assert "responsePayload" not in record


def test_failures_to_a_delivery_stream(functions: Any, cloud: cloudcore.Cloud, tmp_path: Path) -> None:
    create(functions, source=NOTE)
    stream = cloud.stream("failures", bucket="b")
    functions.put_function_event_invoke_config(
        FunctionName="fn", MaximumRetryAttempts=0,
        DestinationConfig={
            "OnFailure": {"Destination": "arn:aws:firehose:us-east-1:000000000000:deliverystream/failures"}
        },
    )  # fmt: skip
    send(functions, {"file": str(tmp_path / "f"), "n": 1, "fail": True})
    until(lambda: stream.last_sequence == 1)


def test_the_settings(functions: Any) -> None:
    create(functions)
    create(functions, "sink")
    missing = (
        "ResourceNotFoundException",
        404,
        f"The function {ARN}:$LATEST doesn't have an EventInvokeConfig",
    )
    for call in (functions.get_function_event_invoke_config, functions.delete_function_event_invoke_config):
        assert refusal(call, FunctionName="fn") == missing
    assert refusal(functions.put_function_event_invoke_config, FunctionName="fn")[2] == (
        "You must specify at least one of error handling or destination setting."
    )
    put = functions.put_function_event_invoke_config(FunctionName="fn", MaximumRetryAttempts=1)
    assert (put["FunctionArn"], put["MaximumRetryAttempts"]) == (ARN + ":$LATEST", 1)
    assert put["DestinationConfig"] == {"OnSuccess": {}, "OnFailure": {}}
    updated = functions.update_function_event_invoke_config(FunctionName="fn", MaximumEventAgeInSeconds=90)
    assert (updated["MaximumRetryAttempts"], updated["MaximumEventAgeInSeconds"]) == (1, 90)
    replaced = functions.put_function_event_invoke_config(FunctionName="fn", MaximumEventAgeInSeconds=91)
    assert "MaximumRetryAttempts" not in replaced
    listed = functions.list_function_event_invoke_configs(FunctionName="fn")["FunctionEventInvokeConfigs"]
    assert [row["FunctionArn"] for row in listed] == [ARN + ":$LATEST"]
    functions.delete_function_event_invoke_config(FunctionName="fn")
    assert refusal(functions.get_function_event_invoke_config, FunctionName="fn") == missing


@pytest.mark.parametrize(
    ("side", "target", "words"),
    [
        ("OnFailure", ARN, "You can't specify the function as a destination for itself."),
        ("OnFailure", ARN + "-none", f"The destination ARN {ARN}-none is invalid."),
        ("OnFailure", "arn:aws:sqs:us-east-1:000000000000:q", "no endpoint for sqs is configured"),
        ("OnFailure", "arn:aws:kinesis:us-east-1:000000000000:stream/s", "is not supported by this endpoint"),
        ("OnSuccess", "arn:aws:s3:::b", "a bucket is told of failures only"),
    ],
)
def test_destinations_that_are_refused(functions: Any, side: str, target: str, words: str) -> None:
    create(functions)
    code, status, message = refusal(
        functions.put_function_event_invoke_config,
        FunctionName="fn", DestinationConfig={side: {"Destination": target}},
    )  # fmt: skip
    assert (code, status) == ("InvalidParameterValueException", 400) and words in message


def test_events_that_are_refused(functions: Any) -> None:
    assert refusal(send, functions, 1)[:2] == ("ResourceNotFoundException", 404)
    create(functions)
    assert refusal(functions.invoke, FunctionName="fn", InvocationType="Event", Payload=b"{")[0] == (
        "InvalidRequestContentException"
    )
    assert send(functions, "x" * (1_048_576 - 2))["StatusCode"] == 202
    code, status, message = refusal(send, functions, "x" * (1_048_576 - 1))
    assert (code, status) == ("RequestTooLargeException", 413)
    assert message.startswith("1048577 byte payload is too large for the Event invocation type")


def test_many_events_each_once(functions: Any, cloud: cloudcore.Cloud, tmp_path: Path) -> None:
    create(functions, source=NOTE)
    for n in range(300):
        cloud.lambda_.accept("fn", json.dumps({"file": str(tmp_path / "f"), "n": n}).encode())
    until(lambda: cloud.lambda_.asynchronous.pending == 0)
    assert len(lines(tmp_path / "f")) == len(set(lines(tmp_path / "f"))) == 300
    assert invoke(functions, event={"file": str(tmp_path / "f"), "n": 0})[0] == {"done": 0}


def test_accepted_events_survive_kill_9(tmp_path: Path) -> None:
    """Killed at random moments while events run; in the end every accepted one has run."""
    home = tmp_path / "d"
    homes[:] = [home]
    source = b"def handler(e, c):\n    print('@@' + e['file'] + chr(9) + str(e['n']))\n"
    script = f"""
import json, sys, time, cloudcore
from cloudcore.lambda_.code import pack
cloud = cloudcore.open({str(home)!r})
cloud.function("fn", pack({{"h.py": {source!r}}}), handler="h.handler", timeout=9)
for n in range(int(sys.argv[1]), 10**9):
    cloud.lambda_.accept("fn", json.dumps({{"file": {str(tmp_path / "ran")!r}, "n": n}}).encode())
    print(n, flush=True)
    time.sleep(0.002)  # so many as the first function's start takes, and no thousands
"""
    last = -1
    for more in (15, 60, 200):
        ran = len(lines(tmp_path / "ran"))
        child = subprocess.Popen(
            [sys.executable, "-c", script, str(last + 1)], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        told = ""
        while told.count("\n") < more or len(lines(tmp_path / "ran")) == ran:
            told += child.stdout.readline()
        child.send_signal(signal.SIGKILL)
        told += child.stdout.read()
        child.wait()
        last = max(last, *map(int, told.split("\n")[:-1]))
    with cloudcore.open(home) as cloud:
        until(lambda: cloud.lambda_.asynchronous.pending == 0, 240)
    assert set(range(last + 1)) <= set(map(int, lines(tmp_path / "ran")))
