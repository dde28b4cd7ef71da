"""A function's log: what its environments wrote, with START, END and REPORT lines, in a bounded file."""

from __future__ import annotations

import logging
import os
import threading

FILE_MAX = 16 << 20
_log = logging.getLogger("cloudcore.lambda")


class FunctionLog:
    """Appends to `path`; at 16 MiB the file becomes `path`.1 and a new one begins."""

    def __init__(self, path: str):
        self.path = path
        self._lock = threading.Lock()
        self._file = -1
        self._size = 0
        self._closed = False

    def write(self, text: bytes) -> None:
        """Append the lines of one invocation as a whole; nothing more once the log is closed.

        A log that cannot be written, on a full disk say, is a warning: the caller has a result to give.
        """
        with self._lock:
            if self._closed:
                return
            try:
                self._append(text)
            except OSError as error:
                _log.warning("lines of %s are lost: %s", self.path, error)

    def _append(self, text: bytes) -> None:
        if self._file >= 0 and self._size + len(text) > FILE_MAX:
            done, self._file = self._file, -1
            os.close(done)
            os.replace(self.path, self.path + ".1")
        if self._file < 0:
            self._open()
        os.write(self._file, text)
        self._size += len(text)

    def tail(self, size: int = 1 << 20) -> bytes:
        """The last `size` bytes."""
        with self._lock:
            try:
                with open(self.path, "rb") as file:
                    file.seek(max(0, os.fstat(file.fileno()).st_size - size))
                    return file.read()
            except FileNotFoundError:
                return b""

    def close(self) -> None:
        with self._lock:
            self._closed = True
            if self._file >= 0:
                os.close(self._file)
                self._file = -1

    def _open(self) -> None:
        self._file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        self._size = os.fstat(self._file).st_size
