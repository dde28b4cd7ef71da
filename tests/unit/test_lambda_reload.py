"""A function from a directory runs the code that is there now."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path

import cloudcore
from cloudcore.lambda_ import reload


def soon(check, seconds=60.0):
    """What `check` gives, once it is not None."""
    deadline = time.monotonic() + seconds
    while (found := check()) is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


def test_changed_code_is_run_at_once(tmp_path: Path) -> None:
    (tmp_path / "helper.py").write_text("VALUE = 1\n")
    (tmp_path / "app.py").write_text("import helper\nruns = 0\ndef handler(e, c):\n    global runs\n    runs += 1\n    return [helper.VALUE, runs]\n")
    with cloudcore.open(":memory:") as cloud:
        function = cloud.function("fn", tmp_path, handler="app.handler", timeout=60)
        assert function.invoke() == [1, 1] and function.invoke() == [1, 2]
        (tmp_path / "notes.md").write_text("no code")
        (tmp_path / "helper.py").write_text("VALUE = 22\n")
        assert soon(lambda: found if (found := function.invoke())[0] == 22 else None)[1] == 1
        (tmp_path / "app.py").write_text("def handler(e, c): return 'new'\n")
        assert soon(lambda: found if (found := function.invoke()) == "new" else None) == "new"


def test_a_call_under_way_ends_with_the_code_it_began_with(tmp_path: Path) -> None:
    code = """
import socket
def handler(event, context):
    if event:
        with socket.create_connection(("127.0.0.1", event), 60) as link: link.recv(1)
    return VALUE
"""
    (tmp_path / "app.py").write_text(code + "VALUE = 1\n")
    with cloudcore.open(":memory:") as cloud, socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(60)
        function = cloud.function("fn", tmp_path, handler="app.handler", timeout=60)
        seen: list[object] = []
        calling = threading.Thread(target=lambda: seen.append(function.invoke(listener.getsockname()[1])))
        calling.start()
        link, _ = listener.accept()
        (tmp_path / "app.py").write_text(code + "VALUE = 22\n")
        (runner,) = cloud.lambda_._runners.values()
        # A new environment has the new code even before the directory is looked at again; the old one is let go
        # only then.
        soon(lambda: True if function.invoke(0) == 22 and runner.pool()._generation else None)
        link.close()
        calling.join(60)
        assert seen == [1] and function.invoke(0) == 22
        assert runner.pool().warm == 1  # the environment with the old code has gone


def test_too_much_code_is_not_watched(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(reload, "_FILES_MAX", 3)
    monkeypatch.setattr(reload, "_EVERY_S", 0.0)
    for number in range(5):
        (tmp_path / f"m{number}.py").write_text("")
    watched = reload.Watched(str(tmp_path))
    (tmp_path / "m0.py").write_text("x = 1\n")
    assert not watched.changed()
    monkeypatch.setattr(reload, "_FILES_MAX", 10)
    watched = reload.Watched(str(tmp_path))
    assert not watched.changed()
    (tmp_path / "m1.py").write_text("x = 1\n")
    assert watched.changed() and not watched.changed()
