"""Index: _bulk as OpenSearch answers it, over files. A line is {"_id": .., the document's members}."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import orjson

from cloudcore.firehose.destinations.embedded import LOCAL, kept, reply
from cloudcore.firehose.destinations.web import Answer

if TYPE_CHECKING:
    from cloudcore.firehose.destinations.sending import Around

ROOM = "opensearch"


def folder_of(address: str) -> str:
    """The domain that "local:DOMAIN" names."""
    return quote(address.removeprefix(LOCAL) or "local", safe="").lstrip(".") or "local"


class Index:
    """In the place of web.Web."""

    def __init__(self, address: str, around: Around):
        self.parts = urlsplit("http://localhost")
        self._kept = kept(ROOM, around, folder_of(address))

    def request(self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        """One _bulk request. Raises Unreachable."""
        items: list[dict[str, Any]] = []
        taken: dict[str, list[bytes]] = {}
        lines = body.split(b"\n")
        name = f"{headers['X-Opaque-Id']}-{sha256(body).hexdigest()[:8]}"
        for number, (action, document) in enumerate(zip(lines[::2], lines[1::2], strict=False)):
            told = orjson.loads(action)["index"]
            identity = told.get("_id") or f"{name}-{number}"
            status, line = _document(identity, document)
            items.append({"index": {"_index": told["_index"], "_id": identity, "status": status, **line}})
            if status == 201:
                taken.setdefault(told["_index"], []).append(line.pop("line"))
                items[-1]["index"].pop("line")
        for index, found in taken.items():
            self._kept.put(quote(index, safe=""), name, found)
        return reply(200, {"errors": any(i["index"]["status"] != 201 for i in items), "items": items})

    def close(self) -> None:
        pass


def _document(identity: str, document: bytes) -> tuple[int, dict[str, Any]]:
    """(201, its line), or (400, its error)."""
    try:
        found = orjson.loads(document)
    except orjson.JSONDecodeError as error:
        return 400, _error("mapper_parsing_exception", f"failed to parse: {error}")
    if not isinstance(found, dict):
        return 400, _error("mapper_parsing_exception", "failed to parse: the document is no object")
    if "_id" in found:
        return 400, _error(
            "mapper_parsing_exception",
            "Field [_id] is a metadata field and cannot be added inside a document.",
        )
    rest = document.strip()[1:]
    return 201, {"line": b'{"_id":%s%s%s' % (orjson.dumps(identity), b"," if found else b"", rest)}


def _error(kind: str, reason: str) -> dict[str, Any]:
    return {"error": {"type": kind, "reason": reason}}
