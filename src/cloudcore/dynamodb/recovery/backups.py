"""On-demand backups: an image file each, and a record in the catalogue.

    <directory>/backups/<id>.image

A record holds the table's stored description as it was, so a backup outlives its table. CREATING is a
backup whose file is being written from a snapshot; one that kill -9 cut short is written again at the next
open, from the table as it is then.
"""

from __future__ import annotations

import contextlib
import json
import os
from typing import TYPE_CHECKING, Any

from cloudcore._table import Snapshot
from cloudcore.dynamodb import capacity, description
from cloudcore.dynamodb.recovery import arns
from cloudcore.dynamodb.recovery.images import write_image
from cloudcore.dynamodb.streams.specification import live_view
from cloudcore.dynamodb.validation import refuse
from cloudcore.errors import ApiError

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB

KIND = "backup"
SYSTEM_DAYS = 35
Record = dict[str, Any]


def not_found(arn: str) -> ApiError:
    """BackupNotFoundException; raise what this returns."""
    return ApiError("BackupNotFoundException", f"Backup not found: {arn}")


def in_use(arn: str, doing: str) -> ApiError:
    """BackupInUseException; raise what this returns."""
    return ApiError("BackupInUseException", f"Backup is being {doing}: {arn}")


def find(service: DynamoDB, arn: str) -> tuple[str, Record]:
    """(id, record) of a backup. Raises ApiError BackupNotFoundException and those of arns.id_of."""
    table, id_ = arns.id_of(service, arn, "backup", "BackupArn")
    prune(service)
    record = service.catalogue.get(KIND, id_)
    if record is None or record["table"]["TableName"] != table:
        raise not_found(arn)
    return id_, record


def create(
    service: DynamoDB, stored: dict[str, Any], name: str, kind: str = "USER", expires: float | None = None
) -> tuple[str, Record]:
    """Begin a backup of a table as it is now; (id, record). Under service.updating."""
    id_ = arns.new_id(service)
    if kind == "SYSTEM":  # these end in zeros
        milliseconds = int(id_[:14])
        while service.catalogue.get(KIND, id_ := f"{milliseconds:014d}-00000000") is not None:
            milliseconds += 1
    snapshot = Snapshot(service.tables, stored["TableName"])
    try:
        info = snapshot.info()
        record = {
            "name": name,
            "type": kind,
            "status": "CREATING",
            "created": int(id_[:14]) / 1000,
            "expires": expires,
            "items": info["item_count"],
            "size": info["item_bytes"],
            "table": stored,
        }
        _begin(service, id_, record, snapshot)
    except BaseException:
        snapshot.close()
        raise
    return id_, record


def create_system(service: DynamoDB, stored: dict[str, Any]) -> None:
    """Begin the backup that a table with point-in-time recovery leaves behind. Under service.updating."""
    expires = round(service.clock.now() + SYSTEM_DAYS * 86_400, 3)
    create(service, stored, f"{stored['TableName']}$DeletedTableBackup", "SYSTEM", expires)


def _begin(service: DynamoDB, id_: str, record: Record, snapshot: Snapshot) -> None:
    service.catalogue.put(KIND, id_, record)
    service.jobs.start(job_name(id_), lambda: _write(service, id_, record, snapshot))


def job_name(id_: str) -> str:
    """What a backup's job is called."""
    return f"backup-{id_}"


def _write(service: DynamoDB, id_: str, record: Record, snapshot: Snapshot) -> None:
    with snapshot:
        write_image(snapshot, service.images.path(id_), {"table": record["table"]}, service.jobs.check)
    service.catalogue.put(KIND, id_, record | {"status": "AVAILABLE"} | service.images.keep(id_))


def resume(service: DynamoDB) -> None:
    """Write again what an earlier process did not finish; its table is still there: DeleteTable waits."""
    for id_, record in service.catalogue.all(KIND):
        if record["status"] != "CREATING":
            continue
        with contextlib.suppress(FileNotFoundError):
            os.unlink(service.images.path(id_) + ".part")
        found = service.tables.describe(record["table"]["TableName"])
        if found is None or json.loads(found[0]).get("TableId") != record["table"]["TableId"]:
            import logging

            logging.getLogger("cloudcore.dynamodb").error("backup %s was lost with its table", id_)
            service.catalogue.remove(KIND, id_)
            continue
        snapshot = Snapshot(service.tables, record["table"]["TableName"])
        info = snapshot.info()
        _begin(service, id_, record | {"items": info["item_count"], "size": info["item_bytes"]}, snapshot)


