"""The endpoint over raw keep-alive HTTP beside its peers: one client, one connection, one request at a time.

    python -m pytest -s bench/bench_wire.py --benchmark-only

The client is a plain socket, so that what is timed is the server and the kernel, not an SDK. Every server runs
as a process of its own and keeps its tables in memory; those that are on PATH take part, the others are named as
absent. All take turns, round by round, so that what else the machine does meets each. Every answer's status
is checked while it is timed, and the items that come back are checked equal before. What is printed: requests
a second of the median round, and how many times ours that is; the time from start to the first answer, and the
resident memory of the idle server, medians of STARTS.
"""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import os
import random
import shutil
import signal
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from .bench_firehose import record
from .conftest import item
from .wire_peer import Peer, Server, free_port, request, serve_words, start

ITEMS = 1000
SCORES = 100
ROUNDS = 15
STARTS = 3
FIREHOSE = "Firehose_20150804"
BUCKET = (
    b"PUT /bench-lake HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\nAuthorization: AWS4-HMAC-SHA256 Credential="
    b"000000000000/20261124/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0\r\n\r\n"
)
Peers = dict[str, Peer]

PROGRAMS: dict[str, Callable[[str], list[str]]] = {
    "ministack": lambda port: ["ministack"],
    "moto": lambda port: ["moto_server", "-H", "127.0.0.1", "-p", port],
    "dynalite": lambda port: ["dynalite", "--host", "127.0.0.1", "--port", port, "--createTableMs", "0"],
    "dynoxide": lambda port: ["dynoxide", "serve", "--host", "127.0.0.1", "--port", port],
}
TABLES_ALONE = ("dynalite", "dynoxide")
SLOWER = {"cloudcore": 1, "dynoxide": 2, "dynalite": 5, "ministack": 10, "moto": 50}
"""A round of a peer has so many times fewer requests, that all rounds take about as long."""


def command_of(name: str, port: int) -> tuple[list[str], dict[str, str]] | None:
    """How a server is started on a port of the loopback interface, with nothing on disk: words, variables.

    None: it is not on PATH.
    """
    if name == "cloudcore":
        return serve_words(port), {}
    words = PROGRAMS[name](str(port))
    program = shutil.which(words[0])
    return program and ([program, *words[1:]], {"GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1"})


@contextlib.contextmanager
def started(name: str, directory: Path) -> Iterator[Peer | None]:
    port = free_port()
    command = command_of(name, port)
    if command is None:
        yield None
        return
    found = start(command[0], port, directory, keeps=name != "moto", **command[1])
    try:
        yield found
    finally:
        found.sock.close()
        os.killpg(found.process.pid, signal.SIGTERM)
        found.process.wait(20)


@pytest.fixture(scope="module")
def peers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peers]:
    """Every server there is, loaded; ours is the first."""
    with contextlib.ExitStack() as stack:
        found: Peers = {}
        for name in ("cloudcore", *PROGRAMS):
            peer = stack.enter_context(started(name, tmp_path_factory.mktemp("wire")))
            if peer is None:
                print(f" absent: {name} (pip: ministack, moto[server]; npm: dynalite; cargo: dynoxide-rs)")
                continue
            load(peer)
            found[name] = peer
        yield found


def load(peer: Peer) -> None:
    definitions = [
        {"AttributeName": "pk", "AttributeType": "S"},
        {"AttributeName": "sk", "AttributeType": "N"},
    ]
    keys = [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}]
    create = {
        "TableName": "bench", "BillingMode": "PAY_PER_REQUEST", "KeySchema": keys, "AttributeDefinitions": definitions,
    }  # fmt: skip
    peer.ask(request("CreateTable", create))
    while (
        json.loads(peer.ask(request("DescribeTable", {"TableName": "bench"})))["Table"]["TableStatus"]
        != "ACTIVE"
    ):
        time.sleep(0.01)
    for data in puts(0):
        peer.ask(data)
    for number, data in enumerate(gets()):
        assert json.loads(peer.ask(data))["Item"] == item(number)


def puts(round_: int) -> list[bytes]:
    return [request("PutItem", {"TableName": "bench", "Item": item(n, round_)}) for n in range(ITEMS)]


def gets() -> list[bytes]:
    items = (item(n) for n in range(ITEMS))
    keys = ({"pk": one["pk"], "sk": one["sk"]} for one in items)
    return [request("GetItem", {"TableName": "bench", "Key": key}) for key in keys]


def compare(
    benchmark: Any, peers: Peers, round_: Callable[[str, Peer], int], rounds: int = ROUNDS
) -> dict[str, float]:
    """Rounds in turn; round_ runs one and gives its requests. Requests a second, medians, by name."""
    spent: dict[str, list[float]] = {name: [] for name in peers}

    def run() -> None:
        for _ in range(rounds):
            for name, peer in peers.items():
                begin = time.perf_counter()
                calls = round_(name, peer)
                spent[name].append((time.perf_counter() - begin) / calls)

    for name, peer in peers.items():
        round_(name, peer)
    benchmark.pedantic(run, rounds=1)
    rates = {name: 1 / statistics.median(times) for name, times in spent.items()}
    benchmark.extra_info.update({name: round(rate) for name, rate in rates.items()})
    ours = rates["cloudcore"]
    told = ", ".join(f"{name} {rate:,.0f} ({ours / rate:.2f}x)" for name, rate in rates.items())
    print(f" requests/s (ours, how many times): {told}")
    return rates


