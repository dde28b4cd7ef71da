"""The endpoint over raw keep-alive HTTP: one client, one connection, one request at a time.

    python -m pytest bench/bench_wire.py --benchmark-columns=median,ops

The client is a plain socket, so that what is timed is the server and the kernel, not an SDK. Both
servers run as processes of their own and keep their tables in memory. Every answer's status is checked while
it is timed, and the items that come back are checked equal before. `extra_info` holds requests (and records)
per second, the time from start to the first answer, and the resident memory of the idle server.
"""

from __future__ import annotations

import base64
import itertools
import json
import os
import random
import shutil
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest

from .bench_firehose import record
from .conftest import item
from .wire_peer import Peer, Server, free_port, request, serve_words, start

ITEMS = 1000
SCORES = 100
FIREHOSE = "Firehose_20150804"


def command_of(name: str, port: int) -> tuple[list[str], dict[str, str]]:
    """How a server is started on a port of the loopback interface, with nothing on disk: words, variables."""
    if name == "cloudcore":
        return serve_words(port), {}
    words = {
        "ministack": ["ministack"],
        "moto": ["moto_server", "-H", "127.0.0.1", "-p", str(port)],
        "dynalite": ["dynalite", "--host", "127.0.0.1", "--port", str(port), "--createTableMs", "0"],
    }[name]
    program = shutil.which(words[0])
    if program is None:
        pytest.skip("pip install ministack 'moto[server]', npm install dynalite: on PATH")
    return [program, *words[1:]], {"GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1"}


@pytest.fixture(scope="module", params=["cloudcore", "ministack", "moto", "dynalite"])
def peer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    port, directory = free_port(), tmp_path_factory.mktemp("wire")
    command, variables = command_of(request.param, port)
    found = start(command, port, directory, keeps=request.param != "moto", **variables)
    try:
        load(found)
        yield found
    finally:
        found.sock.close()
        os.killpg(found.process.pid, signal.SIGTERM)
        found.process.wait(20)


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


def measure(benchmark: Any, peer: Peer, requests: list[bytes], calls: int = 500) -> None:
    more = itertools.cycle(requests)

    def round_() -> None:
        for data in itertools.islice(more, calls):
            peer.ask(data)

    if "moto_server" in str(peer.process.args):
        calls = max(calls // 10, 1)
    benchmark.pedantic(round_, rounds=15, warmup_rounds=2)
    benchmark.extra_info["requests_per_second"] = round(calls / benchmark.stats.stats.median)
    benchmark.extra_info["first_answer_ms"] = round(peer.server.first_answer_ms)
    benchmark.extra_info["idle_rss_mib"] = round(peer.server.idle_mib, 1)


@pytest.mark.benchmark(group="GetItem over keep-alive HTTP, one client")
def test_get_item(benchmark: Any, peer: Peer) -> None:
    """A random item of about 400 bytes by its full key."""
    measure(benchmark, peer, gets())


@pytest.mark.benchmark(group="PutItem over keep-alive HTTP, one client")
def test_put_item(benchmark: Any, peer: Peer) -> None:
    """Replaces an item of about 400 bytes."""
    measure(benchmark, peer, puts(1))


@pytest.mark.benchmark(group="Query of 100 items over keep-alive HTTP, one client")
def test_query(benchmark: Any, peer: Peer) -> None:
    """A partition of 100 items of about 400 bytes, whole."""
    for n in range(SCORES):
        peer.ask(
            request(
                "PutItem",
                {"TableName": "bench", "Item": {**item(n, 2), "pk": {"S": "all"}, "sk": {"N": str(n)}}},
            )
        )
    ask = {
        "TableName": "bench", "KeyConditionExpression": "pk = :p",
        "ExpressionAttributeValues": {":p": {"S": "all"}},
    }  # fmt: skip
    assert json.loads(peer.ask(request("Query", ask)))["Count"] == SCORES
    measure(benchmark, peer, [request("Query", ask)], 50)


@pytest.mark.benchmark(group="BatchWriteItem of 25 over keep-alive HTTP, one client")
def test_batch_write(benchmark: Any, peer: Peer) -> None:
    """Replaces 25 items of about 400 bytes."""
    requests = []
    for first in range(0, ITEMS, 25):
        puts_ = [{"PutRequest": {"Item": item(n, 3)}} for n in range(first, first + 25)]
        requests.append(request("BatchWriteItem", {"RequestItems": {"bench": puts_}}))
    assert json.loads(peer.ask(requests[0]))["UnprocessedItems"] == {}
    measure(benchmark, peer, requests, 40)


@pytest.mark.benchmark(group="PutRecordBatch of 500 over keep-alive HTTP, one client")
def test_put_record_batch(benchmark: Any, peer: Peer) -> None:
    """500 records of about 413 bytes, into a stream that buffers."""
    if "dynalite" in str(peer.process.args):
        pytest.skip("dynalite has tables alone")
    s3 = {"RoleARN": "arn:aws:iam::000000000000:role/r", "BucketARN": "arn:aws:s3:::bench-lake"}
    create = {"DeliveryStreamName": "bench", "ExtendedS3DestinationConfiguration": s3}
    peer.ask(request("CreateDeliveryStream", create, FIREHOSE))
    dice = random.Random(3)
    requests = [
        request("PutRecordBatch", {
            "DeliveryStreamName": "bench",
            "Records": [{"Data": base64.b64encode(record(n, dice)).decode()} for n in range(first, first + 500)],
        }, FIREHOSE)
        for first in range(0, 10_000, 500)
    ]  # fmt: skip
    answer = json.loads(peer.ask(requests[0]))
    assert answer["FailedPutCount"] == 0
    assert len(answer["RequestResponses"]) == 500
    measure(benchmark, peer, requests, 10)
    benchmark.extra_info["records_per_second"] = 500 * benchmark.extra_info["requests_per_second"]


def ask_alone(port: int, process: Any, requests: list[bytes], calls: int) -> None:
    """One client in a process of its own."""
    one = Peer(Server("", "", port, process, keeps="moto_server" not in str(process.args)))
    for data in itertools.islice(itertools.cycle(requests), calls):
        one.ask(data)
    one.sock.close()


@pytest.mark.benchmark(group="GetItem over keep-alive HTTP, four clients")
def test_get_item_four_clients(benchmark: Any, peer: Peer) -> None:
    """Four processes, a connection each; the time to fork and join them is in it."""
    calls = 2000 if "cloudcore" in str(peer.process.args) else 200

    def round_() -> None:
        children = []
        for client in range(4):
            pid = os.fork()
            if pid == 0:
                code = 1
                try:
                    ask_alone(peer.port, peer.process, gets()[client * 250 :], calls)
                    code = 0
                finally:
                    os._exit(code)
            children.append(pid)
        for pid in children:
            assert os.waitpid(pid, 0)[1] == 0

    benchmark.pedantic(round_, rounds=5, warmup_rounds=1)
    benchmark.extra_info["requests_per_second"] = round(4 * calls / benchmark.stats.stats.median)
