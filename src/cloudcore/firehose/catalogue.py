"""Catalogue: the tables that SchemaConfiguration names, kept by this service in the place of AWS Glue.

    <directory>/@catalogue.json    {"<database>": {"<table>": dumped Arrow schema}}

A stream takes the columns of its table when it is made or updated; a table that is defined anew changes no
stream that is there. Thread rule: the service's lock.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

from cloudcore.firehose.checks import invalid


class Catalogue:
    """Tables by database and name. `write(path, text)` is atomic; directory None: in memory."""

    def __init__(self, directory: str | None, write: Callable[[str, str], None]):
        # "@" is no letter of a stream's name, so no stream has this path.
        self._path = None if directory is None else os.path.join(directory, "@catalogue.json")
        self._write = write
        self._tables: dict[str, dict[str, str]] = {}
        if self._path is not None and os.path.exists(self._path):
            with open(self._path, encoding="utf-8") as file:
                self._tables = json.load(file)

    def define(self, database: str, table: str, schema: Any) -> None:
        """Make or replace a table. `schema` as in Firehose.stream(). Raises ValueError, UnsupportedError."""
        from cloudcore._stream import Columns
        from cloudcore.firehose import schema as schemas

        found = schemas.to_arrow(schema)
        Columns(found)  # a type that cannot be converted is refused now
        self._tables.setdefault(database, {})[table] = schemas.dump(found)
        if self._path is not None:
            os.makedirs(os.path.dirname(self._path), exist_ok=True)
            self._write(self._path, json.dumps(self._tables, indent=1))

    def find(self, database: str, table: str) -> str:
        """A table's dumped schema. Raises ApiError InvalidArgumentException."""
        found = self._tables.get(database, {}).get(table)
        if found is None:
            raise invalid(
                f"Table {table} of database {database} is not in the catalogue; define it first, or name a "
                "Glue endpoint (reach={'arn:aws:glue:': URL})"
            )
        return found
