"""What an environment gives up before it runs user code. The one seam for isolation.

Everything here works without privileges and costs nothing per call: a file tree of its own, in which
/tmp is private and the cloud's directory is empty but for the function's code; no mounting, tracing or
signalling outwards; no system calls that reach the kernel's own state; resource limits. It keeps accidents
in, not attackers out: files of the user elsewhere can be read. What the kernel refuses is left out.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
from collections.abc import Iterable

from cloudcore._channel import adopt_orphans, die_with_parent, isolate, isolate_again

FILES, DOMAIN, SIGNALS, CALLS = 1, 2, 4, 8
_OPEN_FILES = 1024
_PROCESSES = 742


def attach(parent: int) -> None:
    """Tie this process to the zygote `parent`, lead a process group of its own, keep its orphans."""
    die_with_parent(signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    os.setpgid(0, 0)
    adopt_orphans()


def separate(
    root: str, scratch: str, hidden: list[str], opt: str = "", needs: Iterable[str] = (), ahead: bool = False
) -> tuple[int, list[str]]:
    """Leave the machine's /tmp and the `hidden` directories, see `opt` as /opt; what `isolate` says, and the
    directories that stay. `ahead`: children separate again."""
    parent = os.getppid()
    covers: list[tuple[str, str | None]] = [("/tmp", scratch)]
    if opt:
        covers.append(("/opt", opt))
    covers += [(os.path.realpath(path), None) for path in (*hidden, os.path.dirname(scratch))]
    places = (root, opt, *needs, *sys.path, sys.prefix, sys.base_prefix)
    wanted = {os.path.realpath(path) for path in places if path}
    kept = [
        path for path in sorted(wanted)
        if os.path.isdir(path) and any(path.startswith(cover + "/") for cover, _ in covers)
    ]  # fmt: skip
    done = isolate(
        [(os.fsencode(cover), None if by is None else os.fsencode(by)) for cover, by in covers],
        [os.fsencode(path) for path in kept],
        ahead,
    )
    _stay_with(parent)
    return done, kept


def separate_again(separated: int, kept: list[str], storage: int) -> int:
    """In a child of a process that separated ahead, which gave these two: a /tmp of `storage` bytes where
    that one has a private /tmp, empty but for what is kept; what `isolate` says."""
    parent = os.getppid()
    places = [os.fsencode(path) for path in kept]
    done = isolate_again(b"/tmp" if separated & FILES else b"", storage, places)
    _stay_with(parent)
    return done


def _stay_with(parent: int) -> None:
    die_with_parent(signal.SIGKILL)  # a change of credentials takes it back
    if os.getppid() != parent:
        os._exit(1)


def confine() -> None:
    """Resource limits as AWS sets them; no core files."""
    _lower(resource.RLIMIT_NOFILE, _OPEN_FILES)
    _lower(resource.RLIMIT_CORE, 0)
    # The kernel counts processes by user, not by environment, so what runs already comes on top.
    with open("/proc/loadavg", "rb") as load:
        running = int(load.read().split()[3].split(b"/")[1])
    _lower(resource.RLIMIT_NPROC, running + _PROCESSES)


def _lower(what: int, to: int) -> None:
    _, hard = resource.getrlimit(what)
    if hard == resource.RLIM_INFINITY or hard > to:
        resource.setrlimit(what, (to, to))
