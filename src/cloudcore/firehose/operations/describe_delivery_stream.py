"""DescribeDeliveryStream: configuration, state, version."""

from __future__ import annotations

from typing import Any

from cloudcore.firehose.checks import member, number, stream_name
from cloudcore.firehose.destinations.s3.config import describe

DESTINATION = "destinationId-000000000001"
_PLAIN_S3 = ("RoleARN", "BucketARN", "Prefix", "ErrorOutputPrefix", "BufferingHints", "CompressionFormat",
             "EncryptionConfiguration", "CloudWatchLoggingOptions")  # fmt: skip


def run(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Raises ResourceNotFoundException."""
    found = service.description(stream_name(params))
    number(params, "Limit", 1, 10_000, 10)
    start = member(params, "ExclusiveStartDestinationId", str)
    extended = describe(found["Destination"])
    destination = {
        "DestinationId": DESTINATION,
        "S3DestinationDescription": {name: extended[name] for name in _PLAIN_S3 if name in extended},
        "ExtendedS3DestinationDescription": extended,
    }
    return {
        "DeliveryStreamDescription": {
            "DeliveryStreamName": found["DeliveryStreamName"],
            "DeliveryStreamARN": found["DeliveryStreamARN"],
            "DeliveryStreamStatus": "ACTIVE",
            "DeliveryStreamEncryptionConfiguration": {"Status": "DISABLED"},
            "DeliveryStreamType": "DirectPut",
            "VersionId": found["VersionId"],
            "CreateTimestamp": found["CreateTimestamp"],
            "Destinations": [] if start and start >= DESTINATION else [destination],
            "HasMoreDestinations": False,
        }
    }
