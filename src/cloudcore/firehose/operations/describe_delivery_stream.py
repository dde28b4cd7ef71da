"""DescribeDeliveryStream: configuration, state, version."""

from __future__ import annotations

from typing import Any

from cloudcore.firehose import sources
from cloudcore.firehose.destinations import kinds

DESTINATION = "destinationId-000000000001"


def run(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Raises ResourceNotFoundException. There is one destination, so no Limit leaves any out."""
    name = params["DeliveryStreamName"]
    start = params.get("ExclusiveStartDestinationId")
    found = service.description(name)
    destination = {"DestinationId": DESTINATION, **kinds.of(found).describe(found["Destination"])}
    description = {
        "DeliveryStreamName": found["DeliveryStreamName"],
        "DeliveryStreamARN": found["DeliveryStreamARN"],
        "DeliveryStreamStatus": service.state(name),
        "DeliveryStreamEncryptionConfiguration": _encryption(found, service),
        "DeliveryStreamType": found.get("Type", "DirectPut"),
        "VersionId": found["VersionId"],
        "CreateTimestamp": found["CreateTimestamp"],
        "Destinations": [] if start and start >= DESTINATION else [destination],
        "HasMoreDestinations": False,
    }
    if found.get("Failure"):
        description["FailureDescription"] = found["Failure"]
    if found["VersionId"] != "1":
        description["LastUpdateTimestamp"] = found["LastUpdateTimestamp"]
    if found.get("Source"):
        description["Source"] = sources.describe(found["Source"])
    return {"DeliveryStreamDescription": description}


def _encryption(found: dict[str, Any], service: Any) -> dict[str, Any]:
    encryption = found.get("Encryption")
    if not encryption:
        return {"Status": "DISABLED"}
    young = service.clock.now() < encryption.get("Since", 0.0) + service.transition_seconds
    states = ("DISABLING", "ENABLING") if young and service.transition_seconds else ("DISABLED", "ENABLED")
    status = states[encryption["Current"] is not None]
    arn = encryption.get("KeyARN")
    key = {"KeyType": "AWS_OWNED_CMK"} if arn is None else {"KeyType": "CUSTOMER_MANAGED_CMK", "KeyARN": arn}
    if encryption.get("Failed"):
        return {**key, "Status": "ENABLING_FAILED", "FailureDescription": encryption["Failed"]}
    return {**key, "Status": status}
