"""ListTables.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_ListTables.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudcore.dynamodb.validation import Violations, expect

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB


def run(service: DynamoDB, params: dict[str, Any]) -> dict[str, Any]:
    """Table names in order, at most `Limit` (1-100, default 100) after `ExclusiveStartTableName`."""
    limit, start = params.get("Limit"), params.get("ExclusiveStartTableName")
    expect(limit, (int, float), "Integer")
    expect(start, str, "String")
    found = Violations()
    if start is not None:
        found.table_name(start, "exclusiveStartTableName")
    if limit is not None and limit < 1:
        found.add(limit, "limit", "Member must have value greater than or equal to 1")
    if limit is not None and limit > 100:
        found.add(limit, "limit", "Member must have value less than or equal to 100")
    found.report()
    names = sorted(service.tables.names())
    if start is not None:
        names = [name for name in names if name > start]
    page = names[: int(limit or 100)]
    result: dict[str, Any] = {"TableNames": page}
    if len(page) < len(names):
        result["LastEvaluatedTableName"] = page[-1]
    return result
