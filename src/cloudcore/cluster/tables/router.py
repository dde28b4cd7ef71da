"""Router: requests to tables whose keys lie in several ranges, and answers put together from theirs.

    one range has all keys    it is asked
    transactions              all ranges, in two steps (transactions.py)
    batches                   each range for its part; what one leaves, or does not answer, stays unprocessed
    a walk through a table    range after range: in the order in which a table is walked
    a global or vector index  all ranges (merging.py)
    anything else             refused

What a node knows of the ranges may be old: a range says MOVED for what it has no longer, and nothing of that
request was done; then it is looked at again. BUSY is what a transaction has locked.
Thread rule: any thread but the loop's.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from typing import Any

from cloudcore._table import route
from cloudcore.cluster.absent import CODE
from cloudcore.cluster.tables import batches, merging, transactions
from cloudcore.cluster.tables.kinds import LOCAL
from cloudcore.cluster.tables.pending import READ, Answer, unknown, waited
from cloudcore.cluster.tables.range import Range
from cloudcore.cluster.tables.ranges import Ranges
from cloudcore.cluster.tables.splitting import LAST, MOVED, Moved
from cloudcore.cluster.tables.transacting import BUSY, Busy
from cloudcore.dynamodb.errors import error_body
from cloudcore.errors import ApiError

_DEADLINE_S = 25.0
_PAUSE_S = 0.02
_CONFLICT_S = 5.0
"""How long who meets a lock of a transaction tries again."""
_SMALL = 64 << 10  # a page of less goes on in the next range


class Router:
    """Of the ranges of one account and region at this node."""

    def __init__(self, ranges: Ranges):
        self.ranges = ranges

    def answer(self, kind: str, operation: str, body: bytes) -> Answer:
        """(HTTP status, JSON) of an item operation. `kind`: LOCAL, READ or WRITE."""
        until = time.monotonic() + _DEADLINE_S
        pause, patience = _PAUSE_S, 0.0
        while True:
            version = self.ranges.version
            try:
                answer = self._answer(kind, operation, body)
                # A replica that gave keys away while it was read may have shown less than it had.
                if kind != LOCAL or (version % 2 == 0 and version == self.ranges.version):
                    return answer
            except Busy as error:
                pause = min(pause, _PAUSE_S)  # nobody holds one for long
                patience = patience or time.monotonic() + _CONFLICT_S
                replica = self.ranges.root.whole()
                if time.monotonic() > patience and replica is not None:
                    return transactions.conflict(replica, operation, body, error.hashes)
            except Moved:
                pass
            except ApiError as error:
                return error.status, error_body(error)
            if time.monotonic() > until:
                return unknown("the range of these keys does not answer; nothing was done")
            time.sleep(pause * random.uniform(0.5, 1))  # who met once shall not meet again
            pause = min(2 * pause, 0.2)

    def _answer(self, kind: str, operation: str, body: bytes) -> Answer:
        replica = self.ranges.root.whole()
        if replica is None:  # this node begins; it does not know the tables yet
            raise Moved
        where, hashes, start = route(replica.tables, operation, body)
        if where == "walk":
            return self._walk(kind, operation, body, start)
        if where == "index":
            return self._index(kind, operation, body)
        owners = {self.ranges.owner(each).range for each in hashes}
        if operation in transactions.MEMBERS and len(owners) != 1:
            return transactions.attempted(self, kind, operation, body, replica)
        if len(owners) < 2:
            at = hashes[0] if hashes else 0  # what is refused anyway, any range refuses
            return self.ask(kind, self.ranges.owner(at), operation, body, at)
        if operation in batches.MEMBERS:
            return batches.scattered(self, kind, operation, json.loads(body), hashes, replica)
        raise ApiError(
            CODE, f"{operation} of items that lie in several ranges of keys does not work: the tables of "
                  "this account and region were split, and each range has a log of its own.",
        )  # fmt: skip

    def ask(self, kind: str, range_: Range, operation: str, body: bytes, hash_: int) -> Answer:
        """Of one range, which has `hash_`. Raises Moved."""
        return self.begin(kind, range_, operation, body, hash_)()

    def begin(
        self, kind: str, range_: Range, operation: str, body: bytes, hash_: int
    ) -> Callable[[], Answer]:
        """Ask one range; what gives its answer. That raises Moved."""
        if (why := range_.versions.refused) is not None:
            return lambda: unknown(why)
        if kind == LOCAL:
            if (replica := self.ranges.shown(hash_)) is not None:
                plain = operation.partition("@")[0]
                return lambda: replica.tables.call_json(plain, body)
            kind = READ
        if kind == READ and (answer := range_.read(operation, body)) is not None:
            return lambda: _known(answer)
        future = range_.ask(kind, operation, body)
        return lambda: _known(waited(future))

    # -- walks -----------------------------------------------------------------------------------------

    def _walk(self, kind: str, operation: str, body: bytes, start: int | None) -> Answer:
        """Scan, and SELECT without a key: from range to range until a page is cut."""
        request = json.loads(body)
        low, high = _segment(request)
        at = low if start is None else max(start, low)
        merged: dict[str, Any] = {}
        given = request.get("Limit")
        while True:
            status, page, raw, end = self._page(kind, operation, request, at)
            if status != 200:
                return status, raw
            looked = int(page.get("ScannedCount", len(page.get("Items", ()))))
            if not _cut(page) and end < high and len(raw) > _SMALL and "ScannedCount" in page:
                _, page, _, end = self._page(kind, operation, {**request, "Limit": looked}, at)
            _add(merged, page)
            if _cut(page) or end >= high:
                return 200, json.dumps(merged).encode()
            if given is not None:
                request["Limit"] = max(1, request["Limit"] - looked)
            request.pop("ExclusiveStartKey", None)
            request.pop("NextToken", None)
            at = end + 1

    def _page(
        self, kind: str, operation: str, request: dict[str, Any], at: int
    ) -> tuple[int, dict[str, Any], bytes, int]:
        """A page from the hash `at` on: status, what it says, its JSON, the last hash of who was asked."""
        ask, end = self._from(kind, operation, at)
        status, raw = ask(request)
        return status, json.loads(raw), raw, end

    def _from(self, kind: str, operation: str, at: int) -> tuple[merging.Ask, int]:
        """Who asks the range of the hash `at` for what it has from there on, and the last hash of that."""
        range_ = self.ranges.owner(at)
        end = self.ranges.last_of(range_)
        if kind == LOCAL and (replica := self.ranges.shown(at)) is not None:
            end = replica.shown_last
        walk = f"{operation}@{end:x}"
        return lambda request: self.ask(kind, range_, walk, json.dumps(request).encode(), at), end

    # -- global indexes --------------------------------------------------------------------------------

    def _index(self, kind: str, operation: str, body: bytes) -> Answer:
        if operation not in ("Query", "Scan", "SearchVectors"):
            raise ApiError(CODE, f"{operation} of an index does not work where the tables of an account and "
                                 "region were split; Query, Scan and SearchVectors do.")  # fmt: skip
        asked: list[merging.Ask] = []
        at = 0
        while at <= LAST:
            ask, end = self._from(kind, operation, at)
            asked.append(ask)
            at = end + 1
        replica = self.ranges.root.whole()
        if replica is None:
            raise Moved
        merge = merging.nearest if operation == "SearchVectors" else merging.merged
        return merge(json.loads(body), asked, replica.tables)


def _known(answer: Answer) -> Answer:
    if answer[0] == MOVED:
        raise Moved
    if answer[0] == BUSY:
        raise Busy(json.loads(answer[1]))
    return answer


def _segment(request: dict[str, Any]) -> tuple[int, int]:
    """First and last hash of a parallel scan's segment (csrc/table/scan.c)."""
    total, segment = request.get("TotalSegments"), request.get("Segment")
    if total is None or segment is None:
        return 0, LAST
    first, after = (((each << 64) + total - 1) // total for each in (segment, segment + 1))
    return first, min(after - 1, LAST)


def _cut(page: dict[str, Any]) -> bool:
    return "LastEvaluatedKey" in page or "NextToken" in page


def _add(merged: dict[str, Any], page: dict[str, Any]) -> None:
    """The next page behind what is there."""
    for name, value in page.items():
        if name in ("Count", "ScannedCount"):
            merged[name] = merged.get(name, 0) + value
        elif name == "Items":
            merged.setdefault(name, []).extend(value)
        elif name == "ConsumedCapacity":
            merged[name] = batches.summed(merged.get(name), value)
        else:
            merged[name] = value


