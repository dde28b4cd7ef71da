"""DescribeContinuousBackups.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_DescribeContinuousBackups.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudcore.dynamodb.description import load_backed
from cloudcore.dynamodb.validation import table_name_of

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB


def run(service: DynamoDB, params: dict[str, Any]) -> dict[str, Any]:
    """Whether a table can be restored to a moment, and to which. Raises ApiError TableNotFoundException."""
    return {
        "ContinuousBackupsDescription": describe(
            service, load_backed(service, table_name_of(params["TableName"]))
        )
    }


def describe(service: DynamoDB, stored: dict[str, Any]) -> dict[str, Any]:
    """The description of a table's continuous backups; its times are whole seconds."""
    shown: dict[str, Any] = {"PointInTimeRecoveryStatus": "DISABLED"}
    if "Recovery" in stored:
        first, last = service.recovery.window(stored)
        shown = {
            "PointInTimeRecoveryStatus": "ENABLED",
            "RecoveryPeriodInDays": stored["Recovery"]["Days"],
            "EarliestRestorableDateTime": first // 1000,
            "LatestRestorableDateTime": last // 1000,
        }
    return {"ContinuousBackupsStatus": "ENABLED", "PointInTimeRecoveryDescription": shown}
