"""The journal of durable executions: what started, what changed, what ended.

A record is BEGUN (a header), CHANGED (operations, events, state) or GONE. What a checkpoint changed is in the
journal before it is answered, so it survives kill -9. Here it is a log of csrc/log, DIRECTORY/durable; its
cursor "executions" follows the oldest execution that is kept, and what lies before is dropped. On a cluster
it is JetStream's (cluster/functions/journal.py).
"""

from __future__ import annotations

import json
import os
from typing import Any

from cloudcore._log import Log
from cloudcore.lambda_.durable.execution import Execution

BEGUN, CHANGED, GONE = 1, 2, 3
_CURSOR = "executions"
_STATE = ("status", "end", "result", "error", "pause", "paused_s")


class Executions:
    """What the records of a journal come to. The driver's lock guards it. `executions` by ARN; `term`: which
    of those who write it one after the other this is."""

    term = 0

    def __init__(self) -> None:
        self.executions: dict[str, Execution] = {}
        self._first: dict[str, int] = {}

    def begin(self, header: dict[str, Any]) -> Execution:
        """Make a new execution durable."""
        execution = Execution(header)
        self._first[execution.arn] = self.append(BEGUN, header)
        self.executions[execution.arn] = execution
        return execution

    def save(self, execution: Execution) -> None:
        """Make what changed durable."""
        operations, events = execution.taken()
        state = {name: getattr(execution, name) for name in _STATE}
        told = {"arn": execution.arn, "operations": operations, "events": events, "state": state}
        self.append(CHANGED, told)

    def forget(self, arn: str) -> None:
        """Drop an execution."""
        self.append(GONE, {"arn": arn})
        self._gone(arn)
        self.drop()

    def append(self, kind: int, told: dict[str, Any]) -> int:
        """Make a record durable; its sequence. Raises ClosedError when somebody else writes the journal."""
        raise NotImplementedError

    def drop(self) -> None:
        """Give back what lies before the oldest execution."""
        raise NotImplementedError

    def close(self) -> None:
        """Write nothing more."""
        raise NotImplementedError

    def oldest(self, last: int) -> int:
        """The sequence of the first record that is needed; `last` is that of the last one there is."""
        return min(self._first.values(), default=last + 1)

    def replay(self, kind: int, told: dict[str, Any], sequence: int) -> None:
        """Take up a record that was written earlier."""
        if kind == BEGUN:
            self.executions[told["arn"]] = Execution(told)
            self._first[told["arn"]] = sequence
        elif told["arn"] not in self.executions:
            return  # begun before what is kept, gone since
        elif kind == CHANGED:
            execution = self.executions[told["arn"]]
            execution.restore(told["operations"], told["events"])
            for name, value in told["state"].items():
                setattr(execution, name, value)
        elif kind == GONE:
            self._gone(told["arn"])

    def _gone(self, arn: str) -> None:
        del self.executions[arn]
        del self._first[arn]


class Journal(Executions):
    """On one machine."""

    def __init__(self, directory: str):
        super().__init__()
        os.makedirs(directory, exist_ok=True)
        self._log = Log(directory)
        done = self._log.cursor_get(_CURSOR)
        if done is None:
            self._log.cursor_set(_CURSOR, 0)
        for record in self._log.read((done or 0) + 1):
            self.replay(record.type, json.loads(record.payload), record.first)

    def append(self, kind: int, told: dict[str, Any]) -> int:
        return self._log.append(packed(told), type=kind)[0]

    def drop(self) -> None:
        self._log.cursor_set(_CURSOR, self.oldest(self._log.last_sequence) - 1)
        self._log.truncate()

    def close(self) -> None:
        self._log.close()


def packed(value: dict[str, Any]) -> bytes:
    """A record's bytes."""
    return json.dumps(value, separators=(",", ":")).encode()
