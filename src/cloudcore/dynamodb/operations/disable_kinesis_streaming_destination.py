"""DisableKinesisStreamingDestination.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_DisableKinesisStreamingDestination.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudcore.dynamodb.description import load, save
from cloudcore.dynamodb.streams.registry import feed_of
from cloudcore.dynamodb.validation import invalid, refuse, table_name_of

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB

HONOURED = frozenset(("TableName", "StreamArn"))


def run(service: DynamoDB, params: dict[str, Any]) -> dict[str, Any]:
    """Send what is written already and then no more.

    Raises ApiError: ResourceNotFoundException, ValidationException.
    """
    if params.get("EnableKinesisStreamingConfiguration"):
        raise invalid("Stream cannot be disabled using EnableKinesisStreamingConfiguration parameters")
    arn = params["StreamArn"]
    with service.updating:
        stored, _, _ = load(service, table_name_of(params["TableName"]))
        found = [record for record in service.destinations.of(stored) if record["Arn"] == arn]
        if not found or found[0]["Status"] != "ACTIVE":
            raise refuse(
                "Table is not in a valid state to enable Kinesis Streaming Destination: "
                "KinesisStreamingDestination must be ACTIVE to perform DISABLE operation."
            )
        stored = feed_of({name: value for name, value in stored.items() if name != "Kinesis"})
        save(service, stored)
        service.destinations.end(found[0])
    return {"TableName": stored["TableName"], "StreamArn": arn, "DestinationStatus": "DISABLING"}
