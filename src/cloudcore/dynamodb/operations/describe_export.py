"""DescribeExport.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_DescribeExport.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudcore.dynamodb.transfer import exports, records

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB


def run(service: DynamoDB, params: dict[str, Any]) -> dict[str, Any]:
    """How an export is doing. Raises ApiError ExportNotFoundException."""
    found = records.find(service, params["ExportArn"], records.EXPORT, "ExportNotFoundException")
    return {"ExportDescription": exports.describe(service, *found)}
