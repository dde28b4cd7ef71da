"""PartiQL with native Python values: one statement, or a transaction of several."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB


def execute(
    service: DynamoDB,
    statement: str,
    parameters: Sequence[Any],
    limit: int | None = None,
    consistent: bool = False,
    floats: bool = False,
) -> Iterator[dict[str, Any]]:
    """Run a statement; its items, page after page, at most `limit`. A write is done when this returns."""
    if limit is not None and limit < 1:
        raise ValueError(f"a limit is at least 1: {limit}")
    params = _statement(statement, parameters) | {"ConsistentRead": consistent}
    run = service.tables.execute
    first = run("ExecuteStatement", params, "native", floats)

    def items() -> Iterator[dict[str, Any]]:
        page, left = first, limit
        while True:
            found = page["Items"][:left]
            yield from found
            left = None if left is None else left - len(found)
            if "NextToken" not in page or left == 0:
                return
            page = run("ExecuteStatement", params | {"NextToken": page["NextToken"]}, "native", floats)

    return items()


def execute_transaction(
    service: DynamoDB,
    statements: Iterable[str | Sequence[Any]],
    token: str | None = None,
    floats: bool = False,
) -> list[dict[str, Any] | None]:
    """Run statements as one transaction: all happen, or none. The item each of them read, else None."""
    listed = [
        _statement(one, ()) if isinstance(one, str) else _statement(one[0], one[1:]) for one in statements
    ]
    params = {"TransactStatements": listed, "ClientRequestToken": token}
    reply = service.tables.execute("ExecuteTransaction", params, "native", floats)
    return [one.get("Item") for one in reply["Responses"]]


def _statement(statement: str, parameters: Sequence[Any]) -> dict[str, Any]:
    return {"Statement": statement, "Parameters": list(parameters) or None}
