"""Batch: puts and deletes of one table, many to a log record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from cloudcore.errors import ApiError

if TYPE_CHECKING:
    from cloudcore.dynamodb.verbs import Verbs


class Batch:
    """Puts and deletes, stored a thousand (or 256 KiB) at a time; the rest when the block ends without error.

    They happen in their order, so a later write of a key replaces an earlier one, and are as durable as the
    store's mode at the end of the block, or of flush(). A value that has no type is refused at once, an item
    that the table refuses when it is stored: ApiError of the first one; all others are stored.
    """

    def __init__(self, table: Verbs):
        self._table = table
        self._loader = table.loader()

    def put(self, item: Mapping[str, Any]) -> None:
        """Store an item."""
        if self._loader.put(item):
            self.flush()

    def delete(self, *key: Any) -> None:
        """Remove an item by its key."""
        if self._loader.delete(self._table.key_of(key)):
            self.flush()

    def extend(self, items: Iterable[Mapping[str, Any]]) -> None:
        """Store many items."""
        rest = iter(items)
        while self._loader.extend(rest):
            self.flush()

    def flush(self) -> None:
        """Store what waits."""
        for _, code, message in self._loader.flush():
            raise ApiError(code, message)

    def __enter__(self) -> Batch:
        return self

    def __exit__(self, kind: type[BaseException] | None, *exc: object) -> None:
        if kind is None:
            self.flush()
