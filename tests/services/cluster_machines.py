"""Machines: network namespaces on one bridge, in a namespace of this thread's own, whose links are cut and made lame.

    this thread: bridge 10.77.0.254 ── 10.77.0.1 machine 0: a server, a node
                                    ├─ 10.77.0.2 machine 1
                                    └─ 10.77.0.3 machine 2
A namespace lives as long as the process that holds it; nothing has a name that could be left behind.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import socket
import subprocess
import threading

import pytest

from conftest import missing

_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def _call(name: str, *arguments: int) -> None:
    if getattr(_libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def _pump(one: socket.socket, other: socket.socket) -> None:
    """All that comes goes on, to its end."""
    with contextlib.suppress(OSError):
        while data := one.recv(1 << 16):
            other.sendall(data)
    with contextlib.suppress(OSError):
        other.shutdown(socket.SHUT_WR)


def _ip(*words: object) -> None:
    subprocess.run(["ip", *map(str, words)], check=True, capture_output=True)


class Machines:
    """`count` of them. The thread that makes them is in their network until close()."""

    def __init__(self, count: int):
        if shutil.which("ip") is None or shutil.which("nsenter") is None:
            missing("ip or nsenter", "apt-get install iproute2 util-linux")
        self._home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        self._holders: list[subprocess.Popen[bytes]] = []
        self._doors: list[int] = []
        self._listeners: list[socket.socket] = []
        try:
            _call("unshare", _NEWNET)
            self._doors.append(os.open("/proc/thread-self/ns/net", os.O_RDONLY))  # it also keeps the bridge alive
            _ip("link", "set", "lo", "up")
            _ip("link", "add", "bridge", "type", "bridge")
        except (OSError, subprocess.CalledProcessError) as error:
            self.close()
            pytest.skip(f"the kernel gives no network namespaces here: {error}")
        try:
            _ip("address", "add", "10.77.0.254/24", "dev", "bridge")
            _ip("link", "set", "bridge", "up")
            for at in range(count):
                self._make(at)
        except BaseException:
            self.close()
            raise

    def _make(self, at: int) -> None:
        command = ["unshare", "--net", "sh", "-c", "echo there; exec cat"]  # it ends with its input, and so with this
        holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._holders.append(holder)
        assert holder.stdout is not None and holder.stdout.readline() == b"there\n"
        self._doors.append(os.open(f"/proc/{holder.pid}/ns/net", os.O_RDONLY))
        _ip("link", "add", f"m{at}", "type", "veth", "peer", "name", "eth", "netns", holder.pid)
        _ip("link", "set", f"m{at}", "master", "bridge", "up")
        self._inside(at, "address", "add", f"{self.host(at)}/24", "dev", "eth")
        for device in ("lo", "eth"):
            self._inside(at, "link", "set", device, "up")

    def host(self, at: int) -> str:
        return f"10.77.0.{at + 1}"

    def prefix(self, at: int) -> list[str]:
        """What a command begins with that is to run there."""
        return ["nsenter", f"--net=/proc/{self._holders[at].pid}/ns/net", "--"]

    def enter(self, at: int) -> None:
        """The sockets that this thread opens from now on are that machine's; -1: beside the bridge."""
        _call("setns", self._doors[at + 1], _NEWNET)

    def _inside(self, at: int, *words: object) -> None:
        subprocess.run([*self.prefix(at), "ip", *map(str, words)], check=True, capture_output=True)

    # -- harm ----------------------------------------------------------------------------------------

    def cut(self, at: int) -> None:
        """Nothing goes in or out."""
        _ip("link", "set", f"m{at}", "down")

    def mute(self, at: int) -> None:
        """It hears the others, which do not hear it."""
        for other in range(len(self._holders)):
            if other != at:
                self._inside(at, "route", "add", "blackhole", f"{self.host(other)}/32")

    def part(self, at: int, other: int) -> None:
        """Two do not hear each other; the third hears both, and they hear it."""
        self._inside(at, "route", "add", "blackhole", f"{self.host(other)}/32")
        self._inside(other, "route", "add", "blackhole", f"{self.host(at)}/32")

    def heal(self) -> None:
        """All is as it was."""
        for at in range(len(self._holders)):
            _ip("link", "set", f"m{at}", "up")
            self._inside(at, "route", "flush", "type", "blackhole")

    def relay(self, port: int) -> str:
        """Where the machines reach a port of the loopback that this thread came from, as HOST:PORT."""
        listener = socket.create_server(("10.77.0.254", 0))
        home = os.dup(self._home)

        def run() -> None:
            _call("setns", home, _NEWNET)
            os.close(home)
            while True:
                try:
                    here = listener.accept()[0]
                except OSError:
                    return
                try:
                    there = socket.create_connection(("127.0.0.1", port))
                except OSError:
                    here.close()
                    continue
                for one, other in ((here, there), (there, here)):
                    threading.Thread(target=_pump, args=(one, other), daemon=True).start()

        threading.Thread(target=run, daemon=True).start()
        self._listeners.append(listener)
        return f"10.77.0.254:{listener.getsockname()[1]}"

    def close(self) -> None:
        """This thread is where it was, and the machines are gone."""
        _call("setns", self._home, _NEWNET)
        os.close(self._home)
        for listener in self._listeners:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        for door in self._doors:
            os.close(door)
        for holder in self._holders:
            holder.kill()
            holder.communicate()
