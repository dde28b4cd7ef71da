"""Time to live: one thread that deletes expired items of the tables that ask for it.

A sweep walks whole tables, so the pause after it is at least twenty times as long as it took: sweeping
costs no more than a twentieth of a core. AWS deletes within days; here an item is gone after about a
second, or a sweep later in big tables.
"""

from __future__ import annotations

import threading
import time

from cloudcore._table import Tables
from cloudcore.clock import Clock
from cloudcore.errors import ClosedError, CloudcoreError

PAUSE_SECONDS = 1.0
SHARE = 0.05
"""Part of one core's time that sweeping may take."""
AGE_MAX_SECONDS = 5 * 365 * 86400
"""What is older was never meant as a time (csrc/table/expire.c)."""


class Sweeper:
    """Sweeps the tables it was told to `watch`; its thread starts with the first one.

    Thread rule: any call from any thread.
    """

    def __init__(self, tables: Tables, clock: Clock):
        self._tables, self._clock = tables, clock
        self._attributes: dict[str, str] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._waiting = self._closed = False

    def watch(self, table: str, attribute: str | None) -> None:
        """Expire items of `table` by the number in `attribute`; None: no longer."""
        with self._changed:
            if attribute is None:
                self._attributes.pop(table, None)
                return
            self._attributes[table] = attribute
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._run, name="cloudcore-expiry", daemon=True)
                self._thread.start()
                self._changed.wait_for(lambda: self._waiting)  # a clock moved next must find it waiting

    def sweep(self) -> int:
        """Delete what has expired by now; how many items that were."""
        with self._changed:
            attributes = dict(self._attributes)
        deleted = 0
        for table, attribute in attributes.items():
            try:
                deleted += self._tables.expire(table, attribute, int(self._clock.now()))[1]
            except KeyError:
                continue  # the table went meanwhile
        return deleted

    def close(self) -> None:
        """Stop the thread; what it had not come to waits for the next open. Idempotent."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        pause = PAUSE_SECONDS
        while True:
            with self._changed:
                if not self._waiting:
                    self._waiting = True
                    self._changed.notify_all()
                self._clock.wait_for(self._changed, lambda: self._closed, pause)
                if self._closed:
                    return
            began = time.monotonic()
            try:
                self.sweep()
            except ClosedError:
                return
            except CloudcoreError:
                import logging  # rarely needed, and slow to import

                logging.getLogger("cloudcore.dynamodb").exception("expired items could not be deleted")
            pause = max(PAUSE_SECONDS, (time.monotonic() - began) / SHARE)
