"""DynamoDB: the service object behind the client, the wire and the Table helper."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import threading
from typing import Any

from cloudcore import validation
from cloudcore._table import Tables
from cloudcore.clock import Clock
from cloudcore.dynamodb import arns
from cloudcore.dynamodb.expiry import Sweeper
from cloudcore.dynamodb.operations import CONTROL, ITEM
from cloudcore.dynamodb.recovery import backups, restores
from cloudcore.dynamodb.recovery.catalogue import Catalogue
from cloudcore.dynamodb.recovery.jobs import Jobs
from cloudcore.errors import ApiError

_CORAL_SERVICE = frozenset(
    ("AccessDeniedException", "SerializationException", "UnknownOperationException")
)


class DynamoDB:
    """The tables of one account and region.

    `directory` None keeps everything in memory. `durability` is "process" (default: an acknowledged
    item survives kill -9 of the process), "interval", "commit" (each write waits for the disk) or
    "memory". One process owns a directory: BusyError for a second one.
    """

    operations = frozenset(CONTROL) | ITEM

    def __init__(
        self,
        directory: str | os.PathLike[str] | None = None,
        account: str = "000000000000",
        region: str = "us-east-1",
        durability: str = "process",
        clock: Clock | None = None,
        addresses: list[str] | None = None,
    ):
        self.account = account
        self.region = region
        self.clock = clock or Clock()
        self.updating = threading.Lock()
        """Held while a stored description is read, changed and written back."""
        self.addresses: list[str] = [] if addresses is None else addresses
        """URLs of the endpoints that serve this service, for DescribeEndpoints."""
        if directory is not None:
            os.makedirs(directory, exist_ok=True)
        self._directory = None if directory is None else os.path.abspath(directory)
        self._scratch: str | None = None
        self._files_lock = threading.Lock()
        self.tables = Tables(directory, durability=durability, account=account, region=region)
        self.expiry = Sweeper(self.tables, self.clock)
        self.catalogue = Catalogue(self.tables)
        self.jobs = Jobs()
        self.restoring: set[str] = set()
        """Ids of the backups that a restore reads, under `updating`."""
        self._resume()

    def call(self, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        """Run one operation with boto3-shaped params (bytes for B, datetime for timestamps).

        Raises ApiError with AWS's code and message.
        """
        if operation in ITEM:
            return self.tables.execute(operation, params)
        answer = self._control(operation, params, wire=False)
        return validation.for_boto3("dynamodb", operation, answer)

    def call_json(self, operation: str, body: bytes) -> tuple[int, bytes]:
        """(HTTP status, JSON body) of one operation; a refusal is a body too, never raised."""
        if operation in ITEM:
            return self.tables.call_json(operation, body)
        try:
            return 200, json.dumps(self._control(operation, _parse(body), wire=True)).encode()
        except ApiError as error:
            return error.status, error_body(error)

    def _control(self, operation: str, params: Any, wire: bool) -> dict[str, Any]:
        run = CONTROL.get(operation)
        if run is None:
            known = operation in validation.load("dynamodb").operations
            words = f"{operation} is not supported by cloudcore" if known else ""
            raise ApiError("UnknownOperationException", words)
        checked = validation.check("dynamodb", operation, params, wire)
        if str(checked.get("TableName", "")).startswith("arn:"):
            arns.check_own(self, checked["TableName"], operation)
        return run(self, checked)

    def files(self) -> str:
        """Where files beside the store go; tables in memory get a directory that goes with them."""
        if self._directory is not None:
            return self._directory
        with self._files_lock:
            if self._scratch is None:
                self._scratch = tempfile.mkdtemp(prefix="cloudcore-tables-")
            return self._scratch

    def _resume(self) -> None:
        """What an earlier process was at goes on."""
        for name in self.tables.names():
            found = self.tables.describe(name)
            if found is None:
                continue
            if b'"TimeToLive"' in found[0]:
                self.expiry.watch(name, json.loads(found[0]).get("TimeToLive"))
            if b'"Loading"' in found[0]:
                restores.resume(self, json.loads(found[0]))
        if self.catalogue:
            backups.resume(self)

    def close(self) -> None:
        """Wait for calls inside and release the directory; a second call does nothing.

        Jobs end where they are; the next open begins them again.
        """
        self.expiry.close()
        self.jobs.close()
        self.tables.close()
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)

    def __enter__(self) -> DynamoDB:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def error_body(error: ApiError) -> bytes:
    """The JSON body of a refusal: `__type` with the prefix of the layer that refuses on AWS."""
    if error.code in _CORAL_SERVICE:
        body: dict[str, Any] = {"__type": f"com.amazon.coral.service#{error.code}"}
        if error.message:
            body["Message"] = error.message
    elif error.code == "ValidationException":
        body = {"__type": "com.amazon.coral.validate#ValidationException", "message": error.message}
    else:
        body = {"__type": f"com.amazonaws.dynamodb.v20120810#{error.code}", "message": error.message}
    return json.dumps(body | error.fields).encode()


def _parse(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise ApiError("SerializationException", "The body is not valid JSON") from None
