"""What an environment gives up before it runs user code. The one seam for isolation.

Everything here works without privileges and costs nothing per call. Namespaces, landlock and
seccomp belong here too, once they exist.
"""

from __future__ import annotations

import os
import resource
import signal

from cloudcore._channel import adopt_orphans, die_with_parent

_OPEN_FILES = 1024
_PROCESSES = 742


def attach(parent: int) -> None:
    """Tie this process to the zygote `parent`, lead a process group of its own, keep its orphans."""
    die_with_parent(signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    os.setpgid(0, 0)
    adopt_orphans()


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
