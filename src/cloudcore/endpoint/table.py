"""RemoteTable: Table's methods on a table at an endpoint."""

from __future__ import annotations

import time
from typing import Any

from cloudcore.dynamodb.asked import AskedTable
from cloudcore.dynamodb.verbs import check_keys, create_params, key_names
from cloudcore.endpoint.tables import RemoteTables
from cloudcore.endpoint.transport import address_of
from cloudcore.errors import ApiError, CloudcoreError

ACTIVE_WAIT_SECONDS = 300.0


class RemoteTable(AskedTable):
    """One table of an endpoint that speaks DynamoDB's protocol: cloudcore's, DynamoDB itself, or another's.

    Values, keys, conditions, Rows, batch() and load() are those of `Table`; every call is a request, which is
    repeated when it was throttled or its connection broke. As with any SDK a write that was repeated may have
    been done twice, which shows where it has a condition. Threads may share it; close() it, or use `with`.
    """

    tables: RemoteTables

    def __init__(self, url: str, pk: str | None = None, sk: str | None = None, floats: bool = False):
        address = address_of(url)
        if address.table is None:
            raise ValueError(f"{url} names no table; an endpoint and a table: http://127.0.0.1:4566/orders")
        self.name, self.floats, self.url = address.table, floats, url
        self.tables = RemoteTables(address)
        try:
            self._described = self._opened(pk, sk)
            if pk is not None:
                check_keys(self._described, pk, sk)
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

    def close(self) -> None:
        """Close the connections."""
        self.tables.close()

    def __enter__(self) -> RemoteTable:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<RemoteTable {self.url} ({', '.join(self.keys)})>"
