"""UpdateDestination: a new version of the destination, merged from the request and what was there."""

from __future__ import annotations

from typing import Any

from cloudcore.errors import ApiError
from cloudcore.firehose.checks import invalid, only
from cloudcore.firehose.destinations.s3.config import parse
from cloudcore.firehose.operations.describe_delivery_stream import DESTINATION

_UPDATES = ("ExtendedS3DestinationUpdate", "S3DestinationUpdate")


def run(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Raises ConcurrentModificationException, InvalidArgumentException, ResourceInUseException,
    ResourceNotFoundException."""
    name, given = params["DeliveryStreamName"], params["CurrentDeliveryStreamVersionId"]
    destination = params["DestinationId"]
    only(params, {"DeliveryStreamName", "CurrentDeliveryStreamVersionId", "DestinationId", *_UPDATES}, "")
    updates = [params[each] for each in _UPDATES if each in params]
    if len(updates) != 1:
        raise invalid("Exactly one destination update is supported for a Firehose")
    with service.updates(name):
        found = service.active(name)
        if int(given) != int(found["VersionId"]):
            raise ApiError(
                "ConcurrentModificationException",
                f"Cannot update firehose: {name} since the current version id: {found['VersionId']} and "
                f"specified version id: {given} do not match",
            )
        if destination != DESTINATION:
            raise invalid(f"Destination Id {destination} not found")
        raw = merge(found["Destination"], updates[0])
        ours = service.with_schema(raw, found.get("Ours"))
        service.check(parse(raw, ours))
        _check_partitioning(found["Destination"], raw)
        service.update({
            **found, "VersionId": str(int(found["VersionId"]) + 1), "Destination": raw, "Ours": ours,
            "LastUpdateTimestamp": service.clock.now(),
        })  # fmt: skip
    return {}


def merge(old: dict[str, Any], update: dict[str, Any]) -> dict[str, Any]:
    """The old configuration with the members that the update names; the backup is merged member by member."""
    new = {**old, **{name: value for name, value in update.items() if value is not None}}
    backup = new.pop("S3BackupUpdate", None)
    if backup is not None:
        new["S3BackupConfiguration"] = merge(old.get("S3BackupConfiguration") or {}, backup)
    return new


def _check_partitioning(old: dict[str, Any], new: dict[str, Any]) -> None:
    before, after = (
        bool((raw.get("DynamicPartitioningConfiguration") or {}).get("Enabled")) for raw in (old, new)
    )
    if before != after:
        raise invalid(
            "Dynamic partitioning can be enabled only when the Firehose is created"
            if after
            else "Dynamic partitioning cannot be disabled once it is enabled"
        )
