"""The servers that `cloudcore bench` times: found or installed, started on a loopback port, spoken to raw.

The client is a plain socket, so that what is timed is the server and the kernel, not an SDK.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cloudcore.cli.connection import Refusal

START_SECONDS_MAX = 60.0
_REQUIREMENTS = {"ministack": "ministack", "moto": "moto[server]"}
_PROGRAMS = {"ministack": "ministack", "moto": "moto_server"}
PEERS = tuple(_REQUIREMENTS)
_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)\r\n")
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})")


class Fault(Exception):
    """A server ended, or answered what it should not have."""


@dataclass
class Server:
    """A server that runs: its name, port and what its start cost."""

    name: str
    version: str
    port: int
    process: subprocess.Popen[bytes] | None
    """None in a client's process."""
    first_answer_ms: float = 0.0
    idle_mib: float = 0.0
    keeps: bool = True
    """Whether it hears more than one request of a connection."""

    def ended(self) -> bool:
        """Whether its process is known to have ended."""
        return self.process is not None and self.process.poll() is not None


class Wire:
    """One keep-alive connection. A server that closes it after an answer gets a new one for the next request."""

    def __init__(self, server: Server):
        self._server = server
        self.sock = self._connect()
        self._used = False

    def ask(self, data: bytes) -> bytes:
        """The body of the answer. Raises Fault unless its status is one of success."""
        if not self._server.keeps and self._used:
            self._again()
        self._used = True
        answer = self._send(data)
        if not answer:  # closed meanwhile: once more, on a new one
            self._again()
            answer = self._send(data)
        head, _, body = answer.partition(b"\r\n\r\n")
        status, length = _STATUS.match(head), _LENGTH.search(head + b"\r\n")
        if status is None or length is None or status[1][:1] != b"2":
            raise Fault(f"{self._server.name} answers {answer[:300]!r}")
        size = int(length[1])
        if len(body) < size:
            parts, held = [body], len(body)
            while held < size:
                part = self.sock.recv(1 << 20)
                if not part:
                    raise Fault(f"{self._server.name} ended in the midst of an answer")
                parts.append(part)
                held += len(part)
            body = b"".join(parts)
        return body

    def close(self) -> None:
        """Close the connection."""
        self.sock.close()

    def _again(self) -> None:
        self.close()
        self.sock = self._connect()

    def _send(self, data: bytes) -> bytes:
        try:
            self.sock.sendall(data)
            answer = self.sock.recv(65536)
            while answer and b"\r\n\r\n" not in answer:
                part = self.sock.recv(65536)
                if not part:
                    return b""
                answer += part
            return answer
        except (BrokenPipeError, ConnectionResetError):
            return b""

    def _connect(self) -> socket.socket:
        end = time.monotonic() + START_SECONDS_MAX
        while True:
            try:
                made = socket.create_connection(("127.0.0.1", self._server.port), timeout=60)
                made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return made
            except ConnectionRefusedError:
                if self._server.ended() or time.monotonic() > end:
                    raise Fault(f"{self._server.name} does not listen") from None
                time.sleep(0.001)


def program_of(peer: str, home: Path, install: bool) -> str:
    """Where a peer's program is: in its own environment below `home`, else on PATH; made if `install`.

    Raises Refusal that says how to get it.
    """
    own = home / peer / "bin" / _PROGRAMS[peer]
    if own.exists():
        return str(own)
    if found := shutil.which(_PROGRAMS[peer]):
        return found
    if not install:
        raise Refusal(
            f"{peer} is not installed",
            f"cloudcore bench --compare {peer} --install makes an environment of its own for it ({home / peer}); "
            f"or have {_PROGRAMS[peer]} on PATH (pip install '{_REQUIREMENTS[peer]}')",
        )
    print(f"installing {_REQUIREMENTS[peer]} into {home / peer}", file=sys.stderr)
    for words in (
        [sys.executable, "-m", "venv", str(home / peer)],
        [str(home / peer / "bin" / "python"), "-m", "pip", "install", "--quiet", _REQUIREMENTS[peer]],
    ):
        done = subprocess.run(words, capture_output=True, text=True)
        if done.returncode != 0:
            shutil.rmtree(home / peer, ignore_errors=True)
            raise Refusal(f"{peer} could not be installed: {(done.stderr or done.stdout).strip()[-500:]}")
    return str(own)


@contextlib.contextmanager
def started(name: str, program: str, directory: Path, ready: bytes) -> Iterator[Server]:
    """A server in a process group of its own, which has answered `ready`; nothing of it is left afterwards."""
    port = free_port()
    if name == "cloudcore":
        words = [
            sys.executable,
            "-m",
            "cloudcore.cli.main",
            "serve",
            "--port",
            str(port),
            "--data",
            ":memory:",
        ]
    elif name == "moto":
        words = [program, "-H", "127.0.0.1", "-p", str(port)]
    else:
        words = [program]
    directory.mkdir()
    variables = {
        "PATH": f"{Path(program).parent}{os.pathsep}{os.environ['PATH']}", "HOME": str(directory),
        "GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1",
    }  # fmt: skip
    if "PYTHONPATH" in os.environ and name == "cloudcore":
        variables["PYTHONPATH"] = os.environ["PYTHONPATH"]
    began = time.monotonic()
    process = subprocess.Popen(
        words, env=variables, cwd=directory, start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        server = Server(name, _version(name, program), port, process, keeps=name != "moto")
        until_ready(server, ready)
        server.first_answer_ms = (time.monotonic() - began) * 1000
        server.idle_mib = resident_mib(process.pid)
        yield server
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def until_ready(server: Server, ready: bytes) -> None:
    """Wait for an answer to `ready`. Raises Fault."""
    end = time.monotonic() + START_SECONDS_MAX
    while True:
        wire = Wire(server)
        try:
            wire.ask(ready)
            return
        except (Fault, OSError):  # it listens before it answers
            if server.ended() or time.monotonic() > end:
                raise Fault(f"{server.name} gives no answer") from None
            time.sleep(0.005)
        finally:
            wire.close()


def _version(name: str, program: str) -> str:
    if name == "cloudcore":
        import cloudcore

        return cloudcore.__version__
    python = Path(program).parent / "python"
    words = [str(python), "-c", f"import importlib.metadata as m; print(m.version({name!r}))"]
    with contextlib.suppress(OSError):
        done = subprocess.run(words, capture_output=True, text=True)
        if done.returncode == 0:
            return done.stdout.strip()
    return "?"


def resident_mib(pid: int) -> float:
    """Resident memory of a process."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


def free_port() -> int:
    """A port of loopback that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
