"""A saturated endpoint beside nginx: GetItem of 400 bytes, and nginx's `return 200` with as many bytes; also
behind TLS.

    python -m pytest -s bench/bench_saturated.py --benchmark-only

wrk keeps CONNECTIONS connections busy from one core; the server has another core to itself, with one worker. Both
servers take turns, so that what else the machine does meets both. Every answer must be 2xx, and one of each is
looked at. Skipped where nginx or wrk is not installed (Debian: nginx-light, wrk) or there is one core alone.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import ssl
import statistics
import subprocess
import sys
import urllib.request

import pytest

from cloudcore.wire.tls import self_signed

from .conftest import item
from .wire_peer import Peer, Server, free_port, request, serve_words, start

CONNECTIONS = 32
SECONDS = 2
TURNS = 7
ITEMS = 1000
NGINX = """
worker_processes 1; daemon off; pid {directory}/pid; error_log {directory}/errors;
events {{ worker_connections 256; }}
http {{ access_log off; keepalive_requests 100000000; client_body_temp_path {directory}; proxy_temp_path {directory};
  fastcgi_temp_path {directory}; uwsgi_temp_path {directory}; scgi_temp_path {directory};
  server {{ {listens} location / {{ default_type application/json; return 200 '{body}'; }} }} }}
"""
BOTH = """
import signal, sys, cloudcore
with cloudcore.open(":memory:") as cloud:
    cloud.serve(int(sys.argv[1]))
    cloud.serve(int(sys.argv[2]), tls=(sys.argv[3], sys.argv[4]))
    signal.sigwait([signal.SIGTERM])
