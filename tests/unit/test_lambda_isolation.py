"""What a function cannot see or do: other directories of the cloud, the machine's /tmp, its owner."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

import cloudcore
from cloudcore.lambda_.code import pack

LOOK = b"""
import os, signal
def handler(event, context):
    seen = {}
    for path in event["paths"]:
        try:
            seen[path] = sorted(os.listdir(path)) if os.path.isdir(path) else open(path).read()
        except OSError as error:
            seen[path] = type(error).__name__
    with open("/tmp/mine", "a") as file:
        file.write("x")
    try:
        os.kill(event["owner"], 0)
        seen["signal"] = "sent"
    except PermissionError:
        seen["signal"] = "refused"
    seen["tmp"] = os.environ["TMPDIR"]
    return seen
"""


def isolated() -> bool:
    """Whether this machine lets an ordinary process have mounts of its own."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            from cloudcore._channel import isolate

            code = 0 if isolate([(b"/tmp", os.fsencode(tempfile.gettempdir()))], []) & 1 else 1
        finally:
            os._exit(code)
    return os.waitpid(pid, 0)[1] == 0


@pytest.mark.skipif(not isolated(), reason="this kernel or its policy gives processes no mounts of their own")
def test_a_function_sees_its_code_and_its_own_tmp(tmp_path: Path) -> None:
    beside = tmp_path / "beside.txt"
    beside.write_text("mine")
    with cloudcore.open(str(tmp_path / "cloud")) as cloud:
        cloud.table("items", pk="id:S").put({"id": "secret"})
        one = cloud.function("one", pack({"h.py": LOOK}), handler="h.handler", timeout=10)
        two = cloud.function("two", pack({"h.py": LOOK, "b.py": b""}), handler="h.handler", timeout=10)
        tables = os.path.join(cloud.path, cloud.account, cloud.region, "dynamodb")
        code = os.path.join(cloud.path, cloud.account, cloud.region, "lambda", "unpacked")
        event = {"paths": [tables, code, str(beside), "/tmp"], "owner": os.getpid()}
        seen = one.invoke(event)
        assert seen[tables] == "FileNotFoundError"
        assert len(seen[code]) == 1  # the other function's code is not there
        assert seen[str(beside)] == "FileNotFoundError"  # it lies in the machine's /tmp
        assert "mine" not in seen["/tmp"] and seen["tmp"] == "/tmp"
        assert "mine" in one.invoke(event)["/tmp"]  # the environment's own, kept while it is warm
        assert "mine" not in two.invoke(event)["/tmp"]
        assert not os.path.exists("/tmp/mine")
        assert seen["signal"] in ("refused", "sent")  # refused from Linux 6.12 on


def test_a_directory_is_seen_even_inside_tmp(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "helper.py").write_text("VALUE = 7\n")
    (tmp_path / "mine.py").write_text("from lib.helper import VALUE\ndef handler(e, c): return VALUE\n")
    with cloudcore.open(str(tmp_path / "cloud")) as cloud:
        assert cloud.function("fn", tmp_path, handler="mine.handler").invoke() == 7
