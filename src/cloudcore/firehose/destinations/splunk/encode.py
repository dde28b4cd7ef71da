"""Encode: records -> the body of a request, and the collector's answers -> what became of them.

Source: Splunk, "HTTP Event Collector: possible error codes"; AWS, "Splunk data delivery errors".
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from cloudcore.firehose.destinations.sending import Later, Record
from cloudcore.firehose.destinations.web import Answer

ACK_TIMEOUT = (
    "No acknowledgement came from the HEC before the acknowledgement timeout expired. The data may have been "
    "indexed all the same. It is kept in the bucket."
)
_SHOWN = 500
_CODES = {1: "DisabledToken", 2: "InvalidToken", 3: "InvalidToken", 4: "InvalidToken", 5: "InvalidDataFormat",
          6: "InvalidDataFormat", 7: "InvalidIndex", 9: "IndexerBusy", 12: "InvalidDataFormat",
          13: "InvalidDataFormat", 14: "DisabledAck"}  # fmt: skip
_FOR_GOOD = {"InvalidDataFormat", "ServerError.ContentTooLarge"}


def body(records: Sequence[Record]) -> bytes:
    """The records end to end, as they are."""
    return b"".join([record.data for record in records])


def ack_id(answer: Answer) -> int | tuple[str, str]:
    """The acknowledgement to ask for, or (code, message) of data that is refused for good. Raises Later."""
    found = _json(answer)
    shown = answer.body[:_SHOWN].decode(errors="replace")
    said = f"HTTP status {answer.status}: {shown}"
    if answer.status == 200:
        number = found.get("ackId")
        if isinstance(number, int) and not isinstance(number, bool):
            return number
        raise Later("Splunk.DisabledAck", f"The HEC gave no ackId; enable indexer acknowledgement. {said}")
    code = _CODES.get(found.get("code", -1)) or {
        401: "InvalidToken", 403: "InvalidToken", 404: "URLNotFound", 413: "ServerError.ContentTooLarge",
        503: "IndexerBusy",
    }.get(answer.status, "ServerError")  # fmt: skip
    if code in _FOR_GOOD:
        return f"Splunk.{code}", said
    raise Later(f"Splunk.{code}", said)


def acknowledged(answer: Answer, number: int) -> bool:
    """Whether the indexers have the data. Raises Later when the answer is none."""
    if answer.status != 200:
        raise Later(
            "Splunk.ServerError",
            f"Acknowledgements cannot be asked for: HTTP status {answer.status}: "
            f"{answer.body[:_SHOWN].decode(errors='replace')}",
        )
    acks = _json(answer).get("acks")
    if not isinstance(acks, dict) or str(number) not in acks:
        raise Later("Splunk.MissingAcknowledgements", "The HEC does not know of the acknowledgement any more")
    return acks[str(number)] is True


def _json(answer: Answer) -> dict[str, Any]:
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
