"""Handlers that misbehave harm their own environment only; the caller gets the contract's error."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import threading
import time

import pytest
from lambda_support import alive, ask, make, until

from cloudcore.lambda_ import groups

CODE = """
import os, signal, subprocess, sys, threading, time
calls = 0
def forever():
    while True: time.sleep(1)
def handler(event, context):
    global calls
    calls += 1
    do = event.get("do")
    if do == "exit": os._exit(event["code"])
    if do == "sysexit": sys.exit(event["code"])
    if do == "kill": os.kill(os.getpid(), event["signal"])
    if do == "stop": os.kill(os.getpid(), signal.SIGSTOP)
    if do == "recurse":
        def deeper(): return deeper()
        deeper()
    if do == "nest":
        made = []
        for _ in range(100_000): made = [made]
        return made
    if do == "memoryerror": bytearray(1 << 50)
    if do == "grow":
        kept = []
        while True: kept.append(b"x" * (4 << 20))
    if do == "grow child":
        subprocess.run([sys.executable, "-c", "x = [b'x' * (4 << 20) for _ in range(1000)]; import time; time.sleep(60)"])
    if do == "flood":
        while True: os.write(1, b"x" * 65536)
    if do == "threads":
        for _ in range(20): threading.Thread(target=forever, daemon=event["daemon"]).start()
        return threading.active_count()
    if do == "children":
        pids = [os.getpid()]
        for session in (False, True):
            pids.append(subprocess.Popen(["sleep", "600"], start_new_session=session).pid)
        script = "import os,sys,time\\nif os.fork(): os._exit(0)\\nos.setsid(); print(os.getpid(), flush=True); time.sleep(600)"
        found = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
        pids.append(int(found.stdout.readline()))
        found.wait()
        if event["hang"]:
            with open(event["tell"], "w") as tell: print(pids, file=tell)
            forever()
        return pids
    if do == "bomb":
        made = 0
        try:
            while made < 3000:
                if os.fork() == 0:
                    time.sleep(600)
                    os._exit(0)
                made += 1
        except OSError as error: return [made, error.errno]
        return [made, 0]
    if do == "close": os.closerange(0, 1024)
    if do == "scribble":
        with open("/proc/self/maps") as maps:
            line = next(line for line in maps if "cloudcore-channel" in line)
        start, end = (int(part, 16) for part in line.split()[0].split("-"))
        with open("/proc/self/mem", "r+b") as memory:
            memory.seek(start)
            memory.write(b"\\xff" * 8192)
        forever()
    if do == "fds":
        paths = [f"/proc/self/fd/{n}" for n in os.listdir("/proc/self/fd")]
        return sorted(os.readlink(path) for path in paths if os.path.lexists(path))
    if do == "tmp":
        import tempfile
        path = os.path.join(tempfile.gettempdir(), "kept")
        if event.get("write"): open(path, "w").close()
        if event.get("hang"): forever()
        return [os.path.dirname(path), os.path.exists(path)]
    return calls
