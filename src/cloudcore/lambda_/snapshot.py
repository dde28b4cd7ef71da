"""The process that is a SnapStart version's snapshot: it has initialised the function once, and every
environment of the version is forked from it.

    shared zygote --fork--> snapshot: handler loaded, hooks run --fork--> environment: its own /tmp, hooks run

It runs user code, so it is isolated as an environment is, but for one thing: a child of it may still take
file systems of its own, once (isolation.separate_again). It serves the requests {"fork": ...} and
{"reap": pid} of a zygote (zygote.py). What user code may have replaced (gevent does) is bound here before
that runs.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import shutil
import signal
import socket
from typing import TYPE_CHECKING, Any, NoReturn

from cloudcore._channel import Channel, forget_random
from cloudcore.lambda_ import context, debugging, hooks, isolation, logs, runtime

if TYPE_CHECKING:
    from cloudcore.lambda_.runtime import Handler

MESSAGE_MAX = 192 * 1024
_WAIT_MS = 3_600_000
_fork, _waitpid, _killpg, _exit = os.fork, os.waitpid, os.killpg, os._exit
_recv_fds, _close, _dup2, _listdir = socket.recv_fds, os.close, os.dup2, os.listdir


def serve(channel: Channel, spec: dict[str, Any], separated: int, kept: list[str]) -> NoReturn:
    """Initialise the function, tell how that went, and be forked from until the socket 3 ends."""
    link = socket.socket(fileno=3)
    send = link.send
    context.prepare()
    logs.prepare()
    channel.receive(_WAIT_MS)
    try:
        function = runtime.load(spec["handler"])
        hooks.before_snapshot()
    except Exception as error:
        channel.reply(runtime.FAILED, runtime.error_payload(error, ""))
        _exit(1)
    gc.collect()
    gc.freeze()
    channel.reply(runtime.READY, json.dumps({"threads": _threads()}).encode())
    children: set[int] = set()
    with contextlib.suppress(OSError):
        while True:
            data, descriptors, _, _ = _recv_fds(link, MESSAGE_MAX, 2)
            if not data:
                break
            request = json.loads(data)
            if "reap" in request:
                children.discard(request["reap"])
                reply = {"how": _waitpid(request["reap"], 0)[1]}
            elif _threads() > 1:
                reply = {"threads": _threads()}
            else:
                parent = os.getpid()
                pid = _fork()
                if pid == 0:
                    link.detach()
                    _environment(
                        request["fork"], spec | {"kept": kept}, separated, function, parent, *descriptors
                    )
                children.add(pid)
                reply = {"pid": pid}
            for descriptor in descriptors:
                _close(descriptor)
            send(json.dumps(reply).encode())
    for pid in children:
        with contextlib.suppress(OSError):
            _killpg(pid, signal.SIGKILL)
    _exit(0)


def _threads() -> int:
    return len(_listdir("/proc/self/task"))


def _environment(
    request: dict[str, Any], spec: dict[str, Any], separated: int, function: Handler, parent: int,
    channel_fd: int, output_fd: int,
) -> NoReturn:  # fmt: skip
    """Become an execution environment; never returns."""
    code = 1
    try:
        isolation.attach(parent)
        forget_random()
        channel = Channel(fd=channel_fd)
        for target in (1, 2):
            _dup2(output_fd, target)
        for gone in (3, channel_fd, output_fd):  # others are the function's, opened while it was initialised
            _close(gone)
        private = bool(separated & isolation.FILES)
        old = os.open("/tmp" if private else spec["scratch"], os.O_RDONLY | os.O_DIRECTORY)
        own = isolation.separate_again(separated, spec["kept"], spec["storage"])
        if private and not own & isolation.FILES:
            raise OSError("no /tmp of its own")
        if not private:
            os.environ["TMPDIR"] = request["scratch"]
        _copy(old, os.environ["TMPDIR"], spec["kept"] if private else [])
        own_log_stream()
        context.prepare()
        _restore(channel, function)
    except SystemExit as ending:
        code = runtime.exit_code(ending)
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        _exit(code)


def _restore(channel: Channel, function: Handler) -> NoReturn:
    """Run the hooks, tell how that went, and answer calls."""
    channel.receive(_WAIT_MS)
    debugging.listen()
    try:
        hooks.after_restore()
    except Exception as error:
        channel.reply(runtime.FAILED, runtime.error_payload(error, ""))
        _exit(1)
    channel.reply(runtime.READY, b"")
    runtime.answer_all(channel, function)


def _copy(old: int, to: str, kept: list[str]) -> None:
    """What initialisation left in its temporary directory belongs to it; `kept` is there already."""
    source = f"/proc/self/fd/{old}"

    def left_out(directory: str, names: list[str]) -> list[str]:
        place = to + directory.removeprefix(source)
        return [name for name in names if os.path.join(place, name) in kept]

    if _listdir(old):
        # What is no file (a socket, say) cannot be copied, and belongs to nobody any more.
        with contextlib.suppress(shutil.Error):
            shutil.copytree(source, to, symlinks=True, ignore=left_out, dirs_exist_ok=True)
    _close(old)


def own_log_stream() -> None:
    """Each environment writes to a stream of its own."""
    held = os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME")
    if held:
        os.environ["AWS_LAMBDA_LOG_STREAM_NAME"] = held.rpartition("]")[0] + "]" + os.urandom(16).hex()
