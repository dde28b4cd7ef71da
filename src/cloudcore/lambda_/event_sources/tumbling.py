"""Tumbling windows: stretches of time whose calls hand a state on, each to the next.

    {"Records": [..], "window": {"start", "end"}, "state": {..}, "shardId", "eventSourceARN",
     "isFinalInvokeForWindow", "isWindowTerminatedEarly"}  ->  {"state": {..}, "batchItemFailures": [..]}

The last call of a window has no records. A state of more than 1 MiB ends its window early.
Source: AWS, "Implementing stateful Kinesis Data Streams processing in Lambda".
"""

from __future__ import annotations

import json
import time
from typing import Any

STATE_MAX = 1 << 20
_STATE_TOO_BIG = 5 << 20  # for the event of the last call


class Window:
    """The window of one lane. `seconds`: how long one is, 0: there are none. `kept`: what keep() gave."""

    def __init__(self, seconds: int, kept: dict[str, Any] | None = None):
        self._seconds = seconds
        self.open = kept is not None
        found = kept or {}
        self.start, self.end = found.get("start", 0), found.get("end", 0)
        self.state: dict[str, Any] = found.get("state", {})
        self.early = found.get("early", False)

    def __bool__(self) -> bool:
        return self._seconds > 0 or self.open

    def keep(self) -> dict[str, Any] | None:
        """What is to be there after a kill."""
        if not self.open:
            return None
        return {"start": self.start, "end": self.end, "state": self.state, "early": self.early}

    def begin(self, at: float) -> None:
        """Open the one that a time lies in, unless one is open."""
        if self._seconds and not self.open:
            self.open, self.state, self.early = True, {}, False
            self.start = int(at // self._seconds) * self._seconds
            self.end = self.start + self._seconds

    def over(self, at: float) -> bool:
        """Whether what came at a time belongs to a later one; early records do not open an old one again."""
        return self.open and (at >= self.end or self.early)

    def close(self) -> None:
        self.open, self.state, self.early = False, {}, False

    def members(self, shard: str, source: str, *, final: bool) -> dict[str, Any]:
        """What an event has of it."""
        return {
            "window": {"start": _stamp(self.start), "end": _stamp(self.end)},
            "state": self.state,
            "shardId": shard,
            "eventSourceARN": source,
            "isFinalInvokeForWindow": final,
            "isWindowTerminatedEarly": final and self.early,
        }

    def take(self, payload: bytes) -> bool:
        """The state that a function returned; False when there is none, which is a failure."""
        try:
            state = json.loads(payload or b"null")["state"]
        except (ValueError, TypeError, KeyError):
            return False
        size = len(json.dumps(state).encode())
        if not isinstance(state, dict) or size > _STATE_TOO_BIG:
            return False
        self.state, self.early = state, size > STATE_MAX
        return True


def _stamp(at: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))
