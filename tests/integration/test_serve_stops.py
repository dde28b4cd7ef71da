"""cloudcore serve and SIGTERM: functions that run do not hold it up, what was accepted is not lost."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import pytest

import cloudcore
from cloudcore.lambda_.code import pack

WAITS = b"""
import json, socket, time
def handler(event, context):
    with socket.create_connection(("127.0.0.1", event["port"])) as link:
        link.sendall(json.dumps([event.get("name"), __import__("os").getpid()]).encode() + b"\\n")
        if event.get("wait", True):
            link.recv(1)
    return "done"
"""


def post(url, name, event, kind="RequestResponse"):
    request = urllib.request.Request(
        f"{url}/2015-03-31/functions/{name}/invocations", json.dumps(event).encode(),
        {"X-Amz-Invocation-Type": kind},
    )  # fmt: skip
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.status, answer.read()


def runs(pid):
    """Whether a process does; one that its new parent has not reaped yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def started(directory, *more):
    command = [sys.executable, "-m", "cloudcore.cli.main", "serve", "--port", "0", "--data", str(directory), *more]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    line = server.stdout.readline()
    return server, line.split("AWS_ENDPOINT_URL=")[1].split()[0]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_function_that_runs_for_minutes(tmp_path, number):
    with cloudcore.open(tmp_path) as cloud:
        cloud.function("fn", pack({"h.py": WAITS}), handler="h.handler", timeout=900)
    server, url = started(tmp_path, "--grace", "0.5")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(60)
        port = listener.getsockname()[1]
        seen = []

        def call():
            try:
                seen.append(post(url, "fn", {"port": port, "name": "sync"}))
            except Exception as error:
                seen.append(error)

        calling = threading.Thread(target=call)
        calling.start()
        assert post(url, "fn", {"port": port, "name": "async"}, "Event")[0] == 202
        links = [listener.accept()[0] for _ in range(2)]
        told = [json.loads(link.makefile().readline()) for link in links]
        assert sorted(name for name, _ in told) == ["async", "sync"]
        start = time.monotonic()
        server.send_signal(number)
        assert server.wait(60) == (0 if number == signal.SIGTERM else -9)
        took = time.monotonic() - start
        calling.join(60)
        assert took < 30 and not isinstance(seen[0], tuple)  # the caller got an error, not a result
        if number == signal.SIGTERM:
            assert seen[0].code == 503 and seen[0].headers["x-amzn-ErrorType"] == "ServiceException"
            assert json.loads(seen[0].read())["Type"] == "Service"
        deadline = time.monotonic() + 60
        while any(runs(pid) for _, pid in told):
            assert time.monotonic() < deadline, "an environment outlived its server"
            time.sleep(0.02)
        for link in links:
            link.close()
        with cloudcore.open(tmp_path) as cloud:  # the event runs again
            cloud.lambda_  # noqa: B018 - opening it is enough
            link, _ = listener.accept()
            assert json.loads(link.makefile().readline())[0] == "async"
            link.sendall(b"!")
            link.close()


def test_where_it_serves_as_json(tmp_path):
    command = [sys.executable, "-m", "cloudcore.cli.main", "serve", "--port", "0", "--data", str(tmp_path), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        found = json.loads(server.stdout.readline())
        with urllib.request.urlopen(found["url"] + "/_cloudcore/health") as answer:
            assert answer.status == 200
        server.terminate()
        assert server.wait(60) == 0 and server.stdout.read() == ""
    assert found["environment"]["AWS_ENDPOINT_URL"] == found["url"] and found["environment"]["AWS_REGION"] == "us-east-1"
    assert (found["console"], found["unix"], found["auth"]) == (found["url"] + "/_cloudcore/", None, None)