def measure(benchmark: Any, peers: Peers, requests: list[bytes], calls: int = 500) -> dict[str, float]:
    more = {name: itertools.cycle(requests) for name in peers}

    def round_(name: str, peer: Peer) -> int:
        count = max(calls // SLOWER[name], 1)
        for data in itertools.islice(more[name], count):
            peer.ask(data)
        return count

    return compare(benchmark, peers, round_)


def test_get_item(benchmark: Any, peers: Peers) -> None:
    """A random item of about 400 bytes by its full key."""
    measure(benchmark, peers, gets())


def test_put_item(benchmark: Any, peers: Peers) -> None:
    """Replaces an item of about 400 bytes."""
    measure(benchmark, peers, puts(1))
    for peer in peers.values():
        assert json.loads(peer.ask(gets()[3]))["Item"] == item(3, 1)


def test_query(benchmark: Any, peers: Peers) -> None:
    """A partition of 100 items of about 400 bytes, whole."""
    values = {":p": {"S": "all"}}
    ask = {"TableName": "bench", "KeyConditionExpression": "pk = :p", "ExpressionAttributeValues": values}
    items = [{**item(n, 2), "pk": {"S": "all"}, "sk": {"N": str(n)}} for n in range(SCORES)]
    for peer in peers.values():
        for one in items:
            peer.ask(request("PutItem", {"TableName": "bench", "Item": one}))
        assert json.loads(peer.ask(request("Query", ask)))["Items"] == items
    measure(benchmark, peers, [request("Query", ask)], 50)


def test_batch_write(benchmark: Any, peers: Peers) -> None:
    """Replaces 25 items of about 400 bytes."""
    requests = []
    for first in range(0, ITEMS, 25):
        entries = [{"PutRequest": {"Item": item(n, 3)}} for n in range(first, first + 25)]
        requests.append(request("BatchWriteItem", {"RequestItems": {"bench": entries}}))
    for peer in peers.values():
        assert json.loads(peer.ask(requests[0]))["UnprocessedItems"] == {}
        assert json.loads(peer.ask(gets()[24]))["Item"] == item(24, 3)
    measure(benchmark, peers, requests, 50)


def test_put_record_batch(benchmark: Any, peers: Peers) -> None:
    """500 records of about 413 bytes, into a stream that buffers."""
    peers = {name: peer for name, peer in peers.items() if name not in TABLES_ALONE}
    s3 = {"RoleARN": "arn:aws:iam::000000000000:role/r", "BucketARN": "arn:aws:s3:::bench-lake"}
    create = {"DeliveryStreamName": "bench", "ExtendedS3DestinationConfiguration": s3}
    dice = random.Random(3)
    requests = [
        request("PutRecordBatch", {
            "DeliveryStreamName": "bench",
            "Records": [{"Data": base64.b64encode(record(n, dice)).decode()} for n in range(first, first + 500)],
        }, FIREHOSE)
        for first in range(0, 10_000, 500)
    ]  # fmt: skip
    for name, peer in peers.items():
        if name == "moto":  # delivers at once
            peer.ask(BUCKET)
        peer.ask(request("CreateDeliveryStream", create, FIREHOSE))
        answer = json.loads(peer.ask(requests[0]))
        assert answer["FailedPutCount"] == 0
        assert len(answer["RequestResponses"]) == 500
    rates = measure(benchmark, peers, requests, 20)
    print(f" records/s: {', '.join(f'{name} {500 * rate:,.0f}' for name, rate in rates.items())}")


def ask_alone(peer: Peer, requests: list[bytes], calls: int) -> None:
    """One client in a process of its own."""
    one = Peer(peer.server)
    for data in itertools.islice(itertools.cycle(requests), calls):
        one.ask(data)
    one.sock.close()


def test_get_item_four_clients(benchmark: Any, peers: Peers) -> None:
    """Four processes, a connection each; the time to fork and join them is in it."""
    requests = gets()

    def round_(name: str, peer: Peer) -> int:
        calls = max(2000 // SLOWER[name], 1)
        children = []
        for client in range(4):
            pid = os.fork()
            if pid == 0:
                code = 1
                try:
                    ask_alone(peer, requests[client * 250 :], calls)
                    code = 0
                finally:
                    os._exit(code)
            children.append(pid)
        for pid in children:
            assert os.waitpid(pid, 0)[1] == 0
        return 4 * calls

    compare(benchmark, peers, round_, 7)


def test_start(benchmark: Any, tmp_path: Path) -> None:
    """From start to the first answer, and what an idle server holds, in turn, one server at a time."""
    found: dict[str, list[Server]] = {}

    def run() -> None:
        for turn in range(STARTS):
            for name in ("cloudcore", *PROGRAMS):
                (directory := tmp_path / f"{name}{turn}").mkdir()
                with started(name, directory) as peer:
                    if peer is not None:
                        found.setdefault(name, []).append(peer.server)

    benchmark.pedantic(run, rounds=1)
    for name, servers in found.items():
        first = statistics.median(server.first_answer_ms for server in servers)
        idle = statistics.median(server.idle_mib for server in servers)
        benchmark.extra_info[name] = (round(first), round(idle, 1))
        print(f" {name}: first answer {first:.0f} ms, idle {idle:.1f} MiB")
