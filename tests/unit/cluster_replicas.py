"""A log of tables without a cluster: entries that are applied by whichever replicas a test has."""

from __future__ import annotations

import io
import json
from typing import Any

from cloudcore.clock import Clock
from cloudcore.cluster.tables.checkpoint import Taken, read, write
from cloudcore.cluster.tables.entry import PRIMITIVE, WRITE, Batch, Entry
from cloudcore.cluster.tables.replica import Replica

START_MS = 1_700_000_000_000
HOUR_MS = 3_600_000
KEYS = [{"AttributeName": "id", "KeyType": "HASH"}]
IDS = [{"AttributeName": "id", "AttributeType": "S"}]


class Noon(Clock):
    """A clock that stands still until it is moved."""

    ms = START_MS

    def now(self) -> float:
        return self.ms / 1000


class Log:
    """Entries in order, for any number of replicas; the first one leads."""

    def __init__(self) -> None:
        self.clock = Noon()
        self.batches: list[Batch] = []
        self.leader = self.replica()

    def replica(self) -> Replica:
        return Replica("000000000000", "us-east-1", 5, self.clock, [], self.order)

    def order(self, operation: str, arguments: dict[str, Any]) -> tuple[int, bytes]:
        return self.add(PRIMITIVE, operation, arguments)

    def add(self, kind: str, operation: str, body: Any) -> tuple[int, bytes]:
        entry = Entry("a.1", kind, operation, json.dumps(body).encode())
        batch = Batch(1, self.clock.ms, len(self.batches), [entry])
        self.batches.append(batch)
        answers: list[tuple[int, bytes]] = []
        self.leader.apply(batch, len(self.batches), lambda _, answer: answers.append(answer))
        return answers[0]

    def write(self, operation: str, **body: Any) -> None:
        status, told = self.add(WRITE, operation, body)
        assert status == 200, told

    def control(self, operation: str, **body: Any) -> dict[str, Any]:
        status, told = self.leader.call_json(operation, json.dumps(body).encode())
        assert status == 200, told
        found: dict[str, Any] = json.loads(told)
        return found

    def catch_up(self, replica: Replica) -> Replica:
        for batch in self.batches[replica.after :]:
            replica.apply(batch, replica.after + 1, lambda *_: None)
        return replica

    def beginner(self) -> Replica:
        """A replica of a checkpoint that is made now."""
        file = io.BytesIO()
        write(file, {"sequence": self.leader.after, "time_ms": self.clock.ms}, Taken(self.leader))
        made = self.replica()
        file.seek(0)
        made.after = read(file, made.tables)["sequence"]
        made.filled()
        return made
