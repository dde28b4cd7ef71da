"""The journal of a stream: delivery plans before they start, and what became of them.

Each entry is one log batch of JSON:
    {"t":"plan", ...Plan}          appended before the first byte of its object leaves
    {"t":"redirect", ...Plan}      what is left of the plan goes to the error prefix instead
    {"t":"done", "id":.., ...}     the object is in the store; the counters that it moved
    {"t":"work", "first","last"}   the cut of an invocation, before the function is called
    {"t":"schema", "schema":..}    the schema that was inferred, once, before the first conversion
    {"t":"cut", "planned":{..}}    a new configuration begins here: what the lanes of a log begin behind
    {"t":"snapshot", ...}          the whole state; everything before it can be dropped

Invariant: a plan is never changed, but once, when it goes to the error prefix instead. Recovery delivers
open plans again as they stand, under the same key with the same bytes, by the plan's version of the
configuration. `planned_to["<log>/<lane>"]` is the
last sequence of a log that any plan of a lane covers.
Thread rule: the pipeline's thread alone.
"""

from __future__ import annotations

import heapq
import json
from dataclasses import asdict, dataclass, field
from typing import Any

_SNAPSHOT_EVERY = 512
_SNAPSHOT_BYTES = 64 << 20
_KEPT = ("source/data", "source/backup", "staged/data")


@dataclass(frozen=True)
class Plan:
    """One object to be written: which batches of which log, under which key.

    `lane` is what was buffered together: "backup", "data", "data:{partition keys}" or
    "error:<type>". `ranges` are inclusive sequence ranges of batches. Times in ms, sizes in bytes.
    """

    id: int
    log: str
    lane: str
    ranges: list[list[int]]
    bucket: str
    key: str
    time_ms: int
    planned_ms: int
    records: int
    size: int
    version: int
    redirected: bool = False  # to the error prefix, because it could not be delivered in time
    taken: list[list[int]] = field(default_factory=list)  # numbers of the records that were taken before
    reason: dict[str, Any] | None = None  # why the rest of them failed


