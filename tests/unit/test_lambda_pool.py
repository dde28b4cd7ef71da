"""Execution environments: answers, reuse, errors, timeouts, and what a hostile handler leaves behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading

import pytest
from lambda_support import until

from cloudcore.lambda_.pool import Pool, Spec, environment_of

CODE = """
import os, sys, time, ctypes
calls = 0
def handler(event, context):
    global calls
    calls += 1
    do = event.get("do")
    if do == "fail": raise KeyError("absent")
    if do == "exit": os._exit(3)
    if do == "sysexit": sys.exit(0)
    if do == "crash": ctypes.string_at(0)
    if do == "loop":
        while True: pass
    if do == "meet":
        open(os.path.join(event["at"], str(os.getpid())), "w").close()
        while len(os.listdir(event["at"])) < event["n"]: time.sleep(0.01)
    if do == "flood":
        while True: print("x" * 10000)
    if do == "close": os.closerange(0, 1000)
    if do == "set": return {1, 2}
    if do == "large": return "x" * 6291556
    if do == "print": print("said")
    return {"calls": calls, "pid": os.getpid(), "echo": event, "id": context.aws_request_id,
            "left": context.get_remaining_time_in_millis(), "root": os.environ["LAMBDA_TASK_ROOT"]}
"""


def pool(tmp_path, handler="app.handler", timeout_s=20):
    (tmp_path / "app.py").write_text(CODE)
    (tmp_path / "broken.py").write_text("def handler(:\n")
    spec = Spec("f", "arn:aws:lambda:us-east-1:000000000000:function:f", str(tmp_path), handler, timeout_s)
    spec.environment = environment_of(spec, "us-east-1", None, "000000000000")
    return Pool(spec)


def ask(functions, **event):
    result = functions.invoke(json.dumps(event).encode())
    return result, json.loads(result.payload)


def test_warm_calls_reuse_one_environment(tmp_path):
    with pool(tmp_path) as functions:
        first, body = ask(functions, a="ä")
        assert first.function_error is None and body["echo"] == {"a": "ä"} and body["calls"] == 1
        assert body["id"] == first.request_id and 0 < body["left"] <= 20_000
        before = len(os.listdir("/proc/self/fd"))
        for n in range(2, 2002):
            assert ask(functions)[1]["calls"] == n
        assert len(os.listdir("/proc/self/fd")) <= before


def test_concurrent_calls_have_an_environment_each(tmp_path):
    at = tmp_path / "met"
    at.mkdir()
    with pool(tmp_path) as functions:
        ask(functions)
        found = []
        calls = [
            threading.Thread(target=lambda: found.append(ask(functions, do="meet", at=str(at), n=3)[1]["pid"]))
            for _ in range(3)
        ]
        [call.start() for call in calls]
        [call.join() for call in calls]
        assert len(set(found)) == 3


@pytest.mark.parametrize(
    ("do", "kind", "said"),
    [
        ("fail", "KeyError", "'absent'"),
        ("exit", "Runtime.ExitError", "Runtime exited with error: exit status 3"),
        ("sysexit", "Runtime.ExitError", "Runtime exited without providing a reason"),
        ("crash", "Runtime.ExitError", "Runtime exited with error: signal: segmentation fault"),
        ("loop", "Sandbox.Timedout", "Task timed out after 1.00 seconds"),
        ("flood", "Sandbox.Timedout", "Task timed out after 1.00 seconds"),
        ("set", "Runtime.MarshalError", "Unable to marshal response: Object of type set is not JSON"),
        ("large", "Function.ResponseSizeTooLarge", "Response payload size exceeded"),
    ],
)
def test_errors_are_told_and_the_next_call_works(tmp_path, do, kind, said):
    with pool(tmp_path, timeout_s=1 if kind == "Sandbox.Timedout" else 20) as functions:
        result, body = ask(functions, do=do)
        assert result.function_error == "Unhandled"
        assert body["errorType"] == kind and said in body["errorMessage"]
        assert ask(functions)[0].function_error is None


@pytest.mark.parametrize(
    ("handler", "kind"),
    [
        ("app", "Runtime.MalformedHandlerName"),
        ("absent.handler", "Runtime.ImportModuleError"),
        ("app.absent", "Runtime.HandlerNotFound"),
        ("broken.handler", "Runtime.UserCodeSyntaxError"),
        ("sys.exit", "Runtime.BuiltInModuleConflict"),
    ],
)
def test_a_handler_that_cannot_be_loaded(tmp_path, handler, kind):
    with pool(tmp_path, handler) as functions:
        result, body = ask(functions)
        assert (result.function_error, body["errorType"]) == ("Unhandled", kind)


def test_closed_descriptors_harm_only_that_environment(tmp_path):
    with pool(tmp_path) as functions:
        ask(functions, do="close")
        assert any(ask(functions)[0].function_error is None for _ in range(3))


def test_the_log_has_the_output_and_the_report(tmp_path):
    with pool(tmp_path) as functions:
        assert functions.invoke(b"{}").log.startswith(b"INIT_START Runtime Version: python:3.")
        log = functions.invoke(b'{"do": "print"}').log
        assert log.startswith(b"START RequestId: ") and b"\nsaid\nEND RequestId: " in b"\n" + log
        assert b"Billed Duration: " in log


def test_nothing_is_left_after_close_or_idling(tmp_path):
    with pool(tmp_path) as functions:
        pid = ask(functions)[1]["pid"]
        functions.retire(0)
        assert not os.path.exists(f"/proc/{pid}")
        pid = ask(functions)[1]["pid"]
    until(lambda: not os.path.exists(f"/proc/{pid}"))


KILLED = """
import os, sys
from cloudcore.lambda_.pool import Pool, Spec, environment_of

if __name__ == "__main__":
    spec = Spec("f", "arn", sys.argv[1], "pids.handler", 900)
    spec.environment = environment_of(spec, "us-east-1", None, "000000000000")
    print(Pool(spec).invoke(b"{}").payload.decode(), flush=True)
    os.kill(os.getpid(), 9)
"""


def test_no_orphan_survives_kill_9_of_the_pool(tmp_path):
    (tmp_path / "pids.py").write_text("import os\ndef handler(e, c): return [os.getpid(), os.getppid()]\n")
    (tmp_path / "killed.py").write_text(KILLED)
    command = [sys.executable, str(tmp_path / "killed.py"), str(tmp_path)]
    told = subprocess.run(command, stdout=subprocess.PIPE, timeout=120, check=False)
    assert told.returncode == -9
    pids = json.loads(told.stdout)
    until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids))
