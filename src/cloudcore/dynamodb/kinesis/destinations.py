"""Destinations: which tables send their changes where, and how far each has come.

A destination is a record of the service's catalogue, kind "kinesis", id TABLE ID/ARN: {"Table", "TableId",
"Space", "Keys", "Arn", "Status", "Precision", "Sequence", "Index"} and "End", the log's sequence where it was
switched off. Its position moves after its sink has taken a page, so everything is sent at least once,
whatever is killed. What is switched off, or dropped with its table, still sends what was written before.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from cloudcore._table import feed_state, space_id, wake_feeds
from cloudcore.dynamodb.kinesis.follower import Follower

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB

KIND = "kinesis"
Record = dict[str, Any]


class Sink(Protocol):
    """Where records go; made of a destination's ARN, which raises ApiError if it is none."""

    record_max: int

    def put(self, records: list[bytes]) -> None:
        """Take all of them, durably; raises when it did not, and then may have taken some."""


class Destinations:
    """Thread rule: any call from any thread; those that change anything under service.updating."""

    def __init__(self, service: DynamoDB, sinks: Callable[[str], Sink]):
        self._service, self.sinks = service, sinks
        self._lock = threading.Lock()
        self._followers: dict[str, Follower] = {}

    def resume(self) -> None:
        """Go on where the last process ended."""
        for id_, record in self._service.catalogue.all(KIND):
            found = self._service.tables.describe(record["Table"])
            stored = {} if found is None else json.loads(found[0])
            dropped = stored.get("TableId") != record["TableId"]
            if dropped or stored.get("Kinesis") != record["Arn"]:  # the process ended in between
                self.end(record, dropped)
            current = self.current(id_)
            if current is not None and current["Status"] != "DISABLED":
                self._follow(id_, current)

    def of(self, stored: dict[str, Any]) -> list[Record]:
        """The destinations of a described table."""
        prefix = stored["TableId"] + "/"
        return [record for id_, record in self._service.catalogue.all(KIND) if id_.startswith(prefix)]

    def begin(self, stored: dict[str, Any], arn: str, precision: str) -> None:
        """Send the table's changes from now on. Its description says already that it has a destination."""
        types = {d["AttributeName"]: d["AttributeType"] for d in stored["AttributeDefinitions"]}
        record: Record = {
            "Table": stored["TableName"],
            "TableId": stored["TableId"],
            "Space": space_id(self._service.tables, stored["TableName"]),
            "Keys": [[e["AttributeName"], types[e["AttributeName"]]] for e in stored["KeySchema"]],
            "Arn": arn,
            "Status": "ACTIVE",
            "Precision": precision,
            "Sequence": feed_state(self._service.tables)[0] + 1,
            "Index": 0,
        }
        self._keep(record)
        self._follow(_id(record), record)

    def update(self, record: Record, precision: str) -> None:
        """The time in records from now on."""
        with self._lock:
            self._keep((self.current(_id(record)) or record) | {"Precision": precision})

    def end(self, record: Record, dropped: bool = False) -> None:
        """Send what is written already and then no more."""
        last = feed_state(self._service.tables)[0]
        with self._lock:
            current = self.current(_id(record)) or record
            if current["Status"] == "DISABLED" and dropped:
                self._service.catalogue.remove(KIND, _id(record))
            elif current["Status"] != "DISABLED":
                ending = {"Status": "DISABLING", "End": current.get("End", last)}
                self._keep(current | ending | ({"Dropped": True} if dropped else {}))
        wake_feeds(self._service.tables)

    def _keep(self, record: Record) -> None:
        self._service.catalogue.put(KIND, _id(record), record)

    # ---- for followers ----

    def current(self, id_: str) -> Record | None:
        """A destination as it is now."""
        return self._service.catalogue.get(KIND, id_)

    def moved(self, id_: str, place: tuple[int, int]) -> None:
        """Everything in front of `place` was sent."""
        with self._lock:
            record = self.current(id_)
            if record is not None:
                self._keep(record | {"Sequence": place[0], "Index": place[1]})

    def ended(self, id_: str) -> None:
        """A destination that was switched off has sent everything."""
        with self._lock:
            record = self.current(id_)
            self._followers.pop(id_, None)
            if record is not None and record.get("Dropped"):
                self._service.catalogue.remove(KIND, id_)
            elif record is not None:
                self._keep(record | {"Status": "DISABLED"})

    def _follow(self, id_: str, record: Record) -> None:
        with self._lock:
            follower = self._followers[id_] = self._make(id_, record)
        follower.start()

    def _make(self, id_: str, record: Record) -> Follower:
        return Follower(self._service, self, id_, record)

    def close(self) -> None:
        """Stop sending. Idempotent."""
        with self._lock:
            followers = list(self._followers.values())
        for follower in followers:
            follower.stop()
        if followers:
            wake_feeds(self._service.tables)
        for follower in followers:
            follower.join()


def _id(record: Record) -> str:
    return f"{record['TableId']}/{record['Arn']}"
