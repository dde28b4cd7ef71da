"""Transactions over several ranges: the node that was asked has each range prepare its part, and the range of
the lowest hash decide (transacting.py says what they do).

    all others prepare their parts, at once
    one refuses      what is prepared is dropped; the reasons of all parts are told
    one is locked    what is prepared is dropped; it is tried again (router.py)
    all agree        the last one does its own part, which decides; then the others do theirs

Nobody is told of success before all parts are done; if this node ends meanwhile, recovering.py does the rest.
Thread rule: any thread but the loop's.
"""

from __future__ import annotations

import contextlib
import json
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cloudcore._table import call_part, route
from cloudcore.cluster.tables import transacting
from cloudcore.cluster.tables.batches import gather
from cloudcore.cluster.tables.entry import WRITE
from cloudcore.cluster.tables.pending import READ, Answer, unknown
from cloudcore.cluster.tables.splitting import Moved
from cloudcore.cluster.tables.transacting import NO, REPEATED, YES, packed, unpacked
from cloudcore.dynamodb.errors import error_body
from cloudcore.errors import ApiError

if TYPE_CHECKING:
    from cloudcore.cluster.tables.replica import Replica
    from cloudcore.cluster.tables.router import Router

MEMBERS = {"TransactWriteItems": "TransactItems", "TransactGetItems": "TransactItems",
           "ExecuteTransaction": "TransactStatements"}  # fmt: skip
"""Operations, and the member that has the actions."""
_UNTIL_MS = 5 * 60 * 1000
_DEADLINE_S = 25.0
_PAUSE_S = 0.05
_CONFLICT = "Transaction is ongoing for the item"
_CANCELLED = "Transaction cancelled, please refer cancellation reasons for specific reasons"


@dataclass
class _Part:
    """Actions of one range: their numbers in the request; `hash`: of one of them."""

    hash: int
    numbers: list[int]
    body: bytes = b""


@dataclass
class _Vote:
    part: _Part
    vote: str
    bytes: int
    answer: Answer


def hashes_of(replica: Replica, operation: str, request: dict[str, Any]) -> list[int | None]:
    """Of each action its partition's; None for one that has none, and is refused for it."""
    found: list[int | None] = []
    for action in request[MEMBERS[operation]]:
        one = json.dumps({**request, MEMBERS[operation]: [action]}).encode()
        hashes = route(replica.tables, operation, one)[1]
        found.append(hashes[0] if hashes else None)
    return found


def attempted(router: Router, kind: str, operation: str, body: bytes, replica: Replica) -> Answer:
    """Do it once. Raises Moved, and Busy, when nothing was done."""
    status, refusal, digest, *_ = call_part(replica.tables, "form", operation, body)
    if status != 200:
        return status, refusal
    request = json.loads(body)
    hashes = hashes_of(replica, operation, request)
    lowest = min((each for each in hashes if each is not None), default=0)
    parts: dict[str, _Part] = {}
    for number, found in enumerate(hashes):
        hash_ = lowest if found is None else found
        parts.setdefault(router.ranges.owner(hash_).range, _Part(hash_, [])).numbers.append(number)
    if len(parts) < 2:
        return router.ask(kind, router.ranges.owner(lowest), operation, body, lowest)
    reads = kind == READ
    return _Transaction(router, reads, operation, request, digest, lowest, list(parts.values())).run()


