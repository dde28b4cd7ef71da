"""Transacting: what a replica of one range holds of transactions over several, and the entries of its log
that are steps of one.

    PREPARE   the part is tried as TransactWriteItems would; if nothing is wrong with it, it is kept, and its
              partitions are locked: writes are answered BUSY, and nothing of them is done
    DECIDE    in the log of the range of the lowest hash, once all others have prepared: its part is tried and
              done, and with that the transaction is: those of the others are going to be
    RESOLVE   in that log too: whether it was decided; if not, it never will be
    FINISH    the part that is kept is done, or dropped
    FORGET    all parts are done: nobody asks for the decision any more

Reads (TransactGetItems, and PartiQL's) take the same way: their values come with the answer, and others may
read what they lock. There is nothing to decide: whether the locks were held all the while, FINISH says.
All replicas execute these alike; a checkpoint has what they leave. No input, no output.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from cloudcore._table import call_part, route
from cloudcore.cluster.tables import splitting
from cloudcore.cluster.tables.entry import PRIMITIVE, Entry

if TYPE_CHECKING:
    from cloudcore.cluster.tables.replica import Replica

logger = logging.getLogger("cloudcore.cluster")
PREPARE, DECIDE, RESOLVE, FINISH, FORGET = "prepare", "decide", "resolve", "finish", "forget"
BUSY = 3
"""In the place of an HTTP status: a transaction has locked what this is about; nothing was done."""
YES, NO, REPEATED, LATE = "yes", "no", "repeated", "late"
"""Votes: nothing is wrong with the part (DECIDE: it is done); it is refused; an earlier transaction of the
token did it; it was given up already."""
TOGETHER = ("TransactGetItems", "ExecuteTransaction")
"""Reads that see no transaction in part."""
DRAIN_MS = 3000
"""How long nothing is prepared for the sake of what waits until nothing is."""
_SHAPES = ("drop", "set_description", splitting.SPLIT, splitting.CATALOGUE)
Answer = tuple[int, bytes]


class Busy(splitting.Moved):
    """Another transaction has locked some of what this is about: that of `hashes`."""

    def __init__(self, hashes: list[int]):
        super().__init__()
        self.hashes = hashes


@dataclass
class Part:
    """What was prepared. `at`: a hash of the range that decides; `until`: when it cannot any more, in
    milliseconds by its log; `locks`: partition hashes, and the token; `reads`: it changes nothing."""

    at: int
    until: int
    locks: list[int | str]
    reads: bool
    operation: str
    body: str
    token: str | None
    digest: list[int]


def packed(told: dict[str, Any], body: bytes = b"") -> bytes:
    """The body of an entry, or of its answer: a line of JSON, and what a client sent or is sent."""
    return json.dumps(told).encode() + b"\n" + body


def unpacked(data: bytes) -> tuple[dict[str, Any], bytes]:
    """What packed() made."""
    head, _, body = data.partition(b"\n")
    return json.loads(head), body


class Transactions:
    """Of one replica. `now_ms`: of the batch that is executed."""

    def __init__(self) -> None:
        self.prepared: dict[str, Part] = {}
        self.decided: dict[str, list[int]] = {}
        """Those done here that others may have to finish: a hash of each."""
        self.refused: dict[str, int] = {}
        """Those given up here that may still be asked for, until then."""
        self.locks: dict[int | str, set[str]] = {}
        self.turn = 0
        """How often locks were taken or given back."""
        self.now_ms = 0
        self._drained = 0

    def dump(self) -> dict[str, Any]:
        """For a checkpoint."""
        prepared = {txn: asdict(part) for txn, part in self.prepared.items()}
        return {**self.decisions(), "prepared": prepared, "drained": self._drained}

    def decisions(self) -> dict[str, Any]:
        """For both halves of a range that is split."""
        return {"decided": dict(self.decided), "refused": dict(self.refused)}

    def load(self, told: dict[str, Any]) -> None:
        """Of dump() or decisions()."""
        self.decided, self.refused = dict(told.get("decided", {})), dict(told.get("refused", {}))
        self._drained = told.get("drained", 0)
        self.prepared, self.locks = {}, {}
        for txn, part in told.get("prepared", {}).items():
            self._keep(txn, Part(**part))

    def held(self, hashes: Iterable[int | str], reads: bool = False) -> list[int]:
        """Which of these are locked for others than those who read."""
        found = []
        for each in hashes:
            holders = list(self.locks.get(each, ()))
            if holders and not (reads and all(self._reads(txn) for txn in holders)):
                found.append(each if isinstance(each, int) else -1)
        return found

    def _reads(self, txn: str) -> bool:
        part = self.prepared.get(txn)
        return part is not None and part.reads

    def hinder(self, replica: Replica, entry: Entry) -> Answer | None:
        """BUSY for what has to wait for a transaction; there are locks."""
        if entry.operation in _SHAPES:  # what was agreed to is agreed to of the tables as they are
            self._drained = self.now_ms + DRAIN_MS
            return _busy([])
        if entry.kind == PRIMITIVE:
            return None
        _, hashes, _ = route(replica.tables, entry.operation, entry.body)
        found = self.held(hashes)
        return _busy(found) if found else None

    def passed(self, hashes: list[int], turn: int) -> Answer | None:
        """BUSY when what was read since `turn` may be one part of a transaction of which others are done."""
        found = self.held(hashes, True)
        return _busy(found) if found or turn != self.turn else None

    def step(self, replica: Replica, entry: Entry) -> Answer | None:
        """What a step of a transaction gives; None for an entry that is none."""
        run = _STEPS.get(entry.operation)
        if run is None:
            return None
        told, body = unpacked(entry.body)
        at = told.get("hash")
        if at is not None and not replica.first <= at <= replica.last:
            return splitting.MOVED, b""
        return run(self, replica, told, body)

    # -- steps -----------------------------------------------------------------------------------------

    def _prepare(self, replica: Replica, told: dict[str, Any], body: bytes) -> Answer:
        locks = _wanted(replica, told, body)
        if locks is None:
            return splitting.MOVED, b""
        found = self.held(locks, told["reads"])
        if found or (told["keep"] and self.now_ms < self._drained):
            return _busy(found)
        reads = told["reads"]
        vote, answer = self._executed(replica, "do" if reads else "try", told, body)
        if vote == YES and told["keep"]:
            part = Part(told["at"], told["until"], locks, reads, told["operation"], body.decode(),
                        told["token"], told["digest"])  # fmt: skip
            self._keep(told["txn"], part)
        return answer

    def _decide(self, replica: Replica, told: dict[str, Any], body: bytes) -> Answer:
        locks = _wanted(replica, told, body)
        if locks is None:
            return splitting.MOVED, b""
        if found := self.held(locks, told["reads"]):
            return _busy(found)
        if told["txn"] in self.refused or self.now_ms >= told["until"]:
            return 200, packed({"vote": LATE, "status": 0, "bytes": 0})
        vote, answer = self._executed(replica, "do", told, body)
        if vote == YES and not told["reads"]:
            self.decided[told["txn"]] = told["others"]
        return answer

    def _resolve(self, _replica: Replica, told: dict[str, Any], _body: bytes) -> Answer:
        self.refused = {txn: until for txn, until in self.refused.items() if until > self.now_ms}
        committed = told["txn"] in self.decided
        if not committed:
            self.refused[told["txn"]] = told["until"]
        return 200, packed({"commit": committed})

    def _finish(self, replica: Replica, told: dict[str, Any], _body: bytes) -> Answer:
        part = self.prepared.get(told["txn"])
        if part is None:
            return 200, packed({"held": False})
        self._drop(told["txn"], part)
        answer = b""
        if told["commit"] and not part.reads:
            status, answer, *_ = call_part(
                replica.tables, "finish", part.operation, part.body.encode(), part.token, _pair(part.digest)
            )
            if status != 200:
                logger.error("a part of a transaction that was agreed to failed: %s", answer[:200])
        return 200, packed({"held": True}, answer)

    def _forget(self, _replica: Replica, told: dict[str, Any], _body: bytes) -> Answer:
        self.decided.pop(told["txn"], None)
        return 200, packed({})

    # -- what they share -------------------------------------------------------------------------------

    def _executed(
        self, replica: Replica, mode: Literal["try", "do"], told: dict[str, Any], body: bytes
    ) -> tuple[str, Answer]:
        status, raw, _, size, repeated = call_part(
            replica.tables, mode, told["operation"], body, told["token"], _pair(told["digest"]), told["bytes"]
        )
        vote = NO if status != 200 else REPEATED if repeated else YES
        return vote, (200, packed({"vote": vote, "status": status, "bytes": size}, raw))

    def _keep(self, txn: str, part: Part) -> None:
        self.prepared[txn] = part
        for each in part.locks:
            self.locks.setdefault(each, set()).add(txn)
        self.turn += 1

    def _drop(self, txn: str, part: Part) -> None:
        for each in part.locks:
            self.locks[each].discard(txn)
            if not self.locks[each]:
                del self.locks[each]
        del self.prepared[txn]
        self.turn += 1


_STEPS = {
    PREPARE: Transactions._prepare, DECIDE: Transactions._decide, RESOLVE: Transactions._resolve,
    FINISH: Transactions._finish, FORGET: Transactions._forget,
}  # fmt: skip


def _wanted(replica: Replica, told: dict[str, Any], body: bytes) -> list[int | str] | None:
    """What a part locks; None: the range has not all of it."""
    hashes = splitting.covered(replica, told["operation"], body)
    if hashes is None:
        return None
    return [*dict.fromkeys(hashes), *(() if told["token"] is None else (told["token"],))]


def _busy(hashes: list[int]) -> Answer:
    return BUSY, json.dumps(hashes).encode()


def _pair(digest: list[int]) -> tuple[int, int]:
    return digest[0], digest[1]
