"""A saturated endpoint beside nginx: GetItem of 400 bytes, and nginx's `return 200` with as many bytes.

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
import statistics
import subprocess

import pytest

from .conftest import item
from .wire_peer import Peer, connect, free_port, request, serve_words, start

CONNECTIONS = 32
SECONDS = 2
TURNS = 7
ITEMS = 1000
NGINX = """
worker_processes 1; daemon off; pid {directory}/pid; error_log {directory}/errors;
events {{ worker_connections 256; }}
http {{ access_log off; keepalive_requests 100000000; client_body_temp_path {directory}; proxy_temp_path {directory};
  fastcgi_temp_path {directory}; uwsgi_temp_path {directory}; scgi_temp_path {directory};
  server {{ listen 127.0.0.1:{port}; location / {{ default_type application/json; return 200 '{body}'; }} }} }}
"""
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


def rate(core: int, port: int, script: str) -> float:
    words = pinned(
        core, "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "-s", script, f"http://127.0.0.1:{port}/"
    )
    out = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert "Non-2xx" not in out and "Socket errors" not in out, out
    return float(re.search(r"Requests/sec: +([\d.]+)", out)[1])


def test_saturated_beside_nginx(benchmark, cores, tmp_path):
    ours_port, nginx_port = free_port(), free_port()
    ours: Peer = start(pinned(cores[0], *serve_words(ours_port)), ours_port, tmp_path)
    nginx = None
    try:
        kinds = [{"AttributeName": n, "AttributeType": t} for n, t in (("pk", "S"), ("sk", "N"))]
        keys = [{"AttributeName": n, "KeyType": t} for n, t in (("pk", "HASH"), ("sk", "RANGE"))]
        ours.ask(
            request(
                "CreateTable",
                {
                    "TableName": "bench",
                    "BillingMode": "PAY_PER_REQUEST",
                    "KeySchema": keys,
                    "AttributeDefinitions": kinds,
                },
            )
        )
        for number in range(ITEMS):
            ours.ask(request("PutItem", {"TableName": "bench", "Item": item(number)}))
        bodies, headers = asked()
        script = lua(tmp_path / "ask.lua", bodies, headers)
        get = request("GetItem", json.loads(bodies[7]))
        answer = ours.ask(get)
        assert json.loads(answer)["Item"] == item(7)
        (tmp_path / "nginx.conf").write_text(
            NGINX.format(directory=tmp_path, port=nginx_port, body=answer.decode())
        )
        nginx = subprocess.Popen(
            pinned(cores[0], "nginx", "-c", str(tmp_path / "nginx.conf"), "-p", str(tmp_path)),
            stderr=subprocess.DEVNULL,
        )
        other = Peer(connect(nginx_port, nginx), nginx_port, nginx, 0, 0)
        assert other.ask(get) == answer
        other.sock.close()
        found: dict[str, list[float]] = {"cloudcore": [], "nginx": []}

        def run():
            for _ in range(TURNS):
                found["cloudcore"].append(rate(cores[1], ours_port, script))
                found["nginx"].append(rate(cores[1], nginx_port, script))

        benchmark.pedantic(run, rounds=1)
        mine, theirs = (statistics.median(found[name]) for name in ("cloudcore", "nginx"))
        benchmark.extra_info.update(cloudcore=round(mine), nginx=round(theirs), ratio=round(mine / theirs, 2))
        print(
            f" saturated: cloudcore {mine:,.0f} requests/s, nginx {theirs:,.0f}: {mine / theirs:.2f}x; ranges {found}"
        )
    finally:
        ours.sock.close()
        os.killpg(ours.process.pid, signal.SIGTERM)
        ours.process.wait(20)
        if nginx is not None:
            nginx.terminate()
            nginx.wait(20)
