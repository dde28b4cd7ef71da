"""The work of a bulk put: records out of objects into a table that is there, and a report of those left out.

The report is a spool (<files>/bulk/<id>/report.jsonl) while the work lasts, then data files and manifests.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from cloudcore.dynamodb.recovery.jobs import Stopped
from cloudcore.dynamodb.transfer import failures, formats, inputs, ion, reading
from cloudcore.dynamodb.transfer.conditional import Puts
from cloudcore.dynamodb.transfer.files import Files
from cloudcore.dynamodb.transfer.formats import Step
from cloudcore.dynamodb.transfer.records import BULK, Record, arn_of
from cloudcore.errors import ApiError, ClosedError

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB

ERROR, UNMET = "ERROR", "CONDITION_CHECK_FAILURE"
CANCELLED = ("Cancelled", "The bulk operation was cancelled by a request")
PACED_PIECE = 128 << 10
"""Bytes of lines in a step of an operation that has a rate to keep."""
PAUSE_SECONDS = 0.05
VERSION = "cloudcore-1"


class Cancelled(Exception):
    """CancelBulkOperation was called."""


class BulkPut:
    """One bulk put on its way."""

    def __init__(self, service: DynamoDB, store: Any, id_: str, record: Record):
        self._service, self._store, self._id, self._record = service, store, id_, record
        self._spool = service.spool(f"bulk/{id_}/report.jsonl", record["progress"]["spooled"])
        self._rate = record["asked"].get("MaxWriteRequestUnits")
        self._begun = time.monotonic()

    def run(self) -> None:
        """Do it, and keep how it ended; a closing service lets it go on at the next open."""
        try:
            outcome = self._load()
        except (Stopped, ClosedError):
            return
        except Cancelled:
            outcome = {"status": "CANCELLED", "failure": CANCELLED}
        except Exception as error:
            outcome = {"status": "FAILED", "failure": failures.of(error)}
        with self._service.updating:
            self._keep(outcome | {"end": self._now()})
        self._spool.remove()

    def _now(self) -> float:
        return round(self._service.clock.now(), 3)

    def _keep(self, changes: Record) -> None:
        """Under service.updating."""
        current = self._service.catalogue.get(BULK, self._id) or self._record
        self._record = current | changes
        self._service.catalogue.put(BULK, self._id, self._record)

    def _check(self) -> None:
        self._service.jobs.check()
        current = self._service.catalogue.get(BULK, self._id)
        if current is not None and current["status"] == "CANCELLING":
            raise Cancelled

    def _load(self) -> Record:
        self._check()
        check_table(self._service, self._record)
        self._filling = self._service.filling(self._record["table"], loading=False)
        self._puts = Puts(self._filling, self._record["table"], self._check)
        asked = self._record["asked"]
        source, target = asked["InputS3Configuration"], asked["OutputS3Configuration"]
        for side in (source, target):
            failures.check_owner(self._service, side.get("S3BucketOwner"))
        report = self._report_files()
        report.put("_started", b"")
        keys = inputs.keys(self._store, source["S3Bucket"], source.get("S3KeyPrefix", ""))
        total = sum(self._store.head(source["S3Bucket"], key).size for key in keys)
        with self._service.updating:
            self._keep({"total": total})
        compression = source.get("InputCompressionType", "NONE")
        progress = self._record["progress"]
        reading.read(
            self._store, source["S3Bucket"], keys, compression, progress, self._steps, self._took, packed=True
        )
        manifest = self._report(report)
        failed = self._record["progress"]["refused"]
        return {"status": "COMPLETED_WITH_ERRORS" if failed else "COMPLETED", "manifest": manifest}

    def _steps(self, content: inputs.Input, place: int) -> Iterator[Step]:
        if self._record["asked"]["InputS3Configuration"]["InputFormat"] == "ION":
            return formats.structs(content, self._puts, place, ion.record_of)
        return formats.lines(content, self._puts, place, PACED_PIECE if self._rate else formats.PIECE)

    def _took(self, key: str, step: Step, progress: Record) -> None:
        self._filling.pour()
        asked = self._record["asked"]
        wanted = asked["OutputS3Configuration"]["OutputType"]
        bucket = asked["InputS3Configuration"]["S3Bucket"]

        def entry(kind: str, number: int, more: Record) -> Record:
            pointer = {"bucket": bucket, "key": key, "itemIndex": number}
            return {"outputType": kind, "itemS3Pointer": pointer} | more

        unmet, self._puts.unmet = self._puts.unmet, []
        found = [entry(ERROR, number, {"errorMessages": [message]}) for number, message in step.refused]
        for number, item, there in unmet:
            more = {"Item": item} | ({} if there is None else {"ExistingItem": there})
            found.append(entry(UNMET, number, more))
        found.sort(key=lambda one: one["itemS3Pointer"]["itemIndex"])
        self._spool.add([one for one in found if one["outputType"] in wanted])
        unmet_before = self._record["progress"].get("unmet", 0)
        behind = progress | {"spooled": self._spool.size, "unmet": unmet_before + len(unmet)}
        with self._service.updating:
            self._keep({"progress": behind})
        self._pace()

    def _pace(self) -> None:
        """Wait until what was written fits the rate that was asked for."""
        self._check()
        while self._rate:
            wait = self._begun + self._puts.units / self._rate - time.monotonic()
            if wait <= 0:
                return
            time.sleep(min(wait, PAUSE_SECONDS))
            self._check()

    # ---- the report ----

    def _report_files(self) -> Files:
        target = self._record["asked"]["OutputS3Configuration"]
        key = {}
        if target.get("S3SseAlgorithm") == "KMS" and getattr(self._store, "encrypts", False):
            key["kms_key"] = target.get("S3SseKmsKeyId", "alias/aws/s3")
        prefix = target.get("S3KeyPrefix", "")
        return Files(self._store, target["S3Bucket"], prefix, self._id, ".json.gz", **key)

    def _report(self, files: Files) -> str:
        for line in self._spool.lines():
            files.add(line, 1)
        listed = files.finish()
        record, target = self._record, self._record["asked"]["OutputS3Configuration"]
        progress = record["progress"]
        summary = {
            "version": VERSION,
            "bulkOperationArn": arn_of(record, BULK, self._id),
            "tableArn": record["arn"],
            "tableId": record["table_id"],
            "s3Bucket": target["S3Bucket"],
            "s3Prefix": target.get("S3KeyPrefix"),
            "outputTypes": target["OutputType"],
            "manifestFilesS3Key": listed,
            "processedItemCount": progress["looked"],
            "failedItemCount": progress["refused"],
            "conditionCheckFailureCount": progress["unmet"],
        }
        return files.put_summed("manifest-summary", json.dumps(summary, separators=(",", ":")).encode())


def check_table(service: DynamoDB, record: Record) -> None:
    """ApiError ResourceNotFoundException when the table went, or another one has its name."""
    found = service.tables.describe(record["table"])
    if found is None or json.loads(found[0]).get("TableId") != record["table_id"]:
        raise ApiError("ResourceNotFoundException", "Requested resource not found")
