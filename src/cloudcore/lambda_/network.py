"""Functions without a network: CLOUDCORE_NETWORK=none, a variable of the function.

Their environments have a network of their own, in which there is a loopback and nothing else. The cloud's
listener is there all the same, at the address that AWS_ENDPOINT_URL names: the environment listens at it and
hands the socket to its owner, who passes on what comes.

    handler -> 127.0.0.1 of its network -> Door (a thread of the owner) -> the cloud's listener
"""

from __future__ import annotations

import contextlib
import socket
import threading
from urllib.parse import urlsplit

from cloudcore._channel import own_network

VARIABLE = "CLOUDCORE_NETWORK"
NONE, HOST = "none", "host"
_PIECE = 1 << 16


def address_of(endpoint_url: str) -> tuple[str, int] | None:
    """Where a listener on this machine is."""
    found = urlsplit(endpoint_url)
    return (found.hostname, found.port) if found.hostname == "127.0.0.1" and found.port else None


def leave(door: int, endpoint_url: str) -> None:
    """In the environment, before it is isolated: give up the machine's network. Raises OSError."""
    if not own_network():
        raise OSError(f"{VARIABLE}={NONE}: this machine gives processes no network of their own")
    address = address_of(endpoint_url)
    with socket.socket(fileno=door) as link:
        if address is not None:
            with socket.create_server(address) as listener:
                socket.send_fds(link, [b"."], [listener.fileno()])


class Door:
    """The owner's side, of one environment: its end of the socket `link`. Close it when that ends."""

    def __init__(self, link: socket.socket, address: tuple[str, int] | None):
        self._link, self._address = link, address
        self._listener: socket.socket | None = None
        self._lock = threading.Lock()
        self._closed = False
        threading.Thread(target=self._run, name="cloudcore-lambda-door", daemon=True).start()

    def _run(self) -> None:
        with self._link:
            _, found, _, _ = socket.recv_fds(self._link, 1, 1)
        if not found or self._address is None:
            return
        with socket.socket(fileno=found[0]) as listener:
            with self._lock:
                self._listener = listener
                if self._closed:
                    return
            with contextlib.suppress(OSError):  # closed
                while True:
                    self._pass_on(listener.accept()[0])

    def _pass_on(self, inside: socket.socket) -> None:
        assert self._address is not None
        try:
            outside = socket.create_connection(self._address)
        except OSError:
            inside.close()
            return
        ends = threading.Semaphore(0)
        for source, target in ((inside, outside), (outside, inside)):
            args = (source, target, ends)
            threading.Thread(target=_pump, args=args, name="cloudcore-lambda-door", daemon=True).start()

    def close(self) -> None:
        """Take no further connections; those that are open end with the environment."""
        with self._lock:
            self._closed = True
            if self._listener is not None:
                with contextlib.suppress(OSError):
                    self._listener.shutdown(socket.SHUT_RDWR)  # wakes accept


def _pump(source: socket.socket, target: socket.socket, ends: threading.Semaphore) -> None:
    """One direction of a connection; the second one to end closes both sockets."""
    with contextlib.suppress(OSError):
        while data := source.recv(_PIECE):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
    if ends.acquire(blocking=False):
        source.close()
        target.close()
    else:
        ends.release()
