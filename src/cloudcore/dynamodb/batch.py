"""Batch: many puts and deletes of one table, written 25 at a time."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cloudcore.dynamodb.table import Table

BATCH_MAX = 25
"""Items of one BatchWriteItem."""


class Batch:
    """Puts and deletes, sent 25 at a time; the rest goes out when the block ends without an error.

    A later write of a key replaces an earlier one of the same batch, as boto3's
    `overwrite_by_pkeys` does, because DynamoDB refuses duplicates.
    """

    def __init__(self, table: Table):
        self._table = table
        self._waiting: dict[tuple[Any, ...], dict[str, Any]] = {}

    def put(self, item: Mapping[str, Any]) -> None:
        """Store an item."""
        self._add(tuple(item.get(name) for name in self._table.keys), {"PutRequest": {"Item": item}})

    def delete(self, *key: Any) -> None:
        """Remove an item by its key."""
        found = self._table.key_of(key)
        self._add(tuple(found.values()), {"DeleteRequest": {"Key": found}})

    def extend(self, items: Iterable[Mapping[str, Any]]) -> None:
        """Store many items."""
        for item in items:
            self.put(item)

    def _add(self, key: tuple[Any, ...], request: dict[str, Any]) -> None:
        self._waiting[key] = request
        if len(self._waiting) == BATCH_MAX:
            self.flush()

    def flush(self) -> None:
        """Send what waits."""
        requests = list(self._waiting.values())
        self._waiting.clear()
        while requests:
            reply = self._table.tables.execute(
                "BatchWriteItem",
                {"RequestItems": {self._table.name: requests}},
                "native",
                self._table.floats,
            )
            requests = reply["UnprocessedItems"].get(self._table.name, [])
            if requests:
                time.sleep(0.01)

    def __enter__(self) -> Batch:
        return self

    def __exit__(self, kind: type[BaseException] | None, *exc: object) -> None:
        if kind is None:
            self.flush()
