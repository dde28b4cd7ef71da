"""Merging: Query and Scan of a global index, and searches of a vector index, over several ranges: entries of
indexes lie with their items.

Each range is asked for a page of its own, from the same key on, in the index's order. What lies before the
end of every page is whole: that is given out, merged, and the page's key is its last one; what one range has
shown beyond is read again with the next page. A filter or a projection hides the keys by which entries are
ordered, so first the keys are read, which says how many entries of each range belong to the page; then those
are asked for as they were wanted. Of a search each range gives its nearest, and the nearest of these are the
answer.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cloudcore._table import place
from cloudcore.cluster.tables.batches import summed
from cloudcore.cluster.tables.binary import with_bytes
from cloudcore.cluster.tables.pending import Answer
from cloudcore.cluster.tables.splitting import Moved

if TYPE_CHECKING:
    from cloudcore._table import Tables

Ask = Callable[[dict[str, Any]], Answer]
Place = tuple[int, bytes, bytes]
_FILTERS = ("FilterExpression", "QueryFilter", "ScanFilter", "ConditionalOperator")
_PROJECTIONS = ("ProjectionExpression", "AttributesToGet", "Select")
_PAGE_BYTES = 1 << 20
_WORD = re.compile(r"[#:][A-Za-z0-9_.\-]+")


class _Refused(Exception):
    """A range refuses the request, or does not answer it."""

    def __init__(self, answer: Answer):
        super().__init__()
        self.answer = answer


@dataclass
class _Entry:
    place: Place
    range: int
    item: dict[str, Any]


def merged(request: dict[str, Any], ranges: list[Ask], tables: Tables) -> Answer:
    """The page of all ranges together."""
    try:
        return 200, json.dumps(_Merge(request, ranges, tables).page()).encode()
    except _Refused as refused:
        return refused.answer


def nearest(request: dict[str, Any], ranges: list[Ask], tables: Tables) -> Answer:
    """The best of a SearchVectors of all ranges together; equally near ones in the order of the ranges."""
    found: list[dict[str, Any]] = []
    result: dict[str, Any] = {}
    for ask in ranges:
        status, raw = ask(request)
        if status != 200:
            return status, raw
        answer = json.loads(raw)
        found += answer.pop("SearchResults")
        if "ConsumedCapacity" in answer:
            answer["ConsumedCapacity"] = summed(result.get("ConsumedCapacity"), answer["ConsumedCapacity"])
        result |= answer
    described = tables.describe(request["TableName"].rpartition("/")[2])
    if described is None:
        raise Moved
    indexes = json.loads(described[0]).get("VectorIndexes", ())
    distance = next(
        (each["DistanceFunction"] for each in indexes if each["IndexName"] == request["IndexName"]), None
    )
    if distance is None:  # it went while it was searched
        raise Moved
    found.sort(key=lambda each: each["Score"], reverse=distance == "DOT_PRODUCT")
    return 200, json.dumps({**result, "SearchResults": found[: request["TopK"]]}).encode()


class _Merge:
    def __init__(self, request: dict[str, Any], ranges: list[Ask], tables: Tables):
        self.request, self.ranges, self.tables = request, ranges, tables
        self.backward = request.get("ScanIndexForward") is False
        self.filters = any(name in request for name in _FILTERS)
        self.counts = request.get("Select") == "COUNT"
        self.hides = self.filters or any(name in request for name in _PROJECTIONS)

    def page(self) -> dict[str, Any]:
        if self.hides:  # that the request is refused is said of the request as it is
            self._ask(self.ranges[0], {**self.request, "Limit": 1})
        entries, more, consumed = self._keys()
        result: dict[str, Any] = {"Count": len(entries), "ScannedCount": len(entries)}
        last = entries[-1].item if entries and more else None
        if not self.hides:
            result["Items"] = [entry.item for entry in entries]
        elif self.filters or not self.counts:
            shown, result["ScannedCount"], consumed = self._shown(entries)
            result["Count"] = len(shown)
            if not self.counts:
                result["Items"] = shown
        if last is not None:
            result["LastEvaluatedKey"] = {name: last[name] for name in self._key_names}
        if consumed is not None:
            result["ConsumedCapacity"] = consumed
        return result

    def _keys(self) -> tuple[list[_Entry], bool, Any]:
        """Entries of the page, whether there may be more behind it, and what was consumed."""
        asked = _without(self.request, (*_FILTERS, *_PROJECTIONS))
        found: list[_Entry] = []
        ends: list[Place] = []
        consumed = None
        size = 0
        for at, ask in enumerate(self.ranges):
            answer, raw = self._ask(ask, asked)
            found += [_Entry(self._place(item), at, item) for item in answer["Items"]]
            if "LastEvaluatedKey" in answer:
                ends.append(self._place(answer["LastEvaluatedKey"]))
            if "ConsumedCapacity" in answer:
                consumed = summed(consumed, answer["ConsumedCapacity"])
            size += raw
        found.sort(key=lambda entry: entry.place, reverse=self.backward)
        whole = found
        if ends:
            end = max(ends) if self.backward else min(ends)
            whole = [each for each in found if (each.place >= end if self.backward else each.place <= end)]
        fits = max(1, len(found) * _PAGE_BYTES // max(size, 1))
        room = min(self.request.get("Limit", len(found)), fits)
        more = bool(ends) or len(found) > min(len(whole), room) or self.request.get("Limit") == len(whole)
        return whole[:room], more, consumed

    def _shown(self, entries: list[_Entry]) -> tuple[list[dict[str, Any]], int, Any]:
        """What the request as it is gives of these entries, how many were looked at, what was consumed.
        Raises Moved."""
        shown: list[tuple[Place, dict[str, Any]]] = []
        looked, consumed = 0, None
        for at, ask in enumerate(self.ranges):
            expected = [entry.place for entry in entries if entry.range == at]
            if not expected:
                continue
            asked = {**self.request, "Limit": len(expected)}
            ordered, _ = self._ask(ask, _without(asked, _PROJECTIONS))
            answer = ordered
            if not self.counts and any(name in asked for name in _PROJECTIONS):
                answer, _ = self._ask(ask, asked)
            last = ordered.get("LastEvaluatedKey")
            same = last is not None and self._place(last) == expected[-1]
            if not same or ordered["Count"] != answer["Count"]:
                raise Moved  # somebody wrote in between: an entry may be missing, or be another one
            items = ordered["Items"] if self.counts else answer["Items"]
            shown += zip((self._place(item) for item in ordered["Items"]), items, strict=True)
            looked += ordered["ScannedCount"]
            if "ConsumedCapacity" in answer:
                consumed = summed(consumed, answer["ConsumedCapacity"])
        shown.sort(key=lambda each: each[0], reverse=self.backward)
        return [item for _, item in shown], looked, consumed

    def _ask(self, ask: Ask, request: dict[str, Any]) -> tuple[dict[str, Any], int]:
        status, raw = ask(request)
        if status != 200:
            raise _Refused((status, raw))
        answer: dict[str, Any] = json.loads(raw)
        return answer, len(raw)

    def _place(self, item: dict[str, Any]) -> Place:
        keys = {name: item[name] for name in self._key_names}
        return place(self.tables, self.request["TableName"], with_bytes(keys), self.request["IndexName"])

    @functools.cached_property
    def _key_names(self) -> list[str]:
        described = self.tables.describe(self.request["TableName"].rpartition("/")[2])
        assert described is not None
        stored = json.loads(described[0])
        wanted = self.request["IndexName"]
        index = next(each for each in stored["GlobalSecondaryIndexes"] if each["IndexName"] == wanted)
        elements = [*index["KeySchema"], *stored["KeySchema"]]
        return list(dict.fromkeys(element["AttributeName"] for element in elements))


def _without(request: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """A request without some members, and without the names and values that nothing else in it mentions."""
    rest = {name: value for name, value in request.items() if name not in names}
    told = " ".join(str(value) for name, value in rest.items() if name.endswith("Expression"))
    words = set(_WORD.findall(told))
    for name in ("ExpressionAttributeNames", "ExpressionAttributeValues"):
        if name in rest:
            rest[name] = {word: value for word, value in rest[name].items() if word in words}
            if not rest[name]:
                del rest[name]
    return rest
