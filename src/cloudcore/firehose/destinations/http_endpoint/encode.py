"""Encode: records -> the body of a request, and an answer -> whether it took them.

Source: AWS, "Understand HTTP endpoint delivery request and response specifications".
"""

from __future__ import annotations

import gzip
import json
from base64 import b64encode
from collections.abc import Iterator, Sequence

from cloudcore.firehose.destinations.sending import Later, Record
from cloudcore.firehose.destinations.web import Answer

RECORDS_MAX, BODY_MAX, ANSWER_MAX = 10_000, 64 << 20, 1 << 20
_SHOWN = 1000


def cuts(records: Sequence[Record]) -> Iterator[range]:
    """The numbers of the records of each request, at most RECORDS_MAX and BODY_MAX bytes."""
    first, size = 0, 200
    for at, record in enumerate(records):
        own = (len(record.data) + 2) // 3 * 4 + 12
        if at > first and (at - first >= RECORDS_MAX or size + own > BODY_MAX):
            yield range(first, at)
            first, size = at, 200
        size += own
    if len(records) > first:
        yield range(first, len(records))


def body(request_id: str, time_ms: int, records: Sequence[Record], compress: bool) -> bytes:
    """A request's body; the same bytes for the same records."""
    inside = b",".join([b'{"data":"%b"}' % b64encode(record.data) for record in records])
    text = b'{"requestId":"%b","timestamp":%d,"records":[%b]}' % (request_id.encode(), time_ms, inside)
    return gzip.compress(text, 6, mtime=0) if compress else text


def check(request_id: str, answer: Answer) -> str | None:
    """None when the records were taken; the reason when they never will be. Raises Later otherwise."""
    shown = answer.body[:_SHOWN].decode(errors="replace")
    said = f"The following response was received from the endpoint destination. {answer.status}: {shown}"
    if answer.status == 413:
        return said
    if answer.status != 200:
        raise Later("HttpEndpoint.DestinationException", said)
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise _invalid(f"its content type is {kind or 'missing'}, not application/json")
    if answer.headers.get("content-encoding", "identity").lower() != "identity":
        raise _invalid("it is encoded")
    if "content-length" not in answer.headers:
        raise _invalid("it has no Content-Length")
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        raise _invalid(f"it is no JSON: {shown}") from None
    if not isinstance(found, dict) or found.get("requestId") != request_id:
        raise _invalid(f"it does not have the requestId {request_id}: {shown}")
    if isinstance(found.get("timestamp"), bool) or not isinstance(found.get("timestamp"), int):
        raise _invalid(f"it has no timestamp: {shown}")
    return None


def _invalid(why: str) -> Later:
    return Later(
        "HttpEndpoint.InvalidResponseFromDestination",
        f"The response received from the specified endpoint is invalid: {why}",
    )
