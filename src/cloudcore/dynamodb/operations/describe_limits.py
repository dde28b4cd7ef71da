"""DescribeLimits.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_DescribeLimits.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB

ACCOUNT_UNITS = 80_000
TABLE_UNITS = 40_000


def run(service: DynamoDB, params: dict[str, Any]) -> dict[str, Any]:
    """The initial quotas of an AWS account; here nothing holds a table to them."""
    return {
        "AccountMaxReadCapacityUnits": ACCOUNT_UNITS,
        "AccountMaxWriteCapacityUnits": ACCOUNT_UNITS,
        "TableMaxReadCapacityUnits": TABLE_UNITS,
        "TableMaxWriteCapacityUnits": TABLE_UNITS,
    }
