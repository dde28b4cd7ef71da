"""DescribeImport.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_DescribeImport.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudcore.dynamodb.transfer import imports, records

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB


def run(service: DynamoDB, params: dict[str, Any]) -> dict[str, Any]:
    """How an import is doing. Raises ApiError ImportNotFoundException."""
    found = records.find(service, params["ImportArn"], records.IMPORT, "ImportNotFoundException")
    return {"ImportTableDescription": imports.describe(service, *found)}
