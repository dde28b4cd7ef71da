"""UpdateDestination: a new version of the destination, merged from the request and what was there."""

from __future__ import annotations

from typing import Any

from cloudcore.errors import ApiError
from cloudcore.firehose.checks import invalid, only
from cloudcore.firehose.destinations import kinds
from cloudcore.firehose.operations.describe_delivery_stream import DESTINATION
from cloudcore.validation import check

_SEARCH = ("Elasticsearch", "Amazonopensearchservice", "AmazonOpenSearchServerless")
_NESTED = {"S3Update": "S3Configuration", "S3BackupUpdate": "S3BackupConfiguration"}
_EITHER = ("DomainARN", "ClusterEndpoint")
_BACKUP_FALLS_BACK = {"Enabled": "Disabled", "AllData": "FailedDataOnly", "AllEvents": "FailedEventsOnly"}


def run(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Raises ConcurrentModificationException, InvalidArgumentException, ResourceInUseException,
    ResourceNotFoundException."""
    name, given = params["DeliveryStreamName"], params["CurrentDeliveryStreamVersionId"]
    destination = params["DestinationId"]
    kind, update = kinds.chosen(params, "update")
    only(params, {"DeliveryStreamName", "CurrentDeliveryStreamVersionId", "DestinationId", kind.update}, "")
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
        same = kinds.of(found).name == kind.stored
        if not same:
            _check_switch(kinds.of(found), kind)
        raw = merge(found["Destination"] if same else {}, update)
        if kind.name == "Iceberg" and same and "S3Configuration" in update:  # its update has no S3Update
            raw["S3Configuration"] = merge(found["Destination"]["S3Configuration"], update["S3Configuration"])
        whole = {"DeliveryStreamName": name, kind.configuration: raw}  # with all that is required
        raw = check("firehose", "CreateDeliveryStream", whole)[kind.configuration]
        ours = service.with_schema(raw, found.get("Ours"))
        service.check(kind.parse(raw, ours) if kind.name != "S3" else kinds.KINDS[kinds.S3].parse(raw, ours))
        if same:
            _check_partitioning(found["Destination"], raw)
            _check_backup(kind, found["Destination"], raw)
        service.update({
            **found, "VersionId": str(int(found["VersionId"]) + 1), "Kind": kind.stored, "Destination": raw,
            "Ours": ours,
            "LastUpdateTimestamp": service.clock.now(),
        })  # fmt: skip
    return {}


def merge(old: dict[str, Any], update: dict[str, Any]) -> dict[str, Any]:
    """The old configuration with the members that the update names; buckets are merged member by member."""
    new = {**old, **{name: value for name, value in update.items() if value is not None}}
    for given, other in (_EITHER, _EITHER[::-1]):  # the new one takes the old one's place
        if update.get(given) is not None and update.get(other) is None:
            new.pop(other, None)
    for name, member in _NESTED.items():
        nested = new.pop(name, None)
        if nested is not None:
            new[member] = merge(old.get(member) or {}, nested)
    return new


def _check_switch(old: kinds.Kind, new: kinds.Kind) -> None:
    if (old.name in _SEARCH) != (new.name in _SEARCH):
        raise invalid(
            f"Switching between {old.name} and {new.name} is not supported; a Firehose to OpenSearch or "
            "Elasticsearch stays one, and no other becomes one"
        )


def _check_backup(kind: kinds.Kind, old: dict[str, Any], new: dict[str, Any]) -> None:
    before, after = old.get("S3BackupMode"), new.get("S3BackupMode")
    if kind.name != kinds.S3 and before is not None and _BACKUP_FALLS_BACK.get(before) == after:
        raise invalid(f"S3BackupMode cannot be changed from {before} to {after}")


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
