"""RestoreTableToPointInTime.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_RestoreTableToPointInTime.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudcore.dynamodb.operations.restore_table_from_backup import HONOURED as OVERRIDES
from cloudcore.dynamodb.recovery import restores
from cloudcore.dynamodb.validation import honoured

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB

HONOURED = (OVERRIDES - {"BackupArn"}) | {
    "SourceTableArn",
    "SourceTableName",
    "UseLatestRestorableTime",
    "RestoreDateTime",
}


def run(service: DynamoDB, params: dict[str, Any]) -> dict[str, Any]:
    """A new table with the items that another had at a moment; CREATING until it is whole.

    The moment counts to the millisecond, beyond AWS's second; everything written at it is in. What else is
    restored is as with backups, with the source's settings of today. Raises ApiError: TableNotFoundException,
    PointInTimeRecoveryUnavailableException, InvalidRestoreTimeException, TableAlreadyExistsException,
    TableInUseException, ValidationException.
    """
    honoured("RestoreTableToPointInTime", params, HONOURED)
    return {"TableDescription": restores.to_moment(service, params)}
