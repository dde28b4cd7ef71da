"""A debugger in a function: debugpy listens on the port in CLOUDCORE_DEBUG_PORT, a variable of the function.

While a debugger is connected to that port the call under way has no time limit, so that it can stand at a
breakpoint; calls without one keep theirs. One environment has the port; another one says so in its log and
goes on without.
"""

from __future__ import annotations

import contextlib
import os
import sys

from cloudcore.lambda_.network import NONE, VARIABLE

_ESTABLISHED = "01"


def listen() -> None:
    """In the environment, before the handler is loaded."""
    port = os.environ.get("CLOUDCORE_DEBUG_PORT")
    if not port:
        return
    if os.environ.get(VARIABLE) == NONE:
        sys.stderr.write(f"no debugger on port {port}: the function has no network\n")
        return
    try:
        import debugpy

        debugpy.listen(("127.0.0.1", int(port)))
    except Exception as error:
        sys.stderr.write(f"no debugger on port {port}: {error}\n")


def is_attached(port: int) -> bool:
    """In the owner: whether somebody is connected to the debugger's port."""
    if not port:
        return False
    with contextlib.suppress(OSError), open("/proc/net/tcp", encoding="ascii") as connections:
        for line in connections:
            parts = line.split()
            if parts[1].endswith(f":{port:04X}") and parts[3] == _ESTABLISHED:
                return True
    return False
