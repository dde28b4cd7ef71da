"""The stream of a table of this cloud as the source: each change is a record, a line of JSON, once.

Ours: on AWS a Kinesis stream lies between the two, and a change may come twice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cloudcore.firehose.checks import invalid
from cloudcore.firehose.sources.feed import Feed, Reader

_WAIT_S, _NO_STREAM_S = 30.0, 1.0
_STOPS, _STOP_S = 200, 0.1
MEMBER = "TableStreamSourceDescription"
Follow = Callable[[str], Any]
"""The changes of a table by its name (dynamodb/streams/lines.py)."""


def no_tables(table: str) -> Any:
    """What a service without tables beside it follows. Raises ApiError."""
    raise invalid(f"The source {table} is a table, and there are none beside these delivery streams")


def parse(table: str, follow: Follow, now: float) -> dict[str, Any]:
    """What stream.json says: changes are taken from now on. Raises ApiError."""
    lines = follow(table)
    return {"Table": table, "StreamARN": lines.arn, "Start": list(lines.end()), "DeliveryStartTimestamp": now}


def describe(found: dict[str, Any]) -> dict[str, Any]:
    """As the model has it, which knows Kinesis streams alone."""
    return {
        "KinesisStreamSourceDescription": {
            "KinesisStreamARN": found["StreamARN"], "DeliveryStartTimestamp": found["DeliveryStartTimestamp"],
        }
    }  # fmt: skip


class TableReader(Reader):
    """Positions: "" -> [sequence, index] of the next change in the log of the tables."""

    def __init__(self, source: dict[str, Any], feed: Feed, follow: Follow):
        super().__init__(feed)
        self._table, self._start, self._follow = source["Table"], source["Start"], follow
        self._lines: Any = None

    def step(self) -> float:
        if self._lines is None:
            self._lines = self._follow(self._table)
        held = tuple(self.feed.positions.get("", self._start))
        try:
            lines, place = self._lines.read(held)
            if lines:
                self.feed.store(lines, {"": list(place)})
                return 0.0
        except Exception:
            self._lines.close()  # what was read is read again
            raise
        return 0.0 if self._lines.wait(place, _WAIT_S) else _NO_STREAM_S

    def stop(self) -> None:
        self.stopping.set()
        for _ in range(_STOPS):  # a wake that comes before the wait is none
            if self._lines is not None:
                self._lines.wake()
            if not self.is_alive():
                break
            self.join(_STOP_S)

    def release(self) -> None:
        if self._lines is not None:
            self._lines.close()
