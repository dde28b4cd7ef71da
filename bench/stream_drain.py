"""How long open plans take to drain, by their number: `python -m bench.stream_drain [PLANS ...]`.

A bucket hangs until PLANS objects of one record wait for it, and then takes each at once: what is measured, in
seconds of processor time a plan, is what the pipeline itself needs. Each object is checked.
"""

from __future__ import annotations

import sys
import threading
import time
from typing import Any

from cloudcore.firehose import Firehose


class Bucket:
    """Hangs until `up` is set."""

    def __init__(self) -> None:
        self.up, self.taken = threading.Event(), {}

    def put(self, bucket: str, key: str, parts: Any, content_encoding: str | None = None) -> None:
        self.up.wait()
        self.taken[key] = b"".join(map(bytes, parts))


def drain(plans: int) -> float:
    """Seconds of processor time a plan."""
    bucket = Bucket()
    service = Firehose(None, objects=bucket)
    stream = service.stream("s", buffer_bytes=1, buffer_seconds=900)
    for n in range(plans):
        stream.put(b"%d" % n)
        while len(stream._pipeline.journal.open) <= n:  # a plan of its own for each
            time.sleep(0.0001)
    begin = time.process_time()
    bucket.up.set()
    assert stream.flush(600)
    spent = time.process_time() - begin
    assert sorted(map(int, bucket.taken.values())) == list(range(plans))
    service.close()
    return spent / plans


def main() -> None:
    print("| open plans | us of processor time a plan |\n|---|---|")
    for plans in map(int, sys.argv[1:] or ("250", "1000", "2000")):
        print(f"| {plans:,} | {drain(plans) * 1e6:,.0f} |", flush=True)


if __name__ == "__main__":
    main()
