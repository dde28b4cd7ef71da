"""Operations on native values, sent to an endpoint as DynamoDB JSON: _table.Tables.execute, elsewhere."""

from __future__ import annotations

from typing import Any

from cloudcore.dynamodb.patience import Patience
from cloudcore.dynamodb.shapes import Shaped
from cloudcore.endpoint.transport import Address, parsed, remote, scope
from cloudcore.errors import ApiError


class RemoteTables(Shaped):
    """The tables of an endpoint. Any thread may call."""

    def __init__(self, address: Address):
        self.address = address
        self._send = remote(address.endpoint)
        self._patience = Patience()

    def close(self) -> None:
        """Close the connections."""
        self._send.close()

    def send(self, operation: str, body: bytes) -> dict[str, Any]:
        """An operation, of a request that is JSON; what may pass is asked again. Raises ApiError, OSError."""
        headers = {
            "x-amz-target": f"DynamoDB_20120810.{operation}",
            "content-type": "application/x-amz-json-1.0",
            "authorization": scope(self.address.region, self.address.account, "dynamodb"),
        }
        try:
            return self._patience.ask(lambda: parsed(*self._send("POST", "/", headers, body)))
        except ApiError as error:
            error.operation_name = operation
            raise
