"""Embedded: what stands in for a search cluster, a Splunk collector or an HTTP endpoint where none is named.

Each answers a sender's requests as its server does, in process, and keeps what it took in files of JSON lines
that the stream reads back and any query engine can. Addresses that begin with "local:" mean them.

    <service's directory>/@opensearch/<domain>/<index>/<stream>/<request>.ndjson
    <service's directory>/@splunk/<stream>/<request>.ndjson
    <service's directory>/@http/<stream>/<request>.ndjson

A request that comes again, after a kill say, is the same file: what it holds is there once.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import orjson

from cloudcore.firehose.destinations.web import Answer, Unreachable, Web
from cloudcore.firehose.sources.feed import write_atomically

if TYPE_CHECKING:
    from cloudcore.firehose.destinations.sending import Around

LOCAL = "local:"
ADDRESS = "https://{}.cloudcore.local"
"""Of an embedded server, in a configuration that needs one."""


class Kept:
    """The files of one stream below `root`, at any depth, in folders of the stream's name."""

    def __init__(self, root: str, stream: str):
        self.root, self._stream = root, stream

    def put(self, folder: str, request: str, lines: Iterable[bytes]) -> None:
        """Keep lines as one file; it is on the disk when this returns. Raises Unreachable."""
        home = os.path.join(self.root, folder, self._stream)
        path = os.path.join(home, f"{request}.ndjson")
        try:
            os.makedirs(home, exist_ok=True)
            if not os.path.exists(path):
                write_atomically(path, b"".join(line + b"\n" for line in lines))
        except OSError as error:
            raise Unreachable(f"{path} cannot be written: {error}") from None

    def keys(self) -> list[str]:
        """Paths, oldest first."""
        found = []
        for home, _, names in os.walk(self.root):
            if os.path.basename(home) == self._stream:
                found += [os.path.join(home, name) for name in names if name.endswith(".ndjson")]
        return sorted(found, key=lambda path: (os.stat(path).st_mtime_ns, path))

    def get(self, key: str) -> bytes:
        with open(key, "rb") as file:
            return file.read()


def kept(room: str, around: Around, folder: str = "") -> Kept:
    """What the embedded server of a room has of a stream."""
    return Kept(os.path.join(around.home.path(), f"@{room}", folder), around.stream)


def is_local(address: str) -> bool:
    return address.startswith(LOCAL)


def reply(status: int, found: Mapping[str, Any]) -> Answer:
    """An answer in JSON."""
    body = orjson.dumps(found)
    return Answer(
        status, {"content-type": "application/json", "content-length": str(len(body))}, body
    )


def web(address: str, timeout_seconds: float, server: type[Any], around: Around, **options: Any) -> Any:
    """What a sender asks: a Web to the address, or the embedded `server`."""
    return server(address, around) if is_local(address) else Web(address, timeout_seconds, **options)
