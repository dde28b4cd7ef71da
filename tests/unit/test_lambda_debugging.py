"""A debugger attaches without breaking time limits."""

from __future__ import annotations

import contextlib
import json
import os
import socket

import pytest
from lambda_support import ask, make

pytest.importorskip("debugpy", reason="needs debugpy: pip install debugpy")
CODE = """
import time
def handler(event, context):
    time.sleep(event["s"])
    return "done"
"""


def port_of_nobody():
    """A free port below those that the kernel gives out to whoever asks for any."""
    for port in range(20_000 + os.getpid() % 10_000, 32_000):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise AssertionError("no port is free")


def test_no_time_limit_while_a_debugger_is_attached(tmp_path):
    port = port_of_nobody()
    with make(tmp_path, CODE, timeout_s=2, CLOUDCORE_DEBUG_PORT=str(port)) as functions:
        assert ask(functions, {"s": 0})[1] == "done"
        with socket.create_connection(("127.0.0.1", port), 20) as debugger:
            hello = json.dumps({"seq": 1, "type": "request", "command": "initialize", "arguments": {"adapterID": "x"}})
            debugger.sendall(f"Content-Length: {len(hello)}\r\n\r\n{hello}".encode())
            assert debugger.recv(64).startswith(b"Content-Length: ")  # debugpy speaks
            assert ask(functions, {"s": 4})[1] == "done"
        assert ask(functions, {"s": 4})[1]["errorType"] == "Sandbox.Timedout"
