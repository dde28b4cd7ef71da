"""The processes that execution environments are forked from. They hold no user code and no store.

The shared zygote is started by a `multiprocessing` process and has imported the runtime and its base
libraries; the zygote of one function version is forked from it and has imported that version's
libraries as well. Each has one thread and reads requests from its socket:

    {"fork": ...} with two descriptors (channel, output)  -> {"pid": n}, or {"threads": n}: refused
    and those that its "more" names: "link", a snapshot's (snapshot.py), "door" (network.py)
    {"zygote": ...} with one descriptor (its socket)      -> {"pid": n}; the new zygote says
                                                            {"ready": true} or why not
    {"reap": pid}                                         -> {"how": waitpid status}

When its socket ends or the owner's process does, it kills its children and exits; if it is killed,
they die with it by PR_SET_PDEATHSIG.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import io
import json
import os
import select
import shutil
import signal
import socket
import sys
import time
from typing import Any, NoReturn

from cloudcore._channel import Channel, adopt_orphans, drop_storage, mount_storage, own_mounts
from cloudcore.lambda_ import hooks, isolation, network, runtime, snapshot
from cloudcore.lambda_.runtimes import shim

MESSAGE_MAX = 192 * 1024
_DESCRIPTORS_MAX = 1 << 20


def main(link: int, owner: int, scratch: str) -> None:
    """The shared zygote: serve until the owner's end of the socket `link` is closed or it ends.

    `scratch` is the directory of all temporary directories, removed at the end.
    """
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    own_mounts()  # so that temporary directories can have a size, and outlive an environment
    try:
        _Zygote(link, owner).serve()
    finally:
        with contextlib.suppress(OSError):
            for entry in os.scandir(scratch):
                drop_storage(os.fsencode(entry.path))
        shutil.rmtree(scratch, ignore_errors=True)


def _give_storage(spec: dict[str, Any]) -> None:
    """Bound what the environment can keep in its temporary directory, unless its predecessor left it one."""
    scratch = spec["scratch"]
    if spec["storage"] and not os.path.ismount(scratch):
        mount_storage(os.fsencode(scratch), spec["storage"])


def _threads() -> int:
    return len(os.listdir("/proc/self/task"))


class _Zygote:
    def __init__(self, link: int, owner: int):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        adopt_orphans()
        self.link = socket.socket(fileno=link)
        self.children: set[int] = set()
        self.before = set(sys.modules)
        self.poll = select.poll()
        self.poll.register(self.link, select.POLLIN)
        if owner:
            # The socket alone would not do: a forked child of the owner may hold its other end.
            self.poll.register(os.pidfd_open(owner), select.POLLIN)

    def serve(self) -> None:
        gc.freeze()
        try:
            while True:
                events = dict(self.poll.poll())
                if self.link.fileno() not in events:
                    break
                data, descriptors, _, _ = socket.recv_fds(self.link, MESSAGE_MAX, 4)
                if not data:
                    break
                reply = self.answer(json.loads(data), descriptors)
                for descriptor in descriptors:
                    os.close(descriptor)
                self.link.send(json.dumps(reply).encode())
        except (BrokenPipeError, ConnectionResetError):
            pass
        finally:
            for pid in self.children:
                with contextlib.suppress(OSError):
                    os.killpg(pid, signal.SIGKILL)
            self.kill_orphans(set())

    def answer(self, request: dict[str, Any], descriptors: list[int]) -> dict[str, Any]:
        if "reap" in request:
            return {"how": self.reap(request["reap"])}
        if _threads() > 1:
            return {"threads": _threads()}
        if "fork" in request:
            _give_storage(request["fork"])
        parent, before = os.getpid(), self.before
        pid = os.fork()
        if pid == 0:
            if "fork" in request:
                _environment(request["fork"], parent, before, *descriptors)
            _version_zygote(request["zygote"], parent, *descriptors)
        self.children.add(pid)
        return {"pid": pid}

    def reap(self, pid: int) -> int:
        """End the child and what it left behind; the child's status."""
        if pid not in self.children:
            return 0
        self.children.discard(pid)
        how = os.waitpid(pid, 0)[1]
        # Environments keep their own orphans, so whoever is here unknown lost its environment.
        self.kill_orphans(self.children)
        return how

    def kill_orphans(self, known: set[int]) -> None:
        path = f"/proc/self/task/{os.getpid()}/children"
        while True:
            with open(path, "rb") as found:
                strangers = {int(pid) for pid in found.read().split()} - known
            if not strangers:
                return
            for pid in strangers:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
                    os.waitpid(pid, 0)


