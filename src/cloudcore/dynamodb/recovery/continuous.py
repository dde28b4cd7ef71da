"""Point-in-time recovery: who is archived, the thread that does it, and the window that can be restored.

Every table with recovery on has an Archive. One thread reads what the store's feed tells of each, keeps it,
and then lets the log be forgotten up to there (the cursor "recovery"), so nothing is recycled before it is
archived. A new base image is taken once what was archived since the last one outweighs it, or a day has
passed: a restore then reads a bounded stretch of changes, and what is older than the recovery period can go.

All of it runs on the service's clock, as the times in the log do.
"""

from __future__ import annotations

import json
import os
import threading
from typing import TYPE_CHECKING, Any

from cloudcore._table import ArchiveReader, Snapshot, hold_log, release_log
from cloudcore.dynamodb.description import save
from cloudcore.dynamodb.recovery.archive import KIND, Archive, Record
from cloudcore.errors import ClosedError, CloudcoreError

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB

PAUSE_SECONDS = 2.0
"""Between two looks at the feed."""
DAY_MS = 86_400_000
DAYS = 35
"""The recovery period unless another one is asked for."""
REBASE_BYTES = 64 << 20
"""Archived bytes that make a new base worth it, if they outweigh the last one."""
CURSOR = b"recovery"


