"""Lines: the changes of one table as lines of JSON, in the form that Kinesis Data Streams for DynamoDB gives
them, for a delivery stream whose source the table is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudcore._table import Feed, feed_state, wake_feeds
from cloudcore.dynamodb.kinesis.follower import fitting
from cloudcore.errors import ApiError

if TYPE_CHECKING:
    from cloudcore.dynamodb.streams.service import Streams
    from cloudcore.dynamodb.streams.stream import Stream

LINE_MAX = 1_024_000
_PAGE = 500
Place = tuple[int, int]


class Lines:
    """A table's changes from a place on, whichever of its streams they are in: when one is switched off and
    on again, or a table of the same name has one, it goes on with that. One thread at a time."""

    def __init__(self, streams: Streams, table: str):
        self._streams, self._table = streams, table
        self._stream: Stream | None = None
        self._feed: Feed | None = None

    @property
    def arn(self) -> str:
        """The ARN of the table's newest stream. Raises ApiError ResourceNotFoundException."""
        found = self._streams.registry.all(self._table)
        if not found:
            raise ApiError(
                "ResourceNotFoundException",
                f"Requested resource not found: Stream of {self._table} not found",
            )
        return self._streams.arn(found[-1])

    def end(self) -> Place:
        """The place of the next change."""
        return feed_state(self._streams.service.tables)[0] + 1, 0

    def read(self, place: Place) -> tuple[list[bytes], Place]:
        """(Lines, the place behind them). A change that is no line of 1,024,000 bytes comes without its old
        image, or without either."""
        if self._stream is None:
            place = self._open(place)
        if self._stream is None or self._feed is None:
            return [], place
        view = self._stream.make_view("kinesis", self._streams.service.region, self._table)
        page, after, more, ended, _ = self._feed.read(
            view, "list", _PAGE, size_max=1 << 20, until=self._stream.end, skips=True,
            since_ms=self._streams.horizon_ms(),
        )  # fmt: skip
        if ended and not more:
            self.close()
        return [fitting(line, LINE_MAX - 1) + b"\n" for line in page], max(after, place)

    def _open(self, place: Place) -> Place:
        """The stream that the place is in, or the first one behind it."""
        for stream in self._streams.registry.all(self._table):
            if stream.end is None or stream.end >= place[0]:
                self._stream = stream
                place = max(place, (stream.shards[0].start, 0))
                self._feed = Feed(self._streams.service.tables, [stream.space], *place)
                break
        return place

    def wait(self, place: Place, seconds: float) -> bool:
        """Until there may be a change at a place; wake() ends it too. False, at once, where no stream is."""
        if self._feed is None:
            return False
        self._feed.wait(place[0] - 1, max(1, int(seconds * 1000)))
        return True

    def wake(self) -> None:
        """Any thread may call."""
        wake_feeds(self._streams.service.tables)

    def close(self) -> None:
        """Let go of the log. Idempotent."""
        if self._feed is not None and not self._streams.service.tables.closed:
            self._feed.close()
        self._stream = self._feed = None