def _enter(variables: dict[str, str], root: str, opt: str) -> None:
    os.environ.clear()
    os.environ.update(variables)
    time.tzset()
    os.chdir(root)
    sys.path[:0] = [root, *_library_places(opt)]
    sys.path.append(hooks.PLACE)


def _library_places(opt: str) -> list[str]:
    """Where modules of layers are found."""
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    return [f"{opt}/python/lib/{version}/site-packages", f"{opt}/python"] if opt else []


def _see_opt(opt: str) -> None:
    """Find modules of layers by the names that functions know, /opt/python."""
    places = _library_places(opt)
    sys.path[:] = ["/opt" + path.removeprefix(opt) if path in places else path for path in sys.path]


def _environment(
    spec: dict[str, Any], parent: int, before: set[str], channel_fd: int, output_fd: int, *more: int
) -> NoReturn:
    """Become an execution environment; never returns."""
    code = 1
    try:
        isolation.attach(parent)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        channel = Channel(fd=channel_fd)
        null = os.open(os.devnull, os.O_RDONLY)
        for target, source in ((0, null), (1, output_fd), (2, output_fd)):
            os.dup2(source, target)
        passed = dict(zip(spec["more"], more, strict=True))
        if "door" in passed:
            network.leave(passed["door"], spec["endpoint"])
        link = passed.get("link", -1)
        if link >= 0:
            os.dup2(link, 3)
        os.closerange(3 + (link >= 0), _DESCRIPTORS_MAX)
        sys.stdin = open(0, closefd=False)  # noqa: SIM115
        for name, descriptor in (("stdout", 1), ("stderr", 2)):
            # Unbuffered, so that nothing is lost however the process ends.
            raw = io.FileIO(descriptor, "w", closefd=False)
            stream = io.TextIOWrapper(raw, "utf-8", "backslashreplace", write_through=True)
            setattr(sys, name, stream)
        isolation.confine()
        needs = (spec["program"] or {}).get("needs", ())
        separated, kept = isolation.separate(
            spec["root"], spec["scratch"], spec["hidden"], spec["opt"], needs, link >= 0
        )
        if not spec["warmed"]:
            _enter(spec["environment"], spec["root"], spec["opt"])
        if spec["opt"] and separated & isolation.FILES and os.path.isdir("/opt"):
            _see_opt(spec["opt"])
        os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"] = spec["initialization"]
        os.environ["TMPDIR"] = "/tmp" if separated & isolation.FILES else spec["scratch"]
        snapshot.own_log_stream()
        if "tempfile" in sys.modules:
            sys.modules["tempfile"].tempdir = None  # type: ignore[attr-defined]
        if link >= 0:
            snapshot.serve(channel, spec, separated, kept)
        if spec["program"]:
            shim.serve(channel, spec["program"])
        runtime.serve(channel, spec["handler"], spec["root"], before if spec["report"] else None)
    except SystemExit as ending:
        code = runtime.exit_code(ending)
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        os._exit(code)


def _version_zygote(spec: dict[str, Any], parent: int, link: int) -> NoReturn:
    """Import the libraries of one function version, then serve; never returns."""
    try:
        isolation.attach(parent)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.dup2(link, 3)
        os.closerange(4, _DESCRIPTORS_MAX)
        _enter(spec["environment"], spec["root"], spec["opt"])
        child = _Zygote(3, 0)
        child.link.send(json.dumps(_import(spec["libraries"], spec["root"])).encode())
        child.serve()
    except BrokenPipeError:  # whoever asked for it was killed
        pass
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        os._exit(0)


def _import(names: list[str], root: str) -> dict[str, Any]:
    """Import what an environment was seen to import; {"ready": True}, or who spoils the zygote."""
    inside = os.path.join(os.path.realpath(root), "")
    for name in names:
        if name in sys.modules:
            continue
        # What cannot be imported ahead is imported, or fails, in the environment.
        with contextlib.suppress(BaseException):
            importlib.import_module(name)
        if _threads() > 1:
            return {"spoiled": name.partition(".")[0], "why": "threads"}
    for name, module in list(sys.modules.items()):
        source = getattr(module, "__file__", None)
        if isinstance(source, str) and os.path.realpath(source).startswith(inside):
            return {"spoiled": name.partition(".")[0], "why": "user code"}
    return {"ready": True}
