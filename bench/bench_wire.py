"""GetItem and PutItem over raw keep-alive HTTP: one client, one connection, one request at a time.

    python -m pytest bench/bench_wire.py --benchmark-columns=median,ops

The client is a plain socket, so that what is timed is the server and the kernel, not an SDK. Both
servers run as processes of their own and keep their data in memory. Every answer's status is checked while
it is timed, and the items that come back are checked equal before. A round is `CALLS` requests;
`extra_info` holds requests per second, the time from start to the first answer, and the resident
memory of the idle server.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from .conftest import item

CALLS = 500
ITEMS = 1000
SCOPE = "Credential=000000000000/20261124/us-east-1/dynamodb/aws4_request"
_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)\r\n")


def request(operation: str, body: dict[str, Any]) -> bytes:
    """One request as an SDK sends it."""
    data = json.dumps(body).encode()
    head = (
        "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept-Encoding: identity\r\n"
        f"X-Amz-Target: DynamoDB_20120810.{operation}\r\nContent-Type: application/x-amz-json-1.0\r\n"
        "User-Agent: bench\r\nX-Amz-Date: 20261124T000000Z\r\n"
        f"Authorization: AWS4-HMAC-SHA256 {SCOPE}, SignedHeaders=host;x-amz-date, Signature={'0' * 64}\r\n"
        f"Content-Length: {len(data)}\r\n\r\n"
    )
    return head.encode() + data


@dataclass
class Peer:
    """A running server and one connection to it."""

    sock: socket.socket
    port: int
    process: subprocess.Popen[bytes]
    first_answer_seconds: float
    idle_bytes: int

    def ask(self, data: bytes) -> bytes:
        """The body of the answer; AssertionError unless its status is 200.

        A server may close a connection after a number of requests (MiniStack does after 1,000): then the
        request goes out once more on a new one.
        """
        try:
            self.sock.sendall(data)
            answer = self.sock.recv(65536)
        except (BrokenPipeError, ConnectionResetError):
            answer = b""
        if not answer:
            self.sock.close()
            self.sock = connect(self.port, self.process)
            self.sock.sendall(data)
            answer = self.sock.recv(65536)
        head, _, body = answer.partition(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 200"), answer
        length = _LENGTH.search(head + b"\r\n")
        assert length is not None, head
        while len(body) < int(length[1]):
            body += self.sock.recv(65536)
        return body


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def connect(port: int, process: subprocess.Popen[bytes]) -> socket.socket:
    while True:
        try:
            sock = socket.create_connection(("127.0.0.1", port), timeout=30)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return sock
        except ConnectionRefusedError:
            assert process.poll() is None, "the server ended"
            time.sleep(0.001)


def start(command: list[str], port: int, directory: Path, **environment: str) -> Peer:
    began = time.monotonic()
    process = subprocess.Popen(
        command, env={**os.environ, **environment}, cwd=directory,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    while True:
        peer = Peer(connect(port, process), port, process, 0, 0)
        try:
            peer.ask(request("ListTables", {}))
            break
        except (AssertionError, ConnectionResetError):  # it listens before it answers
            peer.sock.close()
            assert time.monotonic() - began < 30, "no answer after 30 s"
            time.sleep(0.01)
    peer.first_answer_seconds = time.monotonic() - began
    status = Path(f"/proc/{process.pid}/status").read_text()
    peer.idle_bytes = int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024  # type: ignore[index]
    return peer


@pytest.fixture(scope="module", params=["cloudcore", "ministack"])
def peer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    port, directory = free_port(), tmp_path_factory.mktemp("wire")
    if request.param == "cloudcore":
        command = [
            sys.executable,
            "-m",
            "cloudcore.cli.main",
            "serve",
            "--port",
            str(port),
            "--data",
            ":memory:",
        ]
        found = start(command, port, directory)
    else:
        beside = Path(sys.executable).with_name("ministack")
        program = str(beside) if beside.exists() else shutil.which("ministack")
        if program is None:
            pytest.skip("pip install ministack")
        found = start([program], port, directory, GATEWAY_PORT=str(port), BIND_HOST="127.0.0.1")
    try:
        load(found)
        yield found
    finally:
        found.sock.close()
        os.killpg(found.process.pid, signal.SIGTERM)
        found.process.wait(20)


def load(peer: Peer) -> None:
    definitions = [
        {"AttributeName": "pk", "AttributeType": "S"},
        {"AttributeName": "sk", "AttributeType": "N"},
    ]
    keys = [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}]
    create = {
        "TableName": "bench", "BillingMode": "PAY_PER_REQUEST", "KeySchema": keys, "AttributeDefinitions": definitions,
    }  # fmt: skip
    peer.ask(request("CreateTable", create))
    for data in puts(0):
        peer.ask(data)
    for number, data in enumerate(gets()):
        assert json.loads(peer.ask(data))["Item"] == item(number)


def puts(round_: int) -> list[bytes]:
    return [request("PutItem", {"TableName": "bench", "Item": item(n, round_)}) for n in range(ITEMS)]


def gets() -> list[bytes]:
    items = (item(n) for n in range(ITEMS))
    keys = ({"pk": one["pk"], "sk": one["sk"]} for one in items)
    return [request("GetItem", {"TableName": "bench", "Key": key}) for key in keys]


def measure(benchmark: Any, peer: Peer, requests: list[bytes]) -> None:
    more = itertools.cycle(requests)
    ask: Callable[[bytes], bytes] = peer.ask

    def round_() -> None:
        for data in itertools.islice(more, CALLS):
            ask(data)

    benchmark.pedantic(round_, rounds=15, warmup_rounds=2)
    benchmark.extra_info["requests_per_second"] = round(CALLS / benchmark.stats.stats.median)
    benchmark.extra_info["first_answer_ms"] = round(peer.first_answer_seconds * 1000)
    benchmark.extra_info["idle_rss_mib"] = round(peer.idle_bytes / 2**20, 1)


@pytest.mark.benchmark(group="GetItem over keep-alive HTTP, one client")
def test_get_item(benchmark: Any, peer: Peer) -> None:
    """A random item of about 400 bytes by its full key."""
    measure(benchmark, peer, gets())


@pytest.mark.benchmark(group="PutItem over keep-alive HTTP, one client")
def test_put_item(benchmark: Any, peer: Peer) -> None:
    """Replaces an item of about 400 bytes."""
    measure(benchmark, peer, puts(1))
