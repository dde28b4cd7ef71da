"""Changes: what happened to a table's items, in order, with native Python values: Table.changes."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cloudcore._table import Feed, feed_state, sequence_place
from cloudcore.dynamodb.streams.iterators import trimmed

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB

PAGE = 256
"""Changes that are read at a time."""
_KINDS = {"INSERT": "insert", "MODIFY": "modify", "REMOVE": "remove"}


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one item.

    Attributes: `position` (a text; changes(after=position) goes on behind this one), `time` (aware, UTC),
    `kind` ("insert", "modify" or "remove"), `key` (a dict), `new` (the item, None when it was removed), `old`
    (what it was; None when it is new or the stream shows no old images), `expired` (time to live removed it).
    """

    position: str
    time: datetime
    kind: str
    key: dict[str, Any]
    new: dict[str, Any] | None
    old: dict[str, Any] | None
    expired: bool = False


class Changes:
    """An iterator over the changes of one table; see Table.changes. One thread at a time.

    `position` is that of the last change it gave: keep it to go on there, after a restart too. It holds on to
    the log where it stands until it is at its end or closed.
    """

    def __init__(
        self,
        service: DynamoDB,
        table: str,
        after: str | None,
        latest: bool,
        wait: float | None,
        floats: bool,
    ):
        streams = service.streams.registry.all(table)
        if not streams:
            raise ValueError(f"table {table!r} has no stream: enable_stream() begins one")
        self.position = after
        self._wait, self._floats = wait, floats
        self._waiting: deque[tuple[Any, ...]] = deque()
        self._view = streams[-1].make_view("stream", service.region)
        self._horizon_ms = service.streams.horizon_ms()
        self._skips = after is None
        sequence, index = streams[-1].shards[0].start, 0
        if after is not None:
            place = sequence_place(after)
            if place is None:
                raise ValueError(f"{after!r} is no position of a change")
            if place[0] <= feed_state(service.tables)[1]:
                raise trimmed()
            sequence, index = place[0], place[1] + 1
        elif latest:
            sequence = feed_state(service.tables)[0] + 1
        else:
            spaces = [stream for stream in streams if stream.space == streams[-1].space]
            sequence = spaces[0].shards[0].start
        self._feed = Feed(service.tables, [streams[-1].space], sequence, index)

    def __iter__(self) -> Changes:
        return self

    def __next__(self) -> Change:
        if not self._waiting and not self._fill():
            self.close()
            raise StopIteration
        position, time_ms, kind, expired, key, new, old = self._waiting.popleft()
        self.position = position
        moment = datetime.fromtimestamp(time_ms / 1000, UTC)
        return Change(position, moment, _KINDS[kind], key, new, old, expired)

    def _fill(self) -> bool:
        """Reads a page, waiting for one as long as is asked."""
        end = None if self._wait is None else time.monotonic() + self._wait
        while True:
            page, (sequence, _), _, _, gone = self._feed.read(
                self._view, "changes", PAGE, since_ms=self._horizon_ms, skips=self._skips, floats=self._floats
            )
            if gone:
                raise trimmed()
            if page:
                self._waiting.extend(page)
                return True
            left = 60.0 if end is None else end - time.monotonic()
            if left <= 0:
                return False
            self._feed.wait(sequence - 1, min(60_000, max(1, int(left * 1000))))

    def close(self) -> None:
        """Let go of the log. Idempotent."""
        self._feed.close()

    def __enter__(self) -> Changes:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
