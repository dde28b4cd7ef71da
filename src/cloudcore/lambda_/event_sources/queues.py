"""Queues: the thread of a mapping of a queue elsewhere, at the endpoint that `reach` or the environment has.

    receive -> filter -> batch (size, batching window, 6 MB) -> a thread: the function -> delete what it did

What a function fails at is not deleted and comes again after the queue's visibility timeout, or goes to the
queue's own dead letters. Source: AWS, "Using Lambda with Amazon SQS".
"""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from cloudcore.errors import ApiError, ClosedError
from cloudcore.lambda_.event_sources.delivery import PAYLOAD_MAX, RETRY_SECONDS, encoded, reported
from cloudcore.lambda_.event_sources.filters import Filters
from cloudcore.lambda_.event_sources.message import record
from cloudcore.lambda_.event_sources.record import Record

_log = logging.getLogger("cloudcore.lambda")
CONCURRENCY = 10
"""Calls at once where MaximumConcurrency says nothing."""
WAIT_SECONDS = 1
PAGE = 10
"""Messages of one ReceiveMessage, DeleteMessageBatch; AWS's most."""


class QueuePoller(threading.Thread):
    """Receives while one of its MaximumConcurrency threads is free. Of a group of a FIFO queue one batch is
    under way."""

    def __init__(self, service: Any, held: dict[str, Any]):
        super().__init__(name=f"cloudcore-lambda-source-{held['UUID'][:8]}", daemon=True)
        self._service, self._held, self._arn = service, held, held["EventSourceArn"]
        self._filters = Filters(held, "body")
        self._limit = held.get("ScalingConfig", {}).get("MaximumConcurrency", CONCURRENCY)
        self._stopping = threading.Event()
        self._turn = threading.Condition()  # guards what follows
        self._active = 0
        self._groups: set[str] = set()
        self._pause = RETRY_SECONDS[0]
        self.result = "No records processed"

    def stop(self) -> None:
        """End soon: behind the calls that are under way."""
        self._stopping.set()
        with self._turn:
            self._turn.notify_all()

    def run(self) -> None:
        pause = RETRY_SECONDS[0]
        with ThreadPoolExecutor(self._limit, thread_name_prefix=self.name) as threads:
            while not self._stopping.is_set():
                try:
                    client, url = find(self._service, self._arn)
                    self._receive(client, url, threads)
                except ClosedError:
                    return
                except Exception as error:
                    self.result = f"PROBLEM: {error}"
                    _log.warning("event source %s: %s; it is tried again", self._arn, error)
                    self._stopping.wait(pause)
                    pause = min(2 * pause, RETRY_SECONDS[1])

    def _receive(self, client: Any, url: str, threads: ThreadPoolExecutor) -> None:
        """Fill batches and hand them over, until this is stopped."""
        batch: dict[str, Record] = {}
        size, until = 0, 0.0
        limit, window = self._held["BatchSize"], self._held["MaximumBatchingWindowInSeconds"]
        clock = self._service.clock
        while self._free():
            answer = client.receive_message(
                QueueUrl=url, MaxNumberOfMessages=min(PAGE, limit - len(batch)), WaitTimeSeconds=WAIT_SECONDS,
                AttributeNames=["All"], MessageAttributeNames=["All"],
            )  # fmt: skip
            passed = []
            for message in answer.get("Messages", ()):
                one = record(message, self._arn)
                if not self._filters.choose(one):
                    passed.append(one)
                    continue
                if not batch:
                    until = clock.now() + window
                size += one.size
                batch[one.number] = one  # once, with its last receipt, when it came again meanwhile
            self._remove(client, url, passed)
            if batch and (len(batch) >= limit or size >= PAYLOAD_MAX // 2 or clock.now() >= until):
                for part in _cut(list(batch.values())):
                    self._hand_over(client, url, part, threads)
                batch, size = {}, 0

    def _free(self) -> bool:
        """Wait for a thread that is free; False: stopped."""
        with self._turn:
            self._turn.wait_for(lambda: self._active < self._limit or self._stopping.is_set())
        return not self._stopping.is_set()

    def _hand_over(self, client: Any, url: str, part: list[Record], threads: ThreadPoolExecutor) -> None:
        groups = {one.key for one in part if one.key}
        with self._turn:
            self._turn.wait_for(
                lambda: self._stopping.is_set() or (self._active < self._limit and not groups & self._groups)
            )
            if self._stopping.is_set():
                return  # it comes again
            self._active += 1
            self._groups |= groups
        threads.submit(self._run_batch, client, url, part, groups)

    def _run_batch(self, client: Any, url: str, part: list[Record], groups: set[str]) -> None:
        try:
            self._remove(client, url, self._call(part))
        except ClosedError:
            pass
        except Exception as error:
            self.result = f"PROBLEM: {error}"
            _log.warning("event source %s: %s; messages come again", self._arn, error)
        finally:
            with self._turn:
                self._active -= 1
                self._groups -= groups
                self._turn.notify_all()

    def _call(self, part: list[Record]) -> list[Record]:
        """Call the function; what it has done."""
        try:
            result = self._service.invoke(self._held["FunctionArn"], encoded(part))
        except (ApiError, OSError) as error:
            self.result = f"PROBLEM: {error}"
            self._stopping.wait(self._pause)  # this thread is not free meanwhile: throttles slow it down
            self._pause = min(2 * self._pause, RETRY_SECONDS[1])
            return []
        self._pause = RETRY_SECONDS[0]
        failed = None if result.function_error else reported(self._held, result.payload)
        if failed is None or not {one.number for one in part}.issuperset(failed):
            self.result = "PROBLEM: Function call failed"
            return []
        self.result = "PROBLEM: Function call failed" if failed else "OK"
        return [one for one in part if one.number not in failed]

    def _remove(self, client: Any, url: str, done: list[Record]) -> None:
        for start in range(0, len(done), PAGE):
            entries = [
                {"Id": str(at), "ReceiptHandle": one.place}
                for at, one in enumerate(done[start : start + PAGE])
            ]
            answer = client.delete_message_batch(QueueUrl=url, Entries=entries)
            for one in answer.get("Failed", ()):
                _log.warning(
                    "%s: a message is not deleted, and comes again: %s", self._arn, one.get("Message")
                )


def find(service: Any, arn: str) -> tuple[Any, str]:
    """(client, URL) of a queue. Raises what the client raises."""
    client = service.remote(arn)
    return client, client.get_queue_url(QueueName=arn.rpartition(":")[2])["QueueUrl"]


def _cut(batch: list[Record]) -> list[list[Record]]:
    """Parts that one event can hold."""
    parts: list[list[Record]] = [[]]
    size = 0
    for one in batch:
        size += one.size
        if parts[-1] and size > PAYLOAD_MAX - 1024:
            parts.append([])
            size = one.size
        parts[-1].append(one)
    return parts
