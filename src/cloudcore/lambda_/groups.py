"""Control groups: the kernel's own limits of memory and processes for an environment, where they can be made.

    <hierarchy>/<this process's group>/cloudcore-<pid>/<environment>/    memory.max (or
    memory.limit_in_bytes), pids.max

The memory limit is that of the function plus its /tmp, which is in memory too: a bound for what no look at
resident memory catches in time; the function's own limit is watched (environment.py). 1024 processes and
threads, as on AWS. Groups of processes that are gone are removed by the next one. Source: cgroups(7).
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import itertools
import os

_ROOT = "/sys/fs/cgroup"
_PROCESSES = 1024
_FILES = {"memory": ("memory.max", "memory.limit_in_bytes"), "pids": ("pids.max", "pids.max")}
_serial = itertools.count()


def usable() -> bool:
    """Whether groups can be made here."""
    return bool(_homes(os.getpid()))


class Group:
    """One environment's group. `add` its first process before it runs anything; `remove` when all are
    gone."""

    def __init__(self, memory_mb: int):
        self._paths: list[str] = []
        for kind, home, version in _homes(os.getpid()):
            path = os.path.join(home, str(next(_serial)))
            with contextlib.suppress(OSError):
                os.mkdir(path)
                self._paths.append(path)
                for one in _FILES if kind == "" else (kind,):
                    value = memory_mb << 20 if one == "memory" else _PROCESSES
                    _write(os.path.join(path, _FILES[one][version == 1]), value)

    def add(self, pid: int) -> None:
        """Put a process into the group; its children follow."""
        for path in self._paths:
            with contextlib.suppress(OSError):
                _write(os.path.join(path, "cgroup.procs"), pid)

    def remove(self) -> None:
        for path in self._paths:
            with contextlib.suppress(OSError):  # EBUSY: the next process removes it
                os.rmdir(path)


@functools.cache
def _homes(owner: int) -> list[tuple[str, str, int]]:
    """(controller, or "" for both, directory of this process's groups, version of the interface)."""
    found = []
    try:
        with open("/proc/self/cgroup", encoding="utf-8") as file:
            lines = [line.rstrip("\n").split(":", 2) for line in file]
    except OSError:
        return []
    for _, controllers, path in lines:
        for kind in ("memory", "pids"):
            if kind in controllers.split(","):
                found += _home(kind, os.path.join(_ROOT, kind) + path, owner, 1)
        if controllers == "" and len(lines) == 1:
            found += _home("", _ROOT + path, owner, 2)
    return found


def _home(kind: str, parent: str, owner: int, version: int) -> list[tuple[str, str, int]]:
    home = os.path.join(parent, f"cloudcore-{owner}")
    try:
        _sweep(parent)
        os.mkdir(home)
        if version == 2:
            for directory in (parent, home):
                _write(os.path.join(directory, "cgroup.subtree_control"), "+memory +pids")
        probe = os.path.join(home, "probe")
        os.mkdir(probe)
        for one in _FILES if kind == "" else (kind,):
            _write(os.path.join(probe, _FILES[one][version == 1]), 1 << 30 if one == "memory" else _PROCESSES)
        os.rmdir(probe)
    except OSError:
        with contextlib.suppress(OSError):
            os.rmdir(home)
        return []
    atexit.register(_drop, home)
    return [(kind, home, version)]


def _drop(home: str) -> None:
    with contextlib.suppress(OSError):
        os.rmdir(home)


def _sweep(parent: str) -> None:
    """Remove the groups of processes that are gone."""
    for name in os.listdir(parent):
        pid = name.removeprefix("cloudcore-")
        if name != pid and pid.isdigit() and not os.path.exists(f"/proc/{pid}"):
            home = os.path.join(parent, name)
            with contextlib.suppress(OSError):
                for entry in os.scandir(home):
                    if entry.is_dir():
                        with contextlib.suppress(OSError):
                            os.rmdir(entry.path)
                os.rmdir(home)


def _write(path: str, value: object) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write(str(value))
