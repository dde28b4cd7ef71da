"""Restores: a new table out of an image, invisible to item operations until it is whole.

The table is made with the members "Loading" (the engine then finds it for nobody) and "Restore" (where it
comes from) in its stored description. Loading an image again over what an earlier process loaded gives the
same table, so a restore that was cut short is simply begun again at the next open.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from cloudcore._table import load
from cloudcore.dynamodb import capacity, description, indexes
from cloudcore.dynamodb.recovery import backups
from cloudcore.dynamodb.recovery.images import ImageReader
from cloudcore.dynamodb.recovery.jobs import Stopped
from cloudcore.dynamodb.validation import invalid, refuse
from cloudcore.errors import ApiError, ClosedError

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB

Stored = dict[str, Any]


def from_backup(service: DynamoDB, params: dict[str, Any]) -> dict[str, Any]:
    """RestoreTableFromBackup; the TableDescription. Raises ApiError."""
    target = params["TargetTableName"]
    with service.updating:
        id_, record = backups.find(service, params["BackupArn"])
        arn = backups.arn(service, id_, record)
        stored = described(record["table"], params, target, round(service.clock.now(), 3))
        refuse_existing(service, target)
        if record["status"] == "CREATING":
            raise backups.in_use(arn, "created")
        if id_ in service.restoring:
            raise backups.in_use(arn, "used to restore another table")
        stored["Restore"] = {
            "SourceBackupArn": arn,
            "SourceTableArn": description.arn(service, record["table"]["TableName"]),
            "RestoreDateTime": record["created"],
        }
        service.restoring.add(id_)
        return begin(service, stored)


def refuse_existing(service: DynamoDB, target: str) -> None:
    """The name of a restored table must be free. Raises ApiError."""
    found = service.tables.describe(target)
    if found is None:
        return
    restore = json.loads(found[0]).get("Restore", {})
    if "SourceBackupArn" in restore:
        raise ApiError(
            "TableInUseException",
            f"Table: {target} is already being restored from backup: {restore['SourceBackupArn']}",
        )
    raise ApiError("TableAlreadyExistsException", f"Table already exists: {target}")


# ---- the new description ----


def described(source: Stored, params: dict[str, Any], target: str, now: float) -> Stored:
    """What is stored with the restored table: keys, indexes and capacity of `source`, with the overrides.

    Raises ApiError ValidationException.
    """
    mode: str = params.get("BillingModeOverride") or source["BillingMode"]
    units, maxima = params.get("ProvisionedThroughputOverride"), params.get("OnDemandThroughputOverride")
    if units is not None and mode != "PROVISIONED":
        raise refuse("Cannot override ProvisionedThroughput unless BillingMode is PROVISIONED")
    if mode == "PROVISIONED" and source["BillingMode"] != mode and units is None:
        raise refuse("Must override ProvisionedThroughput if BillingMode is overridden to PROVISIONED")
    capacity.check_units(units or {})
    stored: Stored = {
        "TableName": target,
        "TableId": str(uuid.uuid4()),
        "CreationDateTime": now,
        "KeySchema": source["KeySchema"],
        "BillingMode": mode,
    }
    if mode == "PROVISIONED":
        stored |= {unit: (units or source)[unit] for unit in capacity.UNITS}
    else:
        stored |= dict.fromkeys(capacity.UNITS, 0) | {"OnDemandSince": now}
        if maxima is None:
            maxima = source.get("OnDemandThroughput")
    if maxima:
        stored |= capacity.begun(stored, {"OnDemandThroughput": maxima})
    stored |= _indexes(source, params, mode)
    both = [*stored.get("LocalSecondaryIndexes", ()), *stored.get("GlobalSecondaryIndexes", ())]
    used = indexes.used_names(stored["KeySchema"], both)
    stored["AttributeDefinitions"] = [d for d in source["AttributeDefinitions"] if d["AttributeName"] in used]
    return stored


def _indexes(source: Stored, params: dict[str, Any], mode: str) -> Stored:
    kept_local = source.get("LocalSecondaryIndexes", [])
    kept_wide = source.get("GlobalSecondaryIndexes", [])
    local, wide = params.get("LocalSecondaryIndexOverride"), params.get("GlobalSecondaryIndexOverride")
    found: Stored = {}
    if local is None:
        found["LocalSecondaryIndexes"] = kept_local
    else:
        found["LocalSecondaryIndexes"] = [indexes.stored_local(_known(index, kept_local)) for index in local]
    if wide is None:
        found["GlobalSecondaryIndexes"] = [_with_units(index, mode) for index in kept_wide]
    else:
        found["GlobalSecondaryIndexes"] = [_overridden(index, kept_wide, mode) for index in wide]
    return {name: value for name, value in found.items() if value}


def _same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    def shape(index: dict[str, Any]) -> Any:
        projection = index["Projection"]
        keys = [(e["AttributeName"], e["KeyType"]) for e in index["KeySchema"]]
        return keys, projection.get("ProjectionType"), sorted(projection.get("NonKeyAttributes") or ())

    return bool(shape(one) == shape(other))


def _known(index: dict[str, Any], kept: list[dict[str, Any]]) -> dict[str, Any]:
    """`index`, which is one of the source's, maybe under another name."""
    if not any(_same(index, other) for other in kept):
        raise refuse(
            f"Index {index['IndexName']} does not match a secondary index that existed in the source table "
            "and cannot be created during the restore operation"
        )
    return index


