"""One process of bench_cluster_tables: opens a cloud and puts items from some threads, then reads, when it is told to.

    cluster_table_child.py ADDRESS OBJECTS PUTS THREADS NUMBER
"""

from __future__ import annotations

import sys
import threading
import time

import cloudcore
from cloudcore.objects import LocalObjects

READS = 300


def main(address: str, objects: str, puts: int, threads: int, number: int) -> None:
    with cloudcore.open(address, objects=LocalObjects(objects)) as cloud:
        table = cloud.table("bench", pk="id:S")

        def put(at: int) -> None:
            for turn in range(puts):
                table.put({"id": f"{number}-{at}-{turn}", "pad": "x" * 380})

        print("ready", flush=True)
        sys.stdin.readline()
        running = [threading.Thread(target=put, args=(at,)) for at in range(threads)]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()
        print("put", flush=True)
        sys.stdin.readline()
        for consistent in (True, False):
            began = time.perf_counter()
            for turn in range(READS):
                assert table.get(f"{number}-0-{turn % puts}", consistent=consistent) is not None
            print(round((time.perf_counter() - began) / READS * 1e6), flush=True)
        sys.stdin.readline()
        print(table.scan(consistent=True).count(), flush=True)
        sys.stdin.readline()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
