"""Encode: records -> bodies of _bulk requests, and the answer's items -> what became of each.

Index rotation: by the UTC time at which a record arrived; weeks begin on Sunday, and week 1 of a year is
the first one with a Saturday in it.

Source: AWS, "Index rotation for the OpenSearch Service destination"; OpenSearch, "Bulk".
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC
from typing import Any

import orjson

from cloudcore.firehose.destinations.sending import Later, Record
from cloudcore.firehose.destinations.web import Answer
from cloudcore.firehose.prefix import format_java, moment

BODY_MAX = 10 << 20  # what the smallest domains take
_SHOWN = 500
_ROTATIONS = {
    "NoRotation": "", "OneHour": "-yyyy-MM-dd-HH", "OneDay": "-yyyy-MM-dd", "OneWeek": "-YYYY-'w'ww",
    "OneMonth": "-yyyy-MM",
}  # fmt: skip


def index_of(name: str, rotation: str, arrival_ms: int) -> str:
    """The index of a record that arrived then."""
    pattern = _ROTATIONS[rotation]
    return name + format_java(pattern, moment(arrival_ms, UTC)) if pattern else name


def document(record: Record) -> bytes:
    """A record on one line. A line break in a JSON document is never inside a text, so it may be a space."""
    data = record.data.strip()
    return data.replace(b"\n", b" ").replace(b"\r", b" ") if b"\n" in data or b"\r" in data else data


def action(record: Record, index: str, type_name: str, ids: bool) -> bytes:
    """The line before a document."""
    members = {"_index": index}
    if type_name:
        members["_type"] = type_name
    if ids:
        members["_id"] = record.id
    return orjson.dumps({"index": members})


def bodies(lines: Sequence[tuple[int, bytes]], most: int = BODY_MAX) -> Iterator[tuple[list[int], bytes]]:
    """(numbers of records, body) of each request; `lines`: number, and action and document of a record."""
    numbers: list[int] = []
    parts: list[bytes] = []
    size = 0
    for number, line in lines:
        if numbers and size + len(line) > most:
            yield numbers, b"".join(parts)
            numbers, parts, size = [], [], 0
        numbers.append(number)
        parts.append(line)
        size += len(line)
    if numbers:
        yield numbers, b"".join(parts)


def outcomes(answer: Answer, count: int) -> list[tuple[int, str]]:
    """(HTTP status, reason) of each document of a request. Raises Later when there is no whole answer.

    A whole request that is refused for what it is (400) refuses each of its documents."""
    shown = answer.body[:_SHOWN].decode(errors="replace")
    if answer.status == 400:
        return [(400, _reason(answer) or shown)] * count
    if answer.status != 200:
        raise Later(str(answer.status), f"The cluster answered {answer.status}: {shown}")
    try:
        items = json.loads(answer.body)["items"]
        found = [next(iter(item.values())) for item in items]
        out = [(int(item["status"]), _told(item.get("error"))) for item in found]
    except (ValueError, KeyError, TypeError, AttributeError, StopIteration, RecursionError):
        raise Later("500", f"The answer to a _bulk request is not one: {shown}") from None
    if len(out) != count:
        raise Later("500", f"The answer has {len(out)} items of {count}")
    return out


def is_later(status: int) -> bool:
    """Whether a document with this status is worth another attempt."""
    return status == 429 or status >= 500


def _reason(answer: Answer) -> str:
    try:
        return _told(json.loads(answer.body)["error"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""


def _told(error: Any) -> str:
    if not isinstance(error, dict):
        return "" if error is None else str(error)
    cause = error.get("caused_by")
    text = f"{error.get('type')}: {error.get('reason')}"
    return f"{text} ({_told(cause)})" if cause else text