def _with_units(index: dict[str, Any], mode: str) -> dict[str, Any]:
    """A kept global index under the new table's BillingMode."""
    if mode == "PAY_PER_REQUEST":
        return index | dict.fromkeys(capacity.UNITS, 0)
    if index["ReadCapacityUnits"] == 0:
        raise invalid(f"ProvisionedThroughput is not specified for index: {index['IndexName']}")
    return {name: value for name, value in index.items() if name != "OnDemandThroughput"}


def _overridden(index: dict[str, Any], kept: list[dict[str, Any]], mode: str) -> dict[str, Any]:
    name, units = _known(index, kept)["IndexName"], index.get("ProvisionedThroughput")
    if mode == "PAY_PER_REQUEST" and units is not None:
        raise invalid(
            f"ProvisionedThroughput should not be specified for index: {name} when BillingMode is "
            "PAY_PER_REQUEST"
        )
    if mode == "PROVISIONED" and units is None:
        raise invalid(f"ProvisionedThroughput is not specified for index: {name}")
    capacity.check_units(units or {})
    return indexes.stored_global(index, mode)


# ---- the work ----


def begin(service: DynamoDB, stored: Stored) -> dict[str, Any]:
    """Make the table and start to fill it; its TableDescription. Under service.updating."""
    stored |= {"Loading": True}
    service.tables.create(stored["TableName"], json.dumps(stored).encode())
    _start(service, stored)
    return description.describe(service, stored, "CREATING", 0, 0)


def resume(service: DynamoDB, stored: Stored) -> None:
    """Go on with a restore that an earlier process did not finish."""
    service.restoring.add(_backup_of(stored))
    _start(service, stored)


def _start(service: DynamoDB, stored: Stored) -> None:
    service.jobs.start(job_name(stored["TableName"]), lambda: _restore(service, stored))


def job_name(table: str) -> str:
    """What the job that fills a table is called."""
    return f"restore-{table}"


def _backup_of(stored: Stored) -> str:
    """The id of the backup that a table is restored from."""
    return str(stored["Restore"]["SourceBackupArn"].rpartition("/")[2])


def _restore(service: DynamoDB, stored: Stored) -> None:
    path = backups.path_of(service, _backup_of(stored))
    fill(service, stored, lambda: load_image(service, stored["TableName"], path))


def fill(service: DynamoDB, stored: Stored, work: Callable[[], None]) -> None:
    """Run `work`, which fills the table, and show the table; a failure takes the table away and is raised."""
    name = stored["TableName"]
    try:
        work()
    except (Stopped, ClosedError):
        raise  # the next open begins again
    except BaseException:
        with service.updating:
            service.tables.drop(name)
            service.restoring.discard(_backup_of(stored))
        raise
    whole = {member: value for member, value in stored.items() if member not in ("Loading", "Restore")}
    with service.updating:
        service.tables.set_description(name, json.dumps(whole).encode())
        service.restoring.discard(_backup_of(stored))


def load_image(service: DynamoDB, table: str, path: str) -> None:
    """Put the items of an image file into a table."""
    with ImageReader(path) as image:
        for entries, _ in image.blocks():
            service.jobs.check()
            load(service.tables, table, entries)
