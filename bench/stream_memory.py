"""Memory over time of 8 streams with 100 partitions each whose bucket is down for a while: docs/plots/stream_memory.svg.

    python -m bench.stream_memory       about 30 s

All that is offered while nothing can be delivered goes to the disk, up to the bound of all streams together (256 MiB
here); then puts are refused. Memory is RssAnon: pages of mapped logs are the kernel's to take back.
"""

from __future__ import annotations

import re
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import cloudcore
from cloudcore.cli.svg import lines
from cloudcore.errors import ApiError

STREAMS, PARTITIONS, BOUND, RECORDS_MAX = 8, 100, 256 << 20, 1_000_000
DOWN, END = (5.0, 15.0), 25.0


def memory() -> float:
    found = re.search(r"RssAnon:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


class Bucket:
    """Counts what it takes, and takes nothing while it is down."""

    down = False

    def __init__(self) -> None:
        self.seen = [bytearray(RECORDS_MAX) for _ in range(STREAMS)]  # how often each record came
        self.lock = threading.Lock()

    def put(self, bucket: str, key: str, parts: Any, **_: Any) -> None:
        if self.down:
            raise OSError("the bucket is down")
        found = b"".join(bytes(part) for part in parts)
        with self.lock:
            for number, record in re.findall(rb'"id":"(\d+)-(\d+)"', found):
                self.seen[int(number)][int(record)] += 1


def main() -> None:
    bucket, refused, sent = Bucket(), [0], [0] * STREAMS
    stop = threading.Event()
    with tempfile.TemporaryDirectory() as home, cloudcore.open(home, objects=bucket, streams_bound=BOUND) as cloud:
        streams = [
            cloud.stream(
                f"s{n}", query="{k: .k}", prefix="p/!{partitionKeyFromQuery:k}/", error_prefix="e/", append_delimiter=True,
                buffer_seconds=1, buffer_bytes=4 << 20, transform_buffer_seconds=0.2,
            )
            for n in range(STREAMS)
        ]  # fmt: skip

        def produce(number: int) -> None:
            while not stop.is_set() and sent[number] < RECORDS_MAX:
                batch = [
                    b'{"k":%d,"id":"%d-%d","x":"%s"}' % (n % PARTITIONS, number, sent[number] + n, b"x" * 400) for n in range(1000)
                ]
                try:
                    streams[number].put_batch(batch)
                except ApiError:
                    refused[0] += 1
                    stop.wait(0.2)  # as a client that backs off
                    continue
                sent[number] += 1000
                stop.wait(0.1)

        threads = [threading.Thread(target=produce, args=(n,)) for n in range(STREAMS)]
        began, base = time.monotonic(), memory()
        waiting: list[tuple[float, float]] = []
        anonymous: list[tuple[float, float]] = []
        for thread in threads:
            thread.start()
        while (now := time.monotonic() - began) < END:
            bucket.down = DOWN[0] <= now < DOWN[1]
            waiting.append((now, sum(s.status()["waiting_bytes"] for s in streams) / (1 << 20)))
            anonymous.append((now, memory() - base))
            time.sleep(0.1)
        stop.set()
        for thread in threads:
            thread.join()
        assert all(stream.flush(120) for stream in streams)
        for seen, count in zip(bucket.seen, sent, strict=True):
            assert set(seen[:count]) == {1} and not any(seen[count:]), "lost or delivered twice"
        bound = [(0.0, BOUND / (1 << 20)), (END, BOUND / (1 << 20))]
    title = f"8 streams, 100 partitions each; bucket down from {DOWN[0]:g} s to {DOWN[1]:g} s"
    plot = lines(title, "seconds", "MiB", {"waiting to be delivered": waiting, "memory, over the start": anonymous,
                                           "streams_bound": bound})  # fmt: skip
    Path("docs/plots/stream_memory.svg").write_text(plot)
    print(f"{sum(sent)} records, each delivered once; {refused[0]} puts refused; most waiting "
          f"{max(y for _, y in waiting):.0f} MiB, most memory +{max(y for _, y in anonymous):.0f} MiB")  # fmt: skip


if __name__ == "__main__":
    main()
