"""CreateBackup.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CreateBackup.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudcore.dynamodb.description import load_backed
from cloudcore.dynamodb.recovery import backups
from cloudcore.dynamodb.validation import table_name_of

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB


def run(service: DynamoDB, params: dict[str, Any]) -> dict[str, Any]:
    """Keep a table as it is at this moment; written beside writers, CREATING until it is on the disk.

    Raises ApiError TableNotFoundException.
    """
    name = table_name_of(params["TableName"])
    with service.updating:
        id_, record = backups.create(service, load_backed(service, name), params["BackupName"])
    return {"BackupDetails": backups.details(service, id_, record)}
