"""cloudcore ddb copy: between directories, endpoints of ours and of others (moto's server, which is not ours)."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import threading
import time

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest
from moto_support import moto_server

import cloudcore
from cloudcore.cli import main as cli
from cloudcore.cli.ddb_copy import creation, place_of
from cloudcore.endpoint.transport import Remote, region_of

pytest.importorskip("moto.server", reason="pip install 'moto[server]'")
ITEMS = 900


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    """One `ddb copy`: (exit status, JSON documents or text, standard error)."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    for name in ("CLOUDCORE_ENDPOINT", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)

    def run(*words):
        capsys.readouterr()
        status = cli.main(["ddb", "copy", *map(str, words)])
        out, err = capsys.readouterr()
        return status, [json.loads(line) for line in out.splitlines()] if "--json" in words else out, err

    yield run
    assert not list((tmp_path / "state").rglob("*.new"))


def item(number: int) -> dict:
    return {
        "id": f"{number % 40}", "at": number, "text": "é\n" * (number % 90), "raw": bytes([number % 256]) * 3,
        "tags": {"b", "a", f"{number}"}, "nested": {"list": [1, None, True, {"x": number * 10**20}]}, "kind": f"k{number % 3}",
    }  # fmt: skip


@pytest.fixture
def source(tmp_path):
    """A directory with a table of every kind of value, and another table."""
    path = tmp_path / "source"
    assert cli.main(["ddb", "create", "things", "id", "at:N", "--index", "by-kind=kind,at:N", "--ttl", "expires", "--data", str(path)]) == 0
    with cloudcore.open(path) as cloud:
        cloud.table("things").load(item(n) for n in range(ITEMS))
        cloud.table("others", pk="name").put({"name": "one"})
    return path


@pytest.fixture
def moto(monkeypatch):
    """Another implementation's endpoint."""
    with moto_server() as url:
        yield url


def everything(path, name) -> dict:
    with cloudcore.open(path) as cloud:
        return {(one["id"], one["at"]): one for one in cloud.table(name).scan()}


def test_from_a_directory_to_another(run, source, tmp_path):
    status, out, err = run(source, tmp_path / "copy")
    assert (status, err) == (0, "") and f"things -> things: {ITEMS:,} items, checksum " in out
    assert out.count(", verified, ") == 2
    assert everything(tmp_path / "copy", "things") == everything(source, "things")
    with cloudcore.open(tmp_path / "copy") as cloud:
        described = cloud.dynamodb.call("DescribeTable", {"TableName": "things"})["Table"]
        assert described["GlobalSecondaryIndexes"][0]["ItemCount"] == ITEMS
        ttl = cloud.dynamodb.call("DescribeTimeToLive", {"TableName": "things"})["TimeToLiveDescription"]
        assert ttl == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires"}
        assert cloud.table("others").get("one") == {"name": "one"}


def test_out_to_another_implementation_and_back(run, source, moto, tmp_path):
    """Numbers, sets and bytes come back the same from a server that spells them its own way."""
    status, [out], err = run(f"{source}:things", f"{moto}/elsewhere", "--json")
    assert (status, err, out["items"], out["verified"], out["resumed"]) == (0, "", ITEMS, True, False)
    assert out["found"] == {"items": ITEMS, "checksum": out["checksum"]}
    status, [back], err = run(f"{moto}/elsewhere", f"{tmp_path / 'back'}:things", "--json", "--segments", "3")
    assert (status, err, back["checksum"], back["verified"]) == (0, "", out["checksum"], True)
    assert everything(tmp_path / "back", "things") == everything(source, "things")


def test_to_an_endpoint_of_ours(run, source, tmp_path):
    with cloudcore.open(tmp_path / "served") as cloud, cloud.serve() as endpoint:
        status, out, _ = run(source, endpoint.url, "--json")
        assert status == 0 and {one["source"] for one in out} == {"things", "others"}
        status, [out], _ = run(f"{endpoint.url}/things", f"{endpoint.url}/twin?region=eu-west-1", "--json")
        assert (status, out["items"]) == (0, ITEMS)
        assert cloud.table("things").scan().count() == ITEMS
        elsewhere = cloud.client("dynamodb", region="eu-west-1")
        assert elsewhere.describe_table(TableName="twin")["Table"]["ItemCount"] == ITEMS


def test_into_a_table_that_holds_items(run, source, tmp_path):
    with cloudcore.open(tmp_path / "full") as cloud:
        full = cloud.table("things", pk="id", sk="at:N")
        full.put({"id": "own", "at": 1})
        full.put({"id": "0", "at": 0, "old": True})
    status, _, err = run(f"{source}:things", tmp_path / "full")
    assert status == 2 and "holds items\nhint: --merge" in err
    status, [out], _ = run(f"{source}:things", tmp_path / "full", "--merge", "--json")
    assert (status, out["items"], out["verified"]) == (0, ITEMS, True)
    found = everything(tmp_path / "full", "things")
    assert found.pop(("own", 1)) == {"id": "own", "at": 1}
    assert found == everything(source, "things")


