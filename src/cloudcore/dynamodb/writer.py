"""Many writes to a table elsewhere, 25 to a BatchWriteItem.

Items are first stored in a table of this process's memory, a piece of the source at a time: all that checks,
parses and converts them is what loads a table here, and names the same rows in the same words. What the piece
left there is then sent.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING, Any

from cloudcore._table import page_of_items
from cloudcore.dynamodb.patience import finish
from cloudcore.dynamodb.service import DynamoDB
from cloudcore.dynamodb.shapes import Shaped, lines_of
from cloudcore.dynamodb.table import Table

if TYPE_CHECKING:
    from cloudcore._table import Page

WRITES = 25
"""Writes of one BatchWriteItem."""
AT_ONCE = 4
"""Batches on their way."""
Refused = list[tuple[int, str, str]]


class RemoteWriter:
    """Puts and deletes of one table, in their order; the methods are those of _table.Loader.

    Raises ApiError, OSError; what was sent before is stored.
    """

    def __init__(self, tables: Shaped, described: Mapping[str, Any], floats: bool):
        self._tables, self._name, self._floats = tables, described["TableName"], floats
        self._here = DynamoDB()
        self._same = _same(described)
        self._here.call("CreateTable", self._same)
        self._table = Table(self._here, self._name, floats)
        self._loader = self._table.loader()
        self._deletes: dict[bytes, None] = {}
        self._refused: Refused = []

    @property
    def stored(self) -> int:
        """Items stored."""
        return self._loader.stored

    def put(self, item: Mapping[str, Any], number: int = 0) -> bool:
        """Take an item; whether it is time to flush."""
        self._send_deletes()
        return self._loader.put(item, number)

    def extend(self, items: Iterator[Mapping[str, Any]]) -> bool:
        """Take items until it is time to flush; whether it is, and there may be more."""
        self._send_deletes()
        return self._loader.extend(items)

    def delete(self, key: Mapping[str, Any], number: int = 0) -> bool:
        """Take the removal of a key; whether it is time to flush."""
        if self._loader.waiting:
            self._refused += self._drained(self._loader.flush())
        (line,) = lines_of(page_of_items([key], self._floats))
        self._deletes[line] = None
        return len(self._deletes) == WRITES

    def flush(self) -> Refused:
        """Store what waits; what was refused: (number, code, message)."""
        self._send_deletes()
        refused, self._refused = self._refused, []
        return refused + self._drained(self._loader.flush())

    def page(self, page: Page) -> Refused:
        """Store the items of a page."""
        return self._drained(self._loader.page(page))

    def lines(self, data: bytes, form: str = "json", first_line: int = 1) -> Refused:
        """Store an item a line."""
        return self._drained(self._loader.lines(data, form, first_line))

    def columns(self, schema: Any, wanted: Mapping[str, str], keep_nulls: bool = False) -> None:
        """Say what batch() is going to be given."""
        self._loader.columns(schema, wanted, keep_nulls)

    def batch(self, batch: Any, first_row: int = 0) -> Refused:
        """Store the rows of a record batch."""
        return self._drained(self._loader.batch(batch, first_row))

    def _drained(self, refused: Refused) -> Refused:
        """Send what the piece left in the table here, and empty it."""
        puts = (
            b'{"PutRequest":{"Item":%b}}' % line
            for page in self._table.scan().pages()
            for line in lines_of(page)
        )
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for _ in pool.map(self._send, _cut(puts)):
                pass
        self._here.call("DeleteTable", {"TableName": self._name})
        self._here.call("CreateTable", self._same)
        return refused

    def _send_deletes(self) -> None:
        if self._deletes:
            self._send([b'{"DeleteRequest":{"Key":%b}}' % key for key in self._deletes])
            self._deletes.clear()

    def _send(self, writes: Sequence[bytes]) -> None:
        batch = b"{%b:[%b]}" % (json.dumps(self._name).encode(), b",".join(writes))

        def left_of(reply: dict[str, Any]) -> bytes | None:
            left = reply.get("UnprocessedItems")
            return json.dumps(left).encode() if left else None

        def send(batch: bytes) -> dict[str, Any]:
            return self._tables.send("BatchWriteItem", b'{"RequestItems":%b}' % batch)

        finish(send, batch, left_of, f"BatchWriteItem on {self._name}")


def _cut(writes: Iterator[bytes]) -> Iterator[list[bytes]]:
    while batch := list(islice(writes, WRITES)):
        yield batch


def _same(described: Mapping[str, Any]) -> dict[str, Any]:
    """CreateTable's members for a table whose items are checked as those of this one."""
    same = {member: described[member] for member in ("TableName", "KeySchema", "AttributeDefinitions")}
    same["BillingMode"] = "PAY_PER_REQUEST"
    for kind in ("GlobalSecondaryIndexes", "LocalSecondaryIndexes"):
        if described.get(kind):
            same[kind] = [
                {name: index[name] for name in ("IndexName", "KeySchema")}
                | {"Projection": {"ProjectionType": "KEYS_ONLY"}}
                for index in described[kind]
            ]
    return same