class _Transaction:
    def __init__(
        self, router: Router, reads: bool, operation: str, request: dict[str, Any],
        digest: tuple[int, int], lowest: int, parts: list[_Part],
    ):  # fmt: skip
        self.router, self.reads, self.operation = router, reads, operation
        self.count = len(request[MEMBERS[operation]])
        self.txn, self.lowest = uuid.uuid4().hex, lowest
        token = request.pop("ClientRequestToken", None)
        for part in parts:
            actions = [request[MEMBERS[operation]][number] for number in part.numbers]
            part.body = json.dumps({**request, MEMBERS[operation]: actions}).encode()
        owner = router.ranges.owner
        self.decider = next(part for part in parts if owner(part.hash) is owner(lowest))
        self.others = [part for part in parts if part is not self.decider]
        self.until = time.monotonic() + _DEADLINE_S
        self.head = {
            "txn": self.txn, "at": lowest, "until": router.ranges.now_ms() + _UNTIL_MS,
            "operation": operation, "token": None if self.reads else token, "digest": digest,
            "reads": self.reads, "bytes": 0,
        }  # fmt: skip

    def run(self) -> Answer:
        votes = self._prepared()
        if any(each.vote != YES for each in votes):
            return self._given_back(votes, lambda: self._other(votes))
        others = [each.hash for each in self.others]
        told = {**self.head, "bytes": sum(each.bytes for each in votes), "others": others}
        try:
            decision = self._asked(transacting.DECIDE, told)
        except Moved:
            self._give_back(self.others)
            raise
        if decision is None:
            if self.reads:
                self._give_back(self.others)
                raise Moved
            return unknown("the range that decides the transaction does not answer; it may have happened")
        if self.reads and decision.vote == YES:
            if not self._give_back(self.others):
                raise Moved  # what was read may have changed before the last was
            return self._together([*votes, decision])
        if decision.vote == YES:
            return self._finished(votes, decision)
        return self._given_back(votes, lambda: self._answer([*votes, decision]))

    # -- asking ----------------------------------------------------------------------------------------

    def _begin(self, step: str, part: _Part, told: dict[str, Any], body: bytes = b"") -> Callable[[], Answer]:
        range_ = self.router.ranges.owner(part.hash)
        return self.router.begin(WRITE, range_, step, packed(told, body), part.hash)

    def _end(self, part: _Part, commit: bool) -> Callable[[], Answer]:
        told = {"txn": self.txn, "hash": part.hash, "commit": commit}
        return self._begin(transacting.FINISH, part, told)

    def _vote(self, part: _Part, wait: Callable[[], Answer]) -> _Vote | None:
        """None: nobody knows. Raises Moved, and Busy."""
        status, data = wait()
        if status != 200:
            return None
        told, raw = unpacked(data)
        return _Vote(part, told["vote"], told["bytes"], (told["status"], raw))

    def _asked(self, step: str, told: dict[str, Any]) -> _Vote | None:
        """The vote of the range that decides."""
        return self._vote(self.decider, self._begin(step, self.decider, told, self.decider.body))

    def _prepared(self) -> list[_Vote]:
        """The votes of all but the one that decides. Raises Moved, and Busy, when one has none to give; then
        what was prepared is dropped."""
        told = {**self.head, "keep": True}
        waiting = [self._begin(transacting.PREPARE, part, told, part.body) for part in self.others]
        votes: list[_Vote] = []
        failed: Moved | None = None
        for part, wait in zip(self.others, waiting, strict=True):
            try:
                vote = self._vote(part, wait)
            except Moved as error:
                failed = error
                continue
            if vote is None:
                failed = failed or Moved()
                self._end(part, False)  # it may come later
            else:
                votes.append(vote)
        if failed is not None:
            self._give_back(each.part for each in votes if each.vote == YES)
            raise failed
        return votes

    def _other(self, votes: list[_Vote]) -> Answer:
        """The answer when one refuses, with what the one that would decide says. Raises Moved, and Busy."""
        told = {**self.head, "keep": False}
        vote = self._asked(transacting.PREPARE, told)
        if vote is None:
            raise Moved
        return self._answer([*votes, vote])

    def _give_back(self, parts: Iterable[_Part]) -> bool:
        """Drop what is prepared; whether all was still there."""
        waiting = [self._end(part, False) for part in parts]
        held = True
        for wait in waiting:
            status, data = 0, b""
            with contextlib.suppress(Moved):
                status, data = wait()
            held &= status == 200 and unpacked(data)[0]["held"]
        return held

    def _given_back(self, votes: list[_Vote], answer: Callable[[], Answer]) -> Answer:
        try:
            return answer()
        finally:
            self._give_back(each.part for each in votes if each.vote == YES)

    def _finished(self, votes: list[_Vote], decision: _Vote) -> Answer:
        """It is decided: every part comes, by whoever asks for it."""
        done = [decision]
        waiting = [(vote, self._end(vote.part, True)) for vote in votes]
        while waiting:
            vote, wait = waiting.pop(0)
            status, data = 0, b""
            with contextlib.suppress(Moved):
                status, data = wait()
            if status == 200:
                answer = unpacked(data)[1]  # none, if somebody else had it done
                done.append(_Vote(vote.part, YES, 0, (200, answer)) if answer else vote)
            elif time.monotonic() > self.until:
                return unknown("a range of the transaction does not answer; it is done as soon as it does")
            else:
                time.sleep(_PAUSE_S)
                waiting.append((vote, self._end(vote.part, True)))
        self._begin(transacting.FORGET, self.decider, {"txn": self.txn})
        return self._together(done)

    # -- one answer ------------------------------------------------------------------------------------

    def _answer(self, votes: list[_Vote]) -> Answer:
        """When one part was not agreed to. Raises Moved when it was given up."""
        votes = sorted(votes, key=lambda each: each.part.numbers[0])
        reasons: list[dict[str, Any]] = [{"Code": "None"} for _ in range(self.count)]
        refused = False
        for each in votes:
            if each.vote != NO:
                continue
            told = json.loads(each.answer[1])
            if "CancellationReasons" not in told:
                return each.answer
            refused = True
            for number, reason in zip(each.part.numbers, told["CancellationReasons"], strict=True):
                reasons[number] = reason
        if any(each.vote == REPEATED for each in votes):
            return self._together([each for each in votes if each.vote == REPEATED])
        if not refused:
            raise Moved
        return cancelled(reasons)

    def _together(self, votes: list[_Vote]) -> Answer:
        merged: dict[str, Any] = {}
        responses: list[Any] = [{} for _ in range(self.count)]
        listed = self.operation != "TransactWriteItems"
        for each in sorted(votes, key=lambda each: each.part.numbers[0]):
            told = json.loads(each.answer[1] or b"{}")
            for number, response in zip(each.part.numbers, told.pop("Responses", ()), strict=False):
                responses[number] = response
            gather(merged, told)
        return 200, json.dumps({**({"Responses": responses} if listed else {}), **merged}).encode()


