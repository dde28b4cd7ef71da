"""Imports and bulk puts on a cluster: what the leader reads is held against a small table of the same kind,
and what that takes is ordered, piece by piece; what is to be reported is a record of the catalogue."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from cloudcore._table import Loader, Snapshot, Tables
from cloudcore.dynamodb.transfer.filling import Filling
from cloudcore.dynamodb.transfer.spool import Spool

if TYPE_CHECKING:
    from cloudcore.cluster.tables.replica import ReplicaDynamoDB

_PIECE_BYTES = 1 << 18
_LEFT_OUT = ("Loading", "Feed", "Import", "Streams")
_KIND = "spool"


class OrderedFilling(Filling):
    """Stores into a table of its own, in memory, which pour() brings to the real one by the log."""

    def __init__(self, service: ReplicaDynamoDB, table: str, loading: bool):
        found = service.tables.describe(table)
        stored = {} if found is None else json.loads(found[0])
        self._service, self._table = service, table
        self._description = json.dumps({k: v for k, v in stored.items() if k not in _LEFT_OUT}).encode()
        self._scratch = Tables(None, meter=False)
        self._scratch.create(table, self._description)
        self.loader = Loader(self._scratch, table, counts=not loading)

    def pour(self) -> None:
        pieces = []
        with Snapshot(self._scratch, self._table) as snapshot:
            while (read := snapshot.read(_PIECE_BYTES))[1]:
                pieces.append(read[0])
        for entries in pieces:
            self._service.load(self._table, entries)
        if pieces:
            self._scratch.drop(self._table)
            self._scratch.create(self._table, self._description)

    def alone(self, body: bytes) -> tuple[int, bytes]:
        self.pour()
        return self._service.put_item(body)


class CatalogueSpool(Spool):
    """Lines of JSON as records of the catalogue: NAME@OFFSET. Those behind `size` do not count."""

    def __init__(self, service: ReplicaDynamoDB, name: str, size: int):
        self._catalogue = service.catalogue
        self.path, self.size = name, size

    def add(self, records: list[Any]) -> None:
        if records:
            text = "".join(json.dumps(record, separators=(",", ":")) + "\n" for record in records)
            self._catalogue.put(_KIND, f"{self.path}@{self.size:015d}", {"lines": text})
            self.size += len(text)

    def remove(self) -> None:
        for id_, _ in self._all():
            self._catalogue.remove(_KIND, id_)
        self.size = 0

    def lines(self) -> Iterator[bytes]:
        for id_, record in self._all():
            if int(id_.rpartition("@")[2]) < self.size:
                yield from (line.encode() for line in record["lines"].splitlines(keepends=True))

    def _all(self) -> list[tuple[str, dict[str, Any]]]:
        return [(id_, each) for id_, each in self._catalogue.all(_KIND) if id_.startswith(f"{self.path}@")]
