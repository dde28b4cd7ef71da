"""The initialisation: its own time, its second chance, its price, and how its failures look."""

from __future__ import annotations

import json
import math
import re

import pytest
from lambda_support import UUID, ask, make

from cloudcore.lambda_ import pool

INIT_START = r"INIT_START Runtime Version: python:3\.\d+\.v\d+\tRuntime Version ARN: arn:aws:lambda:us-east-1::runtime:[0-9a-f]{64}\n"
NUMBER = r"\d+\.\d\d"


def test_import_time_is_apart_from_the_timeout_and_billed(tmp_path):
    code = "import time\ntime.sleep(1.4)\nprint('loading')\ndef handler(e, c): return 1\n"
    with make(tmp_path, code, timeout_s=1) as functions:
        first, body = ask(functions)
        assert (first.function_error, body) == (None, 1)
        assert first.duration_ms < 1000 and 1400 < first.init_ms < 10_000  # the function has 1 s, its initialisation 10
        assert first.billed_ms == math.ceil(first.duration_ms + first.init_ms)
        pattern = (
            f"{INIT_START}loading\nSTART RequestId: {UUID} Version: \\$LATEST\nEND RequestId: {UUID}\n"
            f"REPORT RequestId: {UUID}\tDuration: {NUMBER} ms\tBilled Duration: {first.billed_ms} ms\t"
            f"Memory Size: 256 MB\tMax Memory Used: {first.max_memory_mb} MB\t"
            f"Init Duration: {first.init_ms:.2f} ms\t\n"
        )
        assert re.fullmatch(pattern, first.log.decode())
        second, _ = ask(functions)
        assert second.init_ms is None and second.billed_ms == math.ceil(second.duration_ms)
        pattern = (
            f"START RequestId: {UUID} Version: \\$LATEST\nEND RequestId: {UUID}\n"
            f"REPORT RequestId: {second.request_id}\tDuration: {second.duration_ms:.2f} ms\t"
            f"Billed Duration: {second.billed_ms} ms\tMemory Size: 256 MB\tMax Memory Used: \\d+ MB\t\n"
        )
        assert re.fullmatch(pattern, second.log.decode())


def test_an_initialisation_that_takes_too_long_runs_again_inside_the_call(tmp_path, monkeypatch):
    monkeypatch.setattr(pool, "INIT_S", 0.4)
    code = "import time\ntime.sleep(0.8)\ndef handler(e, c): return c.get_remaining_time_in_millis()\n"
    with make(tmp_path, code, timeout_s=10) as functions:
        result, left = ask(functions)
        assert result.function_error is None and result.init_ms is None
        assert result.duration_ms > 800 and left < 9250
        assert re.search(
            r"INIT_REPORT Init Duration: \d{3,}\.\d\d ms\tPhase: init\tStatus: timeout\nSTART",
            result.log.decode(),
        )
        assert ask(functions)[0].duration_ms < 800


def test_an_initialisation_that_never_ends_is_a_timeout(tmp_path, monkeypatch):
    monkeypatch.setattr(pool, "INIT_S", 0.3)
    with make(tmp_path, "while True: pass\n", timeout_s=1) as functions:
        result, body = ask(functions)
        text = f"RequestId: {result.request_id} Error: Task timed out after 1.00 seconds"
        assert body == {"errorType": "Sandbox.Timedout", "errorMessage": text}
        log = result.log.decode()
        assert re.search(
            r"Phase: init\tStatus: timeout\nINIT_REPORT .*Phase: invoke\tStatus: timeout\nSTART", log
        )


@pytest.mark.parametrize(
    ("code", "kind", "message", "trace"),
    [
        ("import absent_module\n", "Runtime.ImportModuleError", "Unable to import module 'app': No module named 'absent_module'", []),
        ("def handler(:\n", "Runtime.UserCodeSyntaxError", "Syntax error in module 'app': invalid syntax (app.py, line 1)", ['  File "{root}/app.py" Line 1\n    def handler(:\n']),
        ("other = 1\n", "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'app'", []),
        ("raise KeyError('x')\n", "KeyError", "'x'", None),
    ],
)  # fmt: skip
def test_failures_have_no_request_id_and_run_twice_per_call(tmp_path, code, kind, message, trace):
    marks = tmp_path / "marks"
    code = f"open({str(marks)!r}, 'a').write('x')\n" + code if "def handler(:" not in code else code
    with make(tmp_path, code) as functions:
        for _ in range(2):
            result, body = ask(functions)
            assert result.function_error == "Unhandled" and result.status_code == 200
            assert (body["errorType"], body["errorMessage"], body["requestId"]) == (kind, message, "")
            if trace is None:
                assert "in <module>\n    raise KeyError('x')\n" in body["stackTrace"][-1]
            else:
                assert body["stackTrace"] == [line.format(root=tmp_path) for line in trace]
            assert list(body) == ["errorMessage", "errorType", "requestId", "stackTrace"]
            log = result.log.decode()
            assert log.count(f"[ERROR] {kind}: {message}\nTraceback (most recent call last):\n") == 2
            named = kind if kind.startswith("Runtime.") else "Runtime.Unknown"
            for phase in ("init", "invoke"):
                assert re.search(
                    f"INIT_REPORT Init Duration: {NUMBER} ms\tPhase: {phase}\tStatus: error\tError Type: {named}\n",
                    log,
                )
            assert functions.warm == functions.active == 0
    assert not marks.exists() or marks.read_text() == "xxxx"


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("import sys; sys.exit()", "Runtime exited without providing a reason"),
        ("import sys; sys.exit(3)", "Runtime exited with error: exit status 3"),
        ("import sys; sys.exit('no')", "Runtime exited with error: exit status 1"),
        ("raise KeyboardInterrupt", "Runtime exited with error: exit status 1"),
        ("import ctypes; ctypes.string_at(0)", "Runtime exited with error: signal: segmentation fault"),
    ],
)
def test_exits_while_initialising(tmp_path, how, said):
    with make(tmp_path, how + "\n") as functions:
        result, body = ask(functions)
        text = f"RequestId: {result.request_id} Error: {said}"
        assert body == {"errorType": "Runtime.ExitError", "errorMessage": text}


def test_code_that_is_mended_works_at_the_next_call(tmp_path):
    with make(tmp_path, "raise ValueError\n") as functions:
        assert ask(functions)[0].function_error == "Unhandled"
        (tmp_path / "app.py").write_text("def handler(event, context):\n    return 'mended'\n")
        assert json.loads(functions.invoke(b"{}").payload) == "mended"
