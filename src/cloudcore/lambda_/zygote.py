"""The process that execution environments are forked from. It holds no user code and no store.

It is started by a `multiprocessing` spawn context, has one thread, and reads requests from a
socket: {"fork": {...}} with two descriptors (channel, output) -> {"pid": n}; {"reap": pid} ->
{"how": waitpid status}. When its socket ends, because the pool closed it or died, it exits, and its
children die with it by PR_SET_PDEATHSIG.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
from typing import Any, NoReturn

from cloudcore._channel import Channel, die_with_parent
from cloudcore.lambda_.runtime import serve

MESSAGE_MAX = 64 * 1024
_DESCRIPTORS_MAX = 1 << 20


def main(link: socket.socket) -> None:
    """Serve fork and reap requests until the pool's end of `link` is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    children: set[int] = set()
    try:
        while True:
            data, descriptors, _, _ = socket.recv_fds(link, MESSAGE_MAX, 2)
            if not data:
                break
            request = json.loads(data)
            if "fork" in request:
                pid = os.fork()
                if pid == 0:
                    _environment(request["fork"], *descriptors)
                children.add(pid)
                reply = {"pid": pid}
            else:
                how = 0
                if request["reap"] in children:
                    children.discard(request["reap"])
                    how = os.waitpid(request["reap"], 0)[1]
                reply = {"how": how}
            for descriptor in descriptors:
                os.close(descriptor)
            link.send(json.dumps(reply).encode())
    finally:
        for pid in children:
            with contextlib.suppress(OSError):
                os.killpg(pid, signal.SIGKILL)


def _environment(spec: dict[str, Any], channel_fd: int, output_fd: int) -> NoReturn:
    """Become an execution environment; never returns."""
    code = 1
    try:
        die_with_parent(signal.SIGKILL)
        if os.getppid() != spec["parent"]:
            os._exit(1)
        os.setpgid(0, 0)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        channel = Channel(fd=channel_fd)
        os.dup2(output_fd, 1)
        os.dup2(output_fd, 2)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.closerange(3, _DESCRIPTORS_MAX)
        sys.stdin = open(0, closefd=False)  # noqa: SIM115
        sys.stdout = open(1, "w", buffering=1, closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115
        os.environ.clear()
        os.environ.update(spec["environment"])
        os.chdir(spec["root"])
        sys.path[:0] = [spec["root"]]
        serve(channel, spec["handler"])
        code = 0
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        os._exit(code)
