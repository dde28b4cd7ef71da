"""Table: one table with native Python values; csrc/python/native.pxi says what becomes of which type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudcore._table import Loader, TableDoor
from cloudcore.dynamodb.changes import Changes
from cloudcore.dynamodb.verbs import Verbs, check_keys, create_params, key_names
from cloudcore.errors import ApiError

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB


class Table(TableDoor, Verbs):
    """One existing table; every method raises ApiError with AWS's code and message.

    Values are str, int, Decimal, bytes, bool, None, list, dict and sets; UnsupportedValue, a TypeError,
    names what has no type in DynamoDB and where it stands. A float is refused, as boto3 refuses it, because
    its digits are not what they look like; with `floats` it is stored by its shortest digits, and a number
    with a fraction comes back as the nearest float, not as a Decimal.

    A condition or filter is made with `attr`, or by boto3's conditions, or is AWS's expression as text, whose
    `names` and `values` are given beside it (with or without their # and :). A key is given by its values in
    order, or as one mapping that holds them, an item say.

    >>> from cloudcore.dynamodb import DynamoDB
    >>> db = DynamoDB()
    >>> orders = Table.create(db, "orders", pk="customer:S", sk="ts:N")
    >>> orders.put({"customer": "ann", "ts": 1, "total": 9})
    >>> orders.get("ann", 1)["total"]
    9
    """

    def __init__(self, service: DynamoDB, name: str, floats: bool = False):
        self.service = service
        description = service.call("DescribeTable", {"TableName": name})["Table"]
        super().__init__(service.tables, name, key_names(description), floats)

    @classmethod
    def create(
        cls, service: DynamoDB, name: str, pk: str, sk: str | None = None, floats: bool = False
    ) -> Table:
        """Open the table `name`, making it (on demand) when it does not exist.

        `pk` and `sk` are "attribute:TYPE" with TYPE S, N or B; S when left out. Raises ApiError
        ResourceInUseException when it exists with other keys.
        """
        if name not in service.tables.names():
            try:
                service.call("CreateTable", create_params(name, pk, sk))
            except ApiError as error:
                if error.code != "ResourceInUseException":  # somebody else's, made in between
                    raise
        check_keys(service.call("DescribeTable", {"TableName": name})["Table"], pk, sk)
        return cls(service, name, floats)

    # ---- changes ----

    def enable_stream(self, view: str = "NEW_AND_OLD_IMAGES") -> None:
        """Begin a stream of the table's changes, which changes(), DynamoDB Streams and functions read.

        `view` is a StreamViewType. Raises ApiError ValidationException if the table has a stream.
        """
        self._switch_stream({"StreamEnabled": True, "StreamViewType": view})

    def disable_stream(self) -> None:
        """End the table's stream; what it holds can be read for another day."""
        self._switch_stream({"StreamEnabled": False})

    def _switch_stream(self, specification: dict[str, Any]) -> None:
        self.call("UpdateTable", {"TableName": self.name, "StreamSpecification": specification})

    def changes(self, *, after: str | None = None, latest: bool = False, wait: float | None = 0.0) -> Changes:
        """The changes of this table's items since its stream began, at most a day old, once and in order.

        after: go on behind this `Change.position`; latest: begin with the next change. At the end it waits
        up to `wait` seconds for more (None: for as long as it takes) and then stops. Raises ValueError for a
        table that never had a stream or a position that is none, ApiError TrimmedDataAccessException if
        changes behind `after` are gone.
        """
        return Changes(self.service, self.name, after, latest, wait, self.floats)

    # ---- what Verbs stands on ----

    def call(self, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        """An operation of this table's service, in boto3's shape. Raises ApiError."""
        return self.service.call(operation, params)

    def loader(self) -> Loader:
        """A writer of many items."""
        return Loader(self.tables, self.name, self.floats)

    def info(self) -> dict[str, int]:
        """Items, their bytes as stored, and the bytes of memory they take, index structures included."""
        found = self.tables.describe(self.name)
        _, items, item_bytes, memory_bytes = found if found is not None else (b"", 0, 0, 0)
        return {"items": items, "bytes": item_bytes, "memory_bytes": memory_bytes}

    def __repr__(self) -> str:
        return f"<Table {self.name} ({', '.join(self.keys)})>"
