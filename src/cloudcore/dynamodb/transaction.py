"""Transaction: writes to several items, of several tables, all of them or none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from cloudcore.dynamodb.expressions import Aliases, projection
from cloudcore.dynamodb.verbs import action, update_action

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB
    from cloudcore.dynamodb.table import Table


class Transaction:
    """Up to 100 actions, run together when the `with` block ends without an error.

    TransactionCanceledException, in whose fields["CancellationReasons"] each action has its reason, when a
    condition does not hold. token: a second transaction with it, within ten minutes, does nothing.

    >>> from cloudcore.dynamodb import DynamoDB, Table, attr
    >>> db = DynamoDB()
    >>> stock = Table.create(db, "stock", pk="id:S")
    >>> stock.put({"id": "apple", "left": 3})
    >>> with Transaction(db) as together:
    ...     together.update(stock, "apple", add={"left": -1}, condition=attr("left") >= 1)
    ...     together.put(stock, {"id": "sold", "what": "apple"})
    >>> stock.get("apple")["left"]
    2
    """

    def __init__(self, service: DynamoDB, token: str | None = None):
        self._service, self._token = service, token
        self._actions: list[dict[str, Any]] = []
        self._floats = True

    def put(
        self,
        table: Table,
        item: Mapping[str, Any],
        *,
        condition: Any = None,
        names: Mapping[str, str] | None = None,
        values: Mapping[str, Any] | None = None,
    ) -> None:
        """As Table.put."""
        self._add(table, "Put", action("Item", item, condition, names, values))

    def update(
        self,
        table: Table,
        *key: Any,
        update: str | None = None,
        set: Mapping[Any, Any] | None = None,
        add: Mapping[Any, Any] | None = None,
        remove: Iterable[Any] | None = None,
        delete: Mapping[Any, Any] | None = None,
        condition: Any = None,
        names: Mapping[str, str] | None = None,
        values: Mapping[str, Any] | None = None,
    ) -> None:
        """As Table.update."""
        found = table.key_of(key)
        members = update_action(found, update, set, add, remove, delete, condition, names, values)
        self._add(table, "Update", members)

    def delete(
        self,
        table: Table,
        *key: Any,
        condition: Any = None,
        names: Mapping[str, str] | None = None,
        values: Mapping[str, Any] | None = None,
    ) -> None:
        """As Table.delete."""
        self._add(table, "Delete", action("Key", table.key_of(key), condition, names, values))

    def check(
        self,
        table: Table,
        *key: Any,
        condition: Any,
        names: Mapping[str, str] | None = None,
        values: Mapping[str, Any] | None = None,
    ) -> None:
        """Write nothing to the item, but let the transaction depend on its condition."""
        self._add(table, "ConditionCheck", action("Key", table.key_of(key), condition, names, values))

    def _add(self, table: Table, kind: str, members: dict[str, Any]) -> None:
        if table.tables is not self._service.tables:
            raise ValueError(f"table {table.name!r} is of another cloud")
        self._floats = self._floats and table.floats
        self._actions.append({kind: {"TableName": table.name, **members}})

    def __enter__(self) -> Transaction:
        return self

    def __exit__(self, kind: type[BaseException] | None, *exc: object) -> None:
        if kind is None and self._actions:
            params = {"TransactItems": self._actions, "ClientRequestToken": self._token}
            self._service.tables.execute("TransactWriteItems", params, "native", self._floats)


def transact_get(
    service: DynamoDB,
    keys: Iterable[tuple[Any, ...]],
    wanted: str | Iterable[Any] | None = None,
    names: Mapping[str, str] | None = None,
) -> list[dict[str, Any] | None]:
    """The items of up to 100 (table, key value, ..) as one moment has them; None where there is none."""
    actions, floats = [], True
    for table, *key in keys:
        aliases = Aliases(names)
        members = {"TableName": table.name, "Key": table.key_of(tuple(key))}
        if wanted is not None:
            members["ProjectionExpression"] = projection(wanted, aliases)
        actions.append({"Get": members | aliases.members()})
        floats = floats and table.floats
    reply = service.tables.execute("TransactGetItems", {"TransactItems": actions}, "native", floats)
    return [response.get("Item") for response in reply["Responses"]]
