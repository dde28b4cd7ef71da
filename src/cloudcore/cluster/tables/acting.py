"""Acting: threads that do the control plane's work for the leader, and end when it leads no longer.

A thread acts as the leader of one term: what it orders is of that term, or refused. Whatever it was at is in
the log's own records, and the next leader goes on with it, as the next process does on one machine.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from cloudcore.dynamodb.kinesis import Destinations
from cloudcore.dynamodb.kinesis.follower import Follower
from cloudcore.dynamodb.recovery.jobs import Jobs, Stopped

if TYPE_CHECKING:
    from cloudcore.cluster.link import Link
    from cloudcore.dynamodb.kinesis import Sink
    from cloudcore.dynamodb.service import DynamoDB

T = TypeVar("T")


class Acting:
    """`leading()`: the term in which this node leads; 0: it does not."""

    def __init__(self, leading: Callable[[], int]):
        self._leading, self._local = leading, threading.local()

    @property
    def term(self) -> int:
        """The term as leader of which the calling thread acts; 0: as nobody."""
        return int(getattr(self._local, "term", 0))

    def run(self, term: int, work: Callable[..., T], *arguments: Any) -> T:
        """Run work() as the leader of a term."""
        self._local.term = term
        try:
            return work(*arguments)
        finally:
            self._local.term = 0

    def check(self) -> None:
        """Raise Stopped when what the calling thread acts as leads no longer."""
        if self.term and self.term != self._leading():
            raise Stopped


@dataclass(frozen=True)
class Means:
    """What the control plane of a replica works with: as whom, and where it sends and keeps what."""

    acting: Acting
    link: Link | None = None
    sinks: Callable[[str], Sink] | None = None
    objects: Callable[[], Any] | None = None
    put: Callable[[bytes], tuple[int, bytes]] | None = None
    """Orders a PutItem for the calling thread."""
    meter: bool = True
    """Whether units are counted."""


class LeaderJobs(Jobs):
    """Jobs that act as whoever starts them."""

    def __init__(self, acting: Acting):
        super().__init__()
        self._acting = acting

    def start(self, name: str, work: Callable[[], None], turn: bool = True) -> None:
        term = self._acting.term
        super().start(name, lambda: self._acting.run(term, work), turn)

    def check(self) -> None:
        super().check()
        self._acting.check()


class LeaderFollower(Follower):
    """Sends a table's changes as long as this node leads."""

    def __init__(self, acting: Acting, *arguments: Any):
        super().__init__(*arguments)
        self._acting, self.term = acting, acting.term

    def run(self) -> None:
        self._acting.run(self.term, super().run)

    def _current(self) -> dict[str, Any] | None:
        try:
            self._acting.check()
        except Stopped:
            self.stop()
        return None if self._stopping.is_set() else super()._current()


class LeaderDestinations(Destinations):
    """Destinations of tables, sent to by the leader alone."""

    def __init__(self, service: DynamoDB, sinks: Callable[[str], Sink], acting: Acting):
        super().__init__(service, sinks)
        self._acting = acting

    def _make(self, id_: str, record: dict[str, Any]) -> LeaderFollower:
        return LeaderFollower(self._acting, self._service, self, id_, record)

    def _follow(self, id_: str, record: dict[str, Any]) -> None:
        found = self._followers.get(id_)
        if not isinstance(found, LeaderFollower) or found.term != self._acting.term or not found.is_alive():
            super()._follow(id_, record)
