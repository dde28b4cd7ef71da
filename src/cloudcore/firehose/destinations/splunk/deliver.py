"""Deliver: a plan is one request; it is delivered when the indexers acknowledge it.

The time for the acknowledgement starts anew with every attempt; RetryOptions count only the pauses between
attempts. The channel is the stream's own, and stays.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from cloudcore.firehose.destinations.embedded import web
from cloudcore.firehose.destinations.embedded.collector import Collector
from cloudcore.firehose.destinations.secrets import Secret
from cloudcore.firehose.destinations.sending import Around, Batch, Failure, Later, Record, failure_line
from cloudcore.firehose.destinations.splunk import encode
from cloudcore.firehose.destinations.splunk.config import Splunk
from cloudcore.firehose.destinations.web import Answer, TimedOut, TooLarge, Unreachable
from cloudcore.firehose.prefix import uuid_of

_POLL_MAX_S = 10.0
_COLLECTOR = "/services/collector"


class SplunkSender:
    """A Sender (sending.py)."""

    def __init__(self, settings: Splunk, around: Around):
        self._settings, self._around = settings, around
        address = around.address(settings.url)
        self._web = web(address, settings.request_timeout_seconds, Collector, around)
        self._base = self._web.parts.path.rstrip("/").removesuffix(_COLLECTOR) + _COLLECTOR
        self._channel = uuid_of(f"{around.arn}/channel")
        self._secret = None if settings.secret is None else Secret(settings.secret)

    def send(self, batch: Batch) -> None:
        """Send the records and wait for their acknowledgement. Raises Later."""
        left = batch.left()
        if not left:
            return
        path = f"{self._base}/{'raw' if self._settings.raw else 'event'}?channel={self._channel}"
        body = encode.body([batch.records[at] for at in left])
        answer = self._ask(path, body, (), {"X-Request-Id": batch.id})
        number = encode.ack_id(answer)
        if isinstance(number, tuple):
            now = self._around.clock.now_ms()
            for at in left:
                batch.fail(at, *number, now)
            return
        self._wait(number, answer.cookies)
        batch.progress.taken.update(left)

    def line(self, record: Record, failure: Failure) -> dict[str, Any]:
        return failure_line(record, failure, EventId=record.id)

    def close(self) -> None:
        self._web.close()

    def _wait(self, number: int, cookies: tuple[str, ...]) -> None:
        deadline = time.monotonic() + self._settings.ack_timeout_seconds
        pause = self._settings.poll_seconds
        body = json.dumps({"acks": [number]}).encode()
        while True:
            answer = self._ask(f"{self._base}/ack?channel={self._channel}", body, cookies)
            if encode.acknowledged(answer, number):
                return
            left = deadline - time.monotonic()
            if left <= 0:
                raise Later("Splunk.AckTimeout", encode.ACK_TIMEOUT)
            self._around.pause(min(pause, left))
            pause = min(pause * 1.5, _POLL_MAX_S)

    def _ask(
        self, path: str, body: bytes, cookies: tuple[str, ...], more: Mapping[str, str] | None = None
    ) -> Answer:
        token = self._settings.token if self._secret is None else self._secret.get("hec_token")
        headers = {
            "Authorization": f"Splunk {token}", "X-Splunk-Request-Channel": self._channel,
            "User-Agent": "cloudcore-firehose/1.0", **(more or {}),
        }  # fmt: skip
        if cookies:
            headers["Cookie"] = "; ".join(cookies)
        try:
            answer = self._web.request("POST", path, headers, body)
        except TimedOut as error:
            raise Later("Splunk.ConnectionTimeout", str(error)) from None
        except (Unreachable, TooLarge) as error:
            raise Later("Splunk.ConnectionClosed", f"Unable to reach the HEC: {error}") from None
        if answer.status in (401, 403) and self._secret is not None:
            self._secret.forget()  # it may have been changed
        return answer
