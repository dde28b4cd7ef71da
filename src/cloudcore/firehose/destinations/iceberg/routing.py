"""Routing: the table and the operation of each record, as the function or the query says it.

A staged record has its operation in front, one letter; records of one table share a lane, so that what
changes the same row stays in order. Source: AWS, "Route incoming records to Iceberg tables".
"""

from __future__ import annotations

import json
from typing import Any

from cloudcore.firehose.destinations.iceberg.config import ROUTE, Iceberg, Table
from cloudcore.firehose.processing.jq import Query
from cloudcore.firehose.processing.work import Refused

LETTERS = {"insert": b"i", "update": b"u", "delete": b"d"}
OPERATIONS = {letter: name for name, letter in LETTERS.items()}


class Routes:
    """Finds lanes, in the place of Partitions (processing/partition.py)."""

    one_lane = False

    def __init__(self, settings: Iceberg, query: Query | None):
        self._settings, self._query = settings, query
        self._tables = {(table.database, table.name): table for table in settings.tables}

    def begin(self) -> None:
        """A new batch; there is no bound to keep."""

    def place(self, data: bytes, from_function: dict[str, Any]) -> tuple[str, dict[str, str], bytes]:
        """(lane, no keys, what is staged) of a record. Raises Refused."""
        found = dict(from_function)
        if self._query is not None:
            found |= self._query.keys(data)
        database, name, operation = (found.get(each) for each in ROUTE)
        if database is None and name is None and len(self._tables) == 1:
            (database, name) = next(iter(self._tables))
        if not isinstance(database, str) or not isinstance(name, str):
            raise Refused("Iceberg.MissingDestination", f"The record names no {ROUTE[0]} and {ROUTE[1]}")
        operation = "insert" if operation is None else operation
        letter = LETTERS.get(operation) if isinstance(operation, str) else None
        if letter is None:
            raise Refused("Iceberg.InvalidOperation", f"operation is insert, update or delete: {operation}")
        if letter != b"i" and self._settings.append_only:
            raise Refused("Iceberg.InvalidOperation", f"{operation} is not allowed: the stream is AppendOnly")
        lane = "data:" + json.dumps({"database": database, "table": name}, sort_keys=True)
        return lane, {}, letter + data


def table_of(settings: Iceberg, lane: str) -> Table:
    """The table that a plan's lane names; without routing the only one."""
    _, _, text = lane.partition(":")
    if not text:
        return settings.tables[0]
    found = json.loads(text)
    for table in settings.tables:
        if (table.database, table.name) == (found["database"], found["table"]):
            return table
    return Table(found["database"], found["table"], ())
