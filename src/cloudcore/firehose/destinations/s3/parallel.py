"""Work over the blocks of one object on all cores, in order. Codecs and columns release the GIL."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Block = TypeVar("Block")
Made = TypeVar("Made")


def in_order(work: Callable[[Block], Made], blocks: Iterable[Block]) -> Iterator[Made]:
    """work(block) of each block, in order; at most one block more than there are cores is held.

    A single block is worked on by the caller's thread.
    """
    source = iter(blocks)
    begun = list(islice(source, 2))
    if len(begun) < 2:
        yield from map(work, begun)
        return
    cores = len(os.sched_getaffinity(0))  # of those that this process may use
    with ThreadPoolExecutor(cores, "block") as pool:
        running: deque[Future[Made]] = deque(pool.submit(work, block) for block in begun)
        for block in source:
            running.append(pool.submit(work, block))
            if len(running) > cores:
                yield running.popleft().result()
        for each in running:
            yield each.result()
