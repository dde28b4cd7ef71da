"""Receiver: an HTTP endpoint of the published specification, over files.

A line is a record that is a JSON object as it came, and {"data": text} for another one.
"""

from __future__ import annotations

import gzip
import time
from base64 import b64decode
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import orjson

from cloudcore.firehose.destinations.embedded import kept, reply
from cloudcore.firehose.destinations.web import Answer

if TYPE_CHECKING:
    from cloudcore.firehose.destinations.sending import Around

ROOM = "http"


class Receiver:
    """In the place of web.Web."""

    def __init__(self, address: str, around: Around):
        self.parts = urlsplit("http://localhost")
        self._kept = kept(ROOM, around)

    def request(self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        """One delivery. Raises Unreachable."""
        found = orjson.loads(gzip.decompress(body) if headers.get("Content-Encoding") == "gzip" else body)
        self._kept.put("", found["requestId"], (_line(b64decode(one["data"])) for one in found["records"]))
        return reply(200, {"requestId": found["requestId"], "timestamp": int(time.time() * 1000)})

    def close(self) -> None:
        pass


def _line(record: bytes) -> bytes:
    try:
        found = orjson.loads(record)
    except orjson.JSONDecodeError:
        found = None
    if isinstance(found, dict):  # a line break in JSON is never inside a text
        return record.strip().replace(b"\n", b" ").replace(b"\r", b" ")
    return orjson.dumps({"data": record.decode("utf-8", "replace")})
