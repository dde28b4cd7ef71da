"""Never lose: destinations that are down for long, bounded disk and memory, workers that come and go."""

from __future__ import annotations

import contextlib
import errno
import functools
import json
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import cloudcore
from cloudcore.errors import ApiError
from cloudcore.firehose import budget, deliveries, retrying, to

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))
from http_receiver import BulkReceiver, HttpReceiver, running


def until(condition: Callable[[], Any], seconds: float = 60) -> None:
    pause = threading.Event()
    for _ in range(int(seconds / 0.01)):
        if condition():
            return
        pause.wait(0.01)
    raise AssertionError("it did not come")


def anonymous_mib() -> int:
    """Memory that is the process's own; pages of mapped logs are the kernel's to take back."""
    found = re.search(r"RssAnon:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) >> 10


def sizes(directory: Path) -> Iterator[int]:
    """The bytes of each file; one may go meanwhile."""
    for file in directory.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            if file.is_file():
                yield file.stat().st_size


class Store:
    """An object store whose disk may be full."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.error: OSError | None = None

    def put(self, bucket: str, key: str, parts: Any, **_: Any) -> None:
        if self.error is not None:
            raise OSError(*self.error.args)  # one of its own: an error that is raised again keeps every traceback
        self.objects[key] = b"".join(bytes(part) for part in parts)


def test_a_full_bucket_fills_a_bounded_disk_and_no_memory(tmp_path: Path) -> None:
    """256 MiB are offered while nothing can be written; 64 MiB of log are the bound. All that was acknowledged
    arrives once, and memory grows by less than half of what was offered."""
    store = Store()
    store.error = OSError(errno.ENOSPC, "No space left on device")
    with cloudcore.open(tmp_path / "c", objects=store) as cloud:
        stream = cloud.stream("s", bucket="b", buffer_bytes=1 << 20, buffer_seconds=0, disk_bound=64 << 20)
        before = anonymous_mib()
        acknowledged = refused = 0
        for n in range(256):
            try:
                stream.put_batch([b"%08d;" % (n * 1024 + k) + b"x" * 1015 for k in range(1024)])
                acknowledged += 1024
            except ApiError:  # its code is a test of its own
                refused += 1024
        grown = anonymous_mib() - before
        disk = sum(sizes(tmp_path / "c")) >> 20
        print(f"acknowledged {acknowledged}, refused {refused}, disk {disk} MiB, memory +{grown} MiB")
        assert refused > 0 and acknowledged > 10_000 and stream.status()["slowed"] > 0
        assert disk <= 64 + 16 and grown < 128
        store.error = None
        assert stream.flush(240)
        joined = b"".join(store.objects.values())
        found = sorted(int(piece[-8:]) for piece in joined.split(b";")[:-1])
        assert len(found) == len(set(found)) == acknowledged == stream.status()["delivered"]
        stream.put(b"again")  # there is room


def test_partitions_whose_bucket_is_down_fill_a_bounded_disk_and_no_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """100 partitions: their records lie in small pieces all over the staged log, and are read anew for each try.
    48 MiB may wait, 16 MiB be on their way; memory grows by little more than those 16, and what a delivery held
    goes back to the system."""
    monkeypatch.setattr(budget, "Budget", functools.partial(budget.Budget, flying_max=16 << 20))
    monkeypatch.setattr(retrying, "MAX_S", 0.1)
    store = Store()
    store.error = OSError("down")
    with cloudcore.open(tmp_path / "c", objects=store, streams_bound=48 << 20) as cloud:
        stream = cloud.stream(
            "s", bucket="b", query="{k: .k}", prefix="p/!{partitionKeyFromQuery:k}/", error_prefix="e/",
            buffer_seconds=1, buffer_bytes=1 << 20, transform_buffer_seconds=0.1,
        )  # fmt: skip
        before, acknowledged, refused, most = anonymous_mib(), 0, 0, 0
        while refused < 20 or stream.status()["retries"] < 1000:
            try:
                stream.put_batch([b'{"k":%d,"n":%d,"x":"%s"}' % (n % 100, acknowledged + n, b"x" * 400) for n in range(1000)])
                acknowledged += 1000
            except ApiError:
                refused += 1
                time.sleep(0.05)
            most = max(most, anonymous_mib() - before)
        print(f"acknowledged {acknowledged}, refused {refused}, retries {stream.status()['retries']}, memory +{most} MiB")
        assert acknowledged > 50_000 and most < 72
        store.error = None
        assert stream.flush(240)
        found = sorted(int(n) for n in re.findall(rb'"n":(\d+),', b"".join(store.objects.values())))
        assert found == list(range(acknowledged))


def test_workers_grow_with_the_backlog_and_go_when_idle(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A trickle needs one worker; a burst of requests that are not answered gets eight and no more, without a
    setting, and none is left when it is over."""
    monkeypatch.setattr(deliveries, "_IDLE_S", 0.2)

    def workers() -> int:
        return sum(thread.name == "deliver-s" for thread in threading.enumerate())

    with running(HttpReceiver()) as receiver, cloudcore.open(tmp_path / "c") as cloud:
        real = receiver.handle
        gate = threading.Event()
        gate.set()
        receiver.handle = lambda *asked: (gate.wait(60), real(*asked))[1]
        stream = cloud.stream("s", to=to.http_endpoint(receiver.url), bucket="failed", buffer_bytes=1000, buffer_seconds=0)
        few = 0
        for _ in range(5):
            stream.put(b"x" * 1000)
            until(lambda: stream.status()["delivered"] == stream.last_sequence)
            until(lambda: stream._pipeline.deliveries._idle == workers())  # the next one finds it
            few = max(few, workers())
        gate.clear()
        until(lambda: (stream.put(b"x" * 1000), workers())[1] == 8)
        for _ in range(50):
            stream.put(b"x" * 1000)
        most = workers()
        gate.set()
        while stream.status()["delivered"] < stream.last_sequence:
            most = max(most, workers())
            time.sleep(0.002)
        until(lambda: workers() == 0)
        print(f"workers: {few} in a trickle, {most} in a burst, {workers()} when idle")
        assert few <= 1 and most <= 8
        assert len(receiver.data()) == stream.last_sequence and receiver.wrong == []


@pytest.mark.parametrize("hours", [1, 23])
def test_an_endpoint_and_a_bucket_that_are_down_for_hours(tmp_path: Path, hours: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing answers for hours (the clock is moved); then each document is in the index once, or, past its
    retry duration, in the bucket once."""
    from firehose_world import World

    world = World(monkeypatch)
    with running(BulkReceiver()) as receiver:
        stream = world.to(
            tmp_path, "Amazonopensearchservice",
            {"ClusterEndpoint": "https://node", "IndexName": "i", "RetryOptions": {"DurationInSeconds": 7200}},
            reach={"https://node": receiver.url},
        )  # fmt: skip
        down = [lambda *_: (503, {}, b"")] * 100_000
        receiver.script = down
        world.objects.down = True
        stream.put_batch([b'{"n":%d}' % n for n in range(100)])
        for _ in range(hours * 30):
            world.turn(stream, 120)
        assert stream.status()["delivered"] == stream.status()["failed"] == 0
        receiver.script = []
        world.objects.down = False
        for _ in range(3):
            world.turn(stream, 130)
        lines = [json.loads(line) for line in world.joined("AmazonOpenSearchService-failed/").splitlines()]
        print(f"{hours} h down: {len(receiver.documents)} indexed, {len(lines)} in the bucket")
        assert (len(receiver.documents), len(lines)) == ((100, 0) if hours < 2 else (0, 100))
        assert len(receiver.writes) == len(receiver.documents)
        assert stream.status()["expired"] == 0