class Journal:
    """Open plans, progress and counters of one stream, replayed from its log."""

    def __init__(self, log: Any):
        self._log = log
        self.open: dict[int, Plan] = {}
        self._lows: dict[str, list[tuple[int, int]]] = {}  # by log: first sequence and number of a plan
        self.open_bytes = 0
        self.planned_to: dict[str, int] = {}
        self.counters: dict[str, int] = {}
        self.staged_counted = 0
        self.schema: str | None = None
        self.low: dict[str, int] = {}
        self.work = (0, 0)
        self._done_bytes = 0
        self._next_id = 1
        self._since_snapshot = 0
        for record in log.read((log.cursor_get("journal") or 0) + 1):
            self._apply(json.loads(bytes(record.payload)))
            self._since_snapshot += 1

    def next_id(self) -> int:
        """The number of the next plan; numbers never come back, over restarts included."""
        return self._next_id

    def add_plan(self, plan: Plan) -> None:
        self._append({"t": "plan", **asdict(plan)})

    def redirect(self, plan: Plan) -> None:
        """What an open plan becomes when it is given up."""
        self._append({"t": "redirect", **asdict(plan)})

    def done(self, plan: Plan, moved: dict[str, int]) -> None:
        """The plan's object is stored; `moved` is added to the counters."""
        self._append({"t": "done", "id": plan.id, "moved": moved})

    def cut(self, planned: dict[str, int]) -> None:
        """Lanes begin behind these sequences from now on: an update of the destination."""
        self._append({"t": "cut", "planned": planned})

    def set_schema(self, text: str) -> None:
        self._append({"t": "schema", "schema": text})

    def set_work(self, first: int, last: int) -> None:
        """The records of the invocation that comes next. A redelivery has the same cut: what a function
        did under the batch's first recordId, it did for exactly these records."""
        if self.work != (first, last):
            self._append({"t": "work", "first": first, "last": last})

    def count_staged(self, sequence: int, moved: dict[str, int]) -> None:
        """Count a staged batch once; not journalled, because a replay of the staged log repeats it."""
        if sequence > self.staged_counted:
            self.staged_counted = sequence
            self._count(moved)

    def low_of(self, log: str) -> int | None:
        """The first sequence of a log that an open plan needs."""
        lows = self._lows.get(log, [])
        while lows and lows[0][1] not in self.open:
            heapq.heappop(lows)
        return lows[0][0] if lows else None

    def snapshot_due(self) -> bool:
        """It writes all open plans: the more there are, the rarer it is."""
        enough = self._since_snapshot >= max(_SNAPSHOT_EVERY, len(self.open))
        return enough or self._done_bytes >= _SNAPSHOT_BYTES

    def snapshot(self, low: dict[str, int]) -> None:
        """Write the whole state and drop what came before it. `low` is the low-water mark of each log:
        lanes of which nothing is left are forgotten, so recovery must not look below it."""
        least = min(low.values())
        lanes = {lane: last for lane, last in self.planned_to.items() if lane in _KEPT or last >= least}
        first, _ = self._append(
            {
                "t": "snapshot", "open": [asdict(plan) for plan in self.open.values()], "planned_to": lanes,
                "counters": self.counters, "staged_counted": self.staged_counted, "schema": self.schema,
                "next_id": self._next_id, "low": low,
                "work": list(self.work),
            }
        )  # fmt: skip
        self._log.cursor_set("journal", first - 1)
        self._log.truncate()
        self._since_snapshot = self._done_bytes = 0

    def _append(self, entry: dict[str, Any]) -> tuple[int, int]:
        place: tuple[int, int] = self._log.append(json.dumps(entry, separators=(",", ":")).encode())
        self._apply(entry)
        self._since_snapshot += 1
        return place

    def _apply(self, entry: dict[str, Any]) -> None:
        kind = entry["t"]
        if kind == "plan":
            plan = Plan(**{name: value for name, value in entry.items() if name != "t"})
            self._opened(plan)
            self.open_bytes += plan.size
            lane = f"{plan.log}/{plan.lane}"
            self.planned_to[lane] = max(self.planned_to.get(lane, 0), plan.ranges[-1][1])
            self._next_id = max(self._next_id, plan.id + 1)
        elif kind == "done":
            plan_done = self.open.pop(entry["id"], None)
            if plan_done is not None:
                self._done_bytes += plan_done.size
                self.open_bytes -= plan_done.size
                self._count(entry["moved"])
        elif kind == "redirect":
            old = asdict(self.open[entry["id"]])
            changed = {name: value for name, value in entry.items() if name != "t"}
            self.open[entry["id"]] = Plan(**{**old, **changed, "redirected": True})
        elif kind == "cut":
            for lane, last in entry["planned"].items():
                self.planned_to[lane] = max(self.planned_to.get(lane, 0), last)
        elif kind == "work":
            self.work = (entry["first"], entry["last"])
        elif kind == "schema":
            self.schema = entry["schema"]
        elif kind == "snapshot":
            self.open.clear()
            self._lows.clear()
            for each in entry["open"]:
                self._opened(Plan(**each))
            self.open_bytes = sum(plan.size for plan in self.open.values())
            self.planned_to = dict(entry["planned_to"])
            self.counters = dict(entry["counters"])
            self.staged_counted = entry["staged_counted"]
            self.schema = entry["schema"]
            self.low = entry["low"]
            self.work = (entry["work"][0], entry["work"][1])
            self._next_id = entry["next_id"]

    def _opened(self, plan: Plan) -> None:
        self.open[plan.id] = plan
        heapq.heappush(self._lows.setdefault(plan.log, []), (plan.ranges[0][0], plan.id))

    def _count(self, moved: dict[str, int]) -> None:
        for name, value in moved.items():
            self.counters[name] = self.counters.get(name, 0) + value
