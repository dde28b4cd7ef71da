"""Many connections for long: most are idle, some ask all the time, and at the end nothing was lost or left behind.

    python -m pytest -m crash -s tests/crash/test_endpoint_soak.py      # bounded, as in the gate
    make soak                                                           # 10,000 idle, 1,000 busy, 2,000,000 requests

One thread with an epoll loop is the client. Every busy connection has an item of its own, counts it up by PutItem and
reads it back by GetItem; every answer is checked. Each idle connection asks once in 30 s, and once at the end.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import resource
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.crash
IDLE = int(os.environ.get("CLOUDCORE_IDLE", "2000"))
BUSY = int(os.environ.get("CLOUDCORE_BUSY", "200"))
REQUESTS = int(os.environ.get("CLOUDCORE_REQUESTS", "40000"))
GROWTH_MAX_MIB = 32
SPEAKS_EVERY_SECONDS = 30
_SPARE = 200  # descriptors of everything else


class Server:
    """`cloudcore serve` in a process of its own."""

    def __init__(self, data: Path):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "cloudcore.cli.main", "serve", "--port", "0", "--data", str(data)],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)", line)
        assert found is not None, line
        self.port = int(found[1])

    def memory_mib(self) -> float:
        found = re.search(r"RssAnon:\s+(\d+) kB", Path(f"/proc/{self.process.pid}/status").read_text())
        assert found is not None
        return int(found[1]) / 1024

    def sockets(self) -> int:
        held = Path(f"/proc/{self.process.pid}/fd")
        found = 0
        for name in os.listdir(held):
            with contextlib.suppress(FileNotFoundError):
                found += os.readlink(held / name).startswith("socket:")
        return found

    def connect(self) -> socket.socket:
        made = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard < IDLE + BUSY + _SPARE:
        pytest.fail(f"{IDLE + BUSY + _SPARE} descriptors are needed and {hard} allowed: ulimit -Hn")
    made = Server(tmp_path / "c")
    try:
        yield made
    finally:
        made.process.send_signal(signal.SIGTERM)
        assert made.process.wait(60) == 0
        assert made.process.stdout is not None
        made.process.stdout.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def request(operation: str, params: dict[str, Any]) -> bytes:
    body = json.dumps(params)
    return (
        f"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-amz-json-1.0\r\n"
        f"X-Amz-Target: DynamoDB_20120810.{operation}\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


class Asker:
    """A busy connection: puts its item, gets it, puts the next one."""

    def __init__(self, number: int, made: socket.socket):
        self.number, self.socket = number, made
        self.count, self.reads, self.got = 0, False, b""
        self.asked = 0.0

    def ask(self) -> None:
        key = {"id": {"S": f"busy {self.number}"}}
        if self.reads:
            out = request("GetItem", {"TableName": "soak", "Key": key})
        else:
            self.count += 1
            out = request("PutItem", {"TableName": "soak", "Item": {**key, "n": {"N": str(self.count)}, "text": {"S": "x" * 300}}})
        self.asked = time.perf_counter()
        self.socket.sendall(out)

    def readable(self) -> bool:
        """Whether the answer is whole; it is checked then."""
        part = self.socket.recv(65536)
        assert part, f"connection {self.number} was closed"
        self.got += part
        status, body, rest = parsed(self.got)
        if body is None:
            return False
        assert status == 200 and rest == b"", self.got
        if self.reads:
            assert body["Item"]["n"]["N"] == str(self.count)
        else:
            assert body == {}
        self.reads, self.got = not self.reads, b""
        return True


def parsed(data: bytes) -> tuple[int, dict[str, Any] | None, bytes]:
    head, found, rest = data.partition(b"\r\n\r\n")
    length = re.search(rb"Content-Length: (\d+)", head)
    if not found or length is None or len(rest) < int(length[1]):
        return 0, None, b""
    size = int(length[1])
    return int(head.split()[1]), json.loads(rest[:size]), rest[size:]


def ask_once(made: socket.socket, data: bytes) -> dict[str, Any]:
    made.sendall(data)
    got = b""
    while True:
        part = made.recv(65536)
        assert part, "the connection was closed"
        got += part
        status, body, _ = parsed(got)
        if body is not None:
            assert status == 200, got
            return body


def run(askers: list[Asker], requests: int) -> list[float]:
    """The latencies of so many requests, in seconds."""
    poll = select.epoll()
    by_descriptor = {asker.socket.fileno(): asker for asker in askers}
    for descriptor in by_descriptor:
        poll.register(descriptor, select.EPOLLIN)
    spent: list[float] = []
    asked = 0
    for asker in askers:
        asker.ask()
        asked += 1
    while len(spent) < asked:
        events = poll.poll(60)
        assert events, f"{asked - len(spent)} requests have no answer"
        for descriptor, _ in events:
            asker = by_descriptor[descriptor]
            if asker.readable():
                spent.append(time.perf_counter() - asker.asked)
                if asked < requests:
                    asker.ask()
                    asked += 1
    poll.close()
    return spent


def speak(idle: list[socket.socket]) -> None:
    """Each idle connection asks once: the server closes those that say nothing for two minutes."""
    for number, made in enumerate(idle):
        ask_once(made, request("PutItem", {"TableName": "soak", "Item": {"id": {"S": f"idle {number}"}}}))


def test_idle_and_busy_connections(server: Server) -> None:
    with server.connect() as first:
        ask_once(first, request("CreateTable", {
            "TableName": "soak", "BillingMode": "PAY_PER_REQUEST", "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        }))  # fmt: skip
    began, sockets = server.memory_mib(), server.sockets()
    idle = [server.connect() for _ in range(IDLE)]
    askers = [Asker(number, server.connect()) for number in range(BUSY)]
    held = server.memory_mib()
    run(askers, max(REQUESTS // 10, 2 * BUSY))  # buffers, pages and indexes are there after that
    warm = server.memory_mib()
    spent: list[float] = []
    seconds, spoke = 0.0, time.monotonic()
    while len(spent) < REQUESTS:
        begin = time.perf_counter()
        spent += run(askers, min(20 * BUSY, REQUESTS - len(spent)))
        seconds += time.perf_counter() - begin
        if time.monotonic() - spoke > SPEAKS_EVERY_SECONDS:
            speak(idle)
            spoke = time.monotonic()
    spent.sort()
    after = server.memory_mib()
    speak(idle)
    assert ask_once(idle[0], request("Query", {
        "TableName": "soak", "KeyConditionExpression": "id = :i", "ExpressionAttributeValues": {":i": {"S": f"idle {IDLE - 1}"}},
    }))["Count"] == 1  # fmt: skip
    for made in [*idle, *(asker.socket for asker in askers)]:
        made.close()
    end = time.monotonic() + 60
    while server.sockets() > sockets and time.monotonic() < end:
        time.sleep(0.05)
    assert server.sockets() <= sockets
    print(
        f"\n{IDLE:,} idle and {BUSY:,} busy connections: {(held - began) * 1024 / (IDLE + BUSY):.2f} KiB each; "
        f"{len(spent):,} requests, {len(spent) / seconds:,.0f}/s, p50 {spent[len(spent) // 2] * 1e3:.2f} ms, "
        f"p99 {spent[len(spent) * 99 // 100] * 1e3:.2f} ms, longest {spent[-1] * 1e3:.1f} ms; "
        f"memory {began:.1f} MiB, connected {held:.1f}, warm {warm:.1f}, after {after:.1f}"
    )
    assert after - warm < GROWTH_MAX_MIB
