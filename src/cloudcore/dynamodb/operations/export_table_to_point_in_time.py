"""ExportTableToPointInTime.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_ExportTableToPointInTime.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudcore.dynamodb.transfer import exports

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB


def run(service: DynamoDB, params: dict[str, Any]) -> dict[str, Any]:
    """Write a table as it was at a moment, or what changed in a while, into objects.

    Raises ApiError: TableNotFoundException, PointInTimeRecoveryUnavailableException,
    InvalidExportTimeException, ExportConflictException, ValidationException.
    """
    return {"ExportDescription": exports.begin(service, params)}
