"""Filling: how the items of imports and bulk puts come into their table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudcore._table import Loader

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB


class Filling:
    """Puts items straight into a table; one that is being loaded is found by who says `loading`."""

    def __init__(self, service: DynamoDB, table: str, loading: bool):
        self.loader = Loader(service.tables, table, loading=loading, counts=not loading)
        self._tables = service.tables

    def pour(self) -> None:
        """What the loader has stored is in the table when this returns."""

    def alone(self, body: bytes) -> tuple[int, bytes]:
        """A PutItem behind all that was stored."""
        return self._tables.call_json("PutItem", body)
