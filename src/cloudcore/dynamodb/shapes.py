"""Native values and DynamoDB JSON: what is asked of those who speak JSON, endpoints or leaders of clusters.

Values go through the same C codec as those of a table here: the same types, the same refusals.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from cloudcore._table import Page, page_of_items, page_of_lines
from cloudcore.errors import ApiError

_MAPS = ("Item", "Key", "ExpressionAttributeValues")
"""Members of requests that hold values."""


class Shaped:
    """Executes operations on native values by call(), which takes and gives JSON. Any thread may call."""

    def call(self, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        """An operation as the wire has it. Raises ApiError."""
        return self.send(operation, json.dumps(params).encode())

    def send(self, operation: str, body: bytes) -> dict[str, Any]:
        """The same, of a request that is JSON already."""
        raise NotImplementedError

    def execute(
        self, operation: str, params: dict[str, Any], shape: str = "native", floats: bool = False
    ) -> dict[str, Any]:
        """An operation of items on values of a shape: "native", "view" or "page" as in _table.Tables.execute.

        The keys that lead from page to page stay as they were answered. Raises ApiError, OSError,
        UnsupportedValue.
        """
        try:
            reply = self.call(operation, _typed(params, floats))
        except ApiError as error:
            for told in [error.fields, *error.fields.get("CancellationReasons", ())]:
                if "Item" in told:
                    told["Item"] = items_of([told["Item"]], shape, floats)[0]
            raise
        return _formed(reply, shape, floats)


def _typed(params: Mapping[str, Any], floats: bool) -> dict[str, Any]:
    """A request with DynamoDB JSON in the place of native values."""
    typed = {name: value for name, value in params.items() if value is not None}
    for member in _MAPS:
        if member in typed:
            typed[member] = typed_items([typed[member]], floats)[0]
    if "Keys" in typed:
        typed["Keys"] = typed_items(typed["Keys"], floats)
    if "Parameters" in typed:
        typed["Parameters"] = [
            one["p"] for one in typed_items([{"p": one} for one in typed["Parameters"]], floats)
        ]
    if "RequestItems" in typed:
        typed["RequestItems"] = {name: _typed(one, floats) for name, one in typed["RequestItems"].items()}
    if "TransactItems" in typed:
        actions = typed["TransactItems"]
        typed["TransactItems"] = [
            {kind: _typed(members, floats) for kind, members in action.items()} for action in actions
        ]
    if "TransactStatements" in typed:
        typed["TransactStatements"] = [_typed(one, floats) for one in typed["TransactStatements"]]
    return typed


def _formed(reply: dict[str, Any], shape: str, floats: bool) -> dict[str, Any]:
    """A reply with the items in it as the caller wants them."""
    for member in ("Item", "Attributes"):
        if member in reply:
            reply[member] = items_of([reply[member]], shape, floats)[0]
    if "Items" in reply:
        found = page_of(reply["Items"])
        reply["Items"] = found if shape == "page" else found.items(shape, floats)
    if isinstance(reply.get("Responses"), list):
        for response in reply["Responses"]:
            if "Item" in response:
                response["Item"] = items_of([response["Item"]], shape, floats)[0]
    elif "Responses" in reply:
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
