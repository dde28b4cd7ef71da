"""The first process of an environment whose runtime is a program: starts it, and answers for it.

It was forked from the shared zygote and has given up everything that an environment gives up (isolation.py).
Its program inherits that, runs in its process group and sees descriptors 0, 1 and 2. When the program ends,
so does this process, in the same way, so that the owner tells the caller what happened.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading
from typing import Any, NoReturn

from cloudcore._channel import Channel
from cloudcore.lambda_.runtime import FAILED
from cloudcore.lambda_.runtimes.api import Api, environment_of

_WAIT_MS = 3_600_000
_LAST_WORDS_S = 0.2


class _Program:
    pid = 0

    def peak_kb(self) -> int:
        """The peak of the program's resident memory."""
        with contextlib.suppress(OSError), open(f"/proc/{self.pid}/status", "rb") as status:
            for line in status:
                if line.startswith(b"VmHWM:"):
                    return int(line.split()[1])
        return 0


def serve(channel: Channel, program: dict[str, Any]) -> NoReturn:
    """Run the program until it ends; never returns. `program`: {"command": [...], "absent": text}."""
    child = _Program()
    api = Api(channel, child.peak_kb)
    while channel.receive(_WAIT_MS) is None:
        pass
    command = program["command"]
    if not command:
        _refuse(channel, program["absent"])
    api.start()
    try:
        child.pid = os.posix_spawn(
            command[0], command, environment_of(api.address), setsigdef=[signal.SIGPIPE, signal.SIGXFSZ]
        )
    except OSError as error:
        _refuse(channel, f"fork/exec {command[0]}: {(error.strerror or str(error)).lower()}")
    while True:
        pid, how = os.wait()  # orphans of the program are this process's to reap
        if pid == child.pid:
            _follow(api.failed, how)


def _refuse(channel: Channel, text: str) -> NoReturn:
    """The program cannot be started: say so, and end."""
    body = {"errorType": "Runtime.InvalidEntrypoint", "errorMessage": text}
    channel.reply(FAILED, json.dumps(body).encode())
    os._exit(1)


def _follow(failed: threading.Event, how: int) -> NoReturn:
    """End as the program did."""
    if failed.wait(_LAST_WORDS_S if how == 0 else 0):
        os._exit(1)
    if os.WIFSIGNALED(how):
        number = os.WTERMSIG(how)
        with contextlib.suppress(OSError, ValueError):
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    os._exit(os.WEXITSTATUS(how) if os.WIFEXITED(how) else 1)
