"""One node of scale_costs, which does what it reads line by line and then says `done`.

    scale_child.py ADDRESS OBJECTS NUMBER

    streams COUNT            make delivery streams s0, s1, ...
    batches COUNT THREADS    put batches of 500 records of 400 bytes into s0
    flush                    until they are delivered
    puts COUNT THREADS       put items of 400 bytes into a table
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable

import cloudcore
from cloudcore.cluster import following
from cloudcore.objects import LocalObjects

if __package__:
    from .cluster_child import batch
else:
    from cluster_child import batch


def in_threads(count: int, what: Callable[[int], None]) -> None:
    running = [threading.Thread(target=what, args=(at,)) for at in range(count)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()


class Child:
    def __init__(self, cloud: cloudcore.Cloud, number: int):
        self.cloud, self.number = cloud, number
        self.turn = 0

    def stream(self, at: int) -> cloudcore.Stream:
        return self.cloud.stream(f"s{at}", bucket="b", buffer_seconds=900, buffer_bytes=8 << 20)

    def do(self, word: str, count: int = 1, threads: int = 1) -> None:
        self.turn += 1
        each = count // threads
        if word == "streams":
            for at in range(count):
                self.stream(at)
        elif word == "batches":
            stream, found = self.stream(0), [batch(self.number, self.turn * 1000 + at) for at in range(8)]
            in_threads(threads, lambda at: [stream.put_batch(found[n % 8]) for n in range(each)])
        elif word == "flush":
            assert self.stream(0).flush(120)
        elif word == "puts":
            table, name = self.cloud.table("bench", pk="id:S"), f"{self.number}-{self.turn}"
            in_threads(threads, lambda at: [table.put({"id": f"{name}-{at}-{n}", "pad": "x" * 380}) for n in range(each)])


def main(address: str, objects: str, number: int) -> None:
    following.STREAMS = 0  # as where there are many streams: three nodes follow each
    with cloudcore.open(address, objects=LocalObjects(objects)) as cloud:
        child = Child(cloud, number)
        print("done", flush=True)
        while words := sys.stdin.readline().split():  # nothing: the end
            child.do(words[0], *map(int, words[1:]))
            print("done", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
