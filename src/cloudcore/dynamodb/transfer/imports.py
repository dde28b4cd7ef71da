"""Imports: what is asked for and what is shown; importing.py does the work.

A record: {"arn" of the table, "table_id", "table": the stored description it is made with, "asked": the
request, "start", "end", "status", "progress" (reading.py), "failure": [code, message]}. Times are epoch
seconds. The table carries "Loading" and "Import" (the id) in its description until the import has ended.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudcore import validation
from cloudcore.dynamodb import description
from cloudcore.dynamodb.operations import create_table
from cloudcore.dynamodb.recovery import arns
from cloudcore.dynamodb.transfer import ion, reading, records
from cloudcore.dynamodb.transfer.importing import Import
from cloudcore.dynamodb.transfer.records import IMPORT, Record
from cloudcore.dynamodb.validation import invalid
from cloudcore.errors import ApiError

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB

AT_ONCE = 50
"""Imports of an account that may be on their way."""


def begin(service: DynamoDB, params: dict[str, Any]) -> dict[str, Any]:
    """ImportTable; the ImportTableDescription. Raises ApiError."""
    with service.updating:
        asked = records.plain(params)
        earlier = records.repeated(service, IMPORT, asked, "ImportConflictException", "Import")
        if earlier is not None:
            return describe(service, *earlier)
        _check(params)
        store = service.objects()
        table = create_table.planned(service, params["TableCreationParameters"])
        if service.tables.describe(table["TableName"]) is not None:
            raise create_table.taken(service, table["TableName"])
        on_their_way = [one for _, one in service.catalogue.all(IMPORT) if one["status"] == "IN_PROGRESS"]
        if len(on_their_way) >= AT_ONCE:
            raise ApiError(
                "LimitExceededException",
                f"Subscriber limit exceeded: no more than {AT_ONCE} imports can be in progress at a time",
            )
        return _start(service, store, table, asked)


def _start(service: DynamoDB, store: Any, table: Record, asked: Record) -> dict[str, Any]:
    id_ = arns.new_id(service)
    table |= {"Loading": True, "Import": id_}
    record = {
        "arn": description.arn(service, table["TableName"]),
        "table_id": table["TableId"],
        "table": table,
        "asked": asked,
        "status": "IN_PROGRESS",
        "start": int(id_[:14]) / 1000,
        "progress": reading.BEGUN,
    }
    service.catalogue.put(IMPORT, id_, record)
    try:
        create_table.create(service, table)
    except BaseException:
        service.catalogue.remove(IMPORT, id_)
        raise
    service.jobs.start(job_name(id_), Import(service, store, id_, record).run)
    return describe(service, id_, record)


def job_name(id_: str) -> str:
    """What the job of an import is called."""
    return f"import-{id_}"


def resume(service: DynamoDB) -> None:
    """Go on with those that an earlier process did not finish."""
    for id_, record in service.catalogue.all(IMPORT):
        if record["status"] != "IN_PROGRESS" or not service.has_objects:
            continue
        if service.tables.describe(record["table"]["TableName"]) is None:
            create_table.create(service, record["table"])
        service.jobs.start(job_name(id_), Import(service, service.objects(), id_, record).run)


def tidy(service: DynamoDB, stored: Record) -> None:
    """Take away a table whose import failed, which a process was killed at."""
    record = service.catalogue.get(IMPORT, stored["Import"])
    if record is None or record["status"] != "IN_PROGRESS":
        service.tables.drop(stored["TableName"])


def _check(params: dict[str, Any]) -> None:
    csv = params.get("InputFormatOptions", {}).get("Csv")
    if csv is not None and params["InputFormat"] != "CSV":
        raise invalid(f"InputFormatOptions.Csv does not go with InputFormat {params['InputFormat']}")
    header = (csv or {}).get("HeaderList") or []
    if len(set(header)) != len(header):
        raise invalid("HeaderList names a column twice")
    if params["InputFormat"] == "ION":
        ion.check()


# ---- what is shown ----


def describe(service: DynamoDB, id_: str, record: Record) -> dict[str, Any]:
    """ImportTableDescription."""
    asked = validation.check("dynamodb", "ImportTable", record["asked"], wire=True)
    progress = record["progress"]
    shown = summary(id_, record, service) | {
        "TableId": record["table_id"],
        "ErrorCount": progress["refused"],
        "ProcessedItemCount": progress["looked"],
        "ImportedItemCount": progress["looked"] - progress["refused"],
        "InputCompressionType": asked.get("InputCompressionType", "NONE"),
        "TableCreationParameters": asked["TableCreationParameters"],
    }
    for member in ("ClientToken", "InputFormatOptions"):
        if member in asked:
            shown[member] = asked[member]
    if progress["bytes"] or "end" in record:
        shown["ProcessedSizeBytes"] = progress["bytes"]
    if "failure" in record:
        shown["FailureCode"], shown["FailureMessage"] = record["failure"]
    return shown


def summary(id_: str, record: Record, service: DynamoDB) -> dict[str, Any]:
    """ImportSummary."""
    shown = {
        "ImportArn": records.arn_of(record, IMPORT, id_),
        "ImportStatus": record["status"],
        "TableArn": record["arn"],
        "S3BucketSource": record["asked"]["S3BucketSource"],
        "CloudWatchLogGroupArn": (
            f"arn:aws:logs:{service.region}:{service.account}:log-group:/aws-dynamodb/imports:*"
        ),
        "InputFormat": record["asked"]["InputFormat"],
        "StartTime": record["start"],
    }
    return shown | ({"EndTime": record["end"]} if "end" in record else {})
