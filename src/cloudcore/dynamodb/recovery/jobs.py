"""Long jobs: threads that the service waits for, and that end at its close.

A job's progress and outcome are in its own record (catalogue.py); what a closing service cuts short is begun
again at the next open.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable

from cloudcore.errors import ClosedError

AT_ONCE = 2
"""Jobs that run at a time; the others wait for their turn."""


class Stopped(Exception):
    """The service closes: the job ends here, without an outcome."""


class Jobs:
    """Runs functions on threads of their own. Thread rule: any call from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Condition()
        self._names: list[str] = []
        self._threads: set[threading.Thread] = set()
        self._turns = threading.Semaphore(AT_ONCE)
        self._stopping = False

    def start(self, name: str, work: Callable[[], None], turn: bool = True) -> None:
        """Run `work` soon; `name` is what wait() waits for. It calls check() now and then.

        `turn` False: at once, beside those that take turns; what one of them waits for must run so.
        """
        thread = threading.Thread(
            target=self._run, args=(name, work, turn), name=f"cloudcore-{name}", daemon=True
        )
        with self._lock:
            if self._stopping:
                raise ClosedError("the service is closed", "closed")
            self._names.append(name)
            self._threads.add(thread)
        thread.start()

    def check(self) -> None:
        """Raise Stopped when the service closes."""
        if self._stopping:
            raise Stopped

    def running(self, name: str) -> bool:
        """Whether a job of this name has not ended yet."""
        with self._lock:
            return name in self._names

    def wait(self, name: str, timeout: float | None = None) -> bool:
        """Wait until no job of this name is left; False when `timeout` seconds passed first."""
        with self._lock:
            return self._lock.wait_for(lambda: name not in self._names, timeout)

    def close(self) -> None:
        """Tell every job to stop and wait for it. Idempotent."""
        with self._lock:
            self._stopping = True
            threads = list(self._threads)
        for thread in threads:
            thread.join()

    def _run(self, name: str, work: Callable[[], None], turn: bool) -> None:
        try:
            with self._turns if turn else contextlib.nullcontext():
                self.check()
                work()
        except (Stopped, ClosedError):
            pass
        except Exception:
            import logging  # rarely needed, and slow to import

            logging.getLogger("cloudcore.dynamodb").exception("%s failed", name)
        finally:
            with self._lock:
                self._names.remove(name)
                self._threads.discard(threading.current_thread())
                self._lock.notify_all()
