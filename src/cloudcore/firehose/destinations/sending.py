"""Sending: what a destination that is no bucket is asked to do, and what it says.

    plan -> Batch (its records, with ids that stay) -> Sender.send
        returns               every record was taken, or is among progress.failures for good
        raises Later          try again after a pause; when Retry is over the rest becomes failures
    failures -> Sender.give_up -> an object under the error prefix

A plan's key is a UUID made of its identity: the same at every attempt, over kill -9 too.
"""

from __future__ import annotations

import threading
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from typing import Any, Protocol

import orjson

from cloudcore.clock import Clock
from cloudcore.errors import ClosedError
from cloudcore.firehose.home import Home
from cloudcore.firehose.journal import Plan
from cloudcore.firehose.records import Piece, record_id, split


class Later(OSError):
    """The destination did not take it now. `code` and the text are what an error object would say."""

    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a record was not taken."""

    code: str
    message: str
    attempts: int
    ended_ms: int


@dataclass(slots=True)
class Record:
    """One record of a batch; `part` counts the records that came out of one source record."""

    sequence: int
    part: int
    arrival_ms: int
    data: bytes

    @property
    def id(self) -> str:
        """The same at every delivery, and no other record's."""
        return f"{record_id(self.sequence)}.{self.part}"


@dataclass
class Progress:
    """How far a plan got; in memory only, so that a kill sends again what was sent. Records are numbered by
    their place in the batch."""

    taken: set[int] = field(default_factory=set)
    failures: dict[int, Failure] = field(default_factory=dict)
    attempts: int = 0
    stored: bool = False
    """Whether the object that the endpoint reads is in the bucket."""
    size: int = 0
    """Its bytes."""

    def left(self, count: int) -> list[int]:
        """The numbers of the records that are neither taken nor failed."""
        return [at for at in range(count) if at not in self.taken and at not in self.failures]


@dataclass
class Batch:
    """The records of one plan on their way. `id` is a UUID that stays over all attempts."""

    plan: Plan
    records: list[Record]
    progress: Progress

    @property
    def id(self) -> str:
        return self.plan.key

    def left(self) -> list[int]:
        return self.progress.left(len(self.records))

    def fail(self, at: int, code: str, message: str, now_ms: int) -> None:
        self.progress.failures[at] = Failure(code, message, self.progress.attempts, now_ms)


@dataclass
class Around:
    """What a sender finds around it. `objects` is the store of the stream's bucket; `reach` maps the
    beginning of a configured address to where it is reached from here; `home` is where embedded destinations
    are."""

    stream: str
    arn: str
    region: str
    objects: Any
    clock: Clock
    reach: Mapping[str, str] = field(default_factory=dict)
    home: Home = field(default_factory=Home)
    zone: tzinfo = UTC
    stopping: threading.Event = field(default_factory=threading.Event)

    def address(self, configured: str) -> str:
        """Where a configured address is reached: the longest beginning that `reach` names is replaced."""
        begin = max((b for b in self.reach if configured.startswith(b)), key=len, default=None)
        return configured if begin is None else self.reach[begin] + configured[len(begin) :]

    def pause(self, seconds: float) -> None:
        """Wait inside an attempt. Raises ClosedError when the stream is being closed."""
        if self.stopping.wait(seconds):
            raise ClosedError("the stream is being closed", "stopping")


class Sender(Protocol):
    """Sends a stream's batches by one configuration. Any thread; several batches at a time."""

    def send(self, batch: Batch) -> None:
        """Deliver what is left of the batch. Raises Later."""

    def line(self, record: Record, failure: Failure) -> dict[str, Any]:
        """What the error object says of a record."""

    def close(self) -> None:
        """Let go of connections; an attempt that runs may still end by itself."""


class Endpoint(Protocol):
    """The settings of a destination that is no bucket."""

    error_type: str
    """Its folder of the error prefix."""
    places: int
    """How many batches may be on their way at a time."""
    stores: bool
    """Whether the data is an object in the bucket first."""

    def embedded(self, around: Around) -> bool:
        """Whether what takes the records is of this machine alone: files of an embedded server."""

    def open(self, around: Around) -> Sender:
        """A sender for these settings."""


def records_of(pieces: Iterable[Piece], delimiter: bytes) -> list[Record]:
    """The records of a plan, each with its place among those that came out of the same source record."""
    out: list[Record] = []
    last, part = 0, 0
    for piece in pieces:
        for sequence, data in zip(piece.sequences, split(piece.payload), strict=True):
            part = part + 1 if sequence == last else 0
            last = sequence
            out.append(Record(sequence, part, piece.arrival_ms, data + delimiter if delimiter else data))
    return out


def failure_line(record: Record, failure: Failure, **more: Any) -> dict[str, Any]:
    """A line of an error object, in the order in which AWS writes its members."""
    return {
        "attemptsMade": failure.attempts,
        "arrivalTimestamp": record.arrival_ms,
        "errorCode": failure.code,
        "errorMessage": failure.message,
        "attemptEndingTimestamp": failure.ended_ms,
        "rawData": b64encode(record.data).decode(),
        **more,
    }


def failure_lines(batch: Batch, line: Callable[[Record, Failure], dict[str, Any]]) -> Iterator[bytes]:
    """The error object of a batch, a line for each record that failed, in order."""
    for at in sorted(batch.progress.failures):
        yield orjson.dumps(line(batch.records[at], batch.progress.failures[at])) + b"\n"


def spans(numbers: Iterable[int]) -> list[list[int]]:
    """Ascending numbers as inclusive ranges."""
    out: list[list[int]] = []
    for number in numbers:
        if out and out[-1][1] + 1 == number:
            out[-1][1] = number
        else:
            out.append([number, number])
    return out
