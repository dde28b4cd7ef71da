"""Bulk puts: what is asked for and what is shown; bulk_putting.py does the work.

A record: {"arn" of the table, "table" (its name), "table_id", "asked": the request, "start", "end", "status",
"progress" (reading.py, and "unmet": conditions that failed), "total": bytes of the objects, "manifest",
"failure": [code, message]}. Times are epoch seconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudcore import validation
from cloudcore.dynamodb import description
from cloudcore.dynamodb.recovery import arns
from cloudcore.dynamodb.transfer import ion, reading, records
from cloudcore.dynamodb.transfer.bulk_putting import BulkPut
from cloudcore.dynamodb.transfer.records import BULK, Record
from cloudcore.dynamodb.validation import invalid, refuse, table_name_of
from cloudcore.errors import ApiError

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB

UNFINISHED = ("IN_PROGRESS", "CANCELLING")


def begin(service: DynamoDB, params: dict[str, Any]) -> dict[str, Any]:
    """StartBulkPutItems; the BulkOperationDescription. Raises ApiError."""
    with service.updating:
        asked = records.plain(params)
        code = "IdempotentParameterMismatchException"
        earlier = records.repeated(service, BULK, asked, code, "BulkOperation")
        if earlier is not None:
            return describe(*earlier)
        _check(params)
        name = table_name_of(params["TableName"])
        stored = description.load(service, name)[0]
        filled = [index for index, (_, _, filling) in service.tables.indexes(name).items() if filling]
        if filled:
            words = "Attempt to change a resource which is still in use: Index is being created"
            raise ApiError("ResourceInUseException", f"{words}: {filled[0]}")
        store = service.objects()
        id_ = arns.new_id(service)
        record = {
            "arn": description.arn(service, name),
            "table": name,
            "table_id": stored["TableId"],
            "asked": asked,
            "status": "IN_PROGRESS",
            "start": int(id_[:14]) / 1000,
            "progress": reading.BEGUN | {"unmet": 0},
        }
        service.catalogue.put(BULK, id_, record)
        _start(service, store, id_, record)
        return describe(id_, record)


def _start(service: DynamoDB, store: Any, id_: str, record: Record) -> None:
    """One that keeps a rate mostly waits: it takes no turn from other jobs."""
    turn = "MaxWriteRequestUnits" not in record["asked"]
    service.jobs.start(job_name(id_), BulkPut(service, store, id_, record).run, turn)


def job_name(id_: str) -> str:
    """What the job of a bulk put is called."""
    return f"bulk-{id_}"


def resume(service: DynamoDB) -> None:
    """Go on with those that an earlier process did not finish."""
    for id_, record in service.catalogue.all(BULK):
        if record["status"] in UNFINISHED and service.has_objects:
            _start(service, service.objects(), id_, record)


def cancel(service: DynamoDB, arn: str) -> dict[str, Any]:
    """CancelBulkOperation; its answer. Raises ApiError."""
    with service.updating:
        id_, record = find(service, arn)
        if record["status"] not in UNFINISHED:
            raise refuse(f"Invalid Request: The bulk operation has ended: {record['status']}")
        service.catalogue.put(BULK, id_, record | {"status": "CANCELLING"})
    return {"BulkOperationArn": arn, "BulkOperationStatus": "CANCELLING"}


def find(service: DynamoDB, arn: str) -> tuple[str, Record]:
    """(id, record) of an ARN. Raises ApiError ResourceNotFoundException and those of arns.id_of."""
    _, id_ = arns.id_of(service, arn, BULK, "BulkOperationArn")
    record = service.catalogue.get(BULK, id_)
    if record is None or records.arn_of(record, BULK, id_) != arn:
        raise ApiError("ResourceNotFoundException", f"Requested resource not found: Bulk operation: {arn}")
    return id_, record


def _check(params: dict[str, Any]) -> None:
    target = params["OutputS3Configuration"]
    if not target.get("S3Bucket"):
        raise invalid("OutputS3Configuration.S3Bucket is required")
    kinds = target["OutputType"]
    if not kinds or len(set(kinds)) != len(kinds):
        raise invalid("OutputS3Configuration.OutputType names ERROR, CONDITION_CHECK_FAILURE, or each once")
    if "S3SseKmsKeyId" in target and target.get("S3SseAlgorithm") != "KMS":
        raise refuse("Invalid Request: KMS Key Id is not supported for this encryption type")
    if params["InputS3Configuration"]["InputFormat"] == "ION":
        ion.check()


# ---- what is shown ----


def describe(id_: str, record: Record) -> dict[str, Any]:
    """BulkOperationDescription."""
    asked = validation.check("dynamodb", "StartBulkPutItems", record["asked"], wire=True)
    progress = record["progress"]
    shown = summary(id_, record) | {
        "TableDetails": [{"TableName": record["table"], "TableId": record["table_id"]}],
        "InputS3Configuration": {"InputCompressionType": "NONE"} | asked["InputS3Configuration"],
        "OutputS3Configuration": asked["OutputS3Configuration"],
        "ProcessedItemCount": progress["looked"],
        "FailedItemCount": progress["refused"],
        "ProcessedInputBytes": progress["bytes"],
        "PerformanceTier": asked.get("PerformanceTier", "STANDARD"),
    }
    for member in ("ClientToken", "MaxWriteRequestUnits"):
        if member in asked:
            shown[member] = asked[member]
    if "total" in record:
        shown["TotalInputBytes"] = record["total"]
    if "failure" in record:
        shown["FailureCode"], shown["FailureMessage"] = record["failure"]
    return shown


def summary(id_: str, record: Record) -> dict[str, Any]:
    """BulkOperationSummary."""
    shown = {
        "BulkOperationArn": records.arn_of(record, BULK, id_),
        "BulkOperationStatus": record["status"],
        "StartTime": record["start"],
    }
    return shown | ({"EndTime": record["end"]} if "end" in record else {})
