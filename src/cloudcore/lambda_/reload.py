"""Hot reload: whether the code of a function that is read from a directory has changed since it was last
looked at.

Looked at when the function is called, at most four times a second: names, sizes and times of files with
code. Trees with too much code (a home directory, say) are not watched.
"""

from __future__ import annotations

import os
import time

_EVERY_S = 0.25
_FILES_MAX = 5000
_CODE = (".py", ".js", ".mjs", ".cjs", ".so", ".sh")
_NAMES = frozenset({"bootstrap", "package.json"})
_LEFT_OUT = frozenset({"__pycache__", "node_modules", "venv", "build", "dist"})
State = frozenset[tuple[str, int, int]]


class Watched:
    """One directory. The caller sees to it that one thread asks at a time."""

    def __init__(self, root: str):
        self._root = root
        self._next = time.monotonic() + _EVERY_S
        self._seen = _state(root)

    def changed(self) -> bool:
        """Whether its code is another than the last time."""
        now = time.monotonic()
        if self._seen is None or now < self._next:
            return False
        self._next = now + _EVERY_S
        found = _state(self._root)
        if found is None or found == self._seen:
            return False
        self._seen = found
        return True


def _state(root: str) -> State | None:
    """Files with code below `root`; None when they are too many."""
    found: set[tuple[str, int, int]] = set()
    for directory, below, names in os.walk(root):
        below[:] = [name for name in below if name[0] != "." and name not in _LEFT_OUT]
        for name in names:
            if not name.endswith(_CODE) and name not in _NAMES:
                continue
            path = os.path.join(directory, name)
            try:
                told = os.stat(path)
            except OSError:
                continue  # it went meanwhile
            found.add((path, told.st_mtime_ns, told.st_size))
            if len(found) > _FILES_MAX:
                return None
    return frozenset(found)
