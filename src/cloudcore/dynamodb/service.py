"""DynamoDB: the service object behind the client, the wire and the Table helper."""

from __future__ import annotations

import functools
import json
import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from cloudcore import validation
from cloudcore._table import Tables, load, set_time
from cloudcore.clock import Clock
from cloudcore.dynamodb import arns
from cloudcore.dynamodb.errors import error_body, parse
from cloudcore.dynamodb.expiry import Sweeper
from cloudcore.dynamodb.kinesis import Destinations, Sink
from cloudcore.dynamodb.operations import CONTROL, ITEM, control
from cloudcore.dynamodb.recovery.catalogue import Catalogue
from cloudcore.dynamodb.recovery.continuous import Recovery
from cloudcore.dynamodb.recovery.images import Images
from cloudcore.dynamodb.recovery.jobs import Jobs
from cloudcore.dynamodb.streams import Streams
from cloudcore.dynamodb.usage import Usage
from cloudcore.errors import ApiError

if TYPE_CHECKING:
    from cloudcore.dynamodb.transfer.filling import Filling
    from cloudcore.dynamodb.transfer.spool import Spool

DAY_SECONDS = 24 * 3600.0


class DynamoDB:
    """The tables of one account and region.

    `directory` None keeps everything in memory. `durability` is "process" (default: an acknowledged
    item survives kill -9 of the process), "interval", "commit" (each write waits for the disk) or
    "memory". One process owns a directory: BusyError for a second one. A change of a table with a stream
    can be read for `stream_retention_seconds`. enforce_throughput: item operations are held to the
    throughput of their tables and indexes, on the clock's time. `objects` gives the object store
    that tables are exported to; without it that is refused. meter: units are counted, for billed(). make: the
    class of the tables. memory: bytes that keys, indexes and items may take; items over it are read from the
    disk. 0: no bound.
    """

    operations = CONTROL | ITEM

    def __init__(
        self,
        directory: str | os.PathLike[str] | None = None,
        account: str = "000000000000",
        region: str = "us-east-1",
        durability: str = "process",
        clock: Clock | None = None,
        addresses: list[str] | None = None,
        stream_retention_seconds: float = DAY_SECONDS,
        sinks: Callable[[str], Sink] | None = None,
        enforce_throughput: bool = False,
        objects: Callable[[], Any] | None = None,
        meter: bool = True,
        make: Callable[..., Tables] = Tables,
        memory: int = 0,
    ):
        self.account = account
        self.region = region
        self._objects = objects
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
        self.tables = make(
            directory,
            durability=durability,
            account=account,
            region=region,
            feed_retention_ms=int(stream_retention_seconds * 1000),
            enforce_throughput=enforce_throughput,
            meter=meter,
            memory_budget=memory,
        )
        self.usage = Usage(self)
        """What tables took, for the bill."""
        self.clock.follow(lambda now_ms: set_time(self.tables, now_ms), self)
        self.catalogue = Catalogue(self.tables)
        self.streams = Streams(self, stream_retention_seconds)
        """DynamoDB Streams of the tables."""
        self.destinations = Destinations(self, sinks or _no_sinks)
        """Where tables send their changes; `sinks` makes one of an ARN."""
        self.expiry = Sweeper(self.tables, self.clock)
        self.jobs = Jobs()
        self.restoring: set[str] = set()
        """Ids of the backups that a restore reads, under `updating`."""
        self.recovery = Recovery(self)
        self.images = Images(self)
        """Where backups are kept."""
        self.resume()

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
            answer = self._control(operation, parse(body), wire=True)
            return 200, json.dumps(answer, default=validation.for_json).encode()
        except ApiError as error:
            return error.status, error_body(error)

    def _control(self, operation: str, params: Any, wire: bool) -> dict[str, Any]:
        run = control(operation)
        if run is None:
            raise ApiError("UnknownOperationException", "")
        checked = validation.check("dynamodb", operation, params, wire)
        if str(checked.get("TableName", "")).startswith("arn:"):
            arns.check_own(self, checked["TableName"], operation)
        return run(self, checked)

    @property
    def has_objects(self) -> bool:
        """Whether there is an object store."""
        return self._objects is not None

    def objects(self) -> Any:
        """The object store. Raises ApiError ValidationException when there is none."""
        if self._objects is None:
            raise ApiError("ValidationException", "these tables were opened without an object store")
        return self._objects()

    def files(self) -> str:
        """Where files beside the store go; tables in memory get a directory that goes with them."""
        if self._directory is not None:
            return self._directory
        with self._files_lock:
            if self._scratch is None:
                import tempfile

                self._scratch = tempfile.mkdtemp(prefix="cloudcore-tables-")
            return self._scratch

    def billed(self) -> dict[str, dict[str, float]]:
        """What every table took since this was opened, by name: read_units, write_units and others."""
        return self.usage.read()

    def drop(self, name: str) -> None:
        """Take a table away; what was used of it stays in billed(). Raises KeyError."""
        self.usage.dropped(name, self.tables.drop)

    def priced(self, name: str) -> dict[str, Any]:
        """What a table's price depends on besides its use: bytes, those of its backups, table_class."""
        described = self.tables.describe(name)
        found: dict[str, Any] = {"bytes": 0, "backup_bytes": self._backed_up(name)}
        if described is not None:
            stored = json.loads(described[0])
            found |= {"bytes": described[2], "recoverable_bytes": described[2] if "Recovery" in stored else 0}
            found["table_class"] = (stored.get("TableClassSummary") or {}).get("TableClass")
        return found

    def _backed_up(self, name: str) -> int:
        """Bytes of the backups on demand of a table, there or gone."""
        if not self.catalogue:
            return 0
        backups = (record for _, record in self.catalogue.all("backup"))
        return sum(b["size"] for b in backups if b["type"] == "USER" and b["table"]["TableName"] == name)

    def metrics(self) -> dict[str, dict[str, Any]]:
        """Items, bytes and billed() of every table, by name."""
        used = self.billed()
        found: dict[str, dict[str, Any]] = {}
        for name in self.tables.names():
            described = self.tables.describe(name)
            if described is not None:
                found[name] = {"items": described[1], "bytes": described[2], **used.get(name, {})}
        return found

    def partition_key(self, table: str) -> str | None:
        """The name of a table's partition key; None when there is no such table."""
        described = self.tables.describe(table)
        return None if described is None else _guarded(described[0])[0]

    def policy_of(self, resource: str) -> str | None:
        """The policy of the table of `table/NAME...`, an index of it too; None when it has none."""
        kind, _, rest = resource.partition("/")
        name, _, part = rest.partition("/")
        described = self.tables.describe(name) if kind == "table" and not part.startswith("stream/") else None
        return None if described is None else _guarded(described[0])[1]

    def load(self, table: str, entries: bytes) -> None:
        """Put entries of a snapshot into a table, also one that is being loaded. Raises as _table.load()."""
        load(self.tables, table, entries)

    def filling(self, table: str, loading: bool) -> Filling:
        """How the items of an import or a bulk put come into a table."""
        from cloudcore.dynamodb.transfer.filling import Filling

        return Filling(self, table, loading)

    def spool(self, name: str, size: int) -> Spool:
        """Lines that a job reports, in a file of that name; `size` bytes of it count."""
        from cloudcore.dynamodb.transfer.spool import Spool

        return Spool(os.path.join(self.files(), name), size)

    def resume(self) -> None:
        """What an earlier process was at goes on."""
        if self.catalogue:
            self.recovery.resume()
        for name in self.tables.names():
            found = self.tables.describe(name)
            if found is None:
                continue
            if b'"TimeToLive"' in found[0]:
                self.expiry.watch(name, json.loads(found[0]).get("TimeToLive"))
            if b'"Loading"' in found[0]:
                stored = json.loads(found[0])
                from cloudcore.dynamodb.recovery import restores
                from cloudcore.dynamodb.transfer import imports

                (imports.tidy if "Import" in stored else restores.resume)(self, stored)
        if self.catalogue:
            from cloudcore.dynamodb.recovery import backups
            from cloudcore.dynamodb.transfer import bulk_puts, exports, imports

            exports.resume(self)
            imports.resume(self)
            bulk_puts.resume(self)
            self.recovery.sweep()
            backups.resume(self)
            self.destinations.resume()

    def close(self) -> None:
        """Wait for calls inside and release the directory; a second call does nothing.

        Jobs end where they are; the next open begins them again.
        """
        self.clock.unfollow(self)
        self.destinations.close()
        self.expiry.close()
        self.recovery.stop()
        self.jobs.close()
        self.recovery.close()
        self.tables.close()
        if self._scratch is not None:
            import shutil

            shutil.rmtree(self._scratch, ignore_errors=True)

    def __enter__(self) -> DynamoDB:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


@functools.lru_cache(256)
def _guarded(description: bytes) -> tuple[str, str | None]:
    """(partition key, policy) of a table: what a guard asks for with every request."""
    stored = json.loads(description)
    key = next(str(key["AttributeName"]) for key in stored["KeySchema"] if key["KeyType"] == "HASH")
    return key, stored["Policy"]["Policy"] if "Policy" in stored else None


def _no_sinks(arn: str) -> Sink:
    raise ApiError(
        "ValidationException",
        "One or more parameter values were invalid: tables of this service send to no stream: a Cloud's do",
    )
