"""UpdateContinuousBackups.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateContinuousBackups.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudcore.dynamodb.description import load_backed, save
from cloudcore.dynamodb.operations.describe_continuous_backups import describe
from cloudcore.dynamodb.recovery import continuous
from cloudcore.dynamodb.streams.registry import feed_of
from cloudcore.dynamodb.validation import refuse, table_name_of

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB


def run(service: DynamoDB, params: dict[str, Any]) -> dict[str, Any]:
    """Turn point-in-time recovery on or off, or change its period; what was archived goes when it is off.

    Raises ApiError: TableNotFoundException, ValidationException.
    """
    wanted = params["PointInTimeRecoverySpecification"]
    enabled, days = wanted["PointInTimeRecoveryEnabled"], wanted.get("RecoveryPeriodInDays")
    if not enabled and days is not None:
        raise refuse(
            "Invalid Request: Cannot specify RecoveryPeriodInDays when disabling point-in-time recovery."
        )
    with service.updating:
        stored = load_backed(service, table_name_of(params["TableName"]))
        current = stored.get("Recovery")
        if enabled and current is not None:
            stored["Recovery"] = current | {"Days": days or current["Days"]}
            save(service, stored)
        elif enabled:
            archive = continuous.new_archive(stored)
            stored["Recovery"] = {"Days": days or continuous.DAYS, "Archive": archive}
            save(service, feed_of(stored))
            service.recovery.begin(stored)
        elif current is not None:
            del stored["Recovery"]
            save(service, feed_of(stored))
            service.recovery.end(current["Archive"])
        return {"ContinuousBackupsDescription": describe(service, stored)}
