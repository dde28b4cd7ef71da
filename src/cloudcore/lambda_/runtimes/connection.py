"""As much HTTP/1.1 as the Runtime API needs: requests off a socket, answers onto it. Nothing to import."""

from __future__ import annotations

import socket
from collections.abc import Iterator

_READ = 1 << 16
_HEAD_MAX = 1 << 16


class Ended(Exception):
    """The other side went away, or does not speak HTTP."""


class Connection:
    """One connection; one request at a time."""

    def __init__(self, link: socket.socket):
        self._link = link
        self._held = bytearray()
        self.headers: dict[str, str] = {}
        self.method = self.path = ""
        self._body: Iterator[bytes] = iter(())

    def next(self) -> bool:
        """Read the head of the next request; False when the peer is done."""
        while (end := self._held.find(b"\r\n\r\n")) < 0:
            if len(self._held) > _HEAD_MAX:
                raise Ended("a head without an end")
            if not self._more():
                return False
        lines = self._held[:end].decode("latin-1").split("\r\n")
        del self._held[: end + 4]
        parts = lines[0].split(" ")
        if len(parts) != 3:
            raise Ended("no request line")
        self.method, self.path = parts[0], parts[1]
        self.headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            self.headers[name.strip().lower()] = value.strip()
        self._body = self._pieces()
        if self.headers.get("expect", "").lower() == "100-continue":
            self._link.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        return True

    def body(self) -> Iterator[bytes]:
        """What is left of the request's body, as it comes; trailers are added to `headers`."""
        return self._body

    def _pieces(self) -> Iterator[bytes]:
        if self.headers.get("transfer-encoding", "").lower() == "chunked":
            yield from self._chunks()
            return
        left = int(self.headers.get("content-length") or 0)
        while left > 0:
            if not self._held:
                self._need()
            piece = bytes(self._held[:left])
            del self._held[: len(piece)]
            left -= len(piece)
            yield piece

    def answer(self, status: str, headers: list[tuple[str, str]], body: bytes) -> None:
        """Answer the request; its body must have been read."""
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers]
        head = "\r\n".join(lines) + "\r\n\r\n"
        try:
            self._link.sendall(head.encode("latin-1", "replace") + body)
        except OSError as error:
            raise Ended(str(error)) from error

    def _chunks(self) -> Iterator[bytes]:
        while True:
            size = int(self._line().partition(b";")[0], 16)
            if size == 0:
                break
            while size > 0:
                if not self._held:
                    self._need()
                piece = bytes(self._held[:size])
                del self._held[: len(piece)]
                size -= len(piece)
                yield piece
            self._line()
        while line := self._line():
            name, _, value = line.decode("latin-1").partition(":")
            self.headers[name.strip().lower()] = value.strip()

    def _line(self) -> bytes:
        while (end := self._held.find(b"\r\n")) < 0:
            if len(self._held) > _HEAD_MAX:
                raise Ended("a line without an end")
            self._need()
        line = bytes(self._held[:end])
        del self._held[: end + 2]
        return line

    def _need(self) -> None:
        if not self._more():
            raise Ended("a body that is cut off")

    def _more(self) -> bool:
        try:
            data = self._link.recv(_READ)
        except OSError as error:
            raise Ended(str(error)) from error
        self._held += data
        return bool(data)
