"""The catalogue: what is known of backups and long jobs, in a space of the tables' own store.

The space "#jobs" is no table that a request can name. A record is JSON under (kind, id); every change is one
record of the store's log, so it survives kill -9 whole or not at all. All of it is held in memory too.
"""

from __future__ import annotations

import json
import struct
import threading
from collections.abc import Iterator
from typing import Any

from cloudcore._table import Snapshot, Tables, load

SPACE = "#jobs"
DESCRIPTION = (
    b'{"KeySchema":[{"AttributeName":"kind","KeyType":"HASH"},{"AttributeName":"id","KeyType":"RANGE"}],'
    b'"AttributeDefinitions":[{"AttributeName":"kind","AttributeType":"S"},'
    b'{"AttributeName":"id","AttributeType":"S"}]}'
)
_HEAD = struct.Struct("<IHH")
_NO_VALUE = 0xFFFFFFFF
Record = dict[str, Any]


class Catalogue:
    """Records by kind and id; those given out are not to be changed. Any call from any thread."""

    def __init__(self, tables: Tables):
        self._tables = tables
        self._lock = threading.Lock()
        self._kinds: dict[str, dict[str, Record]] = {}
        self._exists = tables.describe(SPACE) is not None
        if self._exists:
            self._read()

    def __bool__(self) -> bool:
        """Whether anything was ever kept."""
        return self._exists

    def get(self, kind: str, id_: str) -> Record | None:
        """One record, or None."""
        with self._lock:
            return self._kinds.get(kind, {}).get(id_)

    def all(self, kind: str) -> list[tuple[str, Record]]:
        """(id, record) of a kind in the order of their ids."""
        with self._lock:
            return sorted(self._kinds.get(kind, {}).items())

    def put(self, kind: str, id_: str, record: Record) -> None:
        """Keep a record, replacing one of its id; it is in the log when this returns."""
        self._write(kind, id_, json.dumps(record).encode())
        with self._lock:
            self._kinds.setdefault(kind, {})[id_] = record

    def remove(self, kind: str, id_: str) -> None:
        """Forget a record; an absent one is no error."""
        self._write(kind, id_, None)
        with self._lock:
            self._kinds.get(kind, {}).pop(id_, None)

    def _write(self, kind: str, id_: str, value: bytes | None) -> None:
        with self._lock:
            if not self._exists:
                self._tables.create(SPACE, DESCRIPTION)
                self._exists = True
        load(self._tables, SPACE, entry_of(kind, id_, value))

    def _read(self) -> None:
        with Snapshot(self._tables, SPACE) as snapshot:
            while True:
                entries, count = snapshot.read()
                if count == 0:
                    return
                for kind, id_, value in read_entries(entries):
                    if value is not None:  # a snapshot has no others
                        self._kinds.setdefault(kind, {})[id_] = json.loads(value)


def entry_of(kind: str, id_: str, value: bytes | None) -> bytes:
    """A record as an entry of the space, for load(); without a value: that it is gone."""
    partition, sort = kind.encode(), id_.encode()
    size = _NO_VALUE if value is None else len(value)
    return _HEAD.pack(size, len(partition), len(sort)) + partition + sort + (value or b"")


def read_entries(entries: bytes) -> Iterator[tuple[str, str, bytes | None]]:
    """(kind, id, value) of each of these entries."""
    at = 0
    while at < len(entries):
        size, partition, sort = _HEAD.unpack_from(entries, at)
        at += _HEAD.size
        kind = entries[at : at + partition].decode()
        id_ = entries[at + partition : at + partition + sort].decode()
        at += partition + sort
        gone = size == _NO_VALUE
        yield kind, id_, None if gone else entries[at : at + size]
        at += 0 if gone else size
