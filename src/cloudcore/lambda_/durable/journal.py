"""Durable executions on the log of csrc/log: what started, what changed, what ended.

    <directory>/durable/    BEGUN (a header), CHANGED (operations, events, state), GONE

What a checkpoint changed is in the log before it is answered, so it survives kill -9. The cursor "executions"
follows the oldest execution that is kept; what lies before is dropped.
"""

from __future__ import annotations

import json
from typing import Any

from cloudcore._log import Log
from cloudcore.lambda_.durable.execution import Execution

BEGUN, CHANGED, GONE = 1, 2, 3
_CURSOR = "executions"
_STATE = ("status", "end", "result", "error", "pause", "paused_s")


class Journal:
    """`executions` by ARN. The driver's lock guards it."""

    def __init__(self, directory: str):
        self._log = Log(directory)
        self.executions: dict[str, Execution] = {}
        self._first: dict[str, int] = {}
        self._recover()

    def begin(self, header: dict[str, Any]) -> Execution:
        """Make a new execution durable."""
        execution = Execution(header)
        self._first[execution.arn] = self._log.append(_json(header), type=BEGUN)[0]
        self.executions[execution.arn] = execution
        return execution

    def save(self, execution: Execution) -> None:
        """Make what changed durable."""
        operations, events = execution.taken()
        state = {name: getattr(execution, name) for name in _STATE}
        told = {"arn": execution.arn, "operations": operations, "events": events, "state": state}
        self._log.append(_json(told), type=CHANGED)

    def forget(self, arn: str) -> None:
        """Drop an execution."""
        self._log.append(_json({"arn": arn}), type=GONE)
        del self.executions[arn]
        del self._first[arn]
        self._log.cursor_set(_CURSOR, min(self._first.values(), default=self._log.last_sequence + 1) - 1)
        self._log.truncate()

    def close(self) -> None:
        self._log.close()

    def _recover(self) -> None:
        done = self._log.cursor_get(_CURSOR)
        if done is None:
            self._log.cursor_set(_CURSOR, 0)
        for record in self._log.read((done or 0) + 1):
            told = json.loads(record.payload)
            if record.type == BEGUN:
                self.executions[told["arn"]] = Execution(told)
                self._first[told["arn"]] = record.first
            elif told["arn"] not in self.executions:
                continue  # begun before what is kept, gone since
            elif record.type == CHANGED:
                execution = self.executions[told["arn"]]
                execution.restore(told["operations"], told["events"])
                for name, value in told["state"].items():
                    setattr(execution, name, value)
            elif record.type == GONE:
                del self.executions[told["arn"]]
                del self._first[told["arn"]]


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
