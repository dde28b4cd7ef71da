"""What an environment gives up before it runs user code. The one seam for isolation.

Everything here works without privileges and costs nothing per call: a file tree of its own, in which
/tmp is private and the cloud's directory is empty but for the function's code; no mounting, tracing or
signalling outwards; resource limits. It keeps accidents in, not attackers out: there is no seccomp filter,
and files of the user elsewhere can be read. What the kernel refuses is left out.
"""

from __future__ import annotations

import os
import resource
import signal
import sys

from cloudcore._channel import adopt_orphans, die_with_parent, isolate

FILES, DOMAIN, SIGNALS = 1, 2, 4
_OPEN_FILES = 1024
_PROCESSES = 742


def attach(parent: int) -> None:
    """Tie this process to the zygote `parent`, lead a process group of its own, keep its orphans."""
    die_with_parent(signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    os.setpgid(0, 0)
    adopt_orphans()


def separate(root: str, scratch: str, hidden: list[str]) -> int:
    """Leave the machine's /tmp and the `hidden` directories; the bits of `_channel.isolate`."""
    parent = os.getppid()
    covers = ["/tmp", *(os.path.realpath(path) for path in (*hidden, os.path.dirname(scratch)))]
    wanted = {os.path.realpath(path) for path in (root, *sys.path, sys.prefix, sys.base_prefix) if path}
    kept = [
        path for path in sorted(wanted)
        if os.path.isdir(path) and any(path.startswith(cover + "/") for cover in covers)
    ]  # fmt: skip
    done = isolate(os.fsencode(scratch), [os.fsencode(p) for p in covers[1:]], [os.fsencode(p) for p in kept])
    die_with_parent(signal.SIGKILL)  # a change of credentials takes it back
    if os.getppid() != parent:
        os._exit(1)
    return done


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
