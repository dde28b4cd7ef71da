"""Deliver: a plan's documents in _bulk requests. A document that is taken is not sent again; one that is
refused for what it is goes to the error prefix; the others are tried again.

Redelivery puts a document under the id that it had: it is there once.
"""

from __future__ import annotations

from base64 import b64encode
from typing import Any
from urllib.parse import unquote

from cloudcore.firehose.destinations.embedded import web
from cloudcore.firehose.destinations.embedded.index import Index
from cloudcore.firehose.destinations.opensearch import encode, signing
from cloudcore.firehose.destinations.opensearch.config import OpenSearch
from cloudcore.firehose.destinations.sending import Around, Batch, Failure, Later, Record, failure_line
from cloudcore.firehose.destinations.web import Answer, TimedOut, TooLarge, Unreachable


class OpenSearchSender:
    """A Sender (sending.py)."""

    def __init__(self, settings: OpenSearch, around: Around):
        self._settings, self._around = settings, around
        url = settings.address(around)
        self._web = web(url, settings.timeout_seconds, Index, around)
        parts = self._web.parts
        self._path = f"{parts.path.rstrip('/')}/_bulk"
        self._headers = {"Content-Type": "application/x-ndjson", "User-Agent": "cloudcore-firehose/1.0"}
        if parts.username is not None:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            self._headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
        self._signer = signing.signer(parts, settings.sign, around.region)

    def send(self, batch: Batch) -> None:
        """Send the documents that are left. Raises Later when some have to be sent again."""
        lines = []
        for at in batch.left():
            record = batch.records[at]
            text = encode.document(record)
            if not text:
                batch.fail(at, "400", "The record is empty", self._around.clock.now_ms())
                continue
            first = encode.action(
                record, self._index(record), self._settings.type_name, self._settings.ids
            )
            lines.append((at, first + b"\n" + text + b"\n"))
        later: list[Later] = []
        for numbers, body in encode.bodies(lines):
            self._bulk(batch, numbers, body, dict(lines), later)
        if later:
            raise later[0]

    def line(self, record: Record, failure: Failure) -> dict[str, Any]:
        return failure_line(
            record, failure, esDocumentId=record.id if self._settings.ids else "",
            esIndexName=self._index(record), esTypeName=self._settings.type_name,
        )  # fmt: skip

    def close(self) -> None:
        self._web.close()

    def _index(self, record: Record) -> str:
        return encode.index_of(self._settings.index, self._settings.rotation, record.arrival_ms)

    def _bulk(
        self, batch: Batch, numbers: list[int], body: bytes, lines: dict[int, bytes], later: list[Later]
    ) -> None:
        """One request; in halves when it is too large for the cluster."""
        try:
            answer = self._ask(batch.id, body)
            if answer.status == 413 and len(numbers) > 1:
                half = len(numbers) // 2
                for part in (numbers[:half], numbers[half:]):
                    self._bulk(batch, part, b"".join(lines[at] for at in part), lines, later)
                return
            if answer.status == 413:
                found = [(413, "The document is larger than the cluster takes")]
            else:
                found = encode.outcomes(answer, len(numbers))
        except Later as error:
            later.append(error)
            return
        now = self._around.clock.now_ms()
        for at, (status, reason) in zip(numbers, found, strict=True):
            if 200 <= status < 300:
                batch.progress.taken.add(at)
            elif encode.is_later(status):
                later.append(Later(str(status), reason))
            else:
                batch.fail(at, str(status), reason, now)

    def _ask(self, request: str, body: bytes) -> Answer:
        headers = {**self._headers, "X-Opaque-Id": request}  # the node's slow logs and tasks name it
        if self._signer is not None:
            headers = {**headers, **self._signer.headers("POST", self._path, headers, body)}
        try:
            return self._web.request("POST", self._path, headers, body)
        except TimedOut as error:
            raise Later("504", str(error)) from None
        except (Unreachable, TooLarge) as error:
            raise Later("503", f"Unable to reach the cluster: {error}") from None
