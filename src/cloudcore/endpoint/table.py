"""RemoteTable: Table's methods on a table at an endpoint."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from cloudcore._table import key_of
from cloudcore.dynamodb.verbs import Verbs, create_params, key_names
from cloudcore.endpoint.tables import RemoteTables
from cloudcore.endpoint.transport import address_of
from cloudcore.endpoint.writer import RemoteWriter
from cloudcore.errors import ApiError, CloudcoreError

if TYPE_CHECKING:
    from cloudcore._table import Item

ACTIVE_WAIT_SECONDS = 300.0


class RemoteTable(Verbs):
    """One table of an endpoint that speaks DynamoDB's protocol: cloudcore's, DynamoDB itself, or another's.

    Values, keys, conditions, Rows, batch() and load() are those of `Table`; every call is a request, which is
    repeated when it was throttled or its connection broke. As with any SDK a write that was repeated may have
    been done twice, which shows where it has a condition. Threads may share it; close() it, or use `with`.
    """

    tables: RemoteTables
    name: str
    keys: tuple[str, ...]
    floats: bool

    def __init__(self, url: str, pk: str | None = None, sk: str | None = None, floats: bool = False):
        address = address_of(url)
        if address.table is None:
            raise ValueError(f"{url} names no table; an endpoint and a table: http://127.0.0.1:4566/orders")
        self.name, self.floats, self.url = address.table, floats, url
        self.tables = RemoteTables(address)
        try:
            self._described = self._opened(pk, sk)
        except BaseException:
            self.close()
            raise
        self.keys = key_names(self._described)

    def _opened(self, pk: str | None, sk: str | None) -> dict[str, Any]:
        try:
            return self._active()
        except ApiError as error:
            if pk is None or error.code != "ResourceNotFoundException":
                raise
        try:
            self.call("CreateTable", create_params(self.name, pk, sk))
        except ApiError as error:
            if error.code != "ResourceInUseException":  # somebody else's, made in between
                raise
        return self._active()

    def _active(self) -> dict[str, Any]:
        end = time.monotonic() + ACTIVE_WAIT_SECONDS
        while (described := self.describe())["TableStatus"] == "CREATING":
            if time.monotonic() > end:
                raise CloudcoreError(f"{self.name} is still being made after {ACTIVE_WAIT_SECONDS:.0f} s")
            time.sleep(0.2)
        return described

    def call(self, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        """An operation of the endpoint, as the wire has it. Raises ApiError, OSError."""
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

    def close(self) -> None:
        """Close the connections."""
        self.tables.close()

    def __enter__(self) -> RemoteTable:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<RemoteTable {self.url} ({', '.join(self.keys)})>"
