"""Keys: the keys of a directory of objects in key order, read one directory at a time.

The keys of one directory stand together in the order of all keys, where `name/` stands among the names beside
it. So a walk reads a directory when it comes to it, and leaves out those that the prefix, the key to begin
behind or a group to pass over rule out: a page of a listing costs the directories it shows, not the bucket.

The names of big directories are kept, sorted, until the directory changes, so that the pages of a flat bucket
do not sort it again each. What changed within the last second is not kept: two changes may have one time.
"""

from __future__ import annotations

import os
import re
import time
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterator
from threading import Lock

PRIVATE = ".cloudcore"
_KEPT_MIN = 1000  # names; a smaller directory is read again
_KEPT_MAX = 500_000  # names of all directories together, about 50 MiB
_SETTLED_NS = 1_000_000_000


class Directories:
    """The parts of keys that directories hold, in order; those of big ones are kept while they stay."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[int, list[str]]] = OrderedDict()
        self._lock = Lock()

    def names(self, path: str) -> list[str]:
        """Objects by their names, directories with "/" behind theirs. An absent directory is empty."""
        try:
            changed = os.stat(path).st_mtime_ns
            with self._lock:
                kept = self._kept.get(path)
            if kept is not None and kept[0] == changed:
                return kept[1]
            with os.scandir(path) as entries:
                names = sorted(
                    unescape(e.name) + "/" * e.is_dir(follow_symlinks=False)
                    for e in entries
                    if e.name != PRIVATE
                )
        except (FileNotFoundError, NotADirectoryError):
            return []
        if len(names) >= _KEPT_MIN and time.time_ns() - changed > _SETTLED_NS:
            self._keep(path, changed, names)
        return names

    def _keep(self, path: str, changed: int, names: list[str]) -> None:
        with self._lock:
            self._kept.pop(path, None)
            self._kept[path] = (changed, names)
            while sum(len(kept) for _, kept in self._kept.values()) > _KEPT_MAX:
                self._kept.popitem(last=False)


class Keys:
    """Keys below `root` that start with `prefix`, from behind `after`, in key order. Iterate it once."""

    def __init__(self, directories: Directories, root: str, prefix: str, after: str):
        self._directories, self._root, self._prefix, self._after = directories, root, prefix, after
        self._passed: str | None = None

    def pass_over(self, group: str) -> None:
        """Leave out what is still to come and starts with `group`."""
        self._passed = group

    def __iter__(self) -> Iterator[str]:
        return self._below(self._root, "")

    def _below(self, path: str, above: str) -> Iterator[str]:
        names = self._directories.names(path)
        first = max(_part(self._after, above), _part(self._prefix, above))
        for i in range(bisect_left(names, first), len(names)):
            name = names[i]
            key = above + name
            if not (key.startswith(self._prefix) or self._prefix.startswith(key)):
                if key > self._prefix:
                    return
            elif self._passed is not None and key.startswith(self._passed):
                continue
            elif name.endswith("/"):
                if key > self._after or self._after.startswith(key):
                    yield from self._below(os.path.join(path, escape(name[:-1])), key)
            elif key > self._after and key.startswith(self._prefix):
                yield key


def _part(bound: str, above: str) -> str:
    """The name, in the directory of `above`, that a bound of keys lies in; "" when it lies before all."""
    if not bound.startswith(above):
        return ""
    end = bound.find("/", len(above))
    return bound[len(above) :] if end < 0 else bound[len(above) : end + 1]


def escape(segment: str) -> str:
    """The name in the file system of a part of a key."""
    if segment == "":
        return "%"
    segment = segment.replace("%", "%25").replace("\0", "%00")
    if segment in (".", ".."):
        return segment.replace(".", "%2E")
    return "%2E" + segment[1:] if segment == PRIVATE else segment


def unescape(name: str) -> str:
    """The part of a key that a name in the file system stands for."""
    if name == "%":
        return ""
    return re.sub(r"%(25|00|2E)", lambda match: chr(int(match[1], 16)), name) if "%" in name else name
