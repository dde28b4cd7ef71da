"""Operations on native values, sent to an endpoint as DynamoDB JSON: _table.Tables.execute, elsewhere.

Values go through the same C codec as those of a table here: the same types, the same refusals.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from cloudcore._table import Page, page_of_items, page_of_lines
from cloudcore.endpoint.patience import Patience
from cloudcore.endpoint.transport import Address, Remote, parsed, scope
from cloudcore.errors import ApiError

_MAPS = ("Item", "Key", "ExpressionAttributeValues")
"""Members of requests that hold values."""


class RemoteTables:
    """The tables of an endpoint. Any thread may call."""

    def __init__(self, address: Address):
        self.address = address
        self._send = Remote(address.endpoint)
        self._patience = Patience()

    def close(self) -> None:
        """Close the connections."""
        self._send.close()

    def call(self, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        """An operation as the wire has it; what may pass is asked again. Raises ApiError, OSError."""
        return self.send(operation, json.dumps(params).encode())

    def send(self, operation: str, body: bytes) -> dict[str, Any]:
        """The same, of a request that is JSON already."""
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

    def execute(
        self, operation: str, params: dict[str, Any], shape: str = "native", floats: bool = False
    ) -> dict[str, Any]:
        """An operation of items on values of a shape: "native", "view" or "page" as in _table.Tables.execute.

        The keys that lead from page to page stay as the endpoint wrote them. Raises ApiError, OSError,
        UnsupportedValue.
        """
        typed = dict(params)
        for member in _MAPS:
            if member in typed:
                typed[member] = typed_items([typed[member]], floats)[0]
        if operation == "BatchGetItem":
            asked = params["RequestItems"].items()
            typed["RequestItems"] = {n: {**one, "Keys": typed_items(one["Keys"], floats)} for n, one in asked}
        try:
            reply = self.call(operation, typed)
        except ApiError as error:
            if "Item" in error.fields:
                error.fields["Item"] = items_of([error.fields["Item"]], shape, floats)[0]
            raise
        return _formed(reply, shape, floats)


def _formed(reply: dict[str, Any], shape: str, floats: bool) -> dict[str, Any]:
    """A reply with the items in it as the caller wants them."""
    for member in ("Item", "Attributes"):
        if member in reply:
            reply[member] = items_of([reply[member]], shape, floats)[0]
    if "Items" in reply:
        found = page_of(reply["Items"])
        reply["Items"] = found if shape == "page" else found.items(shape, floats)
    if "Responses" in reply:
        reply["Responses"] = {n: items_of(items, shape, floats) for n, items in reply["Responses"].items()}
        for left in reply.get("UnprocessedKeys", {}).values():
            left["Keys"] = items_of(left["Keys"], shape, floats)
    for result in reply.get("SearchResults", ()):
        result["Item"] = items_of([result["Item"]], shape, floats)[0]
    return reply


def lines_of(page: Page) -> list[bytes]:
    """The items of a page as DynamoDB JSON, each by itself."""
    return page.to_json_lines(dynamodb=True).splitlines()


def typed_items(items: Iterable[Mapping[str, Any]], floats: bool) -> list[dict[str, Any]]:
    """Native items as DynamoDB JSON."""
    return [json.loads(line) for line in lines_of(page_of_items(items, floats))]


def page_of(items: list[dict[str, Any]]) -> Page:
    """Items of DynamoDB JSON, encoded."""
    return page_of_lines(text_of(items))


def text_of(items: list[dict[str, Any]]) -> bytes:
    """Items of DynamoDB JSON as its text, an item a line."""
    return b"\n".join(json.dumps(item, separators=(",", ":")).encode() for item in items)


def items_of(items: list[dict[str, Any]], shape: str, floats: bool) -> list[Any]:
    """Items of DynamoDB JSON as dicts of native values, or as views."""
    return page_of(items).items(shape, floats)
