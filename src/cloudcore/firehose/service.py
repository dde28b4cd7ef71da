"""Firehose: the service. Operations are one file each in operations/; this keeps the streams.

    <directory>/<stream>/stream.json     name, ARN, version, configuration, state
    <directory>/<stream>/source/         the log of what was put
    <directory>/<stream>/staged/         the log of what the transform gave back
    <directory>/<stream>/journal/        the log of delivery plans

Thread rule: any call from any thread.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import threading
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from cloudcore.billing import add
from cloudcore.clock import Clock
from cloudcore.errors import ApiError, CloudcoreError
from cloudcore.firehose import envelope, glue, library, operations, sealed, sources
from cloudcore.firehose.budget import Budget, waiting_max_of
from cloudcore.firehose.catalogue import Catalogue
from cloudcore.firehose.destinations import kinds
from cloudcore.firehose.home import Home
from cloudcore.firehose.kms import KeyFailed, KeyRing
from cloudcore.firehose.quota import Quota
from cloudcore.firehose.sealed import KeyFile
from cloudcore.firehose.sources.feed import write_atomically
from cloudcore.firehose.sources.table import no_tables
from cloudcore.firehose.stream import Stream
from cloudcore.firehose.to import Destination
from cloudcore.firehose.to import of as destination_of
from cloudcore.validation import check, for_boto3

logger = logging.getLogger("cloudcore.firehose")
_PUTS = frozenset(("PutRecord", "PutRecordBatch"))
"""Decoded in C on the wire; they check themselves."""


class Firehose:
    """Delivery streams in a directory (None: in memory).

    `objects` takes what is delivered (put(bucket, key, parts)); `invoke(function_arn, payload)` runs a
    transform and gives an object with .payload and .function_error. `transition_seconds`: how long
    a new stream shows CREATING and a deleted one DELETING; AWS takes about a minute, here nothing has to.
    `key_file`: the key of encrypted streams, 32 bytes, made when it is needed; default CLOUDCORE_KEY_FILE, or
    @key in the directory. `reach`: the beginnings of configured addresses, and where they are reached from
    here ({"https://search.example.com": "http://127.0.0.1:9200"}). `quotas`: PutRecord and PutRecordBatch are
    held to AWS's default quotas (quota.py); the library's own puts are not. `budget`: what all streams
    together may have waiting and in flight (budget.py), where several services share one. `remote`: boto3's
    client of the service that an ARN names, for Glue and KMS; CloudcoreError where none is configured.
    `follow`: the changes of a table by its name (sources/table.py), for streams whose source is one.
    """

    operations = frozenset(operations.TABLE)

    def __init__(
        self,
        directory: str | os.PathLike[str] | None,
        account: str = "000000000000",
        region: str = "us-east-1",
        objects: Any = None,
        invoke: Callable[[str, bytes], Any] | None = None,
        clock: Clock | None = None,
        transition_seconds: float = 0.0,
        key_file: str | os.PathLike[str] | None = None,
        reach: Mapping[str, str] | None = None,
        quotas: bool = False,
        budget: Budget | None = None,
        remote: Callable[[str], Any] | None = None,
        follow: Callable[[str], Any] | None = None,
    ):
        self.directory = None if directory is None else os.fspath(directory)
        self.home = Home(self.directory)
        self.account, self.region = account, region
        self.objects = objects
        self.invoke = invoke or _no_invoke
        self.clock = clock or Clock()
        self.transition_seconds = transition_seconds
        self.keys = KeyRing(KeyFile(self._key_path(key_file)), remote)
        self._remote, self.follow = remote, follow or no_tables
        self.reach, self.quotas = dict(reach or {}), quotas
        self.budget = budget or Budget(waiting_max_of(self.directory))
        self.on_failed: Callable[[int, str, str, bytes], None] | None = None
        self._lock = threading.RLock()
        self._gone: dict[str, dict[str, float]] = {}  # billed of streams that were deleted
        self._streams: dict[str, Stream] = {}
        self._descriptions: dict[str, dict[str, Any]] = {}
        self._updates: dict[str, threading.Lock] = {}
        self.catalogue = Catalogue(self.directory, write_atomically)
        self._dead: set[str] = set()  # deleted, still shown as DELETING
        self._closed = False
        self._load()

    # -- doors -----------------------------------------------------------------------------------

    def call(self, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        """Run an operation with boto3's parameters; the answer as boto3 gives it. Raises ApiError."""
        return for_boto3("firehose", operation, self._run(operation, params, wire=False))

    def _run(self, operation: str, params: Any, wire: bool) -> dict[str, Any]:
        action = operations.TABLE.get(operation)
        if action is None:
            raise ApiError("UnknownOperationException", f"Operation {operation} is not supported")
        if operation not in _PUTS:
            params = check("firehose", operation, params, wire)
        return action(self, params)

    def call_json(self, operation: str, body: bytes) -> tuple[int, bytes]:
        """The wire's form: HTTP status and JSON body, errors included."""
        try:
            if operation in _PUTS:
                return 200, self._put(operation, body)
            answer = self._run(operation, json.loads(body or b"{}"), wire=True)
        except (ValueError, RecursionError):
            return _error(ApiError("SerializationException", "The request body is not valid JSON."))
        except ApiError as error:
            return _error(error)
        return 200, json.dumps(answer, separators=(",", ":")).encode()

    def _put(self, operation: str, body: bytes) -> bytes:
        """The hot path of the wire: the body is decoded in C straight into what the log stores."""
        from cloudcore._stream import decode_put_records

        name, payload, count = decode_put_records(body)
        stream = self.puttable(name, count, len(payload) - 4 * count)
        encrypted = b"true" if stream.encrypted else b"false"
        first, last = stream.put_framed(payload, count)
        if operation == "PutRecord":
            return b'{"RecordId":"49%054d","Encrypted":%s}' % (first, encrypted)
        ids = b",".join([b'{"RecordId":"49%054d"}' % sequence for sequence in range(first, last + 1)])
        return b'{"FailedPutCount":0,"Encrypted":%s,"RequestResponses":[%s]}' % (encrypted, ids)

    def stream(
        self,
        name: str,
        *,
        source: Any = None,
        to: Destination | str | Mapping[str, Any] | None = None,
        bucket: str = "delivered",
        prefix: str = "",
        error_prefix: str | None = None,
        format: str | None = None,
        schema: Any = None,
        compression: str | None = None,
        buffer_bytes: int | None = None,
        buffer_seconds: float = 300,
        transform: Any = None,
        transform_buffer_bytes: int = 1 << 20,
        transform_buffer_seconds: float = 60,
        transform_retries: int = 3,
        decompress: bool = False,
        messages_only: bool = False,
        split: str | bytes | None = None,
        query: str | None = None,
        partitions_max: int | None = None,
        append_delimiter: bool = False,
        backup: bool = False,
        backup_prefix: str | None = None,
        backup_compression: str = "GZIP",
        file_extension: str | None = None,
        timezone: str = "UTC",
        disk_bound: int | None = None,
        retention_seconds: float | None = None,
        plain_prefix: bool = False,
        validate_json: bool = False,
        encrypt_objects: bool | str = False,
    ) -> Stream:
        """Open a delivery stream, creating it when it is not there yet.

        Members mean what they mean in CreateDeliveryStream; sizes in bytes, times in seconds. `format`
        None (bytes as they come) "parquet" or "orc"; `schema` an Arrow schema, DDL text, a dict, or None to
        infer it from the first records; `transform` a function, its name or its ARN.
        `decompress` takes GZIP records, `messages_only` the messages of CloudWatch Logs' records; `split`
        takes records apart, by a delimiter or as "json" objects; `query` is a jq object of partition keys.
        `source` fills the stream in the place of puts: a table (of this cloud, or its name; its stream is
        switched on; each change from now on, once, as a line of JSON in the form of Kinesis Data Streams for
        DynamoDB), the ARN of a Kinesis stream, or kafka://HOST:PORT/TOPIC.
        `to`: a destination of cloudcore.firehose.to (http_endpoint(...), ...), its name, or {name: options};
        `bucket`, `prefix` and `error_prefix` then say where failed records go, and `backup=True` where all
        go. None: the bucket.
        Partition keys in the prefix turn dynamic partitioning on, for at most `partitions_max` (default 500)
        partitions at a time. An existing stream keeps its
        configuration; asking for another one raises ApiError ResourceInUseException.
        `encrypt_objects`: all that goes to the bucket is encrypted before it leaves, each object by a key of
        its own under the service's key file (True) or a key of KMS (its ARN), in the form that Amazon's S3
        encryption clients read (envelope.py; cloudcore[encryption]); not of Redshift and Iceberg.

        `disk_bound` (default 16 GiB) is what may wait before puts are refused with
        ServiceUnavailableException; what could not be delivered for `retention_seconds` (default 24 h) is
        lost.
        """
        to = None if to is None else destination_of(to)
        options = {option: value for option, value in locals().items() if option != "self"}
        kind, raw, ours = library.configuration(**options, service=self)
        stream_type, fed = "DirectPut", None
        if source is not None:
            stream_type, fed, reach = sources.of_library(source, self, raw["RoleARN"])
            ours = {**ours, "reach": {**ours.get("reach", {}), **reach}} if reach else ours
        with self._lock:
            found = self.find(name)
            if found is None:
                try:
                    self.create(name, raw, ours, source=fed, kind=kind, stream_type=stream_type)
                except ApiError as error:
                    found = self.find(name)  # another node of a cluster may have been faster
                    if error.code != "ResourceInUseException" or found is None:
                        raise
            held = found and (kinds.of(found).name, found["Destination"], found.get("Ours"))
            if found and (held != (kind, raw, ours) or not sources.same(found.get("Source"), fed)):
                raise ApiError(
                    "ResourceInUseException",
                    f"Firehose {name} exists with another configuration; delete it first or open it as it is",
                )
            return self.get(name)

    def billed(self) -> dict[str, dict[str, float]]:
        """What open streams took in and gave out since this was opened, by name:
        see Stream.billed()."""
        with self._lock:
            streams = dict(self._streams)
        found = {name: dict(counts) for name, counts in self._gone.items()}
        for name, stream in streams.items():
            add(found, name, stream.billed())
        return found

    def metrics(self) -> dict[str, dict[str, Any]]:
        """Stream.status() of every stream that is open, by name."""
        with self._lock:
            streams = dict(self._streams)
        return {name: stream.status() for name, stream in streams.items()}

    def close(self) -> None:
        """Stop all streams; what waits in their logs is delivered after the next open."""
        with self._lock:
            self._closed = True
            streams, self._streams = list(self._streams.values()), {}
        for stream in streams:
            stream.close()
        self.home.close()

    # -- for operations --------------------------------------------------------------------------

    def arn(self, name: str) -> str:
        return f"arn:aws:firehose:{self.region}:{self.account}:deliverystream/{name}"

    def names(self) -> list[str]:
        with self._lock:
            self._bury()
            return sorted(self._descriptions)

    def find(self, name: str) -> dict[str, Any] | None:
        """The description of a stream, in whatever state; None when there is none."""
        return self._descriptions.get(name)

    def description(self, name: str) -> dict[str, Any]:
        """What stream.json holds. Raises ApiError ResourceNotFoundException."""
        with self._lock:
            self._bury()
            found = self._descriptions.get(name)
        if found is None:
            raise self._missing(name)
        return found

    def state(self, name: str) -> str:
        """DeliveryStreamStatus: CREATING, CREATING_FAILED, ACTIVE, DELETING."""
        found = self.description(name)
        state = found.get("State", "ACTIVE")
        young = self.clock.now() < found["CreateTimestamp"] + self.transition_seconds
        return "CREATING" if state == "ACTIVE" and young else state

    def get(self, name: str) -> Stream:
        """The open stream of that name. Raises ApiError ResourceNotFoundException, also while the stream
        is being created or deleted, as a put does on AWS."""
        stream = self._streams.get(name)
        if stream is not None and not self.transition_seconds:
            return stream
        if self.state(name) != "ACTIVE":
            raise self._missing(name)
        with self._lock:
            if self._closed:
                raise CloudcoreError("the service is closed")
            stream = self._streams.get(name)
            if stream is None:
                stream = self._open(self.description(name))
        return stream

    def puttable(self, name: str, records: int, size: int) -> Stream:
        """The open stream of that name, for a put. Raises ApiError InvalidSourceException when it has another
        source, ResourceNotFoundException, ServiceUnavailableException beyond its quota."""
        stream = self.get(name)
        if stream.quota is not None:
            stream.quota.take(records, size)
        if stream.fed:
            raise ApiError(
                "InvalidSourceException",
                f"Firehose {name} under account {self.account} has a source of its own and takes no puts.",
            )
        return stream

    def create(
        self, name: str, raw: dict[str, Any], ours: dict[str, Any] | None = None,
        tags: dict[str, str] | None = None, source: dict[str, Any] | None = None,
        encryption: dict[str, Any] | None = None,
        kind: str = "ExtendedS3", stream_type: str = "DirectPut",
    ) -> dict[str, Any]:  # fmt: skip
        """Make a stream of a checked configuration; CREATING_FAILED when KMS gives no key. Raises ApiError
        ResourceInUseException."""
        identity: dict[str, Any] = {"Identity": uuid.uuid4().hex}
        failure: dict[str, str] | None = None
        if (ours or {}).get("encrypt_objects"):
            envelope.of(self.objects, self.keys, ours).check()
        if encryption is not None:  # KMS may take its time: not under the lock
            try:
                identity = sealed.with_new_key(identity, self.keys, encryption)
            except KeyFailed as failed:
                failure = failed.failure
                identity = sealed.with_failure(identity, failure, encryption)
        with self._lock:
            self._bury()
            if name in self._descriptions:
                raise self._taken(name)
            description = {
                **self._new(name, raw, ours, tags, kind, stream_type),
                "State": "CREATING",
                **identity,
                "Source": source,
            }
            self._descriptions[name] = description
        path = self._path(name)
        try:
            if path is not None:
                shutil.rmtree(path, ignore_errors=True)  # what a deletion left when it was killed
                os.makedirs(path)
            if failure is not None:
                failed_one = {**description, "State": "CREATING_FAILED", "Failure": failure}
                self.store(failed_one)
                return failed_one
            with self._lock:
                self._open(description)
        except BaseException:
            with self._lock:
                del self._descriptions[name]
            raise
        self.store({**description, "State": "ACTIVE"})
        return description

    def _new(
        self, name: str, raw: dict[str, Any], ours: dict[str, Any] | None, tags: dict[str, str] | None,
        kind: str, stream_type: str,
    ) -> dict[str, Any]:  # fmt: skip
        """The description of a new stream, but for its state, identity and source."""
        now = self.clock.now()
        return {
            "DeliveryStreamName": name,
            "DeliveryStreamARN": self.arn(name),
            "VersionId": "1",
            "CreateTimestamp": now,
            "LastUpdateTimestamp": now,
            "Type": stream_type,
            "Kind": kind,
            "Destination": raw,
            "Ours": ours,
            "Tags": tags or {},
        }

    def _taken(self, name: str) -> ApiError:
        """The refusal of a second stream of that name; raise what this returns."""
        words = f"Firehose {name} under accountId {self.account} already exists"
        return ApiError("ResourceInUseException", words)

    def store(self, description: dict[str, Any]) -> None:
        """Make a changed description durable, and the one in force."""
        path = self._path(description["DeliveryStreamName"])
        if path is not None:
            write_atomically(os.path.join(path, "stream.json"), json.dumps(description, indent=1))
        with self._lock:
            self._descriptions[description["DeliveryStreamName"]] = description

    def updates(self, name: str) -> contextlib.AbstractContextManager[Any]:
        """Hold this while a description is read, changed and stored. Raises ResourceNotFoundException."""
        self.description(name)
        with self._lock:
            return self._updates.setdefault(name, threading.Lock())

    def update(self, description: dict[str, Any]) -> None:
        """A stream goes on by a new version of its description. Hold updates() around it."""
        self.get(description["DeliveryStreamName"]).update(description, self.store)

    def active(self, name: str) -> dict[str, Any]:
        """The description of a stream that is ACTIVE. Raises ApiError ResourceInUseException."""
        if self.state(name) != "ACTIVE":
            raise ApiError(
                "ResourceInUseException", f"Firehose {name} under account {self.account} is not ACTIVE."
            )
        return self.description(name)

    def seal(self, description: dict[str, Any]) -> None:
        """A stream goes on by the keys of its description. Hold updates() around it."""
        stream = self.get(description["DeliveryStreamName"])
        if description.get("Encryption"):
            since = {"Since": self.clock.now()}
            description = {**description, "Encryption": {**description["Encryption"], **since}}
        self.store(description)  # a key is durable before anything is written by it
        stream.seal(description)

    def check(self, config: Any) -> None:
        """Refuse what this service's object store cannot do. Raises ApiError InvalidArgumentException."""
        if config.needs_encryption and not getattr(self.objects, "encrypts", False):
            raise ApiError(
                "InvalidArgumentException",
                "EncryptionConfiguration.KMSEncryptionConfig is not supported by the local object store",
            )
        if hasattr(config.endpoint, "check"):
            config.endpoint.check(self.reach, bool(getattr(self.objects, "encrypts", False)))
        if config.conversion is not None and config.conversion.schema != "infer":
            from cloudcore.firehose.destinations.s3 import columnar

            columnar.check(config.conversion)

    def objects_of(self, name: str) -> Any:
        """The object store as a stream has it: where its objects are encrypted, what is put is, and what is
        read is decrypted. Raises ApiError ResourceNotFoundException."""
        return self.store_of(self.description(name).get("Ours"))

    def store_of(self, ours: Mapping[str, Any] | None) -> Any:
        """The same, of a stream whose description says what is ours so."""
        return envelope.of(self.objects, self.keys, ours)

    def define_table(self, database: str, table: str, schema: Any) -> None:
        """Ours, in the place of AWS Glue: make or replace the table that SchemaConfiguration names.

        `schema` as in stream(). Streams that are there keep the columns they began with.
        """
        with self._lock:
            self.catalogue.define(database, table, schema)

    def iceberg(self) -> Any:
        """Ours: the local pyiceberg catalog, where the tables of Iceberg destinations are made and read."""
        from cloudcore.firehose.destinations.iceberg.deliver import local_catalog

        return local_catalog(self.home.path())

    def with_schema(self, raw: dict[str, Any], ours: dict[str, Any] | None) -> dict[str, Any] | None:
        """`ours` with the schema of the table that the configuration names, if it names one: of Glue where an
        endpoint is configured, else of the service's own catalogue."""
        from cloudcore.firehose.destinations.s3 import conversion

        table = conversion.table_of(raw)
        if table is None:
            return ours
        client = glue.client_of(self._remote, table, self.account, self.region)
        if client is not None:
            return {**(ours or {}), "schema": glue.find(client, table)}
        with self._lock:
            found = self.catalogue.find(table["DatabaseName"], table["TableName"])
        return {**(ours or {}), "schema": found}

    def delete(self, name: str) -> None:
        """Stop a stream and remove it with everything that waits in it."""
        if self.state(name) == "CREATING":
            raise ApiError(
                "ResourceInUseException",
                f"Firehose {name} under account {self.account} is not in a state in which it can be deleted.",
            )
        with self.updates(name), self._lock:
            found = self.description(name)
            if found.get("State") == "DELETING":
                return
            found = {**found, "State": "DELETING", "DeletedAt": self.clock.now()}
            self.store(found)  # from here on the stream is gone, whatever happens to the process
            stream = self._streams.pop(name, None)
        if stream is not None:
            add(self._gone, name, stream.billed())
            stream.close()
        with self._lock:
            self._dead.add(name)
            self._bury()

    def _bury(self) -> None:
        """Remove deleted streams whose time as DELETING is over."""
        for name in list(self._dead):
            if self.clock.now() < self._descriptions[name]["DeletedAt"] + self.transition_seconds:
                continue
            self._dead.discard(name)
            del self._descriptions[name]
            path = self._path(name)
            if path is not None:
                os.unlink(os.path.join(path, "stream.json"))
                shutil.rmtree(path)

    def _missing(self, name: str) -> ApiError:
        return ApiError(
            "ResourceNotFoundException", f"Firehose {name} under account {self.account} not found."
        )

    def _open(self, description: dict[str, Any]) -> Stream:
        name = description["DeliveryStreamName"]
        stream = Stream(
            description, self._path(name), self.region,
            envelope.of(self.objects, self.keys, description.get("Ours")), self.invoke, self.clock,
            on_failed=lambda *told: self.on_failed(*told) if self.on_failed else None, key_file=self.keys,
            quota=Quota(self.region, self.clock) if self.quotas else None,
            budget=self.budget, reach=self.reach, embedded=self.home, follow=self.follow,
        )  # fmt: skip
        self._streams[name] = stream
        return stream

    def _key_path(self, given: str | os.PathLike[str] | None) -> str | None:
        """The key file: the given one, or what CLOUDCORE_KEY_FILE names, or @key beside the streams."""
        path = given or os.environ.get("CLOUDCORE_KEY_FILE")
        if path:
            return os.path.abspath(os.fspath(path))
        return None if self.directory is None else os.path.join(self.directory, "@key")

    def _path(self, name: str) -> str | None:
        return None if self.directory is None else os.path.join(self.directory, name)

    def _load(self) -> None:
        if self.directory is None or not os.path.isdir(self.directory):
            return
        for name in sorted(os.listdir(self.directory)):
            path = os.path.join(self.directory, name, "stream.json")
            if os.path.exists(path):
                with open(path, encoding="utf-8") as file:
                    self._descriptions[name] = json.load(file)
                if self._descriptions[name].get("State") == "DELETING":
                    self._dead.add(name)
        self._bury()

    def resume(self) -> None:
        """Open every stream, so that what waited when the process ended is delivered."""
        for name in self.names():
            if self.state(name) == "ACTIVE":
                try:
                    self.get(name)
                except (CloudcoreError, OSError) as error:  # the others go on; using this one tells again
                    logger.error("%s cannot be opened, and delivers nothing: %s", name, error)


def _error(error: ApiError) -> tuple[int, bytes]:
    return error.status, json.dumps({"__type": error.code, "message": error.message, **error.fields}).encode()


def _no_invoke(arn: str, payload: bytes) -> Any:
    raise ApiError("ResourceNotFoundException", f"Function not found: {arn}", 404)
