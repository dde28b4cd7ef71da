"""The owner's side of the zygotes: asking them, preparing a version's own, letting them go."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import socket
import tempfile
import threading
import time
from typing import Any

from cloudcore.lambda_ import launch, supervisor, zygote

_JOIN_S = 5.0


class Zygote:
    """One zygote: `ask` it. `process` is set on the shared one only."""

    def __init__(self, link: socket.socket, pid: int, process: multiprocessing.process.BaseProcess | None):
        self.link, self.pid, self.process = link, pid, process
        self.alive = True
        self.snapshot = False  # it has initialised a function (snapshots.py)
        self.used = time.monotonic()
        self._lock = threading.Lock()

    def ask(self, request: dict[str, Any], descriptors: list[int] | None = None) -> dict[str, Any]:
        """One request, one reply. ConnectionError when the zygote ended."""
        with self._lock:
            if not self.alive:
                raise ConnectionError("the zygote ended")
            try:
                socket.send_fds(self.link, [json.dumps(request).encode()], descriptors or [])
                data = self.link.recv(zygote.MESSAGE_MAX)
            except OSError as error:
                self.alive = False
                raise ConnectionError("the zygote ended") from error
            if not data:
                self.alive = False
                raise ConnectionError("the zygote ended")
        self.used = time.monotonic()
        reply: dict[str, Any] = json.loads(data)
        return reply

    def close(self) -> None:
        """End it and what it forked."""
        with self._lock:
            self.alive = False
            self.link.close()
        if self.process is not None:
            self.process.join(_JOIN_S)
            if self.process.is_alive():
                self.process.kill()
                self.process.join()
            self.process.close()


class Shared:
    """The shared zygote of this process: started at need, ended when idle or when no pool is left."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.lock = threading.Lock()
        self.zygote: Zygote | None = None
        self.pools = 0
        self.children = 0
        self.idle_s = 0.0
        self.base = ""  # of the environments' temporary directories; the zygote removes it at its end

    def _base(self) -> str:
        if not os.path.isdir(self.base):
            self.base = tempfile.mkdtemp(prefix="cloudcore-fn-")
        return self.base

    def scratch(self) -> str:
        """A new temporary directory for an environment."""
        self.get()
        with self.lock:
            return tempfile.mkdtemp(dir=self._base())

    def get(self) -> Zygote:
        """The zygote; started when there is none or it ended."""
        with self.lock:
            if self.zygote is not None and not self.zygote.alive:
                self.zygote.close()
                self.zygote = None
            if self.zygote is None:
                ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                with theirs:
                    process = launch.Process(theirs.fileno(), self._base())
                    process.start()
                self.zygote = Zygote(ours, process.pid or 0, process)
                self._schedule()
            return self.zygote

    def opened(self, idle_s: float) -> None:
        with self.lock:
            self.pools += 1
            self.idle_s = max(self.idle_s, idle_s)

    def closed(self) -> None:
        with self.lock:
            self.pools -= 1
            gone = self._unneeded()
        if gone is not None:
            gone.close()

    def count(self, change: int) -> None:
        """Environments and zygotes that were forked (+1) or ended (-1)."""
        with self.lock:
            self.children += change
            gone = self._unneeded()
            if self.zygote is not None:
                self.zygote.used = time.monotonic()
                if self.children == 0:
                    self._schedule()
        if gone is not None:
            gone.close()

    def _unneeded(self) -> Zygote | None:
        """The zygote, taken out, when no pool is open and no call is under way."""
        if self.pools or self.children:
            return None
        self.idle_s = 0.0
        gone, self.zygote = self.zygote, None
        return gone

    def _schedule(self) -> None:
        supervisor.current().schedule(self, time.monotonic() + self.idle_s, self._tick)

    def _tick(self, now: float) -> float | None:
        with self.lock:
            if self.zygote is None or self.children:
                return None
            due = self.zygote.used + self.idle_s
            if now < due:
                return due
            gone, self.zygote = self.zygote, None
        gone.close()
        return None


_shared: Shared | None = None
_shared_lock = threading.Lock()


def shared() -> Shared:
    """This process's shared zygote; a forked child has one of its own."""
    global _shared
    with _shared_lock:
        if _shared is None or _shared.pid != os.getpid():
            _shared = Shared()
        return _shared


class Version:
    """The zygote of one function version: none yet, being prepared, ready, or given up.

    It is prepared in the background after the first environment has told what it imported. A library
    that starts threads (or drags user code in) spoils a zygote; it is left out and the rest tried
    again, a few times.
    """

    ATTEMPTS = 4

    def __init__(self, root: str, environment: dict[str, str], opt: str = ""):
        self.root, self.environment, self.opt = root, environment, opt
        self.lock = threading.Lock()
        self.ready: Zygote | None = None
        self.wanted: list[str] | None = None
        self._preparing: Zygote | None = None
        self._attempts = 0
        self._closed = False

    def get(self) -> Zygote | None:
        with self.lock:
            if self.ready is not None and not self.ready.alive:
                self._drop()
            return self.ready

    def prepare(self, libraries: list[str] | None = None) -> None:
        """Start preparing unless that is done, under way or known to be of no use."""
        with self.lock:
            if libraries is not None and self.wanted is None:
                self.wanted = libraries
            if not self.wanted or self.ready or self._preparing or self._closed:
                return
            if self._attempts >= self.ATTEMPTS:
                return
            self._attempts += 1
            request = {
                "libraries": self.wanted, "root": self.root, "opt": self.opt, "environment": self.environment,
            }  # fmt: skip
            if len(json.dumps(request)) > zygote.MESSAGE_MAX - 1024:
                self.wanted = []
                return
            parent = shared().get()
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs:
                try:
                    pid = parent.ask({"zygote": request}, [theirs.fileno()]).get("pid")
                except ConnectionError:
                    pid = None
            if pid is None:
                ours.close()
                return
            self._preparing = made = Zygote(ours, pid, None)
        shared().count(1)
        supervisor.current().watch(ours.fileno(), lambda: self._prepared(made))

    def _prepared(self, made: Zygote) -> None:
        try:
            told = json.loads(made.link.recv(zygote.MESSAGE_MAX) or b"{}")
        except OSError:
            told = {}
        with self.lock:
            if self._preparing is not made:
                return
            self._preparing = None
            if told.get("ready") and not self._closed:
                self.ready = made
                self._attempts = 0
                return
            if "spoiled" in told and self.wanted:
                top = told["spoiled"]
                self.wanted = [name for name in self.wanted if name.partition(".")[0] != top]
        _end(made)
        if "spoiled" in told:
            self.prepare()

    def retire(self) -> None:
        """Let the zygote go; a later first environment prepares it again."""
        with self.lock:
            self._drop()

    def close(self) -> None:
        with self.lock:
            self._closed = True
            self._drop()
            made, self._preparing = self._preparing, None
        if made is not None:
            supervisor.current().forget(made.link.fileno())
            _end(made)

    def _drop(self) -> None:
        if self.ready is not None:
            gone, self.ready = self.ready, None
            _end(gone)


def _end(gone: Zygote) -> None:
    """End a version's zygote and have its parent reap it."""
    gone.close()
    with contextlib.suppress(ProcessLookupError):
        os.kill(gone.pid, 9)
    with contextlib.suppress(ConnectionError):
        found = shared().zygote
        if found is not None:
            found.ask({"reap": gone.pid})
    shared().count(-1)
