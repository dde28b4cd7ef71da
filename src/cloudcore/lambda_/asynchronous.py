"""Asynchronous invocation: accepted when durable, run at least once, retried with AWS's waits, reported.

    accept -> events.py (the log) -> ready -> a worker -> invoke -> done, or due again later
                                                                 -> destinations.py

A function's error is tried again after 1 and 2 minutes (MaximumRetryAttempts), a throttle or an error of
this service after 1 s, 2 s, ... 5 min, both until the event is MaximumEventAgeInSeconds old. What a
destination did not take is sent again after the same waits, for six hours; an event whose records are not
delivered when the process ends runs again. One thread keeps the times and adds workers while events wait;
workers end when there is nothing to do.
Source: AWS, "How Lambda handles errors and retries with asynchronous invocation".
"""

from __future__ import annotations

import base64
import collections
import contextlib
import heapq
import logging
import threading
import time
from typing import Any

from cloudcore._channel import request_id
from cloudcore.errors import ApiError, ClosedError
from cloudcore.lambda_ import delivering, destinations
from cloudcore.lambda_.events import Event, EventQueue
from cloudcore.lambda_.metering import Result
from cloudcore.lambda_.names import LATEST

AGE_MAX, RETRIES = 21_600, 2
_RETRY_S = 60.0
_THROTTLED_MAX_S = 300.0
_WORKERS_MAX = 500
_PATIENCE_S = 0.005  # an event that waits longer for a worker gets another one
_CLOSE_S = 5.0
_log = logging.getLogger("cloudcore.lambda")


