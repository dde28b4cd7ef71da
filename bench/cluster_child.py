"""One producer process of bench_cluster: opens a cloud, puts batches from some threads when it is told to.

    cluster_child.py ADDRESS OBJECTS BATCHES THREADS NUMBER
"""

from __future__ import annotations

import sys
import threading

import cloudcore
from cloudcore.objects import LocalObjects

RECORDS, SIZE = 500, 400


def batch(number: int, at: int) -> list[bytes]:
    """500 records of 400 bytes, no two the same."""
    return [b"%03d-%06d-%03d-" % (number, at, n) + b"x" * (SIZE - 16) + b"\n" for n in range(RECORDS)]


def main(address: str, objects: str, batches: int, threads: int, number: int) -> None:
    with cloudcore.open(address, objects=LocalObjects(objects)) as cloud:
        stream = cloud.stream("s", bucket="b", buffer_seconds=900, buffer_bytes=8 << 20)
        made = [[batch(number, thread * batches + at) for at in range(batches)] for thread in range(threads)]

        def put(mine: list[list[bytes]]) -> None:
            for each in mine:
                stream.put_batch(each)

        print("ready", flush=True)
        sys.stdin.readline()
        running = [threading.Thread(target=put, args=(mine,)) for mine in made]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()
        print("put", flush=True)
        assert stream.flush(120)
        print("delivered", flush=True)
        sys.stdin.readline()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
