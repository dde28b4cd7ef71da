"""Feed: records of a source into the stream's log, each once, whatever is killed in between.

The positions that a batch leads to are written before the batch is appended, beside the sequence number that
the append will reach: at the next open the log's own last sequence says which of the two holds. Only the
reader appends to such a stream.

    {"sequence": 10, "at": {..}, "next": {"sequence": 20, "at": {..}}}
"""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Callable
from typing import Any

from cloudcore.errors import ApiError, ClosedError

logger = logging.getLogger("cloudcore.firehose")
_PAUSE_FIRST_S, _PAUSE_MAX_S = 0.5, 30.0


class Feed:
    """The positions of one stream's source. `put(records)` appends; `last()` is the log's last sequence."""

    def __init__(
        self, name: str, path: str | None, put: Callable[[list[bytes]], Any], last: Callable[[], int],
        write: Callable[[str, str], None],
    ):  # fmt: skip
        self.name = name
        self._path, self._put, self._last, self._write = path, put, last, write
        self.positions: dict[str, Any] = {}
        if path is not None and os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                found = json.load(file)
            reached = found["next"] is not None and last() >= found["next"]["sequence"]
            self.positions = found["next"]["at"] if reached else found["at"]

    def store(self, records: list[bytes], moved: dict[str, Any]) -> None:
        """Append the records and go to the positions `moved`. Raises ApiError ServiceUnavailableException
        when the stream's disk bound is reached: nothing is stored then."""
        positions = {**self.positions, **moved}
        sequence = self._last()
        if self._path is not None:
            following = {"sequence": sequence + len(records), "at": positions} if records else None
            self._write(
                self._path,
                json.dumps({"sequence": sequence, "at": self.positions if records else positions,
                            "next": following}),
            )  # fmt: skip
        if records:
            self._put(records)
        self.positions = positions


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


def write_atomically(path: str, text: str) -> None:
    """Replace a file as a whole; it is on the disk when this returns."""
    temporary = f"{path}.{os.getpid()}.tmp"
    with open(temporary, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
    handle = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