"""


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ({"do": "exit", "code": 0}, "Runtime exited without providing a reason"),
        ({"do": "exit", "code": 7}, "Runtime exited with error: exit status 7"),
        ({"do": "sysexit", "code": 0}, "Runtime exited without providing a reason"),
        ({"do": "sysexit", "code": None}, "Runtime exited without providing a reason"),
        ({"do": "sysexit", "code": 2}, "Runtime exited with error: exit status 2"),
        ({"do": "kill", "signal": signal.SIGSEGV}, "Runtime exited with error: signal: segmentation fault"),
        ({"do": "kill", "signal": signal.SIGKILL}, "Runtime exited with error: signal: killed"),
        ({"do": "kill", "signal": signal.SIGABRT}, "Runtime exited with error: signal: aborted"),
    ],
)
def test_ends_of_the_process(tmp_path, event, said):
    with make(tmp_path, CODE) as functions:
        ask(functions)
        result, body = ask(functions, event)
        assert body == {
            "errorType": "Runtime.ExitError",
            "errorMessage": f"RequestId: {result.request_id} Error: {said}",
        }
        assert result.function_error == "Unhandled" and result.duration_ms < 20_000
        assert result.log.endswith(b"MB\tStatus: error\tError Type: Runtime.ExitError\n")
        again, calls = ask(functions)
        assert calls == 1 and again.init_ms is not None


@pytest.mark.parametrize("do", ["stop", "flood"])
def test_timeouts(tmp_path, do):
    with make(tmp_path, CODE, timeout_s=1) as functions:
        ask(functions)
        result, body = ask(functions, {"do": do})
        text = f"RequestId: {result.request_id} Error: Task timed out after 1.00 seconds"
        assert body == {"errorType": "Sandbox.Timedout", "errorMessage": text}
        assert (result.duration_ms, result.billed_ms) == (1000.0, 1000)
        assert result.log.endswith(b"MB\tStatus: timeout\n") and b"\tDuration: 1000.00 ms\t" in result.log
        assert len(result.log) < (1 << 20) + 4096
        assert ask(functions)[1] == 1


@pytest.mark.parametrize("do", ["recurse", "nest", "memoryerror"])
def test_errors_of_the_interpreter_keep_the_environment(tmp_path, do):
    kind = {"recurse": "RecursionError", "nest": "Runtime.MarshalError", "memoryerror": "MemoryError"}[do]
    with make(tmp_path, CODE) as functions:
        ask(functions)
        assert ask(functions, {"do": do})[1]["errorType"] == kind
        assert ask(functions)[1] == 3


@pytest.mark.parametrize("do", ["grow", "grow child"])
def test_the_memory_limit(tmp_path, do):
    with make(tmp_path, CODE, memory_mb=128, timeout_s=20) as functions:
        ask(functions)
        result, body = ask(functions, {"do": do})
        assert body == {
            "errorType": "Runtime.OutOfMemory",
            "errorMessage": f"RequestId: {result.request_id} Error: Runtime exited with error: signal: killed",
        }
        assert result.max_memory_mb == 128
        assert result.log.endswith(
            b"Max Memory Used: 128 MB\tStatus: error\tError Type: Runtime.OutOfMemory\n"
        )
        assert ask(functions)[1] == 1


@pytest.mark.skipif(os.geteuid() == 0 and not groups.usable(), reason="root is not held to RLIMIT_NPROC here")
def test_a_fork_bomb_ends_at_the_limit_and_harms_nobody(tmp_path):
    with make(tmp_path, CODE, memory_mb=10240, timeout_s=60) as functions:
        ask(functions)
        made, error = ask(functions, {"do": "bomb"})[1]
        assert error == errno.EAGAIN and made <= 1024
        subprocess.run(["true"], check=True)
        functions.retire(0)
        assert ask(functions)[1] == 1


def test_threads_that_stay(tmp_path):
    with make(tmp_path, CODE) as functions:
        for daemon in (True, False):
            assert ask(functions, {"do": "threads", "daemon": daemon})[1] >= 21
        assert ask(functions)[1] == 3
        assert ask(functions, {"do": "sysexit", "code": 0})[1]["errorType"] == "Runtime.ExitError"
        assert ask(functions)[1] == 1


def test_children_live_on_while_warm_and_go_with_the_environment(tmp_path):
    with make(tmp_path, CODE) as functions:
        pids = ask(functions, {"do": "children", "hang": False})[1]
        ask(functions)
        assert all(alive(pid) for pid in pids) and len(set(pids)) == 4
        functions.retire(0)
        assert not any(alive(pid) for pid in pids)


def test_a_timeout_kills_everything_that_was_started(tmp_path):
    tell = tmp_path / "pids"
    with make(tmp_path, CODE, timeout_s=4) as functions:
        ask(functions)
        _, body = ask(functions, {"do": "children", "hang": True, "tell": str(tell)})
        assert body["errorType"] == "Sandbox.Timedout"
        pids = json.loads(tell.read_text())
        assert len(set(pids)) == 4 and not any(alive(pid) for pid in pids)


def test_scribbling_over_the_channel_ends_in_an_error(tmp_path):
    with make(tmp_path, CODE, timeout_s=1) as functions:
        ask(functions)
        result, body = ask(functions, {"do": "scribble"})
        assert result.function_error == "Unhandled"
        assert body["errorType"] in ("Runtime.ExitError", "Sandbox.Timedout")
        assert ask(functions)[1] == 1


def test_closed_descriptors_do_not_stop_the_answer(tmp_path):
    with make(tmp_path, CODE) as functions:
        assert ask(functions, {"do": "close"})[1] == 1
        assert ask(functions)[1] == 2


def test_an_environment_holds_no_descriptor_of_its_owner(tmp_path):
    held = os.open(tmp_path / "lock", os.O_CREAT | os.O_RDWR)
    os.set_inheritable(held, True)
    try:
        with make(tmp_path, CODE) as functions:
            ask(functions)
            output = "/memfd:cloudcore-output (deleted)"
            assert ask(functions, {"do": "fds"})[1] == ["/dev/null", output, output]
    finally:
        os.close(held)


def test_tmp_survives_a_timeout_and_goes_at_retirement(tmp_path):
    with make(tmp_path, CODE, timeout_s=1) as functions:
        assert ask(functions, {"do": "tmp", "write": 1, "hang": 1})[1]["errorType"] == "Sandbox.Timedout"
        directory, kept = ask(functions, {"do": "tmp"})[1]
        assert directory == "/tmp" and kept
        (scratch,) = (environment.scratch for environment in functions._warm)
        assert os.path.isdir(scratch)
        functions.retire(0)
        assert not os.path.exists(scratch)
        assert ask(functions, {"do": "tmp"})[1][1] is False


def test_an_environment_that_dies_idle_is_replaced_without_the_caller_noticing(tmp_path):
    code = "import os\ndef handler(event, context): return os.getpid()\n"
    with make(tmp_path, code) as functions:
        first = ask(functions)[1]
        os.kill(first, signal.SIGKILL)
        second, body = ask(functions)
        assert second.function_error is None and body != first
        os.kill(body, signal.SIGKILL)
        until(lambda: functions.warm == 0)
        assert not alive(body)


def test_kill_9_of_the_zygote_during_and_between_calls(tmp_path):
    code = (
        "import os, time\ndef handler(event, context):\n    if event: open(event['tell'], 'w').close(), time.sleep(15)\n"
        "    return os.getppid()\n"
    )
    begun = tmp_path / "begun"
    with make(tmp_path, code) as functions:
        zygote = ask(functions)[1]
        os.kill(zygote, signal.SIGKILL)
        until(lambda: functions.warm == 0)
        result, again = ask(functions)
        assert result.function_error is None and again != zygote
        killing = threading.Thread(target=lambda: (until(begun.exists), os.kill(again, signal.SIGKILL)))
        killing.start()
        start = time.monotonic()
        result, body = ask(functions, {"tell": str(begun)})
        assert time.monotonic() - start < 15
        killing.join()
        assert body["errorType"] == "Runtime.ExitError" and body["errorMessage"].endswith("signal: killed")
        assert ask(functions)[0].function_error is None


def test_resource_limits(tmp_path):
    code = """
import resource
def handler(event, context):
    names = ("RLIMIT_NOFILE", "RLIMIT_CORE", "RLIMIT_NPROC", "RLIMIT_AS")
    return [resource.getrlimit(getattr(resource, name)) for name in names]
"""
    with make(tmp_path, code) as functions:
        files, core, processes, space = ask(functions)[1]
        assert files == [1024, 1024] and core == [0, 0] and space == [-1, -1]
        assert 742 <= processes[0] < 742 + 100_000
