"""Contributor insights: whether they are on, of tables and global indexes.

On AWS they are rules of CloudWatch, whose reports name the keys most used and most throttled; nothing of the
DynamoDB API shows these. Here is no CloudWatch: the setting is kept, and no rule is named.

Stored with the table: "Insights", {index name, or "" for the table: {Mode, Since, and Off once disabled}}.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudcore.dynamodb.description import load, save
from cloudcore.dynamodb.validation import refuse, table_name_of
from cloudcore.errors import ApiError

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB

DEFAULT_MODE = "ACCESSED_AND_THROTTLED_KEYS"
PAGE = 100
Stored = dict[str, Any]


def update(service: DynamoDB, params: dict[str, Any]) -> dict[str, Any]:
    """Turn them on or off; the answer says ENABLING or DISABLING, every later one ENABLED or DISABLED."""
    name, index = table_name_of(params["TableName"]), params.get("IndexName", "")
    enables = params["ContributorInsightsAction"] == "ENABLE"
    with service.updating:
        stored = load(service, name)[0]
        _check_index(stored, index)
        mode = params.get("ContributorInsightsMode", _of(stored, index).get("Mode", DEFAULT_MODE))
        kept = {"Mode": mode, "Since": round(service.clock.now(), 3)} | ({} if enables else {"Off": True})
        stored["Insights"] = stored.get("Insights", {}) | {index: kept}
        save(service, stored)
    return _shown(stored, index) | {"ContributorInsightsStatus": "ENABLING" if enables else "DISABLING"}


def describe(service: DynamoDB, params: dict[str, Any]) -> dict[str, Any]:
    """DescribeContributorInsights."""
    stored, index = load(service, table_name_of(params["TableName"]))[0], params.get("IndexName", "")
    _check_index(stored, index)
    shown = _shown(stored, index)
    if index in stored.get("Insights", {}):
        shown["LastUpdateDateTime"] = stored["Insights"][index]["Since"]
    return shown


def summaries(service: DynamoDB, params: dict[str, Any]) -> dict[str, Any]:
    """ListContributorInsights: of a table and its global indexes, or of all tables."""
    names = [table_name_of(params["TableName"])] if "TableName" in params else sorted(service.tables.names())
    found = []
    for name in names:
        try:
            stored = load(service, name)[0]
        except ApiError:
            if "TableName" in params:
                raise
            continue  # it goes, or is not whole yet
        found += [_shown(stored, index) for index in ("", *sorted(_indexes(stored)))]
    first = _place(params.get("NextToken", ""), found)
    last = first + (params.get("MaxResults") or PAGE)
    answer: dict[str, Any] = {"ContributorInsightsSummaries": found[first:last]}
    return answer | ({"NextToken": _token(found[last - 1])} if last < len(found) else {})


def _token(one: dict[str, Any]) -> str:
    return f"{one['TableName']}/{one.get('IndexName', '')}"


def _place(token: str, found: list[dict[str, Any]]) -> int:
    """Where to go on: behind what the token names, which may be gone by now."""
    if not token:
        return 0
    if token.count("/") != 1:
        raise refuse(f"Invalid Request: Provided nextToken is invalid: {token}")
    table, _, index = token.partition("/")
    behind = [(one["TableName"], one.get("IndexName", "")) > (table, index) for one in found]
    return behind.index(True) if True in behind else len(found)


def _indexes(stored: Stored) -> list[str]:
    return [index["IndexName"] for index in stored.get("GlobalSecondaryIndexes", ())]


def _check_index(stored: Stored, index: str) -> None:
    if index and index not in _indexes(stored):
        raise ApiError("ResourceNotFoundException", f"Requested resource not found: Index: {index} not found")


def _of(stored: Stored, index: str) -> dict[str, Any]:
    found: dict[str, Any] = stored.get("Insights", {}).get(index, {})
    return found


def _shown(stored: Stored, index: str) -> dict[str, Any]:
    kept = _of(stored, index)
    on = bool(kept) and not kept.get("Off")
    shown = {"TableName": stored["TableName"], "ContributorInsightsStatus": "ENABLED" if on else "DISABLED"}
    if index:
        shown["IndexName"] = index
    return shown | ({"ContributorInsightsMode": kept["Mode"]} if on else {})
