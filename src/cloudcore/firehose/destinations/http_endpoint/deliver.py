"""Deliver: the records of a plan as one request, or as several when they are too many for one.

A request's id is made of the plan's, so it stays over all attempts, and over kill -9.
"""

from __future__ import annotations

import json
from typing import Any

from cloudcore.firehose.destinations.embedded import web
from cloudcore.firehose.destinations.embedded.receiver import Receiver
from cloudcore.firehose.destinations.http_endpoint import encode
from cloudcore.firehose.destinations.http_endpoint.config import HttpEndpoint
from cloudcore.firehose.destinations.secrets import Secret
from cloudcore.firehose.destinations.sending import Around, Batch, Failure, Later, Record, failure_line
from cloudcore.firehose.destinations.web import TimedOut, TooLarge, Unreachable
from cloudcore.firehose.prefix import uuid_of


class HttpSender:
    """A Sender (sending.py)."""

    def __init__(self, settings: HttpEndpoint, around: Around):
        self._settings, self._around = settings, around
        url = around.address(settings.url)
        self._web = web(url, settings.timeout_seconds, Receiver, around, answer_max=encode.ANSWER_MAX)
        parts = self._web.parts
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._secret = None if settings.secret is None else Secret(settings.secret)
        self._headers = {
            "Content-Type": "application/json",
            "User-Agent": "cloudcore-firehose/1.0",
            "X-Amz-Firehose-Protocol-Version": "1.0",
            "X-Amz-Firehose-Source-Arn": around.arn,
        }
        if settings.attributes:
            self._headers["X-Amz-Firehose-Common-Attributes"] = json.dumps(
                {"commonAttributes": dict(settings.attributes)}, separators=(",", ":")
            )
        if settings.gzip:
            self._headers["Content-Encoding"] = "gzip"

    def send(self, batch: Batch) -> None:
        """Send the requests whose records are left. Raises Later."""
        left = set(batch.left())
        for number, cut in enumerate(encode.cuts(batch.records)):
            if cut[0] not in left:
                continue
            request_id = batch.id if number == 0 else uuid_of(f"{batch.id}/{number}")
            refusal = self._post(request_id, batch, cut)
            if refusal is None:
                batch.progress.taken.update(cut)
                continue
            now = self._around.clock.now_ms()
            for at in cut:
                batch.fail(at, "HttpEndpoint.DestinationException", refusal, now)

    def line(self, record: Record, failure: Failure) -> dict[str, Any]:
        return failure_line(record, failure, subsequenceNumber=record.part, dataId=record.id)

    def close(self) -> None:
        self._web.close()

    def _post(self, request_id: str, batch: Batch, cut: range) -> str | None:
        headers = {**self._headers, "X-Amz-Firehose-Request-Id": request_id}
        key = self._settings.access_key if self._secret is None else self._secret.get("api_key")
        if key:
            headers["X-Amz-Firehose-Access-Key"] = key
        records = batch.records[cut.start : cut.stop]
        body = encode.body(request_id, batch.plan.planned_ms, records, self._settings.gzip)
        try:
            answer = self._web.request("POST", self._path, headers, body)
        except TimedOut:
            raise Later(
                "HttpEndpoint.RequestTimeout",
                "The timeout occurred before the endpoint answered; the request is sent again",
            ) from None
        except TooLarge as error:
            raise Later("HttpEndpoint.ResponseTooLarge", str(error)) from None
        except Unreachable as error:
            raise Later(
                "HttpEndpoint.ConnectionFailed", f"Unable to connect to the endpoint: {error}"
            ) from None
        if answer.status in (401, 403) and self._secret is not None:
            self._secret.forget()  # it may have been changed
        return encode.check(request_id, answer)
