"""A server under test and one raw keep-alive connection to it."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCOPE = "Credential=000000000000/20261124/us-east-1/{}/aws4_request"
_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)\r\n")


def request(operation: str, body: dict[str, Any], target: str = "DynamoDB_20120810") -> bytes:
    """One request as an SDK sends it."""
    data = json.dumps(body).encode()
    head = (
        "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept-Encoding: identity\r\n"
        f"X-Amz-Target: {target}.{operation}\r\nContent-Type: application/x-amz-json-1.{int(target[0] == 'F')}\r\n"
        "User-Agent: bench\r\nX-Amz-Date: 20261124T000000Z\r\n"
        f"Authorization: AWS4-HMAC-SHA256 {SCOPE.format(target.partition('_')[0].lower())}, SignedHeaders=host;x-amz-date, Signature={'0' * 64}\r\n"
        f"Content-Length: {len(data)}\r\n\r\n"
    )
    return head.encode() + data


def serve_words(port: int) -> list[str]:
    """Our endpoint's command line, with nothing on disk."""
    return [sys.executable, "-m", "cloudcore.cli.main", "serve", "--port", str(port), "--data", ":memory:"]


@dataclass
class Peer:
    """A running server and one connection to it."""

    sock: socket.socket
    port: int
    process: subprocess.Popen[bytes]
    first_answer_seconds: float
    idle_bytes: int
    keeps: bool = True  # False: it hears one request of a connection (moto's server)

    def ask(self, data: bytes) -> bytes:
        """The body of the answer; AssertionError unless its status is 200.

        A server may close a connection after a number of requests (MiniStack does after 1,000): then the
        request goes out once more on a new one.
        """
        if not self.keeps:
            self.sock.close()
            self.sock = connect(self.port, self.process)
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


def start(command: list[str], port: int, directory: Path, keeps: bool = True, **environment: str) -> Peer:
    began = time.monotonic()
    process = subprocess.Popen(
        command, env={**os.environ, **environment}, cwd=directory,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    while True:
        peer = Peer(connect(port, process), port, process, 0, 0, keeps)
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
