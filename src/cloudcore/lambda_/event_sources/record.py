"""Record: one of the records that a function is called with, and what a mapping must know of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

Place = Any
"""Where reading of a shard goes on, as JSON has it."""


@dataclass(slots=True, eq=False)
class Record:
    """`event` is what the function sees."""

    event: dict[str, Any]
    number: str
    """By which the function names it when it failed."""
    key: str
    """Records of one key are handled one after the other."""
    at: float
    """When it came, epoch seconds."""
    size: int
    """Bytes of its event."""
    place: Place
    """Behind it."""
    data: Any = None
    """What filters see in the place of the member that holds it."""
    done: bool = False


class Source(Protocol):
    """A stream, read by one thread; any thread may wake() it."""

    info: str
    """The member that tells of it in the record of a failure."""

    def shards(self, at: dict[str, Place]) -> Sequence[str]:
        """What can be read now, when everything in front of these places is done."""

    def read(self, shard: str, place: Place, limit: int) -> tuple[list[Record], Place, bool]:
        """(records, the place behind them, whether the shard ends there)."""

    def behind(self, shard: str) -> float:
        """Up to how many seconds before now everything was read, by the last read; inf: it is not known."""

    def gone(self, at: dict[str, Place]) -> Sequence[str]:
        """Whose places need not be kept any more."""

    def shard_id(self, shard: str, record: Record) -> str:
        """The id of the shard that a record lies in."""

    def wait(self, seconds: float) -> None:
        """Until there may be more."""

    def wake(self) -> None:
        """End a wait."""

    def close(self) -> None:
        """Let go. Idempotent."""
