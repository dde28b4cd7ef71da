"""Sizes in bytes as people write them: 512MiB, 2GB, 1073741824."""

from __future__ import annotations

import os
import re

_UNITS = {"": 1, "B": 1}
for _power, _letter in enumerate("KMGT", 1):
    _UNITS[f"{_letter}B"] = 1000**_power
    _UNITS[f"{_letter}IB"] = _UNITS[_letter] = 1024**_power
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*")


def parse(size: int | str) -> int:
    """Bytes of `size`: a count, or a text such as "512MiB", "1.5 GiB", "2GB" (1000s) or "64M" (1024s).

    Raises ValueError for anything else, and for a size below zero.
    """
    if isinstance(size, int):
        if size < 0:
            raise ValueError(f"a size is not below zero: {size}")
        return size
    found = _SIZE.fullmatch(size)
    unit = None if found is None else _UNITS.get(found[2].upper())
    if found is None or unit is None:
        raise ValueError(f"a size is a number of bytes, or has a unit as 512MiB has, not {size!r}")
    return int(float(found[1]) * unit) if "." in found[1] else int(found[1]) * unit


_LEAST = 4 << 20  # an open store without items takes a quarter of it


def memory_budget(size: int | str | None, path: str, durability: str) -> int:
    """Bytes that the tables of the cloud `path` may take in memory; 0: as many as there are.

    Without `size` CLOUDCORE_MEMORY says it, so that the verbs of the command line that open a directory keep
    to it too. Raises ValueError for less than 4 MiB, and where nothing is on a disk that values could go to.
    """
    on_disk = path != ":memory:" and not path.startswith(("nats://", "tls://")) and durability != "memory"
    if size is None and on_disk:
        size = os.environ.get("CLOUDCORE_MEMORY") or None
    if size is None:
        return 0
    bytes_ = parse(size)
    if bytes_ < _LEAST:
        raise ValueError(f"a memory budget is at least 4MiB, not {size!r}")
    if not on_disk:
        raise ValueError("a memory budget needs a directory and a log: values over it go to the disk")
    return bytes_
