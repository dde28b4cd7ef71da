"""Follower: the thread that sends one table's changes to one destination."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

from cloudcore._table import Feed, View
from cloudcore.errors import ClosedError

if TYPE_CHECKING:
    from cloudcore.dynamodb.kinesis.destinations import Destinations, Sink
    from cloudcore.dynamodb.service import DynamoDB

PAGE = 500
WAIT_MS = 30_000
RETRY_SECONDS = (0.1, 30.0)
"""The first and the longest pause before a page is sent again."""


class Follower(threading.Thread):
    """Reads, sends, remembers how far it came; after a failure it begins again there."""

    def __init__(self, service: DynamoDB, destinations: Destinations, id_: str, record: dict[str, Any]):
        super().__init__(name=f"cloudcore-kinesis-{record['Table']}", daemon=True)
        self._service, self._destinations, self._id = service, destinations, id_
        self._stopping = threading.Event()

    def stop(self) -> None:
        """End soon; wake_feeds() makes it now."""
        self._stopping.set()

    def run(self) -> None:
        pause = RETRY_SECONDS[0]
        while not self._stopping.is_set():
            try:
                if self._send_all():
                    return
            except ClosedError:
                if self._service.tables.closed:
                    return  # else the destination is: the cloud is being closed
            except Exception as error:
                self._tell(error)
            self._stopping.wait(pause)
            pause = min(2 * pause, RETRY_SECONDS[1])

    def _send_all(self) -> bool:
        """True at the end of what was switched off; else it goes on until it is stopped."""
        record = self._current()
        if record is None:
            return True
        sink = self._destinations.sinks(record["Arn"])
        feed = Feed(self._service.tables, [record["Space"]], record["Sequence"], record["Index"])
        try:
            return self._follow(feed, sink)
        finally:
            if not self._service.tables.closed:
                feed.close()

    def _follow(self, feed: Feed, sink: Sink) -> bool:
        while not self._stopping.is_set():
            record = self._current()
            if record is None:
                return True
            view = View(
                "kinesis", [tuple(key) for key in record["Keys"]], self._service.region,
                source=record["Table"], microseconds=record["Precision"] == "MICROSECOND",
            )  # fmt: skip
            page, place, _, ended, _ = feed.read(
                view, "list", PAGE, until=record.get("End"), skips=True,
                since_ms=self._service.streams.horizon_ms(),
            )  # fmt: skip
            if page:
                sink.put([fitting(data, sink.record_max) for data in page])
                self._destinations.moved(self._id, place)
            elif ended:
                self._destinations.ended(self._id)
                return True
            else:
                feed.wait(place[0] - 1, WAIT_MS)
        return False

    def _current(self) -> dict[str, Any] | None:
        """The destination as it is now; None: nothing is to be sent any more."""
        return self._destinations.current(self._id)

    def _tell(self, failure: Exception) -> None:
        import logging  # rarely needed, and slow to import

        log = logging.getLogger("cloudcore.dynamodb")
        log.warning("%s cannot be sent to: %s; it is tried again", self._id.partition("/")[2], failure)


def fitting(data: bytes, limit: int) -> bytes:
    """A record, without its old image or without either where the destination takes no more."""
    if len(data) <= limit:
        return data
    record = json.loads(data)
    for image in ("OldImage", "NewImage"):
        record["dynamodb"].pop(image, None)
        data = json.dumps(record, separators=(",", ":")).encode()
        if len(data) <= limit:
            break
    return data
