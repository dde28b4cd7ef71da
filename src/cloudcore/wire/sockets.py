"""Unix sockets that an endpoint listens on.

A socket's file outlives a process that was killed. One that nobody listens on any more is taken away; one
that is served, and any other kind of file, is left alone and refused.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat

_BACKLOG = 1024


def listen(path: str) -> socket.socket:
    """A socket that listens at `path`, for this user alone. Raises OSError: it is served, or no socket."""
    _clear(path)
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        made.bind(path)
        os.chmod(path, 0o600)  # nobody can have connected yet: it does not listen
        made.listen(_BACKLOG)
    except BaseException:
        made.close()
        raise
    return made


def identity(path: str) -> tuple[int, int] | None:
    """What tells a socket's file from another one of the same name."""
    with contextlib.suppress(OSError):
        found = os.stat(path, follow_symlinks=False)
        return found.st_dev, found.st_ino
    return None


def remove(path: str, made: tuple[int, int] | None) -> None:
    """Take the file away, if it is still the one that was made."""
    if made is not None and identity(path) == made:
        with contextlib.suppress(OSError):
            os.unlink(path)


def _clear(path: str) -> None:
    try:
        mode = os.stat(path, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise OSError(errno.EEXIST, "there is a file that is no socket", path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as tried:
        try:
            tried.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)  # of a process that was killed
            return
        except FileNotFoundError:
            return
    raise OSError(errno.EADDRINUSE, "another process serves this socket", path)
