"""Exports: what is asked for and what is shown; exporting.py does the work.

A record: {"arn": of the table, "table_id", "table": its key schema, "asked": the request, "start", "end",
"time_ms" or "window": [from, to) in ms, "archive", "status", "manifest", "items", "bytes", "failure":
[code, message]}. Times are epoch seconds where nothing else is said.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cloudcore import validation
from cloudcore._table import Snapshot, Tables
from cloudcore.dynamodb import description
from cloudcore.dynamodb.recovery import arns, restores
from cloudcore.dynamodb.transfer import records
from cloudcore.dynamodb.transfer.exporting import Export, view_of
from cloudcore.dynamodb.transfer.records import Record
from cloudcore.dynamodb.validation import refuse
from cloudcore.errors import ApiError

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB

WINDOW_MS = (15 * 60_000, 24 * 3_600_000)
"""The shortest and the longest window of an incremental export."""
Stored = dict[str, Any]


def begin(service: DynamoDB, params: dict[str, Any]) -> dict[str, Any]:
    """ExportTableToPointInTime; the ExportDescription. Raises ApiError."""
    arn = params["TableArn"]
    with service.updating:
        stored = _table(service, arn)
        asked = records.plain(params)
        earlier = records.repeated(service, records.EXPORT, asked, "ExportConflictException", "Export")
        if earlier is not None:
            return describe(service, *earlier)
        _check(params)
        store = service.objects()
        record = {
            "arn": arn,
            "table_id": stored["TableId"],
            "table": {name: stored[name] for name in ("TableName", "KeySchema", "AttributeDefinitions")},
            "asked": asked,
            "status": "IN_PROGRESS",
        }
        when = _when(service, stored, params)
        _check_filter(record["table"], params.get("FilterSpecification"))
        return _start(service, store, stored, record | when, live=not when)


def _start(service: DynamoDB, store: Any, stored: Stored, record: Record, live: bool) -> dict[str, Any]:
    snapshot = Snapshot(service.tables, stored["TableName"]) if live else None
    id_ = arns.new_id(service)
    record |= {"start": int(id_[:14]) / 1000, "archive": stored["Recovery"]["Archive"]}
    if live:
        record["time_ms"] = int(id_[:14])
    archive = service.recovery.hold(record["archive"])
    service.catalogue.put(records.EXPORT, id_, record)
    work = Export(service, store, id_, record, archive, snapshot)
    service.jobs.start(job_name(id_), work.run)
    return describe(service, id_, record)


def job_name(id_: str) -> str:
    """What the job of an export is called."""
    return f"export-{id_}"


def resume(service: DynamoDB) -> None:
    """Begin those again that an earlier process did not finish: out of the archive, under the same keys."""
    for id_, record in service.catalogue.all(records.EXPORT):
        if record["status"] != "IN_PROGRESS" or not service.has_objects:
            continue
        try:
            archive = service.recovery.hold(record["archive"])
        except KeyError:  # it went with the first base image, which kill -9 left unfinished
            lost = ("UNKNOWN", "The process ended before the table's first base image was written")
            failed = {"status": "FAILED", "failure": lost, "end": round(service.clock.now(), 3)}
            service.catalogue.put(records.EXPORT, id_, record | failed)
            continue
        work = Export(service, service.objects(), id_, record, archive, None)
        service.jobs.start(job_name(id_), work.run)


# ---- what is asked for ----


def _table(service: DynamoDB, arn: str) -> Stored:
    name = records.table_of(service, arn)
    try:
        return description.load(service, name)[0]
    except ApiError:
        raise ApiError("TableNotFoundException", f"Table not found: {arn}") from None


def _check(params: dict[str, Any]) -> None:
    incremental = params.get("ExportType") == "INCREMENTAL_EXPORT"
    window = params.get("IncrementalExportSpecification")
    if window is not None and not incremental:
        if "ExportType" in params:
            raise refuse(
                "Invalid Request: When Export Type is Full Export , Incremental Export Specification should "
                "not be provided"
            )
        raise refuse(
            "Invalid Request: Export Type expected to be Incremental Export when incremental export "
            "specification is provided"
        )
    if incremental and window is None:
        raise refuse(
            "Invalid Request: Incremental Export Specification expected when export type is set as "
            "Incremental Export"
        )
    if window is not None and "ExportFromTime" not in window:
        raise refuse("Invalid Request: ExportFromTime must be provided in IncrementalExportSpecification")
    if incremental and "ExportTime" in params:
        raise refuse("Invalid Request: ExportTime should not be provided for an Incremental Export")
    if "S3SseKmsKeyId" in params and params.get("S3SseAlgorithm") != "KMS":
        raise refuse("Invalid Request: KMS Key Id is not supported for this encryption type")


def _when(service: DynamoDB, stored: Stored, params: dict[str, Any]) -> Record:
    """What the record is told of the time; nothing: now."""
    window = params.get("IncrementalExportSpecification")
    if window is not None:
        return {"window": _window(service, stored, window)}
    if "Recovery" not in stored:
        raise restores.unavailable(stored["TableName"])
    if "ExportTime" not in params:
        return {}
    moment = round(params["ExportTime"] * 1000)
    first, last = service.recovery.window(stored)
    if not first // 1000 * 1000 <= moment <= last:
        raise ApiError("InvalidExportTimeException", "Export Time is invalid")
    return {"time_ms": moment}


def _window(service: DynamoDB, stored: Stored, window: dict[str, Any]) -> list[int]:
    def wrong(message: str) -> ApiError:
        return ApiError("InvalidExportTimeException", message)

    now = service.clock.now_ms()
    first = service.recovery.window(stored)[0] if "Recovery" in stored else None
    since = round(window["ExportFromTime"] * 1000)
    until = round(window["ExportToTime"] * 1000) if "ExportToTime" in window else now
    if first is None or since < first // 1000 * 1000:
        raise wrong(
            "Incremental export period from time cannot be less than the table creation time : "
            f"{restores.shown_time(since)}"
        )
    if until > now:
        raise wrong(
            "Incremental export period to time cannot be greater than the current time : "
            f"{restores.shown_time(until)}"
        )
    between = "Difference between export period from time and export period to time is"
    if until - since < WINDOW_MS[0]:
        raise wrong(f"{between} less than 15 minutes")
    if until - since > WINDOW_MS[1]:
        raise wrong(f"{between} greater than 24 hours")
    return [since, until]


def _check_filter(table: Stored, wanted: dict[str, Any] | None) -> None:
    """An empty table with the same keys is asked: the real one would be read, at its throughput's cost."""
    if wanted is None:
        return
    failed = "Invalid Request: Invalid FilterSpecification: "
    if not wanted:
        raise refuse(f"{failed}The specification can not be empty")
    verb = "Query" if "KeyConditionExpression" in wanted else "Scan"
    with Tables() as scratch:
        scratch.create(table["TableName"], json.dumps(table).encode())
        try:
            scratch.execute(verb, {"TableName": table["TableName"], "Limit": 1, **wanted})
        except ApiError as error:
            raise refuse(failed + error.message) from None


