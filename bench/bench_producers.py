"""Many producers on one process: 10,000 keep-alive connections, each puts a record a round.

    python -m pytest bench/bench_producers.py
    CLOUDCORE_PRODUCERS=100000 python -m pytest bench/bench_producers.py     # as many as descriptors allow
    CLOUDCORE_SHORT_LIVED=300000 python -m pytest bench/bench_producers.py   # a connection each, closed after its put

The client is one thread with an epoll loop. Every answer is checked, and at the end every record is accounted
for in the delivered objects. `extra_info` has the connections that were open at once, the server's memory for
each of them, and records per second.
"""

from __future__ import annotations

import base64
import os
import resource
import select
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cloudcore.objects import LocalObjects

from .wire_peer import Peer, free_port, request, start

PRODUCERS = int(os.environ.get("CLOUDCORE_PRODUCERS", "10000"))
SHORT_LIVED = int(os.environ.get("CLOUDCORE_SHORT_LIVED", "10000"))
ROUNDS = 3
_AT_ONCE = 200  # connections being opened
_SPARE = 1000  # descriptors of everything else


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[Peer, Path]]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    port = free_port()
    command = [sys.executable, "-m", "cloudcore.cli.main", "serve", "--port", str(port), "--data", str(tmp_path / "c")]
    peer = start(command, port, tmp_path)
    try:
        bucket = {
            "RoleARN": "arn:aws:iam::000000000000:role/r", "BucketARN": "arn:aws:s3:::lake",
            "BufferingHints": {"SizeInMBs": 5, "IntervalInSeconds": 1},
        }  # fmt: skip
        peer.ask(request("CreateDeliveryStream", {"DeliveryStreamName": "s", "S3DestinationConfiguration": bucket}, "Firehose_20150804"))
        yield peer, tmp_path
    finally:
        peer.sock.close()
        os.killpg(peer.process.pid, signal.SIGTERM)
        peer.process.wait(30)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def put(producer: int, round_: int) -> bytes:
    data = base64.b64encode(b"%d-%d;" % (producer, round_)).decode()
    return request("PutRecord", {"DeliveryStreamName": "s", "Record": {"Data": data}}, "Firehose_20150804")


def memory(peer: Peer) -> int:
    text = Path(f"/proc/{peer.process.pid}/status").read_text()
    return int(text.partition("VmRSS:")[2].split()[0]) << 10


def answers(poll: Any, sockets: dict[int, socket.socket], waiting: set[int]) -> Iterator[int]:
    """The descriptors of `waiting` as their answers come, each checked."""
    while waiting:
        for number, _ in poll.poll(30):
            answer = sockets[number].recv(4096)
            assert answer.startswith(b"HTTP/1.1 200") and b'"RecordId":"49' in answer, answer[:300]
            waiting.discard(number)
            yield number


def accounted(home: Path, peer: Peer, wanted: int) -> None:
    """Every record is in an object, once."""
    import time

    objects = LocalObjects(home / "c" / "000000000000" / "objects")
    deadline = time.monotonic() + 120
    while True:
        text = b"".join(objects.get("lake", key) for key in objects.list("lake"))
        records = text.split(b";")[:-1]
        if len(records) >= wanted or time.monotonic() > deadline:
            break
        time.sleep(0.2)
    assert len(records) == len(set(records)) == wanted


def test_keep_alive_producers(benchmark: Any, server: tuple[Peer, Path]) -> None:
    peer, home = server
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0] - _SPARE
    count = min(PRODUCERS, limit)
    before = memory(peer)
    poll = select.epoll()
    sockets: dict[int, socket.socket] = {}
    address = peer.sock.getpeername()
    for _ in range(count):
        one = socket.create_connection(address, 30)
        sockets[one.fileno()] = one
        poll.register(one, select.EPOLLIN)
    rounds = iter(range(ROUNDS))
    numbers = {descriptor: producer for producer, descriptor in enumerate(sockets)}

    def one_round() -> None:
        round_ = next(rounds)
        for descriptor, each in sockets.items():
            each.sendall(put(numbers[descriptor], round_))
        assert sum(1 for _ in answers(poll, sockets, set(sockets))) == count

    benchmark.pedantic(one_round, rounds=ROUNDS, iterations=1)
    benchmark.extra_info |= {
        "connections": count, "bytes_per_connection": (memory(peer) - before) // count,
        "records_per_second": round(count / benchmark.stats.stats.median),
    }  # fmt: skip
    for each in sockets.values():
        each.close()
    accounted(home, peer, count * ROUNDS)


def test_short_lived_producers(benchmark: Any, server: tuple[Peer, Path]) -> None:
    peer, home = server
    address = peer.sock.getpeername()

    def all_of_them() -> None:
        poll = select.epoll()
        for first in range(0, SHORT_LIVED, _AT_ONCE):
            sockets: dict[int, socket.socket] = {}
            for producer in range(first, min(first + _AT_ONCE, SHORT_LIVED)):
                one = socket.create_connection(address, 30)
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")  # no port left in TIME_WAIT
                one.sendall(put(producer, 0))
                sockets[one.fileno()] = one
                poll.register(one, select.EPOLLIN)
            for descriptor in answers(poll, sockets, set(sockets)):
                poll.unregister(descriptor)
            for each in sockets.values():
                each.close()

    benchmark.pedantic(all_of_them, rounds=1, iterations=1)
    benchmark.extra_info |= {
        "producers": SHORT_LIVED, "producers_per_second": round(SHORT_LIVED / benchmark.stats.stats.median),
    }  # fmt: skip
    accounted(home, peer, SHORT_LIVED)
