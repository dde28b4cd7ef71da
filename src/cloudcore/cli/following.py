"""Following: new lines of files that grow, are renamed, truncated or replaced; and where each was left.

A file is its device and inode; a checkpoint {"<device>:<inode>": {"path", "offset", "head"}} also knows its
first bytes, so that an inode that was given to another file is not taken for the old one. A file that was
renamed while nobody looked is found beside its old path, and is read to its end before the new one. What its
writer still puts into a file that was renamed is followed until nothing came for a while.
"""

from __future__ import annotations

import base64
import glob
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from cloudcore.errors import ApiError

_RECORDS, _BYTES, _LINE = 500, 4 << 20, 1_000_000
_BLOCK = 1 << 20
_HEAD = 64
_PAUSE_FIRST_S, _PAUSE_MAX_S = 0.2, 10.0
_LINGER_S = 10.0
"""How long a file that lost its path is looked at without a new line in it."""


@dataclass
class _File:
    path: str
    handle: Any
    offset: int = 0
    gone: bool = False  # the path is another file's now: read to its end, wait for more, then forget
    seen: int = -1
    quiet_since: float | None = None  # since when a file that is gone has had the size `seen`
    identity: str = field(init=False)

    def __post_init__(self) -> None:
        found = os.fstat(self.handle.fileno())
        self.identity = f"{found.st_dev}:{found.st_ino}"

    def head(self) -> str:
        return base64.b64encode(os.pread(self.handle.fileno(), _HEAD, 0)).decode()


class Follower:
    """Sends lines by `put(base64 texts) -> whether each was taken`, in order within each file."""

    def __init__(
        self, patterns: list[str], checkpoint: str, put: Callable[[list[str]], list[bool]], from_end: bool,
        linger: float = _LINGER_S,
    ):  # fmt: skip
        self._linger = linger
        self._patterns, self._checkpoint, self._put, self._from_end = patterns, checkpoint, put, from_end
        self._files: dict[str, _File] = {}
        self._known: dict[str, dict[str, Any]] = {}
        if os.path.exists(checkpoint):
            with open(checkpoint, encoding="utf-8") as file:
                self._known = json.load(file)
        self._first = True

    def run(self, stop: threading.Event, once: bool, interval: float) -> int:
        """Follow until `stop`; with `once` to the ends. How many records were acknowledged."""
        sent = 0
        try:
            while not stop.is_set():
                self._look()
                sent += self._drain(stop, once)
                if once:
                    break
                stop.wait(interval)
        finally:
            for file in self._files.values():
                file.handle.close()
        return sent

    def _look(self) -> None:
        """Find the files of the patterns, and which of those that are open have lost their path."""
        paths = {p for pattern in self._patterns for p in (glob.glob(pattern) or [pattern])}
        if self._first:
            self._open_renamed(paths)
        for path in sorted(paths):
            try:
                handle = open(path, "rb")  # noqa: SIM115
            except (FileNotFoundError, IsADirectoryError):
                continue
            file = _File(path, handle)
            if file.identity in self._files:
                handle.close()
                self._files[file.identity].path = path
                continue
            for other in self._files.values():
                other.gone = other.gone or other.path == path
            self._begin(file)
        self._first = False

    def _begin(self, file: _File) -> None:
        known = self._known.get(file.identity)
        size = os.fstat(file.handle.fileno()).st_size
        if known is not None and size >= known["offset"] and self._same(file, known):
            file.offset = known["offset"]
        elif known is None and self._from_end and self._first:
            file.offset = size
        self._files[file.identity] = file

    def _open_renamed(self, paths: set[str]) -> None:
        """Files of the checkpoint that were renamed since: among the neighbours of their old path."""
        for identity, known in list(self._known.items()):
            for path in glob.glob(glob.escape(known["path"]) + "*"):
                if path in paths:
                    continue
                try:
                    handle = open(path, "rb")  # noqa: SIM115
                except OSError:
                    continue
                file = _File(path, handle, gone=True)
                if file.identity == identity and self._same(file, known):
                    file.offset = known["offset"]
                    self._files[identity] = file
                    break
                handle.close()

    @staticmethod
    def _same(file: _File, known: dict[str, Any]) -> bool:
        head = base64.b64decode(known.get("head", ""))
        return base64.b64decode(file.head()).startswith(head)

    def _drain(self, stop: threading.Event, once: bool) -> int:
        sent = 0
        # Old files first: lines of one path arrive in their order.
        for identity, file in sorted(self._files.items(), key=lambda each: not each[1].gone):
            size = os.fstat(file.handle.fileno()).st_size
            if size < file.offset:
                file.offset = 0  # it was truncated
            rested = once or self._rested(file, size)
            whole = once or (file.gone and rested)
            for records, behind in _batches(file, whole):
                if not self._send(records, stop):
                    return sent
                sent += len(records)
                file.offset = behind
                self._note(identity, file)
            if file.gone and rested:
                file.handle.close()
                del self._files[identity]
                self._known.pop(identity, None)
                self._write()
        return sent

    def _rested(self, file: _File, size: int) -> bool:
        """Whether a file that is gone had nothing new for long enough to be forgotten."""
        now = time.monotonic()
        if not file.gone or size != file.seen or file.quiet_since is None:
            file.quiet_since, file.seen = now, size
        return file.gone and now - file.quiet_since >= self._linger

    def _send(self, records: list[bytes], stop: threading.Event) -> bool:
        """Until all are acknowledged; False when it was stopped before."""
        left = [base64.b64encode(record).decode() for record in records]
        pause = _PAUSE_FIRST_S
        while left:
            try:
                taken = self._put(left)
            except (ApiError, OSError) as error:
                if isinstance(error, ApiError) and error.code == "ValidationException":
                    raise
                taken = [False] * len(left)
            left = [record for record, ok in zip(left, taken, strict=True) if not ok]
            if left and stop.wait(pause):
                return False
            pause = min(pause * 2, _PAUSE_MAX_S)
        return True

    def _note(self, identity: str, file: _File) -> None:
        self._known[identity] = {"path": file.path, "offset": file.offset, "head": file.head()}
        self._write()

    def _write(self) -> None:
        temporary = f"{self._checkpoint}.tmp"
        with open(temporary, "w", encoding="utf-8") as out:
            json.dump(self._known, out)
            out.flush()
            os.fsync(out.fileno())
        os.replace(temporary, self._checkpoint)


def _batches(file: _File, whole: bool) -> Iterator[tuple[list[bytes], int]]:
    """(records, offset behind them) of what is new. `whole`: a last line without its break is one too."""
    records: list[bytes] = []
    size, behind = 0, file.offset
    for line in _lines(file, whole):
        if records and (len(records) == _RECORDS or size + len(line) > _BYTES):
            yield records, behind
            records, size = [], 0
        records.append(line)
        size += len(line)
        behind += len(line)
    if records:
        yield records, behind


def _lines(file: _File, whole: bool) -> Iterator[bytes]:
    """Lines from the file's offset on; one of more than _LINE bytes comes in pieces."""
    at, rest = file.offset, b""
    while True:
        block = os.pread(file.handle.fileno(), _BLOCK, at)
        at += len(block)
        lines = (rest + block).split(b"\n")
        rest = lines.pop()
        for line in lines:
            yield from _pieces(line + b"\n")
        while len(rest) > _LINE:
            yield rest[:_LINE]
            rest = rest[_LINE:]
        if not block:
            break
    if rest and whole:
        yield rest


def _pieces(line: bytes) -> Iterator[bytes]:
    for begin in range(0, len(line), _LINE):
        yield line[begin : begin + _LINE]