# ---- what is shown ----


def describe(service: DynamoDB, id_: str, record: Record) -> dict[str, Any]:
    """ExportDescription."""
    asked = validation.check("dynamodb", "ExportTableToPointInTime", record["asked"], wire=True)
    shown = {
        "ExportArn": records.arn_of(record, records.EXPORT, id_),
        "ExportStatus": record["status"],
        "StartTime": record["start"],
        "TableArn": record["arn"],
        "TableId": record["table_id"],
        "S3SseAlgorithm": "AES256",
        "ExportFormat": "DYNAMODB_JSON",
        **{name: value for name, value in asked.items() if name != "ExportTime"},
    }
    if "window" in record:
        since, until = record["window"]
        shown["IncrementalExportSpecification"] = {
            "ExportFromTime": since / 1000,
            "ExportToTime": until / 1000,
            "ExportViewType": view_of(record),
        }
    else:
        shown["ExportTime"] = record["time_ms"] / 1000
    if "end" in record:
        shown["EndTime"] = record["end"]
    if "failure" in record:
        shown["FailureCode"], shown["FailureMessage"] = record["failure"]
    for name, member in (
        ("manifest", "ExportManifest"),
        ("items", "ItemCount"),
        ("bytes", "BilledSizeBytes"),
    ):
        if name in record:
            shown[member] = record[name]
    return shown


def summary(id_: str, record: Record) -> dict[str, Any]:
    """ExportSummary."""
    return {
        "ExportArn": records.arn_of(record, records.EXPORT, id_),
        "ExportStatus": record["status"],
        "ExportType": record["asked"].get("ExportType", "FULL_EXPORT"),
    }
