"""RestoreTableFromBackup.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_RestoreTableFromBackup.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudcore.dynamodb.recovery import restores
from cloudcore.dynamodb.validation import honoured

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB

HONOURED = frozenset(
    (
        "TargetTableName",
        "BackupArn",
        "BillingModeOverride",
        "GlobalSecondaryIndexOverride",
        "LocalSecondaryIndexOverride",
        "VectorIndexOverride",
        "ProvisionedThroughputOverride",
        "OnDemandThroughputOverride",
    )
)


def run(service: DynamoDB, params: dict[str, Any]) -> dict[str, Any]:
    """A new table with a backup's items; CREATING, and unknown to item operations, until it is whole.

    Tags, time to live, streams, policy, class and protection are not restored, as on AWS. Raises ApiError:
    BackupNotFoundException, BackupInUseException, TableAlreadyExistsException, TableInUseException,
    ValidationException.
    """
    honoured("RestoreTableFromBackup", params, HONOURED)
    return {"TableDescription": restores.from_backup(service, params)}
