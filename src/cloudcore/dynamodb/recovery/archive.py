"""The archive of one table: base images and the changes behind them, from which any moment is made again.

    <directory>/recovery/<archive>/base-<sequence>.image     the table at a sequence of the log
                                  /changes-<sequence>.log    what happened behind it, blocks of changes

The record of the archive, in the catalogue, says how far each file is good. It is written to the store's log
after the files are synced: what a file holds beyond it was never counted and is cut off at the next open, and
what is missing below it is damage.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, BinaryIO

from cloudcore._table import Snapshot, entries_of
from cloudcore.dynamodb.recovery.blocks import corrupt, read_block, sync_directory, write_block
from cloudcore.dynamodb.recovery.images import ImageReader, write_image
from cloudcore.errors import CorruptError, FormatError

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB

KIND = "archive"
MAGIC = b"ccchngs1"
_HEAD, _CHANGES = b"head", b"chng"
Record = dict[str, Any]
"""table (its name), begun (sequence), time, dropped; bases: [{sequence, time, items, bytes}] and files:
[{after, last, time, bytes}], oldest first. Times are milliseconds."""


class Archive:
    """One table's archive. The owner's lock guards every call but those that read."""

    def __init__(self, service: DynamoDB, id_: str, record: Record):
        self.id = id_
        self.record = record
        self.readers = 0
        """Restores and exports that read the files now: none is removed while there is one."""
        self._catalogue = service.catalogue
        self._directory = os.path.join(service.files(), "recovery", id_)
        self._file: BinaryIO | None = None

    @property
    def last(self) -> int:
        """The sequence up to which changes are archived."""
        files = self.record["files"]
        return int(files[-1]["last"] if files else self.record["begun"])

    # ---- writing ----

    def write_base(self, snapshot: Snapshot, time_ms: int, check: Callable[[], None]) -> Record:
        """Write the image that a snapshot shows; what add_base() is told of it."""
        info = snapshot.info()
        path = self._path("base", info["sequence"], "image")
        size = write_image(snapshot, path, {"table": self.record["table"]}, check)
        return {"sequence": info["sequence"], "time": time_ms, "items": info["item_count"], "bytes": size}

    def add_base(self, base: Record) -> None:
        """Count a base that was written; all changes up to its sequence are archived before."""
        self._keep(self.record | {"bases": [*self.record["bases"], base]})

    def append(self, changes: bytes, count: int, last: int, time_ms: int) -> None:
        """Keep changes behind those that are there, durably."""
        try:
            files = self._writable()
            assert self._file is not None
            write_block(self._file, _CHANGES, changes, count)
            self._file.flush()
            os.fdatasync(self._file.fileno())
            newest = files[-1] | {"last": last, "time": time_ms, "bytes": self._file.tell()}
            self._keep(self.record | {"files": [*files[:-1], newest]})
        except BaseException:
            self.close()  # what was half written is cut off when it is opened again
            raise

    def _writable(self) -> list[Record]:
        """The files, the last of which is open: a new one when that before is all behind the newest base."""
        files, bases = self.record["files"], self.record["bases"]
        newest = bases[-1]["sequence"] if bases else 0
        if files and not files[-1]["after"] < newest <= files[-1]["last"]:
            if self._file is None:
                self._file = self._open(files[-1]["after"], "r+b")
                self._file.truncate(files[-1]["bytes"])
                self._file.seek(files[-1]["bytes"])
            return files
        self.close()
        after = self.last
        os.makedirs(self._directory, exist_ok=True)
        self._file = self._open(after, "wb")
        self._file.write(MAGIC)
        write_block(self._file, _HEAD, json.dumps({"table": self.id, "after": after}).encode())
        self._file.flush()
        os.fsync(self._file.fileno())
        sync_directory(self._directory)
        return [*files, {"after": after, "last": after, "time": 0, "bytes": self._file.tell()}]

    def _open(self, after: int, mode: str) -> BinaryIO:
        return open(self._path("changes", after, "log"), mode)  # type: ignore[return-value]

    def _keep(self, record: Record) -> None:
        self._catalogue.put(KIND, self.id, record)
        self.record = record

    def settle(self, changes: Record) -> None:
        """Keep other settings: days, since, dropped."""
        self._keep(self.record | changes)

    def prune(self, oldest_ms: int) -> None:
        """Forget what no moment from `oldest_ms` on needs."""
        bases, files = self.record["bases"], self.record["files"]
        if self.readers:
            return
        while len(bases) > 1 and bases[1]["time"] <= oldest_ms:
            bases = bases[1:]
        while len(files) > 1 and bases and files[0]["last"] <= bases[0]["sequence"]:
            files = files[1:]
        gone = [self._path("base", b["sequence"], "image") for b in self.record["bases"] if b not in bases]
        gone += [self._path("changes", f["after"], "log") for f in self.record["files"] if f not in files]
        if not gone:
            return
        self._keep(self.record | {"bases": bases, "files": files})
        self._unlink(gone)

    def _unlink(self, paths: list[str]) -> None:
        for path in paths:
            os.unlink(path)

    def tidy(self) -> None:
        """Remove files that were being written when an earlier process ended."""
        known = {self._path("base", base["sequence"], "image") for base in self.record["bases"]}
        known |= {self._path("changes", file["after"], "log") for file in self.record["files"]}
        for name in os.listdir(self._directory) if os.path.isdir(self._directory) else ():
            path = os.path.join(self._directory, name)
            if path not in known:
                os.unlink(path)

    def close(self) -> None:
        """Close the file that is written. Idempotent."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def remove(self) -> None:
        """Forget all of it."""
        self.close()
        self._catalogue.remove(KIND, self.id)
        import shutil

        shutil.rmtree(self._directory, ignore_errors=True)

    # ---- reading ----

    def base_for(self, time_ms: int) -> Record | None:
        """The newest base not later than a moment; the oldest one in the whole second it was taken in."""
        bases: list[Record] = self.record["bases"]
        fitting = [base for base in bases if base["time"] <= time_ms]
        if not fitting and bases and bases[0]["time"] // 1000 * 1000 <= time_ms:
            fitting = bases[:1]
        return fitting[-1] if fitting else None

    def items_of(self, base: Record) -> Iterator[bytes]:
        """The entries of a base image, block by block. Raises CorruptError, FormatError, OSError."""
        with ImageReader(self._path("base", base["sequence"], "image")) as image:
            for entries, _ in image.blocks():
                yield entries

    def changes_behind(self, sequence: int) -> Iterator[bytes]:
        """Blocks of changes that may lie behind a sequence, in order. Raises as items_of()."""
        for file in self.record["files"]:
            if file["last"] > sequence:
                yield from changes_in(self._path("changes", file["after"], "log"), self.id, file)

    def entries_between(
        self, base: Record, until_ms: int, since_ms: int = 0, stamped: bool = False
    ) -> Iterator[bytes]:
        """The entries that bring a base's items to a moment; those of changes from `since_ms` on."""
        for changes in self.changes_behind(base["sequence"]):
            entries, count, past = entries_of(changes, base["sequence"], until_ms, since_ms, stamped)
            if count:
                yield entries
            if past:
                return

    def _path(self, what: str, sequence: int, ending: str) -> str:
        return os.path.join(self._directory, f"{what}-{sequence:020d}.{ending}")


def changes_in(path: str, id_: str, file: Record) -> Iterator[bytes]:
    """The blocks of one file of changes, as far as its record counts them. Raises as Archive.items_of()."""
    with open(path, "rb") as source:
        if source.read(len(MAGIC)) != MAGIC:
            raise FormatError(f"{path} holds no changes of this build's format", "format")
        kind, raw, _ = read_block(source, path)
        if kind != _HEAD or json.loads(raw) != {"table": id_, "after": file["after"]}:
            raise corrupt(source, path, "it does not begin with its head")
        while source.tell() < file["bytes"]:
            kind, raw, _ = read_block(source, path)
            if kind != _CHANGES:
                raise corrupt(source, path, "a block of another kind")
            yield raw
        if source.tell() != file["bytes"]:
            raise CorruptError(f"{path} does not end where its record says", "corrupt", source.tell())
