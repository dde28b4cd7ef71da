"""DeleteBackup.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_DeleteBackup.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudcore.dynamodb.recovery import arns, backups

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB


def run(service: DynamoDB, params: dict[str, Any]) -> dict[str, Any]:
    """Remove a backup and its file.

    Raises ApiError: BackupNotFoundException, BackupInUseException, ValidationException (a system backup).
    """
    record = backups.delete(service, params["BackupArn"])
    _, id_ = arns.id_of(service, params["BackupArn"], "backup", "BackupArn")
    return {"BackupDescription": backups.describe(service, id_, record | {"status": "DELETED"})}
