"""Poller: the thread of one mapping: reads a stream, fills a batch, calls the function, remembers its place.

    read -> filter -> batch (size, window, 6 MB) -> call -> done | again | halves | the failure's destination

At least once: the place moves when a batch is done. Source: AWS, "Using Lambda with DynamoDB streams".
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from cloudcore.errors import ApiError, ClosedError
from cloudcore.lambda_.event_sources import failures, patterns

_log = logging.getLogger("cloudcore.lambda")
PAYLOAD_MAX = 6 << 20
RETRY_SECONDS = (0.2, 60.0)
WAIT_SECONDS = 1.0
Place = tuple[int, int]


class Poller(threading.Thread):
    """`keep(place)` makes durable that everything in front of the place is done."""

    def __init__(self, service: Any, held: dict[str, Any], place: Place, keep: Callable[[Place], None]):
        super().__init__(name=f"cloudcore-lambda-source-{held['UUID'][:8]}", daemon=True)
        self._service, self._held, self._place, self._keep = service, held, place, keep
        filters = held.get("FilterCriteria", {}).get("Filters", [])
        self._patterns = [json.loads(one["Pattern"]) for one in filters]
        self._stopping = threading.Event()
        self._source: Any = None
        self.result = "No records processed"

    def stop(self) -> None:
        """End soon: behind the call that is under way."""
        self._stopping.set()
        source = self._source
        if source is not None:
            source.wake()

    def run(self) -> None:
        pause = RETRY_SECONDS[0]
        while not self._stopping.is_set():
            try:
                self._source = self._service.follow(self._held["EventSourceArn"])
                return self._follow()
            except ClosedError:
                return
            except Exception as error:
                self.result = f"PROBLEM: {error}"
                _log.warning("event source %s: %s; it is tried again", self._held["EventSourceArn"], error)
            finally:
                if self._source is not None:
                    self._source.close()
                    self._source = None
            self._stopping.wait(pause)
            pause = min(2 * pause, RETRY_SECONDS[1])

    def _follow(self) -> None:
        while not self._stopping.is_set():
            batch, after, ended = self._gather()
            if self._stopping.is_set():
                return
            if batch and not self._deliver(batch):
                return
            if after != self._place:
                self._place = after
                self._keep(after)
            if ended and not batch:
                return

    def _gather(self) -> tuple[list[dict[str, Any]], Place, bool]:
        """(the next batch, the place behind it, whether the stream ends there)."""
        limit = self._held["BatchSize"]
        batch: list[dict[str, Any]] = []
        place, size, until = self._place, 0, None
        while not self._stopping.is_set():
            page, following, ended = self._source.read(place, limit - len(batch))
            if not page:
                if batch or ended:
                    now = time.monotonic()
                    if ended or until is None or now >= until:
                        return batch, following, ended
                    self._source.wait(following, min(WAIT_SECONDS, until - now))
                else:
                    self._source.wait(following, WAIT_SECONDS)
                place = following
                continue
            place = following
            if until is None:
                until = time.monotonic() + self._held["MaximumBatchingWindowInSeconds"]
            for data in page:
                record = json.loads(data)
                if not self._patterns or any(patterns.matches(one, record) for one in self._patterns):
                    batch.append(record)
                    size += len(data)
            if len(batch) >= limit or size >= PAYLOAD_MAX // 3 or (not batch and place != self._place):
                return batch, place, False
        return batch, place, False

    # -- one batch -------------------------------------------------------------------------------

    def _deliver(self, batch: list[dict[str, Any]]) -> bool:
        """Call until the batch is done or given up; False: stopped before that."""
        waiting, attempts, pause = [batch], 0, RETRY_SECONDS[0]
        while waiting:
            if self._stopping.is_set():
                return False
            part = waiting[0]
            old = self._too_old(part)
            if old:
                if not self._give_up(part[:old], "RecordAgeExceeded", attempts, None):
                    return False
                waiting[:1] = [part[old:]] if part[old:] else []
                continue
            if len(part) > 1 and len(_event(part)) > PAYLOAD_MAX:
                waiting[:1] = [part[: len(part) // 2], part[len(part) // 2 :]]
                continue
            left, counted, result = self._call(part)
            if not left:
                del waiting[0]
                attempts, pause = 0, RETRY_SECONDS[0]
                continue
            attempts += counted
            if len(left) < len(part):
                waiting[0] = left  # what is in front of the checkpoint is done
            retries = self._held["MaximumRetryAttempts"]
            if counted and self._held["BisectBatchOnFunctionError"] and len(left) > 1:
                if len(left) == len(part):
                    waiting[:1] = [left[: len(left) // 2], left[len(left) // 2 :]]
                    attempts, pause = 0, RETRY_SECONDS[0]  # each half has attempts of its own
            elif counted and 0 <= retries < attempts:
                if not self._give_up(left, "RetryAttemptsExhausted", attempts, result):
                    return False
                del waiting[0]
                attempts = 0
                continue
            self._stopping.wait(pause)
            pause = min(2 * pause, RETRY_SECONDS[1])
        return True

    def _call(self, part: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], bool, Any]:
        """(what of the part is not done, whether that counts as an attempt, the function's result)."""
        try:
            result = self._service.invoke(self._held["FunctionArn"], _event(part))
        except (ApiError, OSError) as error:
            self.result = f"PROBLEM: {error}"
            return part, False, None
        if result.function_error:
            self.result = "PROBLEM: Function call failed"
            return part, True, result
        left = self._failures(part, result.payload)
        self.result = "PROBLEM: Function call failed" if left else "OK"
        return left, bool(left), result

    def _failures(self, part: list[dict[str, Any]], payload: bytes) -> list[dict[str, Any]]:
        """The records from the lowest that the function says it failed at."""
        if "ReportBatchItemFailures" not in self._held.get("FunctionResponseTypes", ()):
            return []
        try:
            answer = json.loads(payload or b"null")
            failed = [one["itemIdentifier"] for one in (answer or {}).get("batchItemFailures") or []]
        except (ValueError, TypeError, KeyError, AttributeError):
            return part
        if not failed:
            return []
        numbers = [record["dynamodb"]["SequenceNumber"] for record in part]
        if any(one not in numbers for one in failed):
            return part
        return part[min(numbers.index(one) for one in failed) :]

    def _too_old(self, part: list[dict[str, Any]]) -> int:
        """How many records at the beginning are older than is asked for."""
        limit: int = self._held["MaximumRecordAgeInSeconds"]
        if limit < 0:
            return 0
        since = self._service.clock.now() - limit
        times = [record["dynamodb"]["ApproximateCreationDateTime"] for record in part]
        return next((at for at, time_ in enumerate(times) if time_ >= since), len(part))

    def _give_up(self, part: list[dict[str, Any]], condition: str, attempts: int, result: Any) -> bool:
        """Pass records by; False: stopped before the destination knew."""
        shard = self._source.shard(part[0]["dynamodb"]["SequenceNumber"])
        now = self._service.clock.now()
        told = failures.record(self._held, part, condition, attempts, result, shard, now)
        return failures.tell(self._service, self._held, told, part, self._stopping)


def _event(part: list[dict[str, Any]]) -> bytes:
    return json.dumps({"Records": part}, separators=(",", ":"), ensure_ascii=False).encode()
