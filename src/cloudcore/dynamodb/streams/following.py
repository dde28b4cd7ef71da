"""Following: one stream's records from a place on, as Lambda's events show them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudcore._table import Feed, feed_state, sequence_place, wake_feeds

if TYPE_CHECKING:
    from cloudcore.dynamodb.streams.service import Streams

Place = tuple[int, int]


class Following:
    """A stream, to be read by one thread. Raises ApiError: ValidationException, ResourceNotFoundException."""

    def __init__(self, streams: Streams, arn: str):
        self._streams, self.arn = streams, arn
        self._stream = streams.find(arn)
        self._feed: Feed | None = None

    def first(self, position: str) -> Place:
        """Where TRIM_HORIZON or LATEST is now."""
        if position == "LATEST":
            end = self._stream.end
            return (feed_state(self._streams.service.tables)[0] if end is None else end) + 1, 0
        return self._stream.shards[0].start, 0

    def shard(self, number: str) -> str:
        """The id of the shard that a SequenceNumber lies in."""
        shards, place = self._stream.shards, self.place(number)
        return next((one.id for one in reversed(shards) if one.start <= place[0]), shards[0].id)

    def place(self, number: str) -> Place:
        """Where the record with a SequenceNumber is."""
        return sequence_place(number) or (0, 0)

    def read(self, place: Place, limit: int) -> tuple[list[bytes], Place, bool]:
        """(records, place behind them, whether the stream has ended there); what retention took is passed."""
        if self._feed is None:
            self._feed = Feed(self._streams.service.tables, [self._stream.space], *place)
        view = self._stream.make_view("event", self._streams.service.region, self.arn)
        page, after, _, ended, _ = self._feed.read(
            view, "list", limit, size_max=4 << 20, until=self._stream.end, skips=True,
            since_ms=self._streams.horizon_ms(),
        )  # fmt: skip
        return page, max(after, place), ended

    def wait(self, place: Place, seconds: float) -> None:
        """Until there may be a record at a place; wake() ends it too."""
        if self._feed is not None and seconds > 0:
            self._feed.wait(place[0] - 1, max(1, int(seconds * 1000)))

    def wake(self) -> None:
        """Any thread may call."""
        wake_feeds(self._streams.service.tables)

    def close(self) -> None:
        """Let go of the log. Idempotent."""
        if self._feed is not None:
            self._feed.close()
