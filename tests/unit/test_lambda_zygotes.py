"""Where environments come from: zygotes, their libraries, their ends; scaling to zero."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import threading
import time

import pytest
from lambda_support import alive, ask, children, make, until

from cloudcore.errors import ClosedError, ForkedError
from cloudcore.lambda_ import supervisor, zygotes

LIBRARY = "import os\npid = os.getpid()\n"
USER = """
import library, os, sys
mine = os.getpid()
def handler(event, context):
    return {"library": library.pid, "mine": mine, "pid": os.getpid(), "parent": os.getppid(), "path": sys.path[0]}
"""


@pytest.fixture
def library(tmp_path, monkeypatch):
    """A library outside the function's code that new zygotes can import; returns where to write more."""
    where = tmp_path / "site"
    where.mkdir()
    (where / "library.py").write_text(LIBRARY)
    monkeypatch.syspath_prepend(str(where))
    return where


def code_in(tmp_path):
    (tmp_path / "code").mkdir()
    return tmp_path / "code"


def test_libraries_come_from_the_versions_zygote_and_user_code_runs_fresh(tmp_path, library):
    with make(code_in(tmp_path), USER) as functions:
        first = ask(functions)[1]
        assert first["library"] == first["mine"] == first["pid"]
        until(lambda: functions._version.ready is not None)
        functions.retire(0)
        second = ask(functions)[1]
        assert second["library"] == second["parent"] != first["parent"]
        assert second["mine"] == second["pid"] != second["library"]
        assert second["path"] == first["path"] == str(tmp_path / "code")
        os.kill(second["parent"], 9)
        until(lambda: functions.warm == 0)
        third = ask(functions)[1]
        assert third["mine"] == third["pid"]


def test_a_library_that_starts_threads_is_left_out(tmp_path, library):
    (library / "threaded.py").write_text(
        "import threading, time\nthreading.Thread(target=time.sleep, args=(600,), daemon=True).start()\n"
    )
    with make(code_in(tmp_path), "import threaded\n" + USER) as functions:
        ask(functions)
        until(lambda: functions._version.ready is not None)
        assert functions._version.wanted == ["library"]
        functions.retire(0)
        second = ask(functions)[1]
        assert second["library"] == second["parent"]


def test_user_code_is_never_imported_ahead(tmp_path, library):
    (library / "plugins.py").write_text("import helper\n")
    root = code_in(tmp_path)
    (root / "helper.py").write_text("import os\npid = os.getpid()\n")
    with make(
        root, "import plugins, helper\n" + USER.replace("mine =", "mine = helper.pid if 1 else")
    ) as functions:
        ask(functions)
        until(lambda: functions._version._preparing is None)
        functions.retire(0)
        body = ask(functions)[1]
        assert body["mine"] == body["pid"]


SCRIPT = """
import json, os, sys
print("main runs", flush=True)
from cloudcore.lambda_.pool import Pool, Spec, environment_of
spec = Spec("f", "arn", ROOT, "app.handler")
spec.environment = environment_of(spec, "us-east-1", None, "0")
pool = Pool(spec)
print(pool.invoke(b"{}").payload.decode(), flush=True)
"""


@pytest.mark.parametrize("how", ["file", "-c", "stdin"])
def test_scripts_need_no_main_guard(tmp_path, how):
    root = code_in(tmp_path)
    (root / "app.py").write_text(
        "import sys\ndef handler(e, c): return 'script' in sys.modules or sys.path[1:]\n"
    )
    script = SCRIPT.replace("ROOT", repr(str(root)))
    (tmp_path / "script.py").write_text(script)
    command = {"file": [str(tmp_path / "script.py")], "-c": ["-c", script], "stdin": ["-"]}[how]
    told = subprocess.run(
        [sys.executable, *command],
        input=script,
        capture_output=True,
        text=True,
        timeout=120,
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    lines = told.stdout.splitlines()
    assert told.returncode == 0 and told.stderr == "" and lines[0] == "main runs" and len(lines) == 2
    assert str(tmp_path) not in json.loads(lines[1])
    # The pool was left open: the zygote clears away after the script has ended.
    until(lambda: not list(tmp_path.glob("cloudcore-fn-*")))


def test_idle_environments_and_zygotes_retire_to_nothing(tmp_path, library):
    before = set(children())
    with make(code_in(tmp_path), USER, idle_s=2.0) as functions:
        until(lambda: (ask(functions), functions._version.ready)[1] is not None)
        pids = [ask(functions)[1]["pid"], functions._version.ready.pid, *(set(children()) - before)]
        assert functions.warm == 1 and len(set(pids)) == 3
        started = time.monotonic()
        until(lambda: functions.warm == 0)
        assert time.monotonic() - started < 20
        until(lambda: not any(alive(pid) for pid in pids))
        until(lambda: set(children()) <= before)  # reaped, too
        woken, used = supervisor.current().wakeups, time.process_time()
        time.sleep(1)
        assert supervisor.current().wakeups == woken and time.process_time() - used < 0.05
        assert ask(functions)[0].function_error is None
    until(lambda: set(children()) <= before)


def test_the_shared_zygote_is_shared_and_ends_with_the_last_pool(tmp_path):
    code = "import os\ndef handler(event, context): return os.getppid()\n"
    before = set(children())
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with make(tmp_path / "a", code) as one:
        zygote = ask(one)[1]
        with make(tmp_path / "b", code) as two:
            assert ask(two)[1] == zygote
        assert alive(zygote) and ask(one)[1] == zygote
    until(lambda: not alive(zygote) and set(children()) <= before)
    assert zygotes.shared().children == 0


@pytest.mark.parametrize("after", [0, 0.02, 0.3])
def test_closing_while_a_call_runs(tmp_path, after):
    functions = make(
        tmp_path, "import time\ndef handler(event, context):\n    time.sleep(0.5)\n    return 1\n"
    )
    found = []
    call = threading.Thread(target=lambda: found.append(ask(functions)))
    call.start()
    until(lambda: functions.active == 1 or found)
    time.sleep(after)
    functions.close()
    call.join()
    assert found[0][1] == 1
    assert functions.warm == functions.active == 0 and zygotes.shared().children == 0
    with pytest.raises(ClosedError):
        functions.invoke(b"{}")


def test_a_forked_child_is_refused(tmp_path):
    with make(tmp_path, "def handler(event, context): return 1\n") as functions:
        ask(functions)
        child = os.fork()
        if child == 0:
            try:
                functions.invoke(b"{}")
            except ForkedError:
                os._exit(42)
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 42
        assert ask(functions)[0].function_error is None


def mappings():
    with open("/proc/self/maps") as maps:
        return sum("cloudcore" in line for line in maps)


def test_many_calls_leave_nothing_behind(tmp_path):
    code = textwrap.dedent("""
        import os
        def handler(event, context):
            if event["n"] % 50 == 0: os._exit(1)
            if event["n"] % 7 == 0: raise ValueError
            return event["n"]
    """)
    with make(tmp_path, code) as functions:
        ask(functions, {"n": 1})
        before = len(os.listdir("/proc/self/fd"))
        memory = mappings()

        def some(start):
            for n in range(start, start + 300):
                result, body = ask(functions, {"n": n})
                assert result.function_error or body == n

        calls = [threading.Thread(target=some, args=(1000 * i,)) for i in range(4)]
        [call.start() for call in calls]
        [call.join() for call in calls]
        functions.retire(0)
        assert functions.warm == functions.active == 0
        assert len(os.listdir("/proc/self/fd")) <= before
        assert mappings() <= memory
