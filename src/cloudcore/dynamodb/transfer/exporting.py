"""The work of an export: lines out of the table or its archive, into objects, and the record's outcome."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from cloudcore._table import Exporter, Snapshot
from cloudcore.dynamodb.recovery.archive import Archive
from cloudcore.dynamodb.recovery.jobs import Stopped
from cloudcore.dynamodb.transfer import failures, sources
from cloudcore.dynamodb.transfer.files import Files
from cloudcore.dynamodb.transfer.records import EXPORT, Record, arn_of
from cloudcore.errors import ClosedError

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB

VERSION, VERSION_INCREMENTAL = "2020-06-30", "2023-08-01"
LEAST_INCREMENTAL = 10_000_000
"""Bytes that an incremental export is billed for at least."""


class Export:
    """One export on its way. With a snapshot it is what that shows, else it comes out of the archive."""

    def __init__(
        self,
        service: DynamoDB,
        store: Any,
        id_: str,
        record: Record,
        archive: Archive,
        snapshot: Snapshot | None,
    ):
        self._service, self._store, self._id, self._record = service, store, id_, record
        self._archive, self._snapshot = archive, snapshot

    def run(self) -> None:
        """Do it, and keep how it ended; a closing service lets it be begun again at the next open."""
        try:
            outcome = self._write()
        except (Stopped, ClosedError):
            return
        except Exception as error:
            outcome = {"status": "FAILED", "failure": failures.of(error)}
        finally:
            if self._snapshot is not None:
                self._snapshot.close()
        with self._service.updating:
            self._service.catalogue.put(EXPORT, self._id, self._record | outcome | {"end": self._now()})
            self._service.recovery.release(self._archive)
            table = self._record["table"]["TableName"]
            self._service.usage.took(table, "exported_bytes", outcome.get("bytes", 0))

    def _now(self) -> float:
        return round(self._service.clock.now(), 3)

    def _write(self) -> Record:
        asked = self._record["asked"]
        failures.check_owner(self._service, asked.get("S3BucketOwner"))
        ending = ".ion.gz" if asked.get("ExportFormat") == "ION" else ".json.gz"
        key = {}
        if asked.get("S3SseAlgorithm") == "KMS" and getattr(self._store, "encrypts", False):
            key["kms_key"] = asked.get("S3SseKmsKeyId", "alias/aws/s3")
        files = Files(self._store, asked["S3Bucket"], asked.get("S3Prefix", ""), self._id, ending, **key)
        if "window" in self._record:
            files.data = files.shared_data
        files.put("_started", b"")
        items = size = 0
        for lines, count, looked_at in self._lines():
            self._service.jobs.check()
            files.add(lines, count)
            items, size = items + count, size + looked_at
        if "window" in self._record:
            size = max(size, LEAST_INCREMENTAL)
        listed = files.finish()
        summary = self._summary(files, listed, items, size)
        manifest = files.put_summed("manifest-summary", json.dumps(summary, separators=(",", ":")).encode())
        return {"status": "COMPLETED", "manifest": manifest, "items": items, "bytes": size}

    def _lines(self) -> Iterator[sources.Lines]:
        exporter = _exporter(self._service, self._record)
        if self._snapshot is not None:
            return sources.live(self._snapshot, exporter)
        check = self._service.jobs.check
        self._service.recovery.catch_up(self._archive)
        schema = {name: self._record["table"][name] for name in ("KeySchema", "AttributeDefinitions")}
        if "window" in self._record:
            since, until = self._record["window"]
            old = view_of(self._record) == "NEW_AND_OLD_IMAGES"
            return sources.between(self._archive, since, until, schema, exporter, old, check)
        return sources.at_moment(self._archive, self._record["time_ms"], schema, exporter, check)

    def _summary(self, files: Files, listed: str, items: int, size: int) -> dict[str, Any]:
        """manifest-summary.json."""
        record, asked = self._record, self._record["asked"]
        incremental = "window" in record
        if incremental:
            since, until = record["window"]
            when = {"exportFromTime": _shown(since / 1000), "exportToTime": _shown(until / 1000)}
        else:
            when = {"exportTime": _shown(record["time_ms"] / 1000)}
        summary = {
            "version": VERSION_INCREMENTAL if incremental else VERSION,
            "exportArn": arn_of(record, EXPORT, self._id),
            "startTime": _shown(record["start"]),
            "endTime": _shown(self._now()),
            "tableArn": record["arn"],
            "tableId": record["table_id"],
            **when,
            "s3Bucket": asked["S3Bucket"],
            "s3Prefix": asked.get("S3Prefix"),
            "s3SseAlgorithm": asked.get("S3SseAlgorithm", "AES256"),
            "s3SseKmsKeyId": asked.get("S3SseKmsKeyId"),
            "manifestFilesS3Key": listed,
            "billedSizeBytes": size,
            "itemCount": items,
            "outputFormat": asked.get("ExportFormat", "DYNAMODB_JSON"),
        }
        if incremental:
            view = view_of(record)
            summary |= {"outputView": view, "exportType": "INCREMENTAL_EXPORT"}
        return summary


def _shown(time: float) -> str:
    moment = datetime.datetime.fromtimestamp(round(time, 3), datetime.UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def view_of(record: Record) -> str:
    """Which images an incremental export has."""
    window = record["asked"].get("IncrementalExportSpecification", {})
    return str(window.get("ExportViewType", "NEW_AND_OLD_IMAGES"))


def _exporter(service: DynamoDB, record: Record) -> Exporter:
    """What turns the items of an export into lines."""
    asked = record["asked"]
    wanted = asked.get("FilterSpecification")
    request = b""
    if wanted is not None:
        request = json.dumps({"TableName": record["table"]["TableName"], **wanted}).encode()
    query = wanted is not None and "KeyConditionExpression" in wanted
    return Exporter(service.tables, asked.get("ExportFormat") == "ION", query, request)