def cancelled(reasons: list[dict[str, Any]]) -> Answer:
    """The refusal of a transaction."""
    codes = ", ".join(each["Code"] for each in reasons)
    told = {
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message": f"{_CANCELLED} [{codes}]", "CancellationReasons": reasons,
    }  # fmt: skip
    return 400, json.dumps(told).encode()


def conflict(replica: Replica, operation: str, body: bytes, held: list[int]) -> Answer:
    """What who waited too long for a lock is told; `held`: the hashes of what is locked."""
    request = json.loads(body)
    if operation in MEMBERS:
        ongoing = {"Code": "TransactionConflict", "Message": _CONFLICT}
        hashes = hashes_of(replica, operation, request)
        if not set(hashes) & set(held):
            return cancelled([ongoing for _ in hashes])
        return cancelled([ongoing if each in held else {"Code": "None"} for each in hashes])
    if operation == "BatchWriteItem":
        return 200, json.dumps({"UnprocessedItems": request["RequestItems"]}).encode()
    if operation == "BatchExecuteStatement":
        told = {"Error": {"Code": "TransactionConflict", "Message": _CONFLICT}}
        return 200, json.dumps({"Responses": [told for _ in request["Statements"]]}).encode()
    return 400, error_body(ApiError("TransactionConflictException", _CONFLICT))
