"""Delivery: one batch of a stream, called with until it is done or given up.

call -> done | from the lowest failure again | halves | again, slower | the failure's destination
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

from cloudcore.errors import ApiError
from cloudcore.lambda_.event_sources import failures
from cloudcore.lambda_.event_sources.record import Record, Source
from cloudcore.lambda_.event_sources.tumbling import Window

PAYLOAD_MAX = 6 << 20
RETRY_SECONDS = (0.2, 60.0)


class Delivery:
    """Of one lane, on its thread. `tell(text)` says what came of a call."""

    def __init__(
        self, service: Any, held: dict[str, Any], source: Source, shard: str, window: Window,
        stopping: threading.Event, tell: Callable[[str], None],
    ):  # fmt: skip
        self._service, self._held, self._source, self._shard = service, held, source, shard
        self._window, self._stopping, self._tell = window, stopping, tell
        self._attempts, self._pause = 0, RETRY_SECONDS[0]

    def deliver(self, batch: list[Record]) -> bool:
        """True: the batch is done or given up; False: stopped before that."""
        waiting = [batch]
        self._fresh()
        while waiting:
            if self._stopping.is_set():
                return False
            part = waiting[0]
            if old := self._too_old(part):
                if not self._give_up(part[:old], "RecordAgeExceeded", None):
                    return False
                waiting[:1] = [part[old:]] if part[old:] else []
            elif len(part) > 1 and len(self._event(part)) > PAYLOAD_MAX:
                waiting[:1] = _halves(part)
            else:
                left, counted, result = self._call(part)
                instead = self._after(part, left, counted, result)
                if instead is None:
                    return False
                waiting[:1] = instead
                if self._window.early and not self.finish():
                    return False
        return True

    def finish(self) -> bool:
        """The last call of the window; False: stopped before it was done or given up."""
        self._fresh()
        while not self._stopping.is_set():
            left, counted, _ = self._call([], final=True)
            if left is not None and not counted:
                self._window.close()
                return True
            self._attempts += counted
            if counted and 0 <= self._held["MaximumRetryAttempts"] < self._attempts:
                failures.log.warning("the last call of a window of %s failed", self._held["EventSourceArn"])
                self._window.close()
                return True
            self._wait()
        return False

    def _after(
        self, part: list[Record], left: list[Record] | None, counted: bool, result: Any
    ) -> list[list[Record]] | None:
        """What is to be done in the place of `part` after a call; None: stopped."""
        if left is None:
            left = part
        elif not left:
            self._fresh()
            return []
        self._attempts += counted
        retries = self._held["MaximumRetryAttempts"]
        if counted and self._held["BisectBatchOnFunctionError"] and len(left) > 1:
            if len(left) == len(part):
                self._fresh()  # each half has attempts of its own
                self._wait()
                return _halves(left)
        elif counted and 0 <= retries < self._attempts:
            if not self._give_up(left, "RetryAttemptsExhausted", result):
                return None
            self._fresh()
            return []
        self._wait()
        return [left]  # what is in front of the checkpoint is done

    def _call(self, part: list[Record], *, final: bool = False) -> tuple[list[Record] | None, bool, Any]:
        """(what of the part is not done, None: nothing was called; whether it is an attempt; the result)."""
        try:
            result = self._service.invoke(self._held["FunctionArn"], self._event(part, final))
        except (ApiError, OSError) as error:
            self._tell(f"PROBLEM: {error}")
            return None, isinstance(error, ApiError) and error.status == 413, None
        failed = bool(result.function_error)
        left = part if failed else self._failures(part, result.payload)
        if not failed and self._window and not final and not self._window.take(result.payload):
            failed, left = True, part
        self._tell("PROBLEM: Function call failed" if failed or left else "OK")
        return left, failed or bool(left), result

    def _failures(self, part: list[Record], payload: bytes) -> list[Record]:
        """The records from the lowest that the function says it failed at."""
        failed = reported(self._held, payload)
        if failed is None:
            return part
        numbers = [record.number for record in part]
        if any(one not in numbers for one in failed):
            return part
        return part[min(numbers.index(one) for one in failed) :] if failed else []

    def _too_old(self, part: list[Record]) -> int:
        """How many records at the beginning are older than is asked for."""
        limit: int = self._held["MaximumRecordAgeInSeconds"]
        if limit < 0:
            return 0
        since = self._service.clock.now() - limit
        return next((index for index, one in enumerate(part) if one.at >= since), len(part))

    def _give_up(self, part: list[Record], condition: str, result: Any) -> bool:
        """Pass records by; False: stopped before the destination knew."""
        shard = self._source.shard_id(self._shard, part[0])
        now = self._service.clock.now()
        told = failures.record(
            self._held, self._source.info, part, condition, self._attempts, result, shard, now
        )
        return failures.tell(self._service, self._held, told, part, self._stopping)

    def _event(self, part: list[Record], final: bool = False) -> bytes:
        if not self._window:
            return encoded(part)
        shard = self._source.shard_id(self._shard, part[0]) if part else self._shard
        return encoded(part, self._window.members(shard, self._held["EventSourceArn"], final=final))

    def _fresh(self) -> None:
        self._attempts, self._pause = 0, RETRY_SECONDS[0]

    def _wait(self) -> None:
        self._stopping.wait(self._pause)
        self._pause = min(2 * self._pause, RETRY_SECONDS[1])


def encoded(part: list[Record], more: dict[str, Any] | None = None) -> bytes:
    """The event of a call."""
    event = {"Records": [record.event for record in part]} | (more or {})
    return json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode()


def reported(held: dict[str, Any], payload: bytes) -> list[str] | None:
    """The itemIdentifiers of batchItemFailures, where they are asked for; None: no answer of that form, which
    is as if all had failed."""
    if "ReportBatchItemFailures" not in held.get("FunctionResponseTypes", ()):
        return []
    try:
        answer = json.loads(payload or b"null")
        return [one["itemIdentifier"] for one in (answer or {}).get("batchItemFailures") or []]
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _halves(part: list[Record]) -> list[list[Record]]:
    return [part[: len(part) // 2], part[len(part) // 2 :]]
