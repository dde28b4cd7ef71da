"""EnableKinesisStreamingDestination.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_EnableKinesisStreamingDestination.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudcore.dynamodb.description import load, save
from cloudcore.dynamodb.streams.registry import feed_of
from cloudcore.dynamodb.validation import refuse, table_name_of

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB

HONOURED = frozenset(("TableName", "StreamArn", "EnableKinesisStreamingConfiguration"))


def run(service: DynamoDB, params: dict[str, Any]) -> dict[str, Any]:
    """Send a table's changes to a stream from now on; the answer says ENABLING, every later one ACTIVE.

    Raises ApiError: ResourceNotFoundException, ValidationException.
    """
    arn = params["StreamArn"]
    configuration = params.get("EnableKinesisStreamingConfiguration", {})
    precision = configuration.get("ApproximateCreationDateTimePrecision", "MILLISECOND")
    with service.updating:
        stored, _, _ = load(service, table_name_of(params["TableName"]))
        if any(record["Status"] != "DISABLED" for record in service.destinations.of(stored)):
            raise refuse(
                "Table is not in a valid state to enable Kinesis Streaming Destination: "
                "EnableKinesisStreamingDestination must be DISABLED or ENABLE_FAILED to perform ENABLE "
                "operation."
            )
        service.destinations.sinks(arn)  # is it one?
        stored = feed_of(stored | {"Kinesis": arn})
        save(service, stored)
        service.destinations.begin(stored, arn, precision)
    answer = {"TableName": stored["TableName"], "StreamArn": arn, "DestinationStatus": "ENABLING"}
    if configuration:
        answer["EnableKinesisStreamingConfiguration"] = configuration
    return answer