"""
TRUSTING = ssl._create_unverified_context()  # what is timed is wrk, which looks at no certificate either
LUA = """
local at = 0
local bodies = {{ {bodies} }}
wrk.method = "POST"
wrk.headers = {{ {headers} }}
local whole = {{}}
init = function() for i = 1, #bodies do whole[i] = wrk.format(nil, "/", nil, bodies[i]) end end
request = function() at = at % #whole + 1; return whole[at] end
"""


@pytest.fixture
def cores():
    found = sorted(os.sched_getaffinity(0))
    if len(found) < 2 or not shutil.which("wrk") or not shutil.which("nginx"):
        pytest.skip("two cores, and from Debian: nginx-light, wrk")
    return found[0], found[1]


def pinned(core: int, *words: str) -> list[str]:
    return ["taskset", "-c", str(core), *words]


def asked() -> tuple[list[bytes], dict[str, str]]:
    """Bodies of GetItem, and the headers of them all."""
    whole = []
    for number in range(ITEMS):
        one = item(number)
        whole.append(request("GetItem", {"TableName": "bench", "Key": {"pk": one["pk"], "sk": one["sk"]}}))
    head = whole[0].partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
    pairs = dict(line.split(": ", 1) for line in head)
    pairs.pop("Content-Length")
    return [data.partition(b"\r\n\r\n")[2] for data in whole], pairs


def lua(path, bodies: list[bytes], headers: dict[str, str]) -> str:
    quoted = ", ".join(f"[==[{body.decode()}]==]" for body in bodies)
    named = ", ".join(f"[{json.dumps(name)}] = {json.dumps(value)}" for name, value in headers.items())
    path.write_text(LUA.format(bodies=quoted, headers=named))
    return str(path)


def rate(core: int, url: str, script: str) -> float:
    words = pinned(core, "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "-s", script, url)
    out = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert "Non-2xx" not in out and "Socket errors" not in out, out
    return float(re.search(r"Requests/sec: +([\d.]+)", out)[1])


def fill(ours: Peer) -> None:
    kinds = [{"AttributeName": n, "AttributeType": t} for n, t in (("pk", "S"), ("sk", "N"))]
    keys = [{"AttributeName": n, "KeyType": t} for n, t in (("pk", "HASH"), ("sk", "RANGE"))]
    table = {"TableName": "bench", "BillingMode": "PAY_PER_REQUEST", "KeySchema": keys, "AttributeDefinitions": kinds}
    ours.ask(request("CreateTable", table))
    for number in range(ITEMS):
        ours.ask(request("PutItem", {"TableName": "bench", "Item": item(number)}))


def compared(benchmark, cores, directory, ours: Peer, urls: dict[str, str], listens: str) -> dict[str, float]:
    """The median rates of the servers at `urls` and of nginx, which gives the same answer where it `listens`."""
    fill(ours)
    bodies, headers = asked()
    script = lua(directory / "ask.lua", bodies, headers)
    answer = ours.ask(request("GetItem", json.loads(bodies[7])))
    assert json.loads(answer)["Item"] == item(7)
    port = free_port()
    listens = listens.format(port=port)
    (directory / "nginx.conf").write_text(NGINX.format(directory=directory, listens=listens, body=answer.decode()))
    nginx = subprocess.Popen(
        pinned(cores[0], "nginx", "-c", str(directory / "nginx.conf"), "-p", str(directory)), stderr=subprocess.DEVNULL
    )
    try:
        Peer(Server("nginx", "", port, nginx)).close()  # it listens
        scheme = "https" if " ssl" in listens else "http"
        urls = urls | {"nginx": f"{scheme}://127.0.0.1:{port}/"}
        for url in urls.values():
            with urllib.request.urlopen(asking(url, bodies[7], headers), context=TRUSTING) as got:
                assert got.read() == answer, url
        found: dict[str, list[float]] = {name: [] for name in urls}

        def run():
            for _ in range(TURNS):
                for name, url in urls.items():
                    found[name].append(rate(cores[1], url, script))

        benchmark.pedantic(run, rounds=1)
    finally:
        nginx.terminate()
        nginx.wait(20)
    return {name: statistics.median(rates) for name, rates in found.items()}


def asking(url: str, body: bytes, headers: dict[str, str]) -> urllib.request.Request:
    return urllib.request.Request(url, body, headers)


def end(ours: Peer) -> None:
    ours.sock.close()
    os.killpg(ours.process.pid, signal.SIGTERM)
    ours.process.wait(20)


def test_saturated_beside_nginx(benchmark, cores, tmp_path):
    port = free_port()
    ours = start(pinned(cores[0], *serve_words(port)), port, tmp_path)
    try:
        urls = {"cloudcore": f"http://127.0.0.1:{port}/"}
        found = compared(benchmark, cores, tmp_path, ours, urls, "listen 127.0.0.1:{port};")
        ratio = found["cloudcore"] / found["nginx"]
        benchmark.extra_info.update({name: round(median) for name, median in found.items()}, ratio=round(ratio, 2))
        print(f" saturated, requests/s: {found}: {ratio:.2f}x")
    finally:
        end(ours)


def test_saturated_behind_tls(benchmark, cores, tmp_path):
    """The same over TLS, which ends in Python in front of the C server, beside nginx's and beside no TLS."""
    crt, key = self_signed(str(tmp_path / "tls"), "127.0.0.1")
    plain, secure = free_port(), free_port()
    child = [sys.executable, "-c", BOTH, str(plain), str(secure), crt, key]
    ours = start(pinned(cores[0], *child), plain, tmp_path)
    try:
        urls = {"plain": f"http://127.0.0.1:{plain}/", "TLS": f"https://127.0.0.1:{secure}/"}
        listens = f"listen 127.0.0.1:{{port}} ssl; ssl_certificate {crt}; ssl_certificate_key {key};"
        found = compared(benchmark, cores, tmp_path, ours, urls, listens)
        benchmark.extra_info.update({name: round(median) for name, median in found.items()})
        print(f" saturated, requests/s: {found}: TLS is {found['TLS'] / found['plain']:.2f} of plain, "
              f"{found['TLS'] / found['nginx']:.2f} of nginx behind TLS")  # fmt: skip
    finally:
        end(ours)
