"""Collector: Splunk's HTTP Event Collector with indexer acknowledgements, over files.

A line is an event object as it came; at the raw endpoint {"_raw": a line of the body}.
Source: Splunk, "HTTP Event Collector: possible error codes".
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import orjson

from cloudcore.firehose.destinations.embedded import kept, reply
from cloudcore.firehose.destinations.web import Answer

if TYPE_CHECKING:
    from cloudcore.firehose.destinations.sending import Around

ROOM = "splunk"
_ACKS_MAX = 10_000
_decoder = json.JSONDecoder()


class _Refused(Exception):
    def __init__(self, code: int, text: str, number: int):
        super().__init__(text)
        self.code, self.number = code, number


class Collector:
    """In the place of web.Web."""

    def __init__(self, address: str, around: Around):
        self.parts = urlsplit("http://localhost")
        self._kept = kept(ROOM, around)
        self._numbers = itertools.count()
        self._acks: dict[str, bool] = {}

    def request(self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        """A request to /event, /raw or /ack. Raises Unreachable."""
        if "/ack?" in path:
            asked = orjson.loads(body)["acks"]
            return reply(200, {"acks": {str(one): self._acks.pop(str(one), False) for one in asked}})
        try:
            lines = list(_raw(body) if "/raw?" in path else _events(body))
        except _Refused as refused:
            told = {"text": str(refused), "code": refused.code, "invalid-event-number": refused.number}
            return reply(400, told)
        if not lines:
            return reply(400, {"text": "No data", "code": 5})
        self._kept.put("", headers["X-Request-Id"], lines)
        number = next(self._numbers)
        self._acks[str(number)] = True
        while len(self._acks) > _ACKS_MAX:  # nobody asks for these any more
            self._acks.pop(next(iter(self._acks)), None)
        return reply(200, {"text": "Success", "code": 0, "ackId": number})

    def close(self) -> None:
        pass


def _raw(body: bytes) -> Iterator[bytes]:
    for line in body.splitlines():
        if line.strip():
            yield orjson.dumps({"_raw": line.decode("utf-8", "replace")})


def _events(body: bytes) -> Iterator[bytes]:
    """The event objects of a body, which follow each other with or without space. Raises _Refused."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise _Refused(6, "Invalid data format", 0) from None
    at = number = 0
    while True:
        while at < len(text) and text[at].isspace():
            at += 1
        if at == len(text):
            return
        try:
            found, at = _decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            raise _Refused(6, "Invalid data format", number) from None
        if not isinstance(found, dict):
            raise _Refused(6, "Invalid data format", number)
        if "event" not in found:
            raise _Refused(12, "Event field is required", number)
        if found["event"] in ("", None):
            raise _Refused(13, "Event field cannot be blank", number)
        yield json.dumps(found, separators=(",", ":")).encode()
        number += 1