def test_what_was_written_meanwhile_is_noticed(run, source, tmp_path, monkeypatch):
    from cloudcore.cli import ddb_copy

    verify = ddb_copy._Copy._verify

    def write_first(self, state):
        self.destination.put([{"id": {"S": "late"}, "at": {"N": "1"}}])
        return verify(self, state)

    monkeypatch.setattr(ddb_copy._Copy, "_verify", write_first)
    status, out, _ = run(f"{source}:things", tmp_path / "copy")
    assert status == 1 and f"DIFFERS: read {ITEMS:,} items" in out and f"are {ITEMS + 1:,}" in out


def test_killed_and_run_again(run, source, tmp_path):
    """SIGKILL after some pages: the same command goes on behind them, and the whole is verified."""
    with cloudcore.open(source) as cloud:
        cloud.table("things").load({"id": f"big{n}", "at": n, "text": "x" * 20_000} for n in range(600))
    words = [f"{source}:things", f"{tmp_path / 'copy'}:things", "--json"]
    child = subprocess.Popen(
        [sys.executable, "-m", "cloudcore.cli.main", "ddb", "copy", *words, "--rate", "100"],
        env=os.environ | {"XDG_STATE_HOME": str(tmp_path / "state")}, stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 60
        while copied(tmp_path) == 0:
            assert child.poll() is None and time.monotonic() < deadline
            time.sleep(0.02)
        os.kill(child.pid, signal.SIGKILL)
    finally:
        child.kill()
        child.communicate()
    before = copied(tmp_path)
    assert 0 < before < ITEMS + 600
    status, [out], err = run(*words)
    assert (status, err, out["items"], out["resumed"], out["verified"]) == (0, "", ITEMS + 600, True, True)
    assert everything(tmp_path / "copy", "things") == everything(source, "things")
    assert copied(tmp_path) == 0
    status, _, err = run(*words)
    assert status == 2 and "holds items" in err


def copied(tmp_path) -> int:
    found = 0
    for path in (tmp_path / "state" / "cloudcore").glob("copy-*.json"):
        with contextlib.suppress(ValueError):
            found += sum(one["items"] for one in json.loads(path.read_text())["segments"])
    return found


def test_throttled_and_broken_connections_are_asked_again(run, source, tmp_path, monkeypatch):
    """Every third request is throttled, every fourth batch half done, every fifth connection lost."""
    from cloudcore.cli.connection import Connection
    from cloudcore.dynamodb import patience
    from cloudcore.errors import ApiError

    monkeypatch.setattr(patience, "WAIT_SECONDS", 0.0001)
    call, count, lock = Connection.call, [0], threading.Lock()

    def faulty(self, service, operation, params=None):
        with lock:
            count[0] += 1
            number = count[0]
        if number % 3 == 0:
            raise ApiError("ProvisionedThroughputExceededException", "too fast", 400)
        if number % 5 == 0:
            raise ConnectionResetError("gone")
        if operation == "BatchWriteItem" and number % 4 == 0:
            ((name, puts),) = params["RequestItems"].items()
            call(self, service, operation, {"RequestItems": {name: puts[::2]}})
            return {"UnprocessedItems": {name: puts[1::2]}}
        return call(self, service, operation, params)

    monkeypatch.setattr(Connection, "call", faulty)
    status, [out], _ = run(f"{source}:things", tmp_path / "copy", "--json")
    monkeypatch.setattr(Connection, "call", call)
    assert (status, out["items"], out["verified"]) == (0, ITEMS, True) and count[0] > ITEMS / 25
    assert everything(tmp_path / "copy", "things") == everything(source, "things")


def test_refusals(run, source, tmp_path):
    with cloudcore.open(tmp_path / "other") as cloud:
        cloud.table("things", pk="id:N")
    for words, line in (
        ((tmp_path / "absent", tmp_path / "copy"), "there is no cloud in"),
        ((f"{source}:ghosts", tmp_path / "copy"), "there is no table ghosts"),
        ((f"{source}:things", tmp_path / "other"), "the key of things is (id:N), not (id:S, at:N)"),
        ((source, f"{tmp_path / 'copy'}:things"), "every table cannot go into one"),
        ((f"{source}:things", source), "source and destination are one"),
        ((f"{source}:things", "http://127.0.0.1:9/x"), "nobody answers at"),
        ((f"{source}:things", "http://127.0.0.1:9/x/y"), "names no table"),
        ((f"{source}:things", "http://127.0.0.1:9/x?zone=1"), "says zone"),
        ((f"{source}:things", "ftp://127.0.0.1/x"), "is no endpoint"),
        ((f"{source}:things", tmp_path / "copy", "--segments", "0"), "one segment or more"),
    ):
        status, out, err = run(*words)
        assert status == 2 and line in err and out == "", (words, err)


def test_places():
    assert region_of("https://dynamodb.eu-west-1.amazonaws.com") == "eu-west-1"
    assert region_of("https://123456789012.ddb.us-gov-west-1.amazonaws.com") == "us-gov-west-1"
    assert region_of("http://127.0.0.1:4566") is None
    place = place_of("https://h:1/t?region=r&account=123456789012")
    assert (place.options.endpoint, place.table, place.options.region) == ("https://h:1", "t", "r")
    assert place_of("a:b/c.cc:t").table == "t" and place_of("a:b/c.cc:t").name.endswith("a:b/c.cc")
    provisioned = {"KeySchema": [], "AttributeDefinitions": [], "ProvisionedThroughput": {"ReadCapacityUnits": 3, "WriteCapacityUnits": 4, "NumberOfDecreasesToday": 0}}
    assert creation(provisioned, "t")["ProvisionedThroughput"] == {"ReadCapacityUnits": 3, "WriteCapacityUnits": 4}


def test_https_with_keys_and_a_session(tmp_path, monkeypatch):
    """TLS is checked by AWS_CA_BUNDLE; the signature covers the session's token and names the endpoint's region."""
    certificate = self_signed(tmp_path)
    seen: list[dict] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            seen.append({name.lower(): value for name, value in self.headers.items()} | {"body": body})
            answer = b'{"TableNames": []}'
            self.send_response(200)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"https://localhost:{server.server_port}"
    for name, value in (("ACCESS_KEY_ID", "AKID"), ("SECRET_ACCESS_KEY", "secret"), ("SESSION_TOKEN", "token")):
        monkeypatch.setenv(f"AWS_{name}", value)
    try:
        assert cli.main(["ddb", "list", "--endpoint", url]) == 2 and not seen  # nobody vouches for it
        monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))
        assert cli.main(["ddb", "list", "--endpoint", url, "--region", "eu-west-1"]) == 0
    finally:
        server.shutdown()
        server.server_close()
    [headers] = seen
    assert headers["x-amz-security-token"] == "token" and headers["host"] == url.removeprefix("https://")
    assert "/eu-west-1/dynamodb/aws4_request" in headers["authorization"]
    request = botocore.awsrequest.AWSRequest("POST", url + "/", data=headers.pop("body"))
    for name in re.search("SignedHeaders=([^,]+)", headers["authorization"])[1].split(";"):
        request.headers[name] = headers[name]
    request.context["timestamp"] = headers["x-amz-date"]
    signer = botocore.auth.SigV4Auth(botocore.credentials.Credentials("AKID", "secret"), "dynamodb", "eu-west-1")
    text = signer.string_to_sign(request, signer.canonical_request(request))
    assert headers["authorization"].endswith(signer.signature(text, request))


