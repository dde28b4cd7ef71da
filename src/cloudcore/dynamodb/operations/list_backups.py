"""ListBackups.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_ListBackups.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudcore.dynamodb import description
from cloudcore.dynamodb.recovery import arns, backups
from cloudcore.dynamodb.validation import refuse, table_name_of

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB

PAGE_MAX = 100


def run(service: DynamoDB, params: dict[str, Any]) -> dict[str, Any]:
    """Backups in the order of their creation, by table, time [lower, upper) and type (USER unless asked).

    At most `Limit` (1-100, default 100) behind ExclusiveStartBackupArn. Raises ApiError ValidationException.
    """
    lower = params.get("TimeRangeLowerBound", float("-inf"))
    upper = params.get("TimeRangeUpperBound", float("inf"))
    if lower > upper:
        raise refuse("Time range lower bound must be less than or equal to upper bound")
    table = None if params.get("TableName") is None else table_name_of(params["TableName"])
    kind, start = params.get("BackupType", "USER"), ""
    if params.get("ExclusiveStartBackupArn") is not None:
        start = _cursor(service, params["ExclusiveStartBackupArn"])
    backups.prune(service)
    found = [
        (id_, record)
        for id_, record in service.catalogue.all(backups.KIND)
        if id_ > start
        and table in (None, record["table"]["TableName"])
        and kind in ("ALL", record["type"])
        and lower <= record["created"] < upper
    ]
    limit = params.get("Limit", PAGE_MAX)
    result: dict[str, Any] = {"BackupSummaries": [_summary(service, *each) for each in found[:limit]]}
    if len(found) > limit:
        result["LastEvaluatedBackupArn"] = backups.arn(service, *found[limit - 1])
    return result


def _cursor(service: DynamoDB, arn: str) -> str:
    _, id_ = arns.id_of(service, arn, "backup", "ExclusiveStartBackupArn")
    region = arn.split(":")[3]
    if region != service.region:
        raise refuse(
            f"The region {region} in ExclusiveStartBackupArn does not match the region of the request: "
            f"{service.region}"
        )
    return id_


def _summary(service: DynamoDB, id_: str, record: dict[str, Any]) -> dict[str, Any]:
    name = record["table"]["TableName"]
    return backups.details(service, id_, record) | {
        "TableName": name,
        "TableId": record["table"]["TableId"],
        "TableArn": description.arn(service, name),
    }
