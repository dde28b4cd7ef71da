"""Restores: a new table out of a backup or of a moment, invisible to item operations until it is whole.

The table is made with the members "Loading" (the engine then finds it for nobody) and "Restore" (where it
comes from) in its stored description. Loading the same images and changes again over what an earlier process
loaded gives the same table, so a restore that was cut short is simply begun again at the next open.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from cloudcore.dynamodb import description
from cloudcore.dynamodb.recovery import backups, overrides
from cloudcore.dynamodb.recovery.archive import Archive
from cloudcore.dynamodb.recovery.images import ImageReader
from cloudcore.dynamodb.recovery.jobs import Stopped
from cloudcore.dynamodb.validation import invalid, refuse
from cloudcore.errors import ApiError, ClosedError, CorruptError

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB

Stored = dict[str, Any]


def from_backup(service: DynamoDB, params: dict[str, Any]) -> dict[str, Any]:
    """RestoreTableFromBackup; the TableDescription. Raises ApiError."""
    target = params["TargetTableName"]
    with service.updating:
        id_, record = backups.find(service, params["BackupArn"])
        arn = backups.arn(service, id_, record)
        stored = overrides.described(record["table"], params, target, round(service.clock.now(), 3))
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
        return begin(service, stored)


def to_moment(service: DynamoDB, params: dict[str, Any]) -> dict[str, Any]:
    """RestoreTableToPointInTime; the TableDescription. Raises ApiError."""
    latest, when = params.get("UseLatestRestorableTime", False), params.get("RestoreDateTime")
    if latest and when is not None:
        raise refuse(
            "Invalid Request: Both RestoreDateTime and UseLatestRestorableTime cannot be set for "
            "point-in-time restore request. Please specify only one of the parameters"
        )
    if not latest and when is None:
        raise refuse(
            "Invalid Request: Either one of RestoreDateTime or UseLatestRestorableTime must be specified, "
            "but not both"
        )
    source, target = _source_name(service, params), params["TargetTableName"]
    with service.updating:
        table = description.load_backed(service, source)
        if "Recovery" not in table:
            raise unavailable(source)
        first, last = service.recovery.window(table)
        moment = last if when is None else round(when * 1000)
        if not first // 1000 * 1000 <= moment <= last:
            raise ApiError(
                "InvalidRestoreTimeException",
                f"RestoreDateTime '{shown_time(moment)}' must be within EarliestRestorableDateTime "
                f"'{shown_time(first)}' and LatestRestorableDateTime '{shown_time(last)}'",
            )
        refuse_existing(service, target)
        stored = overrides.described(table, params, target, round(service.clock.now(), 3))
        stored["Restore"] = {
            "SourceTableArn": description.arn(service, source),
            "RestoreDateTime": moment / 1000,
            "Archive": table["Recovery"]["Archive"],
            "Moment": moment,
        }
        return begin(service, stored)


def _source_name(service: DynamoDB, params: dict[str, Any]) -> str:
    name, arn = params.get("SourceTableName"), params.get("SourceTableArn")
    if name is not None and arn is not None:
        raise refuse("Must provide exactly one of: sourceTableArn, sourceTableName")
    if arn is None:
        if name is None:
            raise refuse("The parameter 'TableName' is required but was not present in the request")
        return str(name)
    parts = arn.split(":", 5)
    if len(parts) < 6 or parts[0] != "arn" or not parts[5].startswith("table/"):
        raise invalid("sourceTableArn is not a valid ARN")
    if parts[4] != service.account:
        raise refuse("This action is only supported by accounts that match the resource owner's account")
    if parts[3] != service.region:
        raise ApiError("TableNotFoundException", f"Table not found: {arn}")
    return str(parts[5].removeprefix("table/"))


def unavailable(name: str) -> ApiError:
    """PointInTimeRecoveryUnavailableException; raise what this returns."""
    return ApiError(
        "PointInTimeRecoveryUnavailableException",
        f"Point in time recovery is not enabled for table '{name}'",
    )


def shown_time(time_ms: int) -> str:
    """A moment in the form of refusals, to the second."""
    return datetime.datetime.fromtimestamp(time_ms // 1000, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def refuse_existing(service: DynamoDB, target: str) -> None:
    """The name of a restored table must be free. Raises ApiError."""
    found = service.tables.describe(target)
    if found is None:
        return
    restore = json.loads(found[0]).get("Restore")
    if restore is not None:
        source = (
            "backup: " + restore["SourceBackupArn"]
            if "SourceBackupArn" in restore
            else ("table: " + restore["SourceTableArn"])
        )
        raise ApiError("TableInUseException", f"Table: {target} is already being restored from {source}")
    raise ApiError("TableAlreadyExistsException", f"Table already exists: {target}")


# ---- the work ----


def begin(service: DynamoDB, stored: Stored) -> dict[str, Any]:
    """Make the table and start to fill it; its TableDescription. Under service.updating."""
    stored |= {"Loading": True}
    service.tables.create(stored["TableName"], json.dumps(stored).encode())
    resume(service, stored)
    return description.describe(service, stored, "CREATING", 0, 0)


def resume(service: DynamoDB, stored: Stored) -> None:
    """Start to fill a table, or go on with one that an earlier process did not finish."""
    name, source = stored["TableName"], stored["Restore"]
    if "SourceBackupArn" in source:
        backup = source["SourceBackupArn"].rpartition("/")[2]
        service.restoring.add(backup)
        work, done = lambda: load_image(service, name, backup), lambda: service.restoring.discard(backup)
    else:
        try:
            archive = service.recovery.hold(source["Archive"])
        except KeyError:  # it went with the first base image, which kill -9 left unfinished
            import logging

            logging.getLogger("cloudcore.dynamodb").error("%s cannot be restored: its source is lost", name)
            service.tables.drop(name)
            return
        work = lambda: load_moment(service, name, archive, source["Moment"])  # noqa: E731
        done = lambda: service.recovery.release(archive)  # noqa: E731
    service.jobs.start(job_name(name), lambda: fill(service, stored, work, done))


def job_name(table: str) -> str:
    """What the job that fills a table is called."""
    return f"restore-{table}"


def fill(service: DynamoDB, stored: Stored, work: Callable[[], None], done: Callable[[], None]) -> None:
    """Run `work`, which fills a table, then show the table; a failure takes it away. `done` follows both."""
    name = stored["TableName"]
    try:
        work()
    except (Stopped, ClosedError):
        raise  # the next open begins again
    except BaseException:
        with service.updating:
            service.tables.drop(name)
            done()
        raise
    whole = {member: value for member, value in stored.items() if member not in ("Loading", "Restore")}
    with service.updating:
        service.tables.set_description(name, json.dumps(whole).encode())
        done()
        found = service.tables.describe(name)
        service.usage.took(name, "restored_bytes", 0 if found is None else found[2])


def load_image(service: DynamoDB, table: str, backup: str) -> None:
    """Put the items of a backup's image into a table."""
    record = service.catalogue.get(backups.KIND, backup)
    if record is None:
        raise CorruptError(f"backup {backup} is gone", "corrupt")
    with service.images.file(backup, record) as path, ImageReader(path) as image:
        for entries, _ in image.blocks():
            service.jobs.check()
            service.load(table, entries)


def load_moment(service: DynamoDB, table: str, archive: Archive, time_ms: int) -> None:
    """Make a table what the archived one was at a moment."""
    service.recovery.catch_up(archive)
    base = archive.base_for(time_ms)
    if base is None:
        raise CorruptError(f"the archive {archive.id} begins after the moment {time_ms}", "corrupt")
    for entries in archive.items_of(base):
        service.jobs.check()
        service.load(table, entries)
    for entries in archive.entries_between(base, time_ms):
        service.jobs.check()
        service.load(table, entries)