def self_signed(tmp_path):
    """Key and certificate of localhost, made for this test."""
    path = tmp_path / "localhost.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost", "-keyout", path, "-out", str(path) + ".crt"], check=True, capture_output=True,
    )  # fmt: skip
    path.write_bytes(path.read_bytes() + (tmp_path / "localhost.pem.crt").read_bytes())
    return path


def test_a_kept_connection_that_was_closed_is_not_used(tmp_path):
    with cloudcore.open(":memory:") as cloud:
        endpoint = cloud.serve()
        remote = Remote(endpoint.url)
        for _ in range(3):
            assert remote("GET", "/_cloudcore/health", {}, b"")[0] == 200
        assert len(remote._free) == 1
        port = int(endpoint.url.rpartition(":")[2])
        endpoint.close()
        with cloud.serve(port=port) as again:
            assert again.url == endpoint.url
            assert remote("GET", "/_cloudcore/health", {}, b"")[0] == 200
        remote.close()


def test_a_copy_has_the_vector_indexes():
    keys = {
        "KeySchema": [{"AttributeName": "p", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": n, "AttributeType": "S"} for n in ("p", "lang")],
    }
    index = {
        "IndexName": "vix",
        "VectorAttribute": {"AttributeName": "v"},
        "Dimensions": 2,
        "DistanceFunction": "DOT_PRODUCT",
        "Projection": {"ProjectionType": "KEYS_ONLY"},
        "SearchSchema": [{"AttributeName": "lang", "SearchSchemaElementType": "INLINE_FILTER"}],
    }
    with cloudcore.open(":memory:") as cloud:
        request = {"TableName": "one", "BillingMode": "PAY_PER_REQUEST", "VectorIndexes": [index]} | keys
        cloud.dynamodb.call("CreateTable", request)
        described = cloud.dynamodb.call("DescribeTable", {"TableName": "one"})["Table"]
        assert creation(described, "one") == request
        cloud.dynamodb.call("CreateTable", creation(described, "two"))
