"""Turning: the thread that calls a pipeline's turn(), and what wakes it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

from cloudcore.clock import Clock
from cloudcore.errors import ClosedError

logger = logging.getLogger("cloudcore.firehose")
_RETRY_FIRST_S, _RETRY_MAX_S = 1.0, 120.0
_IDLE_S = 3600.0
_GRACE_S = 5.0


class Turning:
    """The part of Pipeline that knows of time and threads. turn() says whether anything moved."""

    name: str
    clock: Clock
    source: Any
    position: int

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._unread = 1 << 62  # bytes that wait in the source, unknown at the start
        self._unread_since = 0.0
        self._idle = False  # the thread sleeps and knows of nothing that waits in the source
        self._flush_to = self._flushed_to = self._flush_seen = 0
        self._requests: list[Callable[[], None]] = []
        self._stopping = False
        self._thread: threading.Thread | None = None

    def turn(self) -> bool:
        raise NotImplementedError

    def next_dues(self) -> list[float | None]:
        """When something that waits will be due, in monotonic seconds."""
        raise NotImplementedError

    def unread_is_enough(self) -> bool:
        """Whether enough waits in the source for an invocation."""
        raise NotImplementedError

    def unread_is_due(self) -> bool:
        """Whether what waits in the source can be taken in now."""
        raise NotImplementedError

    def close_deliveries(self, grace_seconds: float) -> bool:
        raise NotImplementedError

    def delivery_ended(self) -> bool:
        raise NotImplementedError

    def start(self) -> None:
        """Run turns on a thread of this pipeline until stop()."""
        self._thread = threading.Thread(target=self._run, name=f"firehose-{self.name}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Finish the turn that runs and end the thread; what is not delivered stays in the logs."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()
        if not self.close_deliveries(_GRACE_S):
            logger.warning("%s: a destination hangs; what it was given is delivered again", self.name)

    def arrived(self, size: int) -> None:
        """Records of `size` bytes were appended to the source. Wakes the thread only when it matters."""
        self._unread += size  # a hint: an update that is lost costs a batch its size, never its time
        if self._idle or self.unread_is_enough():
            with self._changed:
                if self._idle:
                    self._idle = False
                    self._unread_since = self.clock.monotonic()
                self._changed.notify_all()

    def flush(self, timeout: float | None = None) -> bool:
        """Deliver everything that was put before now, without waiting for hints. False: not in time."""
        with self._changed:
            target = self.source.last_sequence
            if self._flushed_to >= target:
                return True
            self._flush_to = max(self._flush_to, target)
            self._changed.notify_all()
            return self._changed.wait_for(lambda: self._flushed_to >= target or self._stopping, timeout) and (
                self._flushed_to >= target
            )

    def between_turns(self, request: Callable[[], None], timeout: float | None = None) -> None:
        """Run `request` on the pipeline's thread, where nothing else touches its state; its error is raised
        here. Raises TimeoutError, and ClosedError when the pipeline stops first."""
        if self._thread is None:
            request()
            return
        ended: list[BaseException | None] = []

        def run() -> None:
            try:
                request()
                ended.append(None)
            except Exception as error:
                ended.append(error)
            with self._changed:
                self._changed.notify_all()

        with self._changed:
            self._requests.append(run)
            self._changed.notify_all()
            if not self._changed.wait_for(lambda: ended or self._stopping, timeout):
                if run in self._requests:
                    self._requests.remove(run)
                    raise TimeoutError(f"{self.name} is busy")
                self._changed.wait_for(lambda: ended or self._stopping)
        if not ended:
            raise ClosedError("the stream is being closed", "closed")
        if ended[0] is not None:
            raise ended[0]

    def sleep(self, seconds: float) -> None:
        """Wait between two attempts of an invocation; a stop ends it at once."""
        with self._changed:
            self.clock.wait_for(self._changed, lambda: self._stopping, seconds)
        if self._stopping:
            raise ClosedError("the stream is being closed", "closed")

    def wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _run(self) -> None:
        pause = _RETRY_FIRST_S
        while not self._stopping:
            try:
                while self._requests:
                    self._requests.pop(0)()
                moved = self.turn()
                pause = _RETRY_FIRST_S
            except ClosedError:
                if not self._stopping:
                    logger.exception("%s: delivery ended", self.name)
                return
            except Exception as error:
                if self._stopping:
                    return
                # Nothing is lost: the logs still hold it. Say so, wait, and try again.
                logger.exception("%s: delivery stopped (%s); next try in %.0f s", self.name, error, pause)
                with self._changed:
                    self.clock.wait_for(self._changed, lambda: self._stopping, pause)
                pause = min(pause * 2, _RETRY_MAX_S)
                continue
            if not moved:
                self._wait()

    def _wait(self) -> None:
        with self._changed:
            if self._stopping or self._requests or self.delivery_ended() or self._flush_to > self._flush_seen:
                return
            self._idle = self.source.last_sequence <= self.position
            if not self._idle and self.unread_is_due():
                return
            now = self.clock.monotonic()
            due = min((d for d in self.next_dues() if d is not None), default=now + _IDLE_S)
            self.clock.wait_until(self._changed, due)
            self._idle = False
