"""Batches over several ranges: each gets its part, and what they answer becomes one answer.

A part that a range does not answer for is unprocessed, if another one was: puts and deletes may be repeated.
A batch is refused as a whole when two of its entries name one item; what is wrong with one entry alone, its
range refuses together with its other entries, while those of other ranges may be done.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from cloudcore._table import place, route
from cloudcore.cluster.tables.binary import with_bytes
from cloudcore.cluster.tables.pending import Answer
from cloudcore.cluster.tables.splitting import Moved
from cloudcore.errors import ApiError

if TYPE_CHECKING:
    from cloudcore.cluster.tables.replica import Replica
    from cloudcore.cluster.tables.router import Router

MEMBERS = {"BatchWriteItem": "UnprocessedItems", "BatchGetItem": "UnprocessedKeys",
           "BatchExecuteStatement": ""}  # fmt: skip
"""Operations, and the member of what they did not do."""
Entry = tuple[str, Any]


def scattered(
    router: Router, kind: str, operation: str, request: dict[str, Any], hashes: list[int], replica: Replica,
) -> Answer:  # fmt: skip
    """A batch whose keys have these hashes, in their order. Raises Moved before anything was done."""
    if operation == "BatchExecuteStatement":
        return _statements(router, kind, request)
    entries = list(_entries(operation, request))
    if len(entries) != len(hashes):
        raise ApiError("ValidationException", "A member of RequestItems is there twice")
    _refuse_twice(operation, entries, replica)
    parts: dict[str, list[Entry]] = defaultdict(list)
    for entry, hash_ in zip(entries, hashes, strict=True):
        parts[router.ranges.owner(hash_).range].append(entry)
    merged: dict[str, Any] = {"Responses": {}} if operation == "BatchGetItem" else {}
    left: dict[str, Any] = {}
    failed: Answer | None = None
    done = 0
    begun = [(some, json.dumps(_request(operation, request, some)).encode()) for some in parts.values()]
    answers = _each(router, kind, operation, [body for _, body in begun])
    for (some, _), (status, raw) in zip(begun, answers, strict=True):
        if status >= 500:
            failed = (status, raw)
            _merge(left, _request(operation, request, some)["RequestItems"])
        elif status >= 400:
            return status, raw
        else:
            done += 1
            answer = json.loads(raw)
            _merge(left, answer.pop(MEMBERS[operation], {}))
            gather(merged, answer)
    if failed is not None and not done:
        return failed
    return 200, json.dumps({**merged, MEMBERS[operation]: left}).encode()


def _each(router: Router, kind: str, operation: str, bodies: list[bytes]) -> list[Answer]:
    """Parts of a batch, all asked before the first one is waited for; one whose keys moved is split again."""
    waiting: list[Callable[[], Answer] | None] = []
    root = router.ranges.root.whole()
    for body in bodies:
        hashes = [] if root is None else route(root.tables, operation, body)[1]
        if not hashes:
            waiting.append(None)
            continue
        try:
            waiting.append(router.begin(kind, router.ranges.owner(hashes[0]), operation, body, hashes[0]))
        except Moved:
            waiting.append(None)
    answers = []
    for body, wait in zip(bodies, waiting, strict=True):
        try:
            answers.append(router.answer(kind, operation, body) if wait is None else wait())
        except Moved:
            answers.append(router.answer(kind, operation, body))
    return answers


def _entries(operation: str, request: dict[str, Any]) -> Iterator[Entry]:
    for table, told in request["RequestItems"].items():
        for entry in told if operation == "BatchWriteItem" else told["Keys"]:
            yield table, entry


def _request(operation: str, request: dict[str, Any], some: list[Entry]) -> dict[str, Any]:
    """A request like `request` of these entries alone."""
    tables: dict[str, Any] = {}
    for table, entry in some:
        if operation == "BatchWriteItem":
            tables.setdefault(table, []).append(entry)
        else:
            told = request["RequestItems"][table]
            tables.setdefault(table, {**told, "Keys": []})["Keys"].append(entry)
    return {**request, "RequestItems": tables}


def _refuse_twice(operation: str, entries: list[Entry], replica: Replica) -> None:
    seen = set()
    for table, entry in entries:
        item = entry
        if operation == "BatchWriteItem":
            ((what, told),) = entry.items()
            item = told["Item" if what == "PutRequest" else "Key"]
        key = (table.rpartition("/")[2], place(replica.tables, table, with_bytes(item)))
        if key in seen:
            raise ApiError("ValidationException", "Provided list of item keys contains duplicates")
        seen.add(key)


def _merge(into: dict[str, Any], tables: dict[str, Any]) -> None:
    """Unprocessed entries of tables, both forms."""
    for table, told in tables.items():
        if table not in into:
            into[table] = told
        elif isinstance(told, list):
            into[table] = into[table] + told
        else:
            into[table] = {**told, "Keys": into[table]["Keys"] + told["Keys"]}


def gather(into: dict[str, Any], answer: dict[str, Any]) -> None:
    """What the answer of one range says beside what it did not do."""
    for name, value in answer.items():
        if name in ("Responses", "ItemCollectionMetrics"):
            found = into.setdefault(name, {})
            for table, some in value.items():
                found[table] = found.get(table, []) + some
        elif name == "ConsumedCapacity":
            into[name] = _capacities(into.get(name, []), value)


def _capacities(one: list[dict[str, Any]], other: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for each in (*one, *other):
        found[each["TableName"]] = summed(found.get(each["TableName"]), each)
    return list(found.values())


def summed(one: dict[str, Any] | None, other: dict[str, Any]) -> dict[str, Any]:
    """What two requests consumed of one table, member by member."""
    if one is None:
        return other
    result = dict(one)
    for name, value in other.items():
        before = result.get(name)
        if isinstance(value, dict):
            result[name] = summed(before, value) if isinstance(before, dict) else value
        elif isinstance(value, int | float) and isinstance(before, int | float):
            result[name] = before + value
        else:
            result[name] = value
    return result


def _statements(router: Router, kind: str, request: dict[str, Any]) -> Answer:
    """BatchExecuteStatement: each statement by itself, the answers in the order of the statements."""
    bodies = [json.dumps({**request, "Statements": [one]}).encode() for one in request["Statements"]]
    merged: dict[str, Any] = {"Responses": []}
    for status, raw in _each(router, kind, "BatchExecuteStatement", bodies):
        answer = json.loads(raw)
        if status >= 500:
            told = {"Code": "InternalServerError", "Message": answer.get("message", "")}
            merged["Responses"].append({"Error": told})
        elif status >= 400:
            return status, raw
        else:
            merged["Responses"] += answer["Responses"]
            if "ConsumedCapacity" in answer:
                before = merged.get("ConsumedCapacity", [])
                merged["ConsumedCapacity"] = _capacities(before, answer["ConsumedCapacity"])
    return 200, json.dumps(merged).encode()
