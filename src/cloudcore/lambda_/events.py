"""The durable queue of asynchronous events, on the log of csrc/log.

    <directory>/async/     ACCEPTED (an event, its number is its sequence), NOTED (attempts so far), DONE

An event that was accepted survives kill -9 and is there again at the next open until it is done, so it runs
at least once. The cursor "events" follows the oldest event that is not done; what lies before is dropped.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from typing import Any

from cloudcore._log import Log

ACCEPTED, NOTED, DONE = 1, 2, 3
_CURSOR = "events"
_FOLLOW_EVERY = 512
_HELD_MAX = 64 << 20  # bytes of payloads kept in memory; the rest is read again when its turn comes


@dataclass(slots=True)
class Event:
    """One event. `at` and `due` in epoch seconds; `payload` None: read it with EventQueue.payload.

    `outbox`: it ran, and these destinations are to be told; so often that was tried, `sent`."""

    number: int
    name: str
    qualifier: str | None
    request_id: str
    at: float
    due: float
    client_context: str | None = None
    trace: str = ""
    attempts: int = 0
    throttles: int = 0
    payload: bytes | None = None
    outbox: list[tuple[str, str, Any]] = field(default_factory=list)
    sent: int = 0

    def __lt__(self, other: Event) -> bool:
        return (self.due, self.number) < (other.due, other.number)


class EventQueue:
    """Any call from any thread."""

    def __init__(self, directory: str):
        self._log = Log(directory)
        self._lock = threading.Lock()
        self._held = 0
        self._since = 0
        self.pending: dict[int, Event] = {}
        self._recover()

    def accept(self, event: Event, payload: bytes) -> Event:
        """Make the event durable; it has its number then."""
        head = {"f": event.name, "q": event.qualifier, "i": event.request_id, "t": event.at}
        if event.client_context:
            head["c"] = event.client_context
        if event.trace:
            head["x"] = event.trace
        with self._lock:
            event.number = self._log.append(_json(head) + b"\n" + payload, type=ACCEPTED)[0]
            if self._held + len(payload) <= _HELD_MAX:
                event.payload = payload
                self._held += len(payload)
            self.pending[event.number] = event
        return event

    def note(self, event: Event) -> None:
        """Make what happened to the event so far durable."""
        told = {"n": event.number, "a": event.attempts, "r": event.throttles, "d": event.due}
        self._log.append(_json(told), type=NOTED)

    def finish(self, event: Event) -> None:
        """The event is done."""
        with self._lock:
            self._log.append(b"%d" % event.number, type=DONE)
            del self.pending[event.number]
            self._held -= len(event.payload or b"")
            self._since += 1
            if self._since >= _FOLLOW_EVERY or not self.pending:
                self._since = 0
                oldest = min(self.pending, default=self._log.last_sequence + 1)
                self._log.cursor_set(_CURSOR, oldest - 1)
                self._log.truncate()

    def payload(self, event: Event) -> bytes:
        """The event's bytes, from memory or from the log."""
        if event.payload is not None:
            return event.payload
        reader = self._log.read(event.number)
        try:
            return next(reader).payload.partition(b"\n")[2]
        finally:
            reader.close()

    def close(self) -> None:
        self._log.close()

    def _recover(self) -> None:
        done = self._log.cursor_get(_CURSOR)
        if done is None:
            self._log.cursor_set(_CURSOR, 0)
        for record in self._log.read((done or 0) + 1):
            if record.type == ACCEPTED:
                head = json.loads(record.payload.partition(b"\n")[0])
                self.pending[record.first] = Event(
                    record.first,
                    head["f"],
                    head["q"],
                    head["i"],
                    head["t"],
                    head["t"],
                    head.get("c"),
                    head.get("x", ""),
                )
            elif record.type == DONE:
                self.pending.pop(int(record.payload), None)
            elif record.type == NOTED:
                told = json.loads(record.payload)
                event = self.pending.get(told["n"])
                if event is not None:
                    event.attempts, event.throttles, event.due = told["a"], told["r"], told["d"]


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
