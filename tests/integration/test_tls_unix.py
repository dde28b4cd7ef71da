"""TLS and Unix sockets in front of the endpoint: real clients, stale files, ends."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import SSLError

import cloudcore
from cloudcore.cli.main import main

pytest.importorskip("cryptography", reason="needs cryptography: pip install cryptography")
ASK = {"X-Amz-Target": "DynamoDB_20120810.ListTables", "Content-Type": "application/x-amz-json-1.0"}


def client(endpoint: Any, service: str, verify: Any) -> Any:
    return boto3.client(
        service, endpoint_url=endpoint.url, region_name="us-east-1", verify=verify,
        aws_access_key_id="x", aws_secret_access_key="y",
    )  # fmt: skip


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[Any]:
    with cloudcore.open(tmp_path / "c") as cloud, cloud.serve(tls=True) as endpoint:
        yield endpoint


def connect(endpoint: Any, **limits: Any) -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=endpoint.certificate)
    for name, value in limits.items():
        setattr(context, name, value)
    return context.wrap_socket(socket.create_connection((endpoint.host, endpoint.port)), server_hostname="localhost")


def test_boto3_over_tls(secured: Any) -> None:
    assert secured.url.startswith("https://127.0.0.1:")
    db = client(secured, "dynamodb", secured.certificate)
    db.create_table(
        TableName="things", BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "a", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "a", "AttributeType": "S"}],
    )  # fmt: skip
    for n in range(30):
        db.put_item(TableName="things", Item={"a": {"S": str(n)}, "n": {"N": str(n)}})
    assert db.get_item(TableName="things", Key={"a": {"S": "7"}})["Item"]["n"]["N"] == "7"
    assert db.scan(TableName="things")["Count"] == 30
    with pytest.raises(SSLError):
        client(secured, "dynamodb", True).list_tables()  # an authority that nobody knows


def test_large_bodies_both_ways_at_once(secured: Any) -> None:
    s3 = client(secured, "s3", secured.certificate)
    s3.create_bucket(Bucket="bucket")
    bodies = [os.urandom(3 << 20) for _ in range(4)]

    def both(n: int) -> None:
        s3.put_object(Bucket="bucket", Key=str(n), Body=bodies[n])
        got.append((n, hashlib.sha256(s3.get_object(Bucket="bucket", Key=str(n))["Body"].read()).digest()))

    got: list[tuple[int, bytes]] = []
    threads = [threading.Thread(target=both, args=(n,)) for n in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert sorted(got) == [(n, hashlib.sha256(body).digest()) for n, body in enumerate(bodies)]


def test_many_requests_of_one_connection_and_pipelined_ones(secured: Any) -> None:
    head = "".join(f"{name}: {value}\r\n" for name, value in ASK.items())
    request = f"POST / HTTP/1.1\r\nHost: localhost\r\n{head}Content-Length: 2\r\n\r\n{{}}".encode()
    with connect(secured) as raw:
        assert raw.version() in ("TLSv1.2", "TLSv1.3")
        raw.sendall(request * 20)
        answers = raw.makefile("rb")
        for _ in range(20):
            assert answers.readline() == b"HTTP/1.1 200 OK\r\n"
            lines = list(iter(answers.readline, b"\r\n"))
            size = next(int(line.split()[1]) for line in lines if line.startswith(b"Content-Length"))
            assert json.loads(answers.read(size)) == {"TableNames": []}


def test_what_speaks_no_tls_gets_nothing_and_hurts_nobody(secured: Any) -> None:
    with socket.create_connection((secured.host, secured.port)) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        with contextlib.suppress(ConnectionResetError):
            assert b"HTTP" not in plain.recv(1000)
    with pytest.raises((ssl.SSLError, OSError)), connect(secured, maximum_version=ssl.TLSVersion.TLSv1_1):
        pass
    with socket.create_connection((secured.host, secured.port)):  # opens, says nothing
        assert client(secured, "dynamodb", secured.certificate).list_tables()["TableNames"] == []


def test_an_answer_that_closes_is_whole(secured: Any) -> None:
    with connect(secured) as raw:
        raw.sendall(b"GET /_cloudcore/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        got = b"".join(iter(lambda: raw.recv(65536), b""))
    head, _, body = got.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200") and b'"cloudcore"' in body
    assert len(body) == next(int(line.split()[1]) for line in head.split(b"\r\n") if line.startswith(b"Content-Length"))


def test_the_certificate_is_kept_and_its_key_is_private(tmp_path: Path) -> None:
    found = []
    for _ in range(2):
        with cloudcore.open(tmp_path / "c") as cloud:
            cloud.serve(tls=True)
            cloud.serve(tls=True)
        found.append([(tmp_path / "c" / "tls" / name).read_bytes() for name in ("tls.crt", "tls.key")])
    assert found[0] == found[1]
    assert os.stat(tmp_path / "c" / "tls" / "tls.key").st_mode & 0o777 == 0o600


def test_files_that_are_no_certificate(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("nothing")
    with cloudcore.open(":memory:") as cloud:
        with pytest.raises(ValueError, match="are no certificate and its key"):
            cloud.serve(tls=(str(tmp_path / "x"), str(tmp_path / "x")))
        with pytest.raises(FileNotFoundError):
            cloud.serve(tls=(str(tmp_path / "absent"), str(tmp_path / "x")))


class Local(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.host)


def ask(path: str) -> Any:
    with contextlib.closing(Local(path)) as local:
        local.request("POST", "/", b"{}", {**ASK, "Host": "localhost"})
        answer = local.getresponse()
        return answer.status, json.loads(answer.read())


def test_a_unix_socket(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with cloudcore.open(":memory:") as cloud:
        cloud.table("orders", pk="id:S")
        with cloud.serve(unix=path) as endpoint:
            assert endpoint.url == f"unix:{path}" and cloud.addresses == []
            assert os.stat(path).st_mode & 0o777 == 0o600
            assert ask(path) == (200, {"TableNames": ["orders"]})
            with pytest.raises(OSError, match="another process serves this socket"):
                cloud.serve(unix=path)
            assert ask(path)[0] == 200
            if curl := shutil.which("curl"):
                said = subprocess.run(
                    [curl, "-s", "--unix-socket", path, "http://localhost/_cloudcore/health"], capture_output=True, check=True
                )
                assert b'"cloudcore"' in said.stdout
        assert not os.path.exists(path)
        with pytest.raises(FileNotFoundError):
            ask(path)


def test_a_socket_of_a_killed_process_is_replaced_and_no_other_file(tmp_path: Path) -> None:
    path = tmp_path / "s"
    process = subprocess.Popen(
        [sys.executable, "-m", "cloudcore.cli.main", "serve", "--port", "0", "--data", str(tmp_path / "c"), "--unix", str(path)],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline().startswith("unix socket: ")
    assert ask(str(path))[0] == 200
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert path.is_socket()
    with cloudcore.open(":memory:") as cloud:
        cloud.serve(unix=path)
        assert ask(str(path))[0] == 200
        (tmp_path / "file").write_text("mine")
        with pytest.raises(OSError, match="no socket"):
            cloud.serve(unix=tmp_path / "file")
    assert (tmp_path / "file").read_text() == "mine"
    # One that another process made in the meantime stays when the first ends.
    with cloudcore.open(":memory:") as cloud:
        endpoint = cloud.serve(unix=path)
        os.unlink(path)
        with cloudcore.open(":memory:") as other:
            other.serve(unix=path)
            endpoint.close()
            assert ask(str(path))[0] == 200


def test_the_command_serves_tls_and_finds_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = str(tmp_path / "c")
    process = subprocess.Popen(
        [sys.executable, "-m", "cloudcore.cli.main", "serve", "--port", "0", "--data", data, "--tls"],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    line = process.stdout.readline()
    shown = dict(pair.split("=", 1) for pair in line.removeprefix("export ").split())
    try:
        assert shown["AWS_ENDPOINT_URL"].startswith("https://127.0.0.1:")
        assert main(["status", "--data", data]) == 0  # over HTTPS: the process owns the directory
        assert shown["AWS_ENDPOINT_URL"] in capsys.readouterr().out
        if curl := shutil.which("curl"):
            url = shown["AWS_ENDPOINT_URL"] + "/_cloudcore/health"
            asked = [curl, "-s", "--cacert", shown["AWS_CA_BUNDLE"], url]
            assert b'"cloudcore"' in subprocess.run(asked, capture_output=True, check=True).stdout
    finally:
        process.terminate()
        assert process.wait() == 0
        process.stdout.close()
