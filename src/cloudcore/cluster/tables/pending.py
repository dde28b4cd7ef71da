"""Pending: what this node was asked for and has no answer to yet.

A request is answered when the leader has answered, and this node's replica is as far. When the leader is
lost, the log says whether a write was done: by the time the lease of a new term comes by, all of older terms
has.
Thread rule: submit() and waited() from any thread but the loop's; all else on the link's loop.
"""

from __future__ import annotations

import json
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field

from cloudcore.cluster.link import Link
from cloudcore.cluster.tables.entry import EXPIRE, PRIMITIVE, WRITE, Entry

Answer = tuple[int, bytes]
READ, DESCRIBE, CONTROL = "r", "d", "c"
"""Kinds that the leader executes without the log: a strong read of items, one of the control plane, a change
by the control plane."""
_DEADLINE_S = 25.0
_WAIT_S = 40.0
_AGAIN_S = 2.0
_LATE_S = 2.0
REFUSED, KNOWN = 0, 1
"""In the place of an HTTP status: the node does not lead in that term; what was asked for is in the log, and
the replica here will say what it gave."""


@dataclass(slots=True)
class Waiting:
    """A request. `term`: it may be of no other; 0: of any. `sent`: the term of the leader that has it."""

    kind: str
    operation: str
    body: bytes
    until: float
    term: int = 0
    entry: Entry = field(init=False)
    sent: int = 0
    sent_at: float = -1e9
    applied: Answer | None = None
    known: bool = False
    future: Future[Answer] = field(default_factory=Future)


class Pending:
    """Requests of one range. `send(entries)` gives them to the leader, if there is one; its term, or 0.
    `term()`: the newest one; `reached()`: the sequence of this node's replica."""

    def __init__(
        self,
        link: Link,
        send: Callable[[list[Entry]], int],
        term: Callable[[], int],
        reached: Callable[[], int],
    ):
        self._link, self._send, self._term, self._reached = link, send, term, reached
        self._next = 1
        self._new: deque[Waiting] = deque()
        self._woken = False
        self._all: OrderedDict[str, Waiting] = OrderedDict()  # in the order of their numbers
        self._late: list[tuple[int, float, Waiting, Answer]] = []
        self._closed = False

    def submit(self, kind: str, operation: str, body: bytes, term: int = 0) -> Future[Answer]:
        """Ask for something; the answer comes within half a minute, whatever happens."""
        one = Waiting(kind, operation, body, self._link.now() + _DEADLINE_S, term)
        self._new.append(one)
        if not self._woken:
            self._woken = True
            self._link.soon(self._drain)
        return one.future

    def _drain(self) -> None:
        self._woken = False
        taken: list[Waiting] = []
        while self._new:
            taken.append(self._new.popleft())
        for one in taken:
            identity = f"{self._link.instance}.{self._next}"
            one.entry = Entry(identity, one.kind, one.operation, one.body)
            self._all[identity] = one
            self._next += 1
        if self._closed:
            self.close()
        else:
            self._ask(taken)

    def lowest(self) -> int:
        """The lowest number of a request that is not done: who hears of a lower one later, hears an echo."""
        return number_of(next(iter(self._all))) if self._all else self._next

    def _ask(self, some: Iterable[Waiting]) -> None:
        asked = []
        for one in some:
            if one.term in (0, self._term()):
                asked.append(one)
            else:
                self._done(one, unknown("its leader was lost; ask what became of it"))
        term = self._send([one.entry for one in asked]) if asked else 0
        for one in asked:
            if term:
                one.sent, one.sent_at = term, self._link.now()

    def applied(self, identity: str, answer: Answer) -> None:
        """The replica here has come past a request of ours."""
        one = self._all.get(identity)
        if one is not None:
            one.applied = answer
            if one.known:
                self._done(one, answer)

    def answered(self, identity: str, status: int, sequence: int, body: bytes) -> None:
        """The leader says what became of a request; `sequence` is that of its message."""
        one = self._all.get(identity)
        if one is None:
            return
        if status == REFUSED:
            if one.kind in (READ, DESCRIBE):
                one.sent_at = -1e9  # to be asked again with the next look
        elif status == KNOWN:
            one.known = True
            if one.applied is not None:
                self._done(one, one.applied)
        elif self._reached() >= sequence:
            self._done(one, (status, body))
        else:
            del self._all[identity]
            self._late.append((sequence, self._link.now() + _LATE_S, one, (status, body)))

    def came_to(self, sequence: int) -> None:
        """The replica here is as far as `sequence`."""
        if self._late:
            self._release(lambda wanted, _: wanted <= sequence)

    def new_term(self, term: int) -> None:
        """The lease of a new term came by: what older leaders have and is not applied never will be."""
        again: list[Waiting] = []
        for one in list(self._all.values()):
            if one.sent >= term:
                continue
            if one.applied is not None:
                self._done(one, one.applied)
            elif one.kind in (WRITE, READ, DESCRIBE) and not one.term:
                again.append(one)
            elif one.sent or one.term:
                self._done(one, unknown("its leader was lost; ask what became of it"))
            else:
                again.append(one)
        self._ask(again)

    def jumped(self) -> None:
        """The replica here is made anew, of a checkpoint: what is in front of it does not come by, so nobody
        here learns what became of what a leader had, and none of it may be sent again."""
        for one in list(self._all.values()):
            if one.sent and one.kind not in (READ, DESCRIBE):
                self._done(one, unknown("this node fell behind; what was asked for may have happened"))

    def give_up(self, why: str) -> None:
        """Nobody here follows the log for now."""
        for one in list(self._all.values()):
            self._done(one, unknown(why))

    def look(self) -> None:
        """Ask again for what has no answer, and give up what has had none for too long."""
        now = self._link.now()
        for one in list(self._all.values()):
            if now > one.until:
                self._done(one, unknown("it does not answer; what was asked for may have happened"))
        self._ask([one for one in self._all.values() if now > one.sent_at + _AGAIN_S])
        if self._late:
            self._release(lambda _, until: now > until)

    def close(self) -> None:
        """Nobody will answer any more."""
        self._closed = True
        for one in list(self._all.values()):
            self._done(one, unknown("this node leaves it; what was asked for may have happened"))
        self._release(lambda *_: True)

    def _release(self, which: Callable[[int, float], bool]) -> None:
        kept = []
        for late in self._late:
            sequence, until, one, answer = late
            if which(sequence, until):
                one.future.set_result(answer)
            else:
                kept.append(late)
        self._late = kept

    def _done(self, one: Waiting, answer: Answer) -> None:
        self._all.pop(one.entry.id, None)
        one.future.set_result(answer)


def unknown(why: str) -> Answer:
    """The refusal of who does not know what became of a request."""
    told = {
        "__type": "com.amazonaws.dynamodb.v20120810#InternalServerError",
        "message": f"The cluster: {why}",
    }
    return 500, json.dumps(told).encode()


def waited(future: Future[Answer]) -> Answer:
    """The answer to what was submitted, or that it did not come."""
    try:
        return future.result(_WAIT_S)
    except TimeoutError:
        return unknown("this node is busy; what was asked for may have happened")


def number_of(identity: str) -> int:
    """The number that a node has given to its request."""
    return int(identity.partition(".")[2])


def starts(kind: str) -> bool:
    """Whether a kind goes through the log."""
    return kind in (WRITE, PRIMITIVE, EXPIRE)
