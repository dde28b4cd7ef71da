"""DescribeBackup.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_DescribeBackup.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudcore.dynamodb.recovery import backups

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB


def run(service: DynamoDB, params: dict[str, Any]) -> dict[str, Any]:
    """One backup and the table that it is of. Raises ApiError BackupNotFoundException."""
    return {"BackupDescription": backups.describe(service, *backups.find(service, params["BackupArn"]))}
