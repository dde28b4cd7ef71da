"""Table: one table with native Python values; see types.py for the conversion."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from cloudcore.dynamodb.types import deserialize_item, serialize, serialize_item

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB

BATCH_MAX = 25
"""Items of one BatchWriteItem."""


class Table:
    """One existing table; every method raises ApiError with AWS's code and message.

    >>> from cloudcore.dynamodb import DynamoDB
    >>> db = DynamoDB()
    >>> orders = Table.create(db, "orders", pk="customer:S", sk="ts:N")
    >>> orders.put({"customer": "ann", "ts": 1, "total": 9})
    >>> orders.get("ann", 1)
    {'customer': 'ann', 'ts': 1, 'total': 9}
    """

    def __init__(self, service: DynamoDB, name: str):
        self.service = service
        self.name = name
        description = service.call("DescribeTable", {"TableName": name})["Table"]
        self.keys = tuple(e["AttributeName"] for e in description["KeySchema"])

    @classmethod
    def create(cls, service: DynamoDB, name: str, pk: str, sk: str | None = None) -> Table:
        """Open the table `name`, making it (on demand) when it does not exist.

        `pk` and `sk` are "attribute:TYPE" with TYPE S, N or B; S when left out.
        """
        parts = [(*key.rsplit(":", 1), "S")[:2] for key in (pk, sk) if key is not None]
        if name not in service.tables.names():
            service.call(
                "CreateTable",
                {
                    "TableName": name,
                    "BillingMode": "PAY_PER_REQUEST",
                    "KeySchema": [
                        {"AttributeName": attribute, "KeyType": kind}
                        for (attribute, _), kind in zip(parts, ("HASH", "RANGE"), strict=False)
                    ],
                    "AttributeDefinitions": [
                        {"AttributeName": attribute, "AttributeType": kind} for attribute, kind in parts
                    ],
                },
            )
        return cls(service, name)

    def _key(self, key: tuple[Any, ...]) -> dict[str, Any]:
        if len(key) == 1 and isinstance(key[0], Mapping):
            return serialize_item(key[0])
        if len(key) != len(self.keys):
            raise TypeError(f"table {self.name!r} has the key ({', '.join(self.keys)})")
        return {name: serialize(value) for name, value in zip(self.keys, key, strict=True)}

    def _params(self, options: dict[str, Any]) -> dict[str, Any]:
        """snake_case options as request members; `names` and `values` of expressions included."""
        params: dict[str, Any] = {"TableName": self.name}
        for option, value in options.items():
            if value is None:
                continue
            if option == "values":
                params["ExpressionAttributeValues"] = serialize_item(value)
            elif option == "names":
                params["ExpressionAttributeNames"] = dict(value)
            elif option in _EXPRESSIONS:
                params[_EXPRESSIONS[option]] = value
            else:
                raise TypeError(f"unexpected option {option!r}")
        return params

    def put(self, item: Mapping[str, Any], **options: Any) -> None:
        """Store an item, replacing one with its key. Options: condition, names, values."""
        if not options:
            self.service.tables.put_item(self.name, serialize_item(item))
            return
        self.service.call("PutItem", {**self._params(options), "Item": serialize_item(item)})

    def get(self, *key: Any) -> dict[str, Any] | None:
        """The item of a key (its values in order, or one mapping), or None."""
        found = self.service.tables.get_item(self.name, self._key(key))
        return None if found is None else deserialize_item(found)

    def update(self, *key: Any, update: str, **options: Any) -> dict[str, Any]:
        """Run an update expression; the whole new item. Options: condition, names, values."""
        params = self._params(options)
        params |= {"Key": self._key(key), "UpdateExpression": update, "ReturnValues": "ALL_NEW"}
        return deserialize_item(self.service.call("UpdateItem", params)["Attributes"])

    def delete(self, *key: Any, **options: Any) -> dict[str, Any] | None:
        """Remove an item; what it was, or None. Options: condition, names, values."""
        params = {**self._params(options), "Key": self._key(key), "ReturnValues": "ALL_OLD"}
        found = self.service.call("DeleteItem", params).get("Attributes")
        return None if found is None else deserialize_item(found)

    def query(
        self,
        key_condition: str,
        *,
        index: str | None = None,
        limit: int | None = None,
        forward: bool = True,
        **options: Any,
    ) -> Iterator[dict[str, Any]]:
        """Items of one partition in sort order, at most `limit`; of a secondary `index` when it is named.

        Options: filter, projection, names, values.
        """
        params = self._params(options)
        params |= {"KeyConditionExpression": key_condition, "ScanIndexForward": forward, "IndexName": index}
        return self._pages("Query", params, limit)

    def scan(
        self, *, index: str | None = None, limit: int | None = None, **options: Any
    ) -> Iterator[dict[str, Any]]:
        """All items, or those in a secondary `index`, at most `limit`.

        Options: filter, projection, names, values.
        """
        return self._pages("Scan", self._params(options) | {"IndexName": index}, limit)

    def _pages(self, operation: str, params: dict[str, Any], limit: int | None) -> Iterator[dict[str, Any]]:
        left = limit
        while left is None or left > 0:
            page = self.service.call(operation, params)
            for item in page["Items"]:
                yield deserialize_item(item)
                if left is not None:
                    left -= 1
                    if left == 0:
                        return
            if "LastEvaluatedKey" not in page:
                return
            params["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def batch(self) -> Batch:
        """A context manager that collects puts and deletes into batches of 25."""
        return Batch(self)


_EXPRESSIONS = {
    "condition": "ConditionExpression",
    "filter": "FilterExpression",
    "projection": "ProjectionExpression",
}


class Batch:
    """Puts and deletes, sent 25 at a time; the rest goes out when the block ends without an error.

    A later write of a key replaces an earlier one of the same batch, as boto3's
    `overwrite_by_pkeys` does, because DynamoDB refuses duplicates.
    """

    def __init__(self, table: Table):
        self._table = table
        self._waiting: dict[tuple[str, ...], dict[str, Any]] = {}

    def put(self, item: Mapping[str, Any]) -> None:
        """Store an item."""
        encoded = serialize_item(item)
        self._add({name: encoded.get(name) for name in self._table.keys}, {"PutRequest": {"Item": encoded}})

    def delete(self, *key: Any) -> None:
        """Remove an item by its key."""
        encoded = self._table._key(key)
        self._add(encoded, {"DeleteRequest": {"Key": encoded}})

    def extend(self, items: Iterable[Mapping[str, Any]]) -> None:
        """Store many items."""
        for item in items:
            self.put(item)

    def _add(self, key: dict[str, Any], request: dict[str, Any]) -> None:
        self._waiting[tuple(repr(key[name]) for name in self._table.keys)] = request
        if len(self._waiting) == BATCH_MAX:
            self.flush()

    def flush(self) -> None:
        """Send what waits."""
        requests = list(self._waiting.values())
        self._waiting.clear()
        while requests:
            reply = self._table.service.call("BatchWriteItem", {"RequestItems": {self._table.name: requests}})
            requests = reply["UnprocessedItems"].get(self._table.name, [])
            if requests:
                time.sleep(0.01)

    def __enter__(self) -> Batch:
        return self

    def __exit__(self, kind: type[BaseException] | None, *exc: object) -> None:
        if kind is None:
            self.flush()
