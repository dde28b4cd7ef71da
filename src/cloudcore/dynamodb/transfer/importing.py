"""The work of an import: objects into a table that nobody sees yet, errors into the import's log.

The log is <files>/imports/<id>/error.jsonl, a line for each record that was not imported, as AWS writes them
to the log stream <id>/error of /aws-dynamodb/imports.
"""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

from cloudcore.dynamodb.recovery.jobs import Stopped
from cloudcore.dynamodb.transfer import failures, formats, inputs, reading
from cloudcore.dynamodb.transfer.formats import Step
from cloudcore.dynamodb.transfer.records import IMPORT, Record, arn_of
from cloudcore.errors import ClosedError

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB
    from cloudcore.dynamodb.transfer.filling import Filling

INVALID = (
    "ItemValidationError",
    "Some of the items failed validation checks and were not imported. Please check CloudWatch error logs "
    "for more details.",
)
_log = logging.getLogger("cloudcore.dynamodb")


class Import:
    """One import on its way."""

    def __init__(self, service: DynamoDB, store: Any, id_: str, record: Record):
        self._service, self._store, self._id, self._record = service, store, id_, record
        self._spool = service.spool(f"imports/{id_}/error.jsonl", record["progress"]["spooled"])

    def run(self) -> None:
        """Do it, and keep how it ended; a closing service lets it go on at the next open."""
        try:
            failure = self._load()
        except (Stopped, ClosedError):
            return
        except Exception as error:
            failure = failures.of(error)
        with self._service.updating:
            self._end(failure)

    def _load(self) -> tuple[str, str] | None:
        asked = self._record["asked"]
        source = asked["S3BucketSource"]
        failures.check_owner(self._service, source.get("S3BucketOwner"))
        keys = inputs.keys(self._store, source["S3Bucket"], source.get("S3KeyPrefix", ""))
        filling = self._service.filling(self._record["table"]["TableName"], loading=True)
        read = source_of(asked)
        reading.read(
            self._store,
            source["S3Bucket"],
            keys,
            asked.get("InputCompressionType", "NONE"),
            self._record["progress"],
            lambda content, place: read(content, filling.loader, place),
            lambda *step: self._took(filling, *step),
            packed=False,
        )
        return INVALID if self._record["progress"]["refused"] else None

    def _took(self, filling: Filling, key: str, step: Step, progress: Record) -> None:
        filling.pour()
        bucket = self._record["asked"]["S3BucketSource"]["S3Bucket"]
        arn = arn_of(self._record, IMPORT, self._id)
        self._spool.add(
            [
                {
                    "itemS3Pointer": {"bucket": bucket, "key": key, "itemIndex": number},
                    "importArn": arn,
                    "errorMessages": [message],
                }
                for number, message in step.refused
            ]
        )
        self._record = self._record | {"progress": progress | {"spooled": self._spool.size}}
        self._service.catalogue.put(IMPORT, self._id, self._record)
        self._service.jobs.check()

    def _end(self, failure: tuple[str, str] | None) -> None:
        """Under service.updating. A failure before the first item takes the table away, as on AWS."""
        outcome: Record = {"status": "COMPLETED"}
        if failure is not None:
            outcome = {"status": "FAILED", "failure": failure}
            _log.warning("import %s failed: %s %s", self._id, failure[1], self._spool.path)
        self._record = self._record | outcome | {"end": round(self._service.clock.now(), 3)}
        table = self._record["table"]
        if failure is None or self._record["progress"]["looked"]:
            show(self._service, table)
            self._service.catalogue.put(IMPORT, self._id, self._record)
            size = self._record["progress"]["bytes"]
            self._service.usage.took(table["TableName"], "imported_bytes", size)
        else:
            self._service.catalogue.put(IMPORT, self._id, self._record)
            self._service.tables.drop(table["TableName"])


def show(service: DynamoDB, table: Record) -> None:
    """Let everybody see the table, unless a process before this one did. Under service.updating."""
    found = service.tables.describe(table["TableName"])
    stored = {} if found is None else json.loads(found[0])
    if stored.get("TableId") == table["TableId"] and stored.get("Loading"):
        whole = {member: value for member, value in stored.items() if member not in ("Loading", "Import")}
        service.tables.set_description(table["TableName"], json.dumps(whole).encode())


def source_of(asked: Record) -> formats.Source:
    """What reads the objects of an import."""
    if asked["InputFormat"] == "DYNAMODB_JSON":
        return formats.lines
    if asked["InputFormat"] == "ION":
        return formats.structs
    options = asked.get("InputFormatOptions", {}).get("Csv", {})
    wanted = asked["TableCreationParameters"]
    types = {one["AttributeName"]: one["AttributeType"] for one in wanted["AttributeDefinitions"]}
    return formats.rows(types, options.get("Delimiter", ","), options.get("HeaderList"))
