"""ListTables.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_ListTables.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB


def run(service: DynamoDB, params: dict[str, Any]) -> dict[str, Any]:
    """Table names in order, at most `Limit` (1-100, default 100) after `ExclusiveStartTableName`."""
    limit, start = params.get("Limit"), params.get("ExclusiveStartTableName")
    names = sorted(service.tables.names())
    if start is not None:
        names = [name for name in names if name > start]
    page = names[: limit or 100]
    result: dict[str, Any] = {"TableNames": page}
    if len(page) < len(names):
        result["LastEvaluatedTableName"] = page[-1]
    return result
