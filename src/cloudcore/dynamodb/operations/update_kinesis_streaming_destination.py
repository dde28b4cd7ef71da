"""UpdateKinesisStreamingDestination.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateKinesisStreamingDestination.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudcore.dynamodb.description import load
from cloudcore.dynamodb.validation import refuse, table_name_of

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB


def run(service: DynamoDB, params: dict[str, Any]) -> dict[str, Any]:
    """The precision of the times in a table's records from now on.

    Raises ApiError: ResourceNotFoundException, ValidationException.
    """
    arn, configuration = params["StreamArn"], params.get("UpdateKinesisStreamingConfiguration") or {}
    precision = configuration.get("ApproximateCreationDateTimePrecision")
    if precision is None:
        raise refuse(
            "Streaming destination cannot be updated with given parameters: "
            "UpdateKinesisStreamingConfiguration cannot be null or contain only null values"
        )
    with service.updating:
        stored, _, _ = load(service, table_name_of(params["TableName"]))
        name = stored["TableName"]
        found = [record for record in service.destinations.of(stored) if record["Arn"] == arn]
        if not found or found[0]["Status"] != "ACTIVE":
            raise refuse(
                "Table is not in a valid state to enable Kinesis Streaming Destination: Kinesis streaming is "
                f"not in ACTIVE state. Updates are only allowed in ACTIVE state. TableName: {name}, kdsArn: "
                f"{arn}"
            )
        if found[0]["Precision"] == precision:
            raise refuse(
                f"Invalid Request: Precision is already set to the desired value of {precision} for tableId: "
                f"{stored['TableId']}, kdsArn: {arn}"
            )
        service.destinations.update(found[0], precision)
    return {
        "TableName": name,
        "StreamArn": arn,
        "DestinationStatus": "UPDATING",
        "UpdateKinesisStreamingConfiguration": {"ApproximateCreationDateTimePrecision": precision},
    }
