"""A server under test and one raw keep-alive connection to it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from cloudcore.cli.bench_servers import Server, Wire, free_port, resident_mib, until_ready

__all__ = ["Peer", "Server", "free_port", "request", "serve_words", "start"]

SCOPE = "Credential=000000000000/20261124/us-east-1/{}/aws4_request"


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


class Peer(Wire):
    """A running server and one connection to it."""

    def __init__(self, server: Server):
        super().__init__(server)
        assert server.process is not None
        self.server, self.port, self.process = server, server.port, server.process


def start(command: list[str], port: int, directory: Path, keeps: bool = True, **environment: str) -> Peer:
    """Start a server and wait for its first answer. keeps: as of Server."""
    began = time.monotonic()
    process = subprocess.Popen(
        command, env={**os.environ, **environment}, cwd=directory,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    server = Server(command[0], "", port, process, keeps=keeps)
    until_ready(server, request("ListTables", {}))
    server.first_answer_ms = (time.monotonic() - began) * 1000
    server.idle_mib = resident_mib(process.pid)
    return Peer(server)
