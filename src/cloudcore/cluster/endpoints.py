"""Endpoints: plans of a stream whose destination is no bucket, by the senders of one machine, on any node.

    attempt -> every record taken, or refused for good: delivered
        | Later: a note says how far it got and for how long it was tried (notes.py)
        v
    the next attempt, of any node, goes on from the note
        | RetryOptions are over: the note says so first, and no attempt follows
        v
    what is left becomes the error object, whose key follows from the plan's

So the time of RetryOptions goes on over nodes. An attempt that was killed left no note: its records are sent
again, under the ids they had, and its time counts from when the plan was made. A function that answers
otherwise than at the attempt before gives other records, of which nothing is known: they are all sent.
Thread rule: deliver() on threads of a carrier.
"""

from __future__ import annotations

import zlib
from dataclasses import asdict, astuple, dataclass, field, replace
from typing import Any

from cloudcore.cluster import transforming
from cloudcore.cluster.transforming import Around
from cloudcore.errors import ClosedError
from cloudcore.firehose.delivering import Delivering
from cloudcore.firehose.destinations.config import Config
from cloudcore.firehose.destinations.sending import Failure, Later, Progress, spans
from cloudcore.firehose.journal import Plan
from cloudcore.firehose.records import Piece
from cloudcore.firehose.retrying import Tried

DONE = {"done": True}


class Postponed(Exception):
    """Not taken now: the next attempt is to be in `pause` seconds."""

    def __init__(self, pause: float, why: str):
        super().__init__(why)
        self.pause = pause


@dataclass
class Known:
    """What is known of a plan at the beginning of an attempt; `reason`: why it is given up."""

    tried: Tried
    progress: Progress = field(default_factory=Progress)
    reason: dict[str, Any] | None = None

    def dump(self, records: int) -> tuple[dict[str, Any], dict[str, Any]]:
        """As a note about certain records, and the same without them."""
        progress = self.progress
        short = {"tried": asdict(self.tried), "reason": self.reason, "attempts": progress.attempts}
        failures = [[at, *astuple(failure)] for at, failure in progress.failures.items()]
        return {
            **short, "records": records, "taken": spans(sorted(progress.taken)), "failures": failures,
            "stored": progress.stored, "size": progress.size,
        }, short  # fmt: skip


def load(note: dict[str, Any], records: int) -> Known:
    """What a note says; of these records as far as it is about them."""
    progress = Progress(attempts=note["attempts"])
    if note.get("records") == records:
        progress.taken = {at for first, last in note["taken"] for at in range(first, last + 1)}
        progress.failures = {at: Failure(*failure) for at, *failure in note["failures"]}
        progress.stored, progress.size = note["stored"], note["size"]
    return Known(Tried(**note["tried"]), progress, note["reason"])


class Endpoints:
    """Those of one stream by one version of its configuration. `objects` is the store of what fails."""

    def __init__(self, delivering: Delivering, objects: Any, stream: str, around: Around):
        self._delivering, self._objects, self._stream, self._around = delivering, objects, stream, around
        self._notes, self._clock = around.notes, around.clock

    def deliver(self, plan: Plan, pieces: list[Piece], config: Config, again: bool) -> dict[str, int]:
        """Send a plan's records; what to count. `again`: it may have been tried before. Raises Postponed,
        OSError when the bucket does not take what failed, Lost."""
        note = self._notes.read(plan.id) if again else None
        if note == DONE:
            return {}
        moved: dict[str, int] = {}
        if config.processed:
            pieces, moved = transforming.through(
                plan, pieces, config, self._objects, self._stream, self._around, again
            )
        if any(len(piece.sequences) for piece in pieces):  # else all were dropped
            for name, count in self._send(plan, pieces, config, note, again).items():
                moved[name] = moved.get(name, 0) + count
        if config.backup is not None:  # if that fails the records need not be sent again
            self._notes.write(plan.id, DONE)
        return moved

    def _send(
        self, plan: Plan, pieces: list[Piece], config: Config, note: Any, again: bool
    ) -> dict[str, int]:
        records = _records(pieces)
        if note is None:
            known = Known(Tried(plan.planned_ms / 1000 if again else self._clock.now()))
        else:
            known = load(note, records)
        if known.reason is None:
            try:
                return self._delivering.deliver(plan, pieces, None, known.progress)
            except ClosedError:  # the node leaves
                raise
            except Exception as error:
                pause = known.tried.failed(config.retry, self._clock.now())
                if pause is None:
                    code = error.code if isinstance(error, Later) else "Delivery.Failed"
                    known.reason = self._given_up(plan, known, code, str(error)).reason
                self._notes.write(plan.id, *known.dump(records))
                if pause is not None:
                    raise Postponed(pause, str(error)) from error
        assert known.reason is not None
        given_up = self._given_up(plan, known, "", "")
        return self._delivering.deliver(
            replace(given_up, reason=known.reason), pieces, None, known.progress
        )

    def _given_up(self, plan: Plan, known: Known, code: str, message: str) -> Plan:
        return self._delivering.redirected(plan, known.progress, code, message, self._clock.now_ms())


def _records(pieces: list[Piece]) -> int:
    """A number that is another one for other records."""
    found = 0
    for piece in pieces:
        found = zlib.crc32(",".join(map(str, piece.sequences)).encode(), found)
    return found
