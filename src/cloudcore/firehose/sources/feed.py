"""Feed: records of a source into the stream's log, each once, whatever is killed in between.

The positions that a batch leads to are written before the batch is appended, beside the sequence number that
the append will reach: at the next open the log's own last sequence says which of the two holds, or how many
of the records are there when the append was cut off in the middle: these are skipped when they come again.
Only the reader appends to such a stream.

    {"sequence": 10, "at": {..}, "skip": {..}, "next": null or the same, with the "key" of its shard}
"""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Callable
from typing import Any

from cloudcore.errors import ApiError, ClosedError
from cloudcore.firehose.sources.origins import Origins

logger = logging.getLogger("cloudcore.firehose")
_PAUSE_FIRST_S, _PAUSE_MAX_S = 0.5, 30.0


class Feed:
    """The positions of one stream's source. `put(records, origins)` appends; `last()` is the log's last
    sequence."""

    def __init__(
        self, name: str, path: str | None, put: Callable[[list[bytes], Origins | None], Any],
        last: Callable[[], int],
        write: Callable[[str, str], None],
    ):  # fmt: skip
        self.name = name
        self._path, self._put, self._last, self._write = path, put, last, write
        self.positions: dict[str, Any] = {}
        self._skip: dict[str, int] = {}  # by shard: how many records behind its position are stored already
        if path is not None and os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                found = json.load(file)
            following = found["next"]
            if following is not None and last() >= following["sequence"]:
                found = following
            self.positions, self._skip = found["at"], found.get("skip", {})
            if following is not None and found is not following:
                self._stored(following.get("key"), last() - found["sequence"])

    def store(self, records: list[bytes], moved: dict[str, Any], origins: Origins | None = None) -> None:
        """Append the records, all of one shard, and go to the positions `moved`. Raises ApiError
        ServiceUnavailableException when the stream's bound is reached: what was stored until then is skipped
        when it comes again."""
        positions, skip, key = {**self.positions, **moved}, dict(self._skip), next(iter(moved), None)
        there = min(skip.get(key or "", 0), len(records))
        if there and key is not None:
            records, origins = records[there:], origins and origins.cut(there)
            skip[key] -= there
        sequence = self._last()
        now = {"sequence": sequence, "at": self.positions, "skip": self._skip}
        following = {"sequence": sequence + len(records), "at": positions, "skip": skip}
        if self._path is not None:
            told = {**now, "next": {**following, "key": key}} if records else {**following, "next": None}
            self._write(self._path, json.dumps(told))
        if records:
            try:
                self._put(records, origins)
            except Exception:
                self._stored(key, self._last() - sequence)
                raise
        self.positions, self._skip = positions, skip

    def _stored(self, key: str | None, count: int) -> None:
        if key is not None and count > 0:
            self._skip = {**self._skip, key: self._skip.get(key, 0) + count}


class Reader(threading.Thread):
    """Reads a source on a thread of its own: run() calls step() until stop(), and waits when it fails."""

    def __init__(self, feed: Feed):
        super().__init__(name=f"source-{feed.name}", daemon=True)
        self.feed = feed
        self.stopping = threading.Event()

    def step(self) -> float:
        """Take what is there; how many seconds to wait before the next step."""
        raise NotImplementedError

    def release(self) -> None:
        """Let go of connections."""

    def stop(self) -> None:
        self.stopping.set()
        if self.is_alive():
            self.join(20)

    def run(self) -> None:
        pause = _PAUSE_FIRST_S
        told = False
        try:
            while not self.stopping.is_set():
                try:
                    wait = self.step()
                    pause, told = _PAUSE_FIRST_S, False
                except ClosedError:
                    return
                except Exception as error:
                    full = isinstance(error, ApiError) and error.code == "ServiceUnavailableException"
                    if not told and not full and not self.stopping.is_set():
                        logger.warning("%s: its source cannot be read: %s", self.feed.name, error)
                        told = True
                    wait, pause = pause, min(pause * 2, _PAUSE_MAX_S)
                self.stopping.wait(wait)
        finally:
            self.release()


def write_atomically(path: str, text: str | bytes) -> None:
    """Replace a file as a whole; it is on the disk when this returns."""
    temporary = f"{path}.{os.getpid()}.tmp"
    with open(temporary, "wb") as file:
        file.write(text.encode() if isinstance(text, str) else text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
    handle = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
