"""DescribeEndpoints.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_DescribeEndpoints.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB

CACHE_MINUTES = 1440


def run(service: DynamoDB, params: dict[str, Any]) -> dict[str, Any]:
    """The URLs under which this service is served; none in process. Never an address of AWS."""
    return {
        "Endpoints": [{"Address": url, "CachePeriodInMinutes": CACHE_MINUTES} for url in service.addresses]
    }
