"""Functions without a network: a loopback of their own, and the cloud's listener."""

from __future__ import annotations

import json
import shutil
import socket
from pathlib import Path
from typing import Any

import pytest

import cloudcore
from cloudcore.errors import ApiError
from cloudcore.lambda_.code import pack

CODE = b"""
import os, socket, subprocess
import boto3
def reach(address):
    try:
        socket.create_connection(tuple(address), timeout=5).close()
        return "reached"
    except OSError as error:
        return type(error).__name__
def handler(event, context):
    table = boto3.resource("dynamodb").Table("met")
    table.put_item(Item={"id": event["id"], "text": "x" * 100_000})
    with socket.create_server(("127.0.0.1", 0)) as own:
        return {"links": sorted(os.listdir("/proc/self/net")) and open("/proc/net/dev").read().count(":"),
                "there": table.get_item(Key={"id": event["id"]})["Item"]["text"][:1], "peer": reach(event["peer"]),
                "own": reach(own.getsockname()), "parent": os.getppid()}
"""
NONE = {"CLOUDCORE_NETWORK": "none"}


@pytest.fixture
def cloud() -> Any:
    with cloudcore.open(":memory:") as made:
        made.table("met", pk="id:S")
        yield made


def test_a_function_reaches_the_cloud_and_nothing_else(cloud: cloudcore.Cloud) -> None:
    with socket.create_server(("127.0.0.1", 0)) as peer:
        alone = cloud.function("alone", handler="h.handler", timeout=60, memory=512, environment=NONE).deploy(pack({"h.py": CODE}))
        for number in range(2):
            told = alone.invoke({"id": f"alone {number}", "peer": peer.getsockname()})
            assert (told["there"], told["peer"], told["own"]) == ("x", "ConnectionRefusedError", "reached")
            assert told["links"] == 1  # lo
            cloud.lambda_._targets[("alone", None)].runner.pool().retire(0)  # the next one has a door of its own
        host = cloud.function("host", handler="h.handler", timeout=60, memory=512).deploy(pack({"h.py": CODE}))
        assert host.invoke({"id": "host", "peer": peer.getsockname()})["peer"] == "reached"
    assert {item["id"] for item in cloud.table("met").scan()} == {"alone 0", "alone 1", "host"}


def test_versions_that_start_from_a_snapshot_have_none_either(cloud: cloudcore.Cloud) -> None:
    with socket.create_server(("127.0.0.1", 0)) as peer:
        client = cloud.client("lambda")
        client.create_function(
            FunctionName="snap", Runtime="python3.12", Role="arn:aws:iam::000000000000:role/r", Handler="h.handler",
            Code={"ZipFile": pack({"h.py": CODE})}, SnapStart={"ApplyOn": "PublishedVersions"}, Publish=True, Timeout=60,
            MemorySize=512, Environment={"Variables": NONE},
        )  # fmt: skip
        client.get_waiter("published_version_active").wait(FunctionName="snap", Qualifier="1", WaiterConfig={"Delay": 1})
        for number in range(2):
            result = cloud.lambda_.invoke("snap", json.dumps({"id": f"snap {number}", "peer": peer.getsockname()}).encode(), qualifier="1")
            told = json.loads(result.payload)
            assert (told["there"], told["peer"]) == ("x", "ConnectionRefusedError"), told
            assert result.restore_ms is not None
            cloud.lambda_._targets[("snap", "1")].runner.pool().retire(0)


def test_a_program_has_its_runtime_api(cloud: cloudcore.Cloud, tmp_path: Path) -> None:
    if shutil.which("node") is None:
        pytest.skip("needs Node.js: apt-get install nodejs")
    code = b"""const net = require('net');
exports.handler = (event) => new Promise((done) => net.connect(event.port, '127.0.0.1')
  .on('error', (e) => done(e.code)).on('connect', () => done('reached')));
"""
    with socket.create_server(("127.0.0.1", 0)) as peer:
        made = cloud.function("node", handler="index.handler", runtime="nodejs20.x", timeout=60, memory=512, environment=NONE)
        made.deploy(pack({"index.js": code}))
        assert made.invoke({"port": peer.getsockname()[1]}) == "ECONNREFUSED"


def test_what_it_cannot_be_is_refused(cloud: cloudcore.Cloud) -> None:
    with pytest.raises(ApiError, match="CLOUDCORE_NETWORK is host or none"):
        cloud.function("fn", handler="h.handler", environment={"CLOUDCORE_NETWORK": "bridge"}).deploy(pack({"h.py": CODE}))