def unfinished(service: DynamoDB, table_id: str) -> str | None:
    """The job of a backup of this table that is being written, or None."""
    for id_, record in service.catalogue.all(KIND):
        if record["status"] == "CREATING" and record["table"]["TableId"] == table_id:
            return job_name(id_)
    return None


def delete(service: DynamoDB, arn: str) -> Record:
    """Remove a backup; its record as it was. Raises ApiError: BackupInUseException, ValidationException."""
    with service.updating:
        id_, record = find(service, arn)
        if record["type"] == "SYSTEM":
            raise refuse(
                f"User is not allowed to delete the system backup with arn {arn}. It will automatically "
                f"expire on {record['expires']}"
            )
        if record["status"] == "CREATING":
            raise in_use(arn, "created")
        if id_ in service.restoring:
            raise in_use(arn, "used to restore table")
        _forget(service, id_)
    return record


def _forget(service: DynamoDB, id_: str) -> None:
    service.catalogue.remove(KIND, id_)
    service.images.forget(id_)


def prune(service: DynamoDB) -> None:
    """Remove the system backups whose time is over."""
    now = service.clock.now()
    for id_, record in service.catalogue.all(KIND):
        if record["expires"] is not None and record["expires"] <= now and record["status"] == "AVAILABLE":
            _forget(service, id_)


# ---- what answers show ----


def arn(service: DynamoDB, id_: str, record: Record) -> str:
    """The ARN of a backup."""
    return f"{description.arn(service, record['table']['TableName'])}/backup/{id_}"


def details(service: DynamoDB, id_: str, record: Record) -> dict[str, Any]:
    """BackupDetails."""
    shown = {
        "BackupArn": arn(service, id_, record),
        "BackupName": record["name"],
        "BackupSizeBytes": record["size"],
        "BackupStatus": record["status"],
        "BackupType": record["type"],
        "BackupCreationDateTime": record["created"],
    }
    if record["expires"] is not None:
        shown["BackupExpiryDateTime"] = record["expires"]
    return shown


def describe(service: DynamoDB, id_: str, record: Record) -> dict[str, Any]:
    """BackupDescription."""
    table = record["table"]
    source = {
        "TableName": table["TableName"],
        "TableId": table["TableId"],
        "TableArn": description.arn(service, table["TableName"]),
        "TableSizeBytes": record["size"],
        "KeySchema": table["KeySchema"],
        "TableCreationDateTime": table["CreationDateTime"],
        "ProvisionedThroughput": {unit: table[unit] for unit in capacity.UNITS},
        "ItemCount": record["items"],
        "BillingMode": table["BillingMode"],
    }
    if table.get("OnDemandThroughput"):
        source["OnDemandThroughput"] = table["OnDemandThroughput"]
    return {
        "BackupDetails": details(service, id_, record),
        "SourceTableDetails": source,
        "SourceTableFeatureDetails": {} if record["type"] == "SYSTEM" else _features(table),
    }


def _features(table: dict[str, Any]) -> dict[str, Any]:
    """SourceTableFeatureDetails: what the table had beside its items, when it had it."""
    shown: dict[str, Any] = {}
    shared = ("IndexName", "KeySchema", "Projection")
    if table.get("LocalSecondaryIndexes"):
        shown["LocalSecondaryIndexes"] = [
            {name: index[name] for name in shared} for index in table["LocalSecondaryIndexes"]
        ]
    if table.get("GlobalSecondaryIndexes"):
        shown["GlobalSecondaryIndexes"] = [
            {name: index[name] for name in shared}
            | {"ProvisionedThroughput": {unit: index[unit] for unit in capacity.UNITS}}
            for index in table["GlobalSecondaryIndexes"]
        ]
    if table.get("VectorIndexes"):
        shown["VectorIndexes"] = table["VectorIndexes"]
    view = live_view(table)
    if view is not None:
        shown["StreamDescription"] = {"StreamEnabled": True, "StreamViewType": view}
    if table.get("TimeToLive"):
        shown["TimeToLiveDescription"] = {
            "TimeToLiveStatus": "ENABLED",
            "AttributeName": table["TimeToLive"],
        }
    return shown