class Asynchronous:
    """The asynchronous side of a Lambda service. Events of an earlier run go on at once."""

    def __init__(self, service: Any, queue: EventQueue):
        self._service = service
        self._clock = service.clock
        self._queue = queue
        self._condition = threading.Condition()
        self._later = list(self._queue.pending.values())
        heapq.heapify(self._later)
        self._ready: collections.deque[Event] = collections.deque()
        self._workers: set[threading.Thread] = set()
        self._closed = False
        self._keeper = threading.Thread(target=self._keep_time, name="cloudcore-lambda-async", daemon=True)
        self._keeper.start()

    def accept(
        self,
        name: str,
        qualifier: str | None,
        payload: bytes,
        client_context: str | None = None,
        trace: str = "",
        identity: str | None = None,
    ) -> str:
        """Take an event for a function; its request id, `identity` if one is given."""
        now = self._clock.now()
        event = Event(0, name, qualifier, identity or request_id(), now, now, client_context, trace)
        self._queue.accept(event, payload)
        self._service.meter(name).add("async_received")
        self._accepted(event)
        return event.request_id

    def _accepted(self, event: Event) -> None:
        self._put(event)

    def _put(self, event: Event) -> None:
        """Run an event as soon as a worker is free."""
        with self._condition:
            self._ready.append(event)
            self._condition.notify_all()

    @property
    def pending(self) -> int:
        """How many events are not done."""
        return len(self._queue.pending)

    def stop(self) -> None:
        """Start nothing more."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()

    def close(self) -> None:
        """Wait a little for what runs; the rest runs again at the next open."""
        self.stop()
        self._keeper.join()
        end = time.monotonic() + _CLOSE_S
        for worker in list(self._workers):
            worker.join(max(0.0, end - time.monotonic()))
        self._queue.close()

    # -- threads ---------------------------------------------------------------------------------

    def _keep_time(self) -> None:
        head: Event | None = None
        with self._condition:
            while not self._closed:
                now = self._clock.now()
                while self._later and self._later[0].due <= now:
                    self._ready.append(heapq.heappop(self._later))
                if self._ready:
                    if (not self._workers or self._ready[0] is head) and len(self._workers) < _WORKERS_MAX:
                        worker = threading.Thread(
                            target=self._work, name="cloudcore-lambda-event", daemon=True
                        )
                        self._workers.add(worker)
                        worker.start()
                    head = self._ready[0]
                    self._condition.wait(_PATIENCE_S)
                else:
                    head = None
                    due = self._clock.monotonic_at(self._later[0].due) if self._later else None
                    self._clock.wait_until(self._condition, due)

    def _work(self) -> None:
        while True:
            with self._condition:
                if self._closed or not self._ready:
                    self._workers.discard(threading.current_thread())
                    return
                event = self._ready.popleft()
            try:
                self._run(event)
            except ClosedError:
                pass  # the event stays in the log for the next open
            except Exception:
                _log.exception("the asynchronous event %s of %s", event.request_id, event.name)
                self._again(event, _THROTTLED_MAX_S, None)

    # -- one event -------------------------------------------------------------------------------

    def _run(self, event: Event) -> None:
        if event.outbox:
            return self._deliver(event)
        record = self._service.registry.get(event.name)
        if record is None:
            return self._queue.finish(event)
        config = record.events.get(event.qualifier or LATEST, {})
        if self._clock.now() - event.at > config.get("MaximumEventAgeInSeconds", AGE_MAX):
            return self._conclude(event, "EventAgeExceeded", None)
        if record.reserved == 0:
            return self._conclude(event, "ZeroReservedConcurrency", None)
        self._service.meter(event.name).aged(1000 * (self._clock.now() - event.at))
        context = base64.b64decode(event.client_context) if event.client_context else None
        try:
            result = self._service.invoke(
                event.name,
                self._queue.payload(event),
                qualifier=event.qualifier,
                client_context=context,
                request_id=event.request_id,
                trace=event.trace,
            )
        except ApiError as error:
            if error.code == "RecursiveInvocationException":
                return self._conclude(event, "RecursiveLoop", None)
            if error.code == "ResourceNotFoundException":
                return self._queue.finish(event)
            return self._throttled(event)
        except OSError:  # no environment could be started
            return self._throttled(event)
        event.attempts += 1
        if result.function_error is None:
            return self._conclude(event, "Success", result)
        if event.attempts > config.get("MaximumRetryAttempts", RETRIES):
            return self._conclude(event, "RetriesExhausted", result)
        return self._again(event, _RETRY_S * event.attempts, result)

    def _throttled(self, event: Event) -> None:
        event.throttles += 1
        self._again(event, min(_THROTTLED_MAX_S, 2.0 ** min(event.throttles - 1, 10)), None)

    def _again(self, event: Event, delay: float, result: Result | None) -> None:
        """Run the event again in `delay` seconds, if it is not too old by then."""
        record = self._service.registry.get(event.name)
        config = record.events.get(event.qualifier or LATEST, {}) if record else {}
        event.due = self._clock.now() + delay
        with contextlib.suppress(ClosedError):
            if event.due - event.at > config.get("MaximumEventAgeInSeconds", AGE_MAX):
                return self._conclude(event, "EventAgeExceeded", result)
            self._queue.note(event)
        self._service.meter(event.name).add("async_retries")
        self._wait(event)

    def _wait(self, event: Event) -> None:
        with self._condition:
            heapq.heappush(self._later, event)
            self._condition.notify_all()

    def _conclude(self, event: Event, condition: str, result: Result | None) -> None:
        """Tell the destinations, if there are any, and be done with the event."""
        event.outbox = destinations.messages(
            self._service, event, self._queue.payload(event), condition, result
        )
        if condition != "Success":
            self._service.meter(event.name).add("async_dropped")
            if not event.outbox:
                _log.warning("event %s of %s is dropped: %s", event.request_id, event.name, condition)
        event.sent, event.due = 0, self._clock.now()
        self._deliver(event)

    def _deliver(self, event: Event) -> None:
        """Send what the outbox holds; what is not taken is sent again later, or given up."""
        left = []
        for figure, target, message in event.outbox:
            try:
                delivering.send(self._service, target, message)
            except ClosedError:
                raise
            except Exception as error:
                final = delivering.is_final(error) or self._clock.now() - message.at > AGE_MAX
                said = "took no record" if final else "took no record, which is sent again"
                _log.warning("event %s of %s: %s %s: %s", event.request_id, event.name, target, said, error)
                self._service.meter(event.name).add(figure)
                if not final:
                    left.append((figure, target, message))
        event.outbox = left
        if not left:
            return self._queue.finish(event)
        event.sent += 1
        event.due = self._clock.now() + min(_THROTTLED_MAX_S, 2.0 ** min(event.sent - 1, 10))
        return self._wait(event)
