"""A trickle, a burst of ten times as much, and idleness: `python -m bench.stream_burst [SECONDS]`.

A stream of objects of 64 KiB to a bucket that takes 100 ms for each. The trickle is 5 objects a second, what one
worker can still do; the burst is 50 a second. Told are workers, the age at which an object is there, memory, and
after the last one how long workers stay and what the process then uses of a core. Every record is in an object once.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import Any

from cloudcore.firehose import Firehose

SIZE, TAKES_S = 64 << 10, 0.1
SECONDS = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0


class Bucket:
    """Takes its time; remembers how old the record was that an object begins with."""

    def __init__(self) -> None:
        self.records: list[bytes] = []
        self.ages: list[float] = []

    def put(self, bucket: str, key: str, parts: Any, content_encoding: str | None = None) -> None:
        time.sleep(TAKES_S)
        data = b"".join(map(bytes, parts))
        found = [data[at : at + SIZE] for at in range(0, len(data), SIZE)]
        self.ages += [time.monotonic() - float(each.split()[1]) for each in found]
        self.records += [each.split()[0] for each in found]


def workers() -> int:
    return sum(thread.name == "deliver-s" for thread in threading.enumerate())


def memory_mib() -> float:
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


def phase(name: str, stream: Any, bucket: Bucket, rate: float, seconds: float) -> None:
    """Put `rate` records a second, and wait until they are delivered."""
    first, most, begin = stream.last_sequence, 0, time.monotonic()
    seen = len(bucket.ages)
    while (now := time.monotonic()) < begin + seconds:
        while stream.last_sequence - first < (now - begin) * rate:
            stream.put((b"%d %f " % (stream.last_sequence, time.monotonic())).ljust(SIZE))
        most = max(most, workers())
        time.sleep(0.002)
    while stream.status()["delivered"] < stream.last_sequence:
        most = max(most, workers())
        time.sleep(0.002)
    ages = sorted(bucket.ages[seen:])
    print(f"| {name} | {len(ages)} | {most} | {ages[len(ages) // 2]:.2f} | {ages[len(ages) * 99 // 100]:.2f} | {memory_mib():.0f} |")


def main() -> None:
    bucket = Bucket()
    service = Firehose(None, objects=bucket)
    stream = service.stream("s", buffer_bytes=SIZE, buffer_seconds=900)
    print("| | objects | workers at most | age p50, s | p99, s | memory, MiB |\n|---|---|---|---|---|---|")
    phase("trickle", stream, bucket, 5, SECONDS)
    phase("burst", stream, bucket, 50, SECONDS)
    phase("trickle again", stream, bucket, 5, SECONDS)
    begin = time.monotonic()
    while workers():
        time.sleep(0.01)
    gone = time.monotonic() - begin
    used = time.process_time()
    time.sleep(5)
    share = (time.process_time() - used) / 5
    print(f"idle: no worker after {gone:.1f} s, {share:.4%} of a core, {memory_mib():.0f} MiB")
    assert sorted(map(int, bucket.records)) == list(range(stream.last_sequence))
    service.close()


if __name__ == "__main__":
    main()
