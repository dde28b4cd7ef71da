"""Tables into a cluster and out of it, and a Table at its address, from processes that are no nodes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cluster_support import Nodes, Servers, until

import cloudcore
from cloudcore import attr, between
from cloudcore.cli import main as cli
from cloudcore.errors import ApiError

pytestmark = pytest.mark.services
ITEMS = 1_000


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Servers, Nodes]]:
    """A server and two nodes in processes of their own."""
    servers = Servers(tmp_path_factory.mktemp("nats"), 1)
    nodes = Nodes(tmp_path_factory.mktemp("nodes"), servers.url, "http://127.0.0.1:9")
    try:
        for name in ("n0", "n1"):
            nodes.start(name)
        for name in ("n0", "n1"):
            nodes.wait(name)
        yield servers, nodes
    finally:
        nodes.stop()
        servers.stop()


def item(number: int) -> dict[str, Any]:
    return {
        "id": f"{number % 40}", "at": number, "text": "\u00e9\n" * (number % 90), "raw": bytes([number % 256]) * 3,
        "tags": {"b", f"{number}"}, "nested": {"list": [1, None, True]}, "kind": f"k{number % 3}",
    }  # fmt: skip


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    assert cli.main(["ddb", "create", "things", "id", "at:N", "--index", "by-kind=kind,at:N", "--ttl", "expires",
                     "--data", str(path)]) == 0
    with cloudcore.open(path) as cloud:
        cloud.table("things").enable_stream()
        cloud.table("things").load(item(n) for n in range(ITEMS))
        cloud.table("large", pk="id").put({"id": "one", "x": b"x" * 390_000})
    return path


def copied(tmp_path: Path, *words: object) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "cloudcore.cli.main", "ddb", "copy", *map(str, words), "--json", "--state", str(tmp_path / "state")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def everything(path: Path, name: str) -> list[dict[str, Any]]:
    with cloudcore.open(path) as cloud:
        return sorted(cloud.table(name).scan(), key=lambda one: (one["id"], one.get("at", 0)))


def test_there_and_back(cluster: tuple[Servers, Nodes], source: Path, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    servers, nodes = cluster
    there = copied(tmp_path, source, servers.url)
    assert {one["source"]: (one["items"], one["verified"]) for one in there} == {"things": (ITEMS, True), "large": (1, True)}
    found = nodes.client("n0", "dynamodb").describe_table(TableName="things")["Table"]
    assert found["ItemCount"] == ITEMS and found["GlobalSecondaryIndexes"][0]["ItemCount"] == ITEMS
    assert found["StreamSpecification"]["StreamEnabled"]
    told = nodes.client("n1", "dynamodb").describe_time_to_live(TableName="things")["TimeToLiveDescription"]
    assert told == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires"}
    back = copied(tmp_path, f"{servers.url}/things", f"{tmp_path}/back:again")
    assert back[0]["checksum"] == next(one["checksum"] for one in there if one["source"] == "things")
    assert everything(tmp_path / "back", "again") == everything(source, "things")
    within = copied(tmp_path, f"{servers.url}/things", f"{servers.url}/twice?region=eu-west-1&account=123456789012")
    assert within[0]["items"] == ITEMS and within[0]["verified"]
    assert nodes.client("n1", "dynamodb").list_tables()["TableNames"] == ["large", "things"]  # of another account


def test_a_copy_that_is_killed_goes_on(cluster: tuple[Servers, Nodes], source: Path, tmp_path: Path) -> None:
    servers, nodes = cluster
    command = [sys.executable, "-m", "cloudcore.cli.main", "ddb", "copy", f"{source}:things", f"{servers.url}/killed",
               "--no-stream", "--json", "--state", str(tmp_path / "state"), "--rate", "100"]  # ten seconds: it is killed on its way  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    client = nodes.client("n1", "dynamodb")

    def some() -> bool:
        try:
            return bool(client.scan(TableName="killed", Select="COUNT")["Count"] > 100)
        except client.exceptions.ResourceNotFoundException:
            return False

    try:
        until("some of it is there", some)
        until("it has noted that", lambda: _noted(tmp_path / "state") > 0)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    after = copied(tmp_path, f"{source}:things", f"{servers.url}/killed", "--no-stream")
    assert after[0]["resumed"] and after[0]["items"] == ITEMS and after[0]["verified"]


def _noted(state: Path) -> int:
    return sum(segment["items"] for path in state.rglob("*.json") for segment in json.loads(path.read_text())["segments"])


def test_a_table_at_the_address_of_a_cluster(cluster: tuple[Servers, Nodes]) -> None:
    """Also while the node that is asked is killed: the next one is."""
    servers, nodes = cluster
    with cloudcore.table(f"{servers.url}/orders", pk="who:S", sk="at:N") as orders:
        row = {"who": "ann", "at": 1, "n": 3, "b": b"\0", "tags": {"x"}}
        orders.put(row)
        assert orders.get("ann", 1) == row
        with pytest.raises(ApiError) as refused:
            orders.put(row, condition=attr("who").missing())
        assert refused.value.code == "ConditionalCheckFailedException"
        orders.put({"who": "ann", "at": 2, "x": b"x" * 390_000})  # more than fits into few messages
        assert orders.load([{"who": "bob", "at": n} for n in range(300)]).stored == 300
        assert [one["at"] for one in orders.query("bob", between(10, 12))] == [10, 11, 12]
        asked = next(name for name in ("n0", "n1") if _instance(servers, name) == orders.tables._send._asker._node)
        nodes.signal(asked)
        orders.update("ann", 1, set={"n": 4})
        assert orders.get("ann", 1, consistent=True) == {**row, "n": 4}
        nodes.start(asked)
        nodes.wait(asked)


def _instance(servers: Servers, name: str) -> str:
    from cloudcore.cluster.status import report

    return next(str(node["instance"]) for node in report(servers.url)["nodes"] if node["node"] == name)


def test_where_no_node_is(tmp_path: Path, capsys: Any) -> None:
    servers = Servers(tmp_path / "nats", 1)
    try:
        with pytest.raises(OSError, match="no node of cloudcore is in the cluster"):
            cloudcore.table(f"{servers.url}/orders")
        assert cli.main(["ddb", "list", "--endpoint", servers.url]) == 2
        assert "no node of cloudcore is in the cluster" in capsys.readouterr().err
    finally:
        servers.stop()
