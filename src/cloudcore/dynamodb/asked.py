"""AskedTable: Table's methods on a table that answers in JSON, at an endpoint or on a cluster."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from cloudcore._table import key_of
from cloudcore.dynamodb.shapes import Shaped
from cloudcore.dynamodb.verbs import Verbs
from cloudcore.dynamodb.writer import RemoteWriter

if TYPE_CHECKING:
    from cloudcore._table import Item


class AskedTable(Verbs):
    """One table; whoever makes it sets the members. `_described`: as DescribeTable has it."""

    tables: Shaped
    name: str
    keys: tuple[str, ...]
    floats: bool
    _described: dict[str, Any]

    def call(self, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        """An operation as the wire has it. Raises ApiError, OSError."""
        return self.tables.call(operation, params)

    def loader(self) -> RemoteWriter:
        """A writer of many items."""
        return RemoteWriter(self.tables, self._described, self.floats)

    def key_of(self, key: tuple[Any, ...]) -> dict[str, Any]:
        """The key as a dict, from its values in order or one mapping with the key's attributes."""
        return key_of(self.name, self.keys, key)

    def get(
        self,
        *key: Any,
        projection: str | Iterable[Any] | None = None,
        names: Mapping[str, str] | None = None,
        consistent: bool = False,
    ) -> dict[str, Any] | None:
        """The item of a key as a dict, or None."""
        return self._get_with(key, projection, names, consistent)

    def view(self, *key: Any) -> Item | None:
        """The item of a key as an Item, which decodes an attribute when it is asked for; or None."""
        params = {"TableName": self.name, "Key": self.key_of(key)}
        found: Item | None = self.tables.execute("GetItem", params, "view", self.floats).get("Item")
        return found

    def put(
        self,
        item: Mapping[str, Any],
        *,
        condition: Any = None,
        names: Mapping[str, str] | None = None,
        values: Mapping[str, Any] | None = None,
        old: bool = False,
    ) -> dict[str, Any] | None:
        """Store an item; with `old` what it replaced, or None."""
        return self._put_with(item, condition, names, values, old)

    def info(self) -> dict[str, int]:
        """Items and their bytes, as DescribeTable has them: DynamoDB itself counts every six hours or so."""
        described = self.describe()
        return {"items": described.get("ItemCount", 0), "bytes": described.get("TableSizeBytes", 0)}