class Recovery:
    """The archives of a service. Any call from any thread; those named so under service.updating."""

    def __init__(self, service: DynamoDB):
        self._service = service
        self._lock = threading.RLock()
        self._archives: dict[str, Archive] = {}
        self._readers: dict[str, ArchiveReader] = {}
        self._held = -1
        self._wake = threading.Condition()
        self._closed = False
        self._thread: threading.Thread | None = None

    # ---- which tables ----

    def resume(self) -> None:
        """Go on with what an earlier process archived; sweep() comes once restores hold what they need."""
        for id_, record in self._service.catalogue.all(KIND):
            self._archives[id_] = self._made(id_, record)
            self._archives[id_].tidy()
        for stored in self._live():
            archive = self._archives.get(stored["Recovery"]["Archive"])
            if archive is not None and not archive.record["bases"]:
                archive.remove()  # its first base was never finished
                del self._archives[archive.id]
                archive = None
            if archive is None:
                stored["Recovery"]["Archive"] = new_archive(stored)  # for whom the old one was, it is gone
                save(self._service, stored)
                self.begin(stored)
        if self._archives:
            self._start()

    def sweep(self) -> None:
        """Forget archives whose table went while an earlier process still read them."""
        live = {stored["Recovery"]["Archive"] for stored in self._live()}
        for archive in list(self._archives.values()):
            if archive.id not in live:
                self._drop(archive)

    def _live(self) -> list[dict[str, Any]]:
        """The stored descriptions of tables with recovery on."""
        found = (self._service.tables.describe(name) for name in self._service.tables.names())
        return [json.loads(one[0]) for one in found if one is not None and b'"Recovery"' in one[0]]

    def begin(self, stored: dict[str, Any]) -> None:
        """Archive a table, whose feed is on, from now on. Under service.updating."""
        snapshot = Snapshot(self._service.tables, stored["TableName"])
        now = self._service.clock.now_ms()
        record = {"table": stored["TableName"], "begun": snapshot.info()["sequence"], "time": now}
        archive = self._made(stored["Recovery"]["Archive"], record | {"bases": [], "files": []})
        with self._lock:
            if self._held < 0:
                self._held = record["begun"]
                hold_log(self._service.tables, CURSOR, self._held)
            archive.settle({"dropped": False})
            self._archives[archive.id] = archive
        self._base(archive, snapshot, now)
        self._start()

    def _made(self, id_: str, record: Record) -> Archive:
        return Archive(self._service, id_, record)

    def end(self, id_: str) -> None:
        """Archive a table no more, and forget its archive once nobody reads it. Under service.updating."""
        with self._lock:
            archive = self._archives.get(id_)
            if archive is not None:
                self._drop(archive)

    def _drop(self, archive: Archive) -> None:
        with self._lock:
            reader = self._readers.pop(archive.id, None)
            if reader is not None:
                reader.close()
            if archive.readers:
                archive.settle({"dropped": True})
                return
            del self._archives[archive.id]
            archive.remove()
            if not self._archives:
                release_log(self._service.tables, CURSOR)
                self._held = -1

    # ---- reading ----

    def window(self, stored: dict[str, Any]) -> tuple[int, int]:
        """(earliest, latest) moment that a table can be restored to, milliseconds."""
        now = self._service.clock.now_ms()
        with self._lock:
            record = self._archives[stored["Recovery"]["Archive"]].record
            first = record["bases"][0]["time"] if record["bases"] else record["time"]
        return max(first, now - stored["Recovery"]["Days"] * DAY_MS), now

    def hold(self, id_: str) -> Archive:
        """An archive, which keeps its files until release(). KeyError when it is gone."""
        with self._lock:
            archive = self._archives[id_]
            archive.readers += 1
            return archive

    def release(self, archive: Archive) -> None:
        """Give back what hold() gave."""
        with self._lock:
            archive.readers -= 1
            if archive.record["dropped"] and not archive.readers:
                self._drop(archive)

    def catch_up(self, archive: Archive) -> None:
        """Archive everything that was written until now, and wait for the first base."""
        self._service.jobs.wait(_job(archive))
        with self._lock:
            if not archive.record["dropped"]:
                self._archive(archive)

    # ---- the work ----

    def run_once(self) -> None:
        """Archive what is new of every table, take bases that are due, forget what is too old."""
        seen = []
        for archive in list(self._archives.values()):
            with self._lock:
                if archive.id in self._archives and not archive.record["dropped"]:
                    seen.append(self._archive(archive))
                    self._age(archive)
        with self._lock:
            if seen and min(seen) > self._held:
                hold_log(self._service.tables, CURSOR, min(seen))
                self._held = min(seen)

    def _archive(self, archive: Archive) -> int:
        """The sequence up to which it is archived."""
        try:
            reader = self._readers.get(archive.id)
            if reader is None:
                name = archive.record["table"]
                reader = self._readers[archive.id] = ArchiveReader(self._service.tables, name, archive.last)
            while True:
                changes, count, last, time_ms, seen = reader.read()
                if not count:
                    return max(seen, archive.last)
                archive.append(changes, count, last, time_ms)
        except BaseException:
            broken = self._readers.pop(archive.id, None)
            if broken is not None:
                broken.close()
            raise

    def _age(self, archive: Archive) -> None:
        record, found = archive.record, self._service.tables.describe(archive.record["table"])
        settings = {} if found is None else json.loads(found[0]).get("Recovery", {})
        if not record["bases"] or settings.get("Archive") != archive.id:
            return
        now, newest = self._service.clock.now_ms(), record["bases"][-1]
        behind = [file["bytes"] for file in record["files"] if file["last"] > newest["sequence"]]
        due = behind and now - newest["time"] >= DAY_MS
        heavy = sum(behind) > max(REBASE_BYTES, newest["bytes"])
        if (due or heavy) and not self._service.jobs.running(_job(archive)):
            snapshot = Snapshot(self._service.tables, record["table"])
            self._base(archive, snapshot, self._service.clock.now_ms())
        archive.prune(now - settings["Days"] * DAY_MS)

    def _base(self, archive: Archive, snapshot: Snapshot, now: int) -> None:
        """`now` is taken after the snapshot: all that it holds was written by then."""
        work = lambda: self._write_base(archive, snapshot, now)  # noqa: E731
        self._service.jobs.start(_job(archive), work, turn=False)  # restores and exports wait for it

    def _write_base(self, archive: Archive, snapshot: Snapshot, now: int) -> None:
        try:
            with snapshot:
                base = archive.write_base(snapshot, now, self._service.jobs.check)
        except OSError:
            if self._archives.get(archive.id) is archive:
                raise
            return  # it was dropped meanwhile, with its directory
        with self._lock:
            if archive.record["dropped"] or self._archives.get(archive.id) is not archive:
                return
            self._archive(archive)  # all that lies before the base is in the files before it
            archive.add_base(base)

    # ---- the thread ----

    def _start(self) -> None:
        with self._lock:
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._run, name="cloudcore-recovery", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._closed, PAUSE_SECONDS)
                if self._closed:
                    return
            try:
                self.run_once()
            except ClosedError:
                return
            except (CloudcoreError, OSError):
                import logging  # rarely needed, and slow to import

                logging.getLogger("cloudcore.dynamodb").exception("changes could not be archived")

    def stop(self) -> None:
        """End the thread; what is not archived yet stays in the log. Idempotent."""
        with self._wake:
            self._closed = True
            self._wake.notify_all()
        if self._thread is not None:
            self._thread.join()

    def close(self) -> None:
        """Let go of the log and the files, after the jobs ended. Idempotent."""
        for reader in self._readers.values():
            reader.close()
        self._readers.clear()
        for archive in self._archives.values():
            archive.close()


def new_archive(stored: dict[str, Any]) -> str:
    """An id for an archive of a table."""
    return f"{stored['TableId']}-{os.urandom(4).hex()}"


def _job(archive: Archive) -> str:
    return f"base-{archive.id}"
