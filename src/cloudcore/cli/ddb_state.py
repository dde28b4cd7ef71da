"""How far a copy of a table came: one small file a copy, in the user's state directory until it is done."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from dataclasses import asdict, dataclass, field
from typing import Any

from cloudcore import __version__

SAVE_EVERY_SECONDS = 1.0


@dataclass
class Segment:
    """One of the parallel scans: what of it the destination has acknowledged."""

    number: int
    start: dict[str, Any] | None = None  # the key behind which the next page begins
    done: bool = False
    items: int = 0
    checksum: int = 0

    def advance(self, items: int, checksum: int, start: dict[str, Any] | None) -> None:
        """A page more is there; `start` None: the last one."""
        self.items += items
        self.checksum = self.checksum + checksum & (1 << 64) - 1
        self.start, self.done = start, start is None


@dataclass
class CopyState:
    """The whole copy. `begun`: an earlier run has left it."""

    path: str
    identity: dict[str, Any]
    segments: list[Segment]
    begun: bool = False
    saved: float = field(default_factory=time.monotonic)

    @classmethod
    def find(cls, directory: str | None, identity: dict[str, Any], segments: int, restart: bool) -> CopyState:
        """The state of the copy that `identity` says: what is there, else a new one of so many segments."""
        if segments < 1:
            raise ValueError(f"a scan has one segment or more, not {segments}")
        home = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
        directory = directory or os.path.join(home, "cloudcore")
        os.makedirs(directory, exist_ok=True)
        identity = {"version": __version__, **identity}  # a checksum is that of one version
        name = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]
        path = os.path.join(directory, f"copy-{name}.json")
        fresh = [Segment(number) for number in range(segments)]
        with contextlib.suppress(FileNotFoundError, ValueError, KeyError, TypeError):
            with open(path, encoding="utf-8") as file:
                found = json.load(file)
            if found["identity"] == identity:
                kept = [Segment(**one) for one in found["segments"]]
                return cls(path, identity, fresh if restart else kept, True)
        return cls(path, identity, fresh)

    @property
    def items(self) -> int:
        """Items copied so far."""
        return sum(segment.items for segment in self.segments)

    @property
    def checksum(self) -> int:
        """Of the items copied so far."""
        return sum(segment.checksum for segment in self.segments) & (1 << 64) - 1

    def save(self) -> None:
        """Leave it on the disk, whole or not at all."""
        with open(self.path + ".new", "w", encoding="utf-8") as file:
            json.dump({"identity": self.identity, "segments": [asdict(one) for one in self.segments]}, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(self.path + ".new", self.path)
        self.saved = time.monotonic()

    def save_sometimes(self) -> None:
        """Save it if the last time is a while ago: a page copied twice does no harm."""
        if time.monotonic() - self.saved >= SAVE_EVERY_SECONDS:
            self.save()

    def forget(self) -> None:
        """The copy is done."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)
