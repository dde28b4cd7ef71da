"""The item all store benches use, and where their files go."""

from __future__ import annotations

import mmap
import os

import pytest

ATTRIBUTES = 8


def item(number: int, round_: int = 0) -> dict:
    """About 400 bytes in 8 attributes; different at every number and round."""
    text = f"{number:08d}-{round_:04d}-" * 4
    return {
        "pk": {"S": f"p{number % 10_000:015d}"}, "sk": {"N": str(number)}, "a": {"S": text}, "b": {"S": text + text},
        "c": {"N": str(number * 7919 + round_)}, "d": {"S": text}, "e": {"BOOL": bool(number & 1)}, "f": {"S": text},
    }  # fmt: skip


@pytest.fixture
def data_dir(tmp_path_factory):
    return str(tmp_path_factory.mktemp("bench"))


@pytest.fixture(scope="session")
def warm_machine():
    """Touches memory once and gives it back: on a virtual machine the first touch of a page costs the host
    microseconds, which would be charged to whoever happens to grow first."""
    size = min(
        int(os.environ.get("CLOUDCORE_BENCH_WARM_MIB", "4096")) << 20, os.sysconf("SC_AVPHYS_PAGES") * 1024
    )
    if size > 0:
        with mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as memory:
            for at in range(0, size, 4096):
                memory[at] = 1
