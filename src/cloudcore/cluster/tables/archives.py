"""Archives of point-in-time recovery in JetStream, and the leader's thread that keeps them.

    cc-archives    cloudcore.archives.ACCOUNT.REGION.RANGE.ID.base-SEQUENCE-UPLOAD      the parts of an image
                                                             .changes-SEQUENCE-UPLOAD   blocks of changes

As on one machine (dynamodb/recovery/archive.py), but that a file is a subject: the record of the archive says
how many messages of it count, and each leader, and who is not sure of its last message, begins another one.
Sequences are those of the changes, which every replica numbers alike.
Thread rule: on threads, not on the link's loop.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from cloudcore._table import Snapshot, feed_state, release_log
from cloudcore.cluster.layout import ARCHIVES, archive_subject
from cloudcore.cluster.link import Link
from cloudcore.cluster.tables import parts
from cloudcore.dynamodb.recovery.archive import KIND, Archive, Record
from cloudcore.dynamodb.recovery.blocks import read_block, write_block
from cloudcore.dynamodb.recovery.continuous import CURSOR, PAUSE_SECONDS, Recovery
from cloudcore.dynamodb.recovery.images import ImageReader, write_image
from cloudcore.dynamodb.recovery.jobs import Stopped
from cloudcore.errors import ClosedError, CloudcoreError

if TYPE_CHECKING:
    from cloudcore.cluster.tables.acting import Acting
    from cloudcore.dynamodb.service import DynamoDB

logger = logging.getLogger("cloudcore.cluster")
_SEEN_MS = 60_000
"""So often an archive notes how far it has looked, when nothing of its table was there."""


class StoredArchive(Archive):
    """The archive of one table."""

    def __init__(self, service: DynamoDB, id_: str, record: Record, link: Link):
        super().__init__(service, id_, record)
        self._service, self._link = service, link
        self._begun = ""  # the subject that this leader appends to
        self._writing: set[str] = set()  # those of bases that are not counted yet

    @property
    def seen(self) -> int:
        """The sequence up to which there was nothing that is not archived, as the record has it."""
        return max(self.last, int(self.record.get("seen", 0)))

    # ---- writing ----

    def write_base(self, snapshot: Snapshot, time_ms: int, check: Callable[[], None]) -> Record:
        info = snapshot.info()
        base = {"sequence": info["sequence"], "time": time_ms, "items": info["item_count"],
                "upload": self._link.message_id()}  # fmt: skip
        self._writing.add(_base(base))
        with parts.scratch(self._beside()) as path:
            size = write_image(snapshot, path, {"table": self.record["table"]}, check)
            with open(path, "rb") as file:
                return base | {"bytes": size, "parts": self._put(_base(base), file)}

    def append(self, changes: bytes, count: int, last: int, time_ms: int) -> None:
        try:
            files = self._writable()
            block = io.BytesIO()
            size = write_block(block, b"chng", changes, count)
            block.seek(0)
            newest = files[-1]
            newest = newest | {
                "last": last, "time": time_ms, "bytes": newest["bytes"] + size,
                "parts": newest["parts"] + self._put(self._begun, block),
            }  # fmt: skip
            self._keep(self.record | {"files": [*files[:-1], newest]})
        except BaseException:
            self.close()  # what became of the last message is not known: the next ones go elsewhere
            raise

    def _writable(self) -> list[Record]:
        files, bases = self.record["files"], self.record["bases"]
        newest = bases[-1]["sequence"] if bases else 0
        if self._begun and files and not files[-1]["after"] < newest <= files[-1]["last"]:
            return list(files)
        upload = self._link.message_id()
        self._begun = f"changes-{self.last}-{upload}"
        begun = {"after": self.last, "last": self.last, "time": 0, "bytes": 0, "upload": upload, "parts": 0}
        return [*files, begun]

    def looked(self, seen: int, now_ms: int) -> None:
        """Note that there is nothing more up to a sequence, from time to time."""
        if seen > self.seen and now_ms >= self.record.get("looked", 0) + _SEEN_MS:
            self._keep(self.record | {"seen": seen, "looked": now_ms})

    def add_base(self, base: Record) -> None:
        super().add_base(base)
        self._writing.discard(_base(base))

    def _unlink(self, paths: list[str]) -> None:
        self.tidy()

    def tidy(self) -> None:
        known = self._subjects() | self._writing | {self._begun}
        self._purge(lambda name: name not in known)

    def close(self) -> None:
        self._begun = ""

    def remove(self) -> None:
        self._catalogue.remove(KIND, self.id)
        self._purge(lambda name: True)

    # ---- reading ----

    def items_of(self, base: Record) -> Iterator[bytes]:
        with self._brought(_base(base), base["parts"]) as path, ImageReader(path) as image:
            for entries, _ in image.blocks():
                yield entries

    def changes_behind(self, sequence: int) -> Iterator[bytes]:
        for found in self.record["files"]:
            if found["last"] <= sequence:
                continue
            name = f"changes-{found['after']}-{found['upload']}"
            with self._brought(name, found["parts"]) as path, open(path, "rb") as file:
                while file.tell() < found["bytes"]:
                    yield read_block(file, name)[1]

    # ---- JetStream ----

    def _subjects(self) -> set[str]:
        bases = {_base(base) for base in self.record["bases"]}
        return bases | {f"changes-{file['after']}-{file['upload']}" for file in self.record["files"]}

    def _subject(self, name: str) -> str:
        return archive_subject(self._service.account, self._service.region, self.id, name)

    def _beside(self) -> str:
        return os.path.join(self._service.files(), "recovery", self._link.message_id())

    @contextlib.contextmanager
    def _brought(self, name: str, count: int) -> Iterator[str]:
        path, what = self._beside(), f"the archive {self.id}"
        with parts.brought(self._link, ARCHIVES, self._subject(name), count, path, what):
            yield path

    def _put(self, name: str, file: Any) -> int:
        every = archive_subject("*", "*", "*", "*", "*")
        return self._link.run(parts.keep(self._link, ARCHIVES, every, self._subject(name), file))

    def _purge(self, which: Callable[[str], bool]) -> None:
        self._link.run(parts.purge(self._link, ARCHIVES, self._subject("*"), which))


def _base(base: Record) -> str:
    return f"base-{base['sequence']}-{base['upload']}"


class LeaderRecovery(Recovery):
    """The archives of a replica's tables, kept by the thread that this begins, as the leader of one term."""

    def __init__(self, service: DynamoDB, acting: Acting, link: Link):
        super().__init__(service)
        self._acting, self._term, self._link = acting, acting.term, link

    def resume(self) -> None:
        """As Recovery has it; where changes are gone that were not archived, an archive begins anew."""
        gone = feed_state(self._service.tables)[1]
        for id_, record in self._service.catalogue.all(KIND):
            if record["bases"] and StoredArchive(self._service, id_, record, self._link).seen < gone:
                logger.warning("changes of %s were lost before they were archived: its recovery begins anew",
                               record["table"])  # fmt: skip
                self._service.catalogue.put(KIND, id_, record | {"bases": []})
        super().resume()

    def _made(self, id_: str, record: Record) -> StoredArchive:
        return StoredArchive(self._service, id_, record, self._link)

    def _archive(self, archive: Archive) -> int:
        seen = super()._archive(archive)
        if isinstance(archive, StoredArchive):
            archive.looked(seen, self._service.clock.now_ms())
        return seen

    def _start(self) -> None:
        with self._lock:
            if self._thread is None and not self._closed:
                work = (self._term, self._run)
                self._thread = threading.Thread(
                    target=self._acting.run, args=work, name="cloudcore-recovery", daemon=True
                )
                self._thread.start()

    def _run(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._closed, PAUSE_SECONDS)
            try:
                self._acting.check()
                if self._closed:
                    break
                self.run_once()
            except (ClosedError, Stopped):
                break
            except (CloudcoreError, OSError) as error:
                logger.warning("changes could not be archived: %s; it is tried again", error)
        with contextlib.suppress(ClosedError):
            self.close()
            release_log(self._service.tables, CURSOR)

