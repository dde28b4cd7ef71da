"""DescribeKinesisStreamingDestination.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_DescribeKinesisStreamingDestination.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudcore.dynamodb.description import load
from cloudcore.dynamodb.validation import table_name_of

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB


def run(service: DynamoDB, params: dict[str, Any]) -> dict[str, Any]:
    """The destinations of a table, those that were switched off too.

    Raises ApiError ResourceNotFoundException.
    """
    stored, _, _ = load(service, table_name_of(params["TableName"]))
    return {
        "TableName": stored["TableName"],
        "KinesisDataStreamDestinations": [
            {
                "StreamArn": record["Arn"],
                "DestinationStatus": record["Status"],
                "ApproximateCreationDateTimePrecision": record["Precision"],
            }
            for record in service.destinations.of(stored)
        ],
    }
