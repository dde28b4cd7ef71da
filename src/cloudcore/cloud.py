"""Cloud: opens the services over one directory and connects them. The composition root.

    DIR/<account>/<region>/dynamodb/       tables
    DIR/<account>/<region>/lambda/         functions
    DIR/<account>/<region>/firehose/       delivery streams
    DIR/<account>/objects/<bucket>/<key>   objects, plain files

A Place is what one account has in one region; the Cloud is the one it was opened for, and makes the others
when they are first used. So it is with their services; none of them imports another: what one needs of
another is handed over here.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from cloudcore.clock import Clock
from cloudcore.sizes import memory_budget

if TYPE_CHECKING:
    import boto3
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodbstreams import DynamoDBStreamsClient
    from mypy_boto3_firehose import FirehoseClient
    from mypy_boto3_lambda import LambdaClient

    from cloudcore.billing import Ledger, Line
    from cloudcore.client import Client
    from cloudcore.cluster import Node
    from cloudcore.dynamodb import DynamoDB, Streams, Table, Transaction
    from cloudcore.dynamodb.kinesis import Sink
    from cloudcore.firehose import Firehose, Stream
    from cloudcore.firehose.budget import Budget
    from cloudcore.lambda_ import Function, Lambda
    from cloudcore.remote import Remote
    from cloudcore.wire import Endpoint
    from cloudcore.wire.auth import Guard
    from cloudcore.wire.observed import Call

T = TypeVar("T")
DEFAULT_ACCOUNT = "000000000000"
DEFAULT_REGION = "us-east-1"
_ANSWER_S = 2.0
"""For callers over HTTP to be told, behind the grace, that their call was ended."""
CLUSTERED = ("nats://", "tls://")
"""How the address of a cluster begins."""
_ACCOUNT = re.compile(r"[0-9]{12}")
_REGION = re.compile(r"(?!objects$)[A-Za-z0-9_-]{1,31}")  # it becomes a directory beside objects/


def delivery(
    directory: str | os.PathLike[str],
    objects: str | os.PathLike[str],
    invoke: Callable[[str, bytes], Any] | None = None,
) -> Firehose:
    """Delivery streams alone, kept in `directory`, delivering to buckets that are folders of `objects`.

    `invoke(function_arn, payload)` runs transforms; without one a transform is refused.
    """
    from cloudcore.firehose import Firehose
    from cloudcore.objects import LocalObjects

    return Firehose(directory, objects=LocalObjects(objects), invoke=invoke)


def _refuse_on_cluster(**asked: bool) -> None:
    """Options that mean nothing on a cluster, or do not work there yet. Raises ValueError."""
    for option, given in asked.items():
        if given:
            raise ValueError(f"{option} does not work on a cluster")


class Place:
    """The services of one account in one region of `root`, each made when it is first used.

    Objects are the account's, whatever the region. Made by Cloud.at.
    """

    def __init__(self, root: Cloud, account: str, region: str):
        if not _ACCOUNT.fullmatch(account):
            raise ValueError(f"an account is 12 digits, not {account!r}")
        if not _REGION.fullmatch(region):
            raise ValueError(f"a region is up to 31 letters, digits and dashes, not {region!r}")
        self.account, self.region = account, region
        self._root = root
        self._services: dict[str, Any] = {}

    @property
    def dynamodb(self) -> DynamoDB:
        """The DynamoDB-compatible service."""

        def make() -> DynamoDB:
            root = self._root
            if root.node is not None:
                return root.node.dynamodb(self.account, self.region, root.addresses)
            from cloudcore.dynamodb import DynamoDB

            return DynamoDB(
                self._home("dynamodb"),
                self.account,
                self.region,
                root.durability,
                root.clock,
                root.addresses,
                sinks=self._sink,
                enforce_throughput=root.enforce_throughput,
                meter=root.meter,
                memory=root.memory,
                objects=lambda: self.objects,
            )

        return self._service("dynamodb", make)

    @property
    def dynamodbstreams(self) -> Streams:
        """DynamoDB Streams of its tables."""
        return self.dynamodb.streams

    @property
    def lambda_(self) -> Lambda:
        """The Lambda-compatible service."""

        def make() -> Lambda:
            node = self._root.node
            kind: Any = None if node is None else node.functions
            if kind is None:
                from cloudcore.lambda_ import Lambda as kind
            found: Lambda = kind(
                self._home("lambda") or os.path.join(self._root.path, self.account, self.region, "lambda"),
                self.account,
                self.region,
                endpoint_url=self._root._functions_url,
                listener=self._root._listener_url,
                read_object=lambda bucket, key: self.objects.get(bucket, key),
                hidden=(self._root.path,),
                put_object=lambda bucket, key, data: self.objects.put(bucket, key, data),
                put_record=lambda stream, data: self.firehose.get(stream).put(data),
                tables=lambda operation, parameters: self.dynamodb.call(operation, parameters),
                remote=lambda arn: self.remote.client(arn),
                follow=self._follow,
                clock=self._root.clock,
                secret=self._root._secret,
            )
            return found

        return self._service("lambda", make)

    @property
    def objects(self) -> Any:
        """The object store that streams deliver to."""

        return self._root._objects_of(self.account)

    @property
    def firehose(self) -> Firehose:
        """The Firehose-compatible service."""

        def make() -> Firehose:
            if self._root.node is not None:
                return self._root.node.firehose(
                    account=self.account,
                    region=self.region,
                    objects=self.objects,
                    clock=self._root.clock,
                    quotas=self._root.quotas,
                    remote=lambda arn: self.remote.client(arn),
                )
            from cloudcore.firehose import Firehose

            service = Firehose(
                self._home("firehose"),
                self.account,
                self.region,
                objects=self.objects,
                invoke=lambda function, payload: self.lambda_.invoke(function, payload),
                clock=self._root.clock,
                reach=self._root.reach,
                quotas=self._root.quotas,
                budget=self._root._budget(),
                remote=lambda arn: self.remote.client(arn),
                follow=self._lines,
            )
            service.resume()  # what waited when the last process ended is delivered
            return service

        return self._service("firehose", make)

    def table(
        self, name: str, pk: str | None = None, sk: str | None = None, *, floats: bool = False
    ) -> Table:
        """A table with native Python types. With `pk` ("customer:S", types S N B) it is made if absent.

        floats: float values are stored too, and come back in the place of Decimal.
        """
        if self._root.node is not None:
            return self._root.node.table(self.dynamodb, name, pk, sk, floats)
        from cloudcore.dynamodb import Table
        from cloudcore.errors import ApiError

        if pk is not None:
            try:
                return Table.create(self.dynamodb, name, pk, sk, floats)
            except ApiError as error:
                if error.code != "ResourceInUseException":
                    raise
        return Table(self.dynamodb, name, floats)

    def transaction(self, token: str | None = None) -> Transaction:
        """Writes to several items of any tables, all of them or none, when its `with` block ends.

        token: of two transactions with the same token, within ten minutes, the second does nothing.
        """
        from cloudcore.dynamodb import Transaction

        return Transaction(self.dynamodb, token)

    def transact_get(self, *keys: tuple[Any, ...]) -> list[dict[str, Any] | None]:
        """The items of up to 100 (table, key value, ..) as one moment has them; None where there is none."""
        from cloudcore.dynamodb.transaction import transact_get

        return transact_get(self.dynamodb, keys)

    def execute(
        self,
        statement: str,
        *parameters: Any,
        limit: int | None = None,
        consistent: bool = False,
        floats: bool = False,
    ) -> Iterator[dict[str, Any]]:
        """Run a PartiQL statement with native Python values in the places of its question marks.

        Gives the items of a SELECT, page after page and at most `limit`, or what RETURNING asks for. A write
        is done when this returns. floats: as of a table. Raises ApiError with AWS's code and message.
        """
        from cloudcore.dynamodb import statements

        return statements.execute(self.dynamodb, statement, parameters, limit, consistent, floats)

    def execute_transaction(
        self, statements: Iterable[str | Sequence[Any]], token: str | None = None, *, floats: bool = False
    ) -> list[dict[str, Any] | None]:
        """Run up to 100 PartiQL statements as one transaction: all reads, or all writes and EXISTS.

        Each is a text, or a sequence of a text and its parameters. With the same `token` (up to 36
        characters) it is done once in ten minutes. Gives the item that each statement read, or None. Raises
        ApiError; a cancelled transaction has the reasons in `fields["CancellationReasons"]`.
        """
        from cloudcore.dynamodb import statements as partiql

        return partiql.execute_transaction(self.dynamodb, statements, token, floats)

    def function(self, name: str, code: Any = None, **settings: Any) -> Function:
        """The function `name`; with `code` (see Function.deploy), or as a decorator, it is deployed first.

        Settings: handler ("module.function"), timeout (seconds, 1 to 900), memory (MB, 128 to 10240),
        environment (dict), description, runtime, layers, dead_letters (the ARN that is sent events
        which failed), on (the table, or the ARN of the stream or queue, or several in a list, whose records
        it is called with: see Function.connect).
        """
        from cloudcore.lambda_ import Function

        function = Function(self.lambda_, name, **settings)
        return function if code is None else function.deploy(code)

    def stream(self, name: str, **configuration: Any) -> Stream:
        """A delivery stream, made if absent; `configuration` as Firehose.stream takes it."""
        source = configuration.get("source")
        if source is not None:
            configuration["source"] = self._source(source)
        return self.firehose.stream(name, **configuration)

    def at(self, region: str | None = None, account: str | None = None) -> Place:
        """What `account` has in `region`; what is left out stays as here.

        Raises ValueError for an account that is not 12 digits and for a region's name that none can have.
        """
        return self._root._place(
            self.account if account is None else account, self.region if region is None else region
        )

    def has_url(self, url_id: str) -> bool:
        """Whether a function of this place has the URL of this id."""
        functions = self._services.get("lambda")
        return functions is not None and functions.has_url(url_id)

    @overload
    def client(
        self, service: Literal["dynamodb"], region: str | None = None, account: str | None = None
    ) -> DynamoDBClient: ...
    @overload
    def client(
        self, service: Literal["dynamodbstreams"], region: str | None = None, account: str | None = None
    ) -> DynamoDBStreamsClient: ...
    @overload
    def client(
        self, service: Literal["firehose"], region: str | None = None, account: str | None = None
    ) -> FirehoseClient: ...
    @overload
    def client(
        self, service: Literal["lambda"], region: str | None = None, account: str | None = None
    ) -> LambdaClient: ...
    @overload
    def client(self, service: str, region: str | None = None, account: str | None = None) -> Client: ...
    def client(self, service: str, region: str | None = None, account: str | None = None) -> Any:
        """A client in the shape of boto3's, without HTTP; typed as boto3's where boto3-stubs is installed.

        service: "dynamodb", "dynamodbstreams", "lambda" or "firehose". Raises ValueError for another, and as
        `at` does.
        """
        from cloudcore.client import Client

        return Client(self.at(region, account), service)

    def boto3_session(self, region: str | None = None, account: str | None = None) -> boto3.Session:
        """A real boto3.Session whose clients and resources reach this cloud without a socket. Needs boto3.

        dynamodb, dynamodbstreams, lambda, firehose, s3 (on the object store) and sts are there; other
        services raise CloudcoreError. A client made with a region_name of its own, or with 12 digits as its
        aws_access_key_id, is at that region and account.
        """
        from cloudcore.wire.boto import session

        return session(self.at(region, account))

    @property
    def remote(self) -> Remote:
        """Services elsewhere: those that `reach` or the environment names."""

        def make() -> Remote:
            from cloudcore.remote import Remote

            return Remote(self._root.reach, self.account)

        return self._service("remote", make)

    def _follow(self, arn: str) -> Any:
        """A stream of a table here, for an event source mapping. Raises ApiError."""
        from cloudcore.dynamodb.streams.following import Following

        return Following(self.dynamodb.streams, arn)

    def _source(self, given: Any) -> str:
        """What Firehose.stream takes for a source; a table's stream is switched on."""
        name = getattr(given, "name", given)
        if not isinstance(name, str) or (given is not name and not hasattr(given, "enable_stream")):
            raise TypeError(f"{given!r} is no source: a table, the ARN of a Kinesis stream or kafka://... is")
        if not name.startswith(("arn:", "kafka://")):
            from cloudcore.lambda_.event_sources.connecting import stream_of

            stream_of(self.dynamodb.call, name)
        return name

    def _lines(self, table: str) -> Any:
        """The changes of a table here, for a delivery stream."""
        from cloudcore.dynamodb.streams.lines import Lines

        return Lines(self.dynamodb.streams, table)

    def _sink(self, arn: str) -> Sink:
        """Where a table sends its changes to: a delivery stream of this cloud, or a Kinesis stream elsewhere.

        Raises ApiError.
        """
        from cloudcore.errors import ApiError

        parts = arn.split(":", 5)
        kind = (parts[2], parts[5].partition("/")[0]) if len(parts) == 6 and parts[0] == "arn" else None
        if kind == ("firehose", "deliverystream"):
            return _DeliverySink(self.at(parts[3], parts[4]), parts[5].partition("/")[2])
        if kind != ("kinesis", "stream"):
            raise ApiError("ValidationException", f"Invalid StreamArn: {arn}")
        from cloudcore.remote import KinesisSink, NotConfigured

        try:
            return KinesisSink(self.remote, arn)
        except NotConfigured as error:
            words = f"User does not have a permission to use kinesis stream: {error}"
            raise ApiError("ValidationException", words) from None
        except Exception as error:
            words = f"Requested resource not found: {arn}: {error}"
            raise ApiError("ResourceNotFoundException", words) from None

    def _priced(self, kind: str, name: str) -> dict[str, Any]:
        """What a price depends on besides use: sizes and classes of tables, architectures of functions."""
        if kind == "table":
            return self.dynamodb.priced(name)
        functions = self._services.get("lambda")
        return functions.priced(name) if kind == "function" and functions is not None else {}

    def _home(self, service: str) -> str | None:
        if self._root.in_memory:
            return None
        return os.path.join(self._root.path, self.account, self.region, service)

    def _service(self, name: str, make: Callable[[], T]) -> T:
        with self._root._lock:
            if name not in self._services:
                self._root._check_open()
                self._services[name] = make()
                if name == "dynamodb" and self._root.node is None:
                    self._root._tables_opened(self)
                if not self._root.in_memory:
                    self._root.ledger  # noqa: B018 - counts from the first use on
            service: T = self._services[name]
            return service


class _DeliverySink:
    """A delivery stream that takes the changes of tables, a line each."""

    record_max = 1_024_000 - 1

    def __init__(self, place: Place, name: str):
        self._place, self._name = place, name
        place.firehose.get(name)  # raises ApiError when there is none

    def put(self, records: list[bytes]) -> None:
        self._place.firehose.get(self._name).put_batch([record + b"\n" for record in records])


class Cloud(Place):
    """All services, over the directory `path` or ":memory:", or as the node NAME of the cluster
    "nats://a,b,c/NAME", which has tables and delivery streams and delivers to S3 or to a store that is given.

    `account` and `region` are meant where a call or a request names none; `at` gives the others.
    durability: "process" (default: what was acknowledged survives kill -9), "interval", "commit", "memory";
    of the tables. objects: where streams deliver to; None: files below `path`; "s3": the endpoint and
    credentials that boto3 would use (extra cloudcore[s3]); or a store of your own. Use it as a context
    manager or call close(). One process owns a directory: a second one gets BusyError when it first
    touches the same service. With `shared` every account and region means these, as DynamoDB Local's
    -sharedDb does. auth: a file of access keys and policies (wire/auth/keys.py); listeners then check the
    signature of every request and hold it against the policies of its key. reach: where addresses and ARNs in
    the configurations of delivery streams (docs/delivery_streams.md) and of tables are reached from here, by
    their beginnings: {"arn:aws:kinesis:": URL}. quotas: PutRecord and PutRecordBatch of delivery streams are
    held to AWS's default quotas. streams_bound: bytes that may wait in all streams together before puts are
    refused; default 64 GiB, or half of the free disk, or 1 GiB in memory. enforce_throughput: item operations
    are held to the provisioned and maximum on-demand throughput of their tables and indexes. meter: the
    request units of tables are counted, for bill(); without it their lines say nothing. memory: bytes, or as
    "512MiB", that keys, indexes and items of tables may take in memory, in each account and region; items
    over it are read from the disk (docs/howto/larger-than-memory.md). None: all stay in memory.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        account: str = DEFAULT_ACCOUNT,
        region: str = DEFAULT_REGION,
        durability: str = "process",
        clock: Clock | None = None,
        objects: Any = None,
        shared: bool = False,
        auth: str | os.PathLike[str] | None = None,
        reach: Mapping[str, str] | None = None,
        quotas: bool = False,
        enforce_throughput: bool = False,
        meter: bool = True,
        streams_bound: int | None = None,
        memory: int | str | None = None,
    ):
        super().__init__(self, account, region)
        self.reach, self.quotas = dict(reach or {}), quotas
        self.enforce_throughput, self.meter = enforce_throughput, meter
        self._auth = auth
        self._secret = os.urandom(24).hex() if auth is not None else "local"
        self.durability = durability
        self.memory = memory_budget(memory, os.fspath(path), durability)
        self.clock = clock or Clock()
        self.addresses: list[str] = []
        """URLs of the listeners that are open."""
        self.shared = shared
        self._objects = objects
        self._stores: dict[str, Any] = {}
        self.node: Node | None = None
        """What runs here of a cluster, where `path` names one."""
        address = os.fspath(path)
        clustered = address.startswith(CLUSTERED)
        if clustered:
            _refuse_on_cluster(durability=durability != "process", streams_bound=streams_bound is not None,
                               enforce_throughput=enforce_throughput, memory=memory is not None)  # fmt: skip
            self._objects = "s3" if objects is None else objects
        self.in_memory = clustered or address == ":memory:"
        self._scratch = _scratch() if self.in_memory else None
        self.path = self._scratch or os.path.abspath(os.fspath(path))
        self._places: dict[tuple[str, str], Place] = {(account, region): self}
        self._streams_bound = streams_bound
        self._streams_budget: Budget | None = None
        self._endpoints: list[Endpoint] = []
        self._inner: Endpoint | None = None
        self._ledger: Ledger | None = None
        self._lock = threading.RLock()
        self._closed = False
        if clustered:
            from cloudcore.cluster import Node

            try:
                self.node = Node(address, self._objects_of, self.clock)
                self.node.opens = lambda account, region: self._place(account, region).lambda_
            except BaseException:
                self.close()
                raise

    def serve(
        self,
        port: int = 0,
        host: str = "127.0.0.1",
        *,
        console: str | None = "",
        unix: str | os.PathLike[str] | None = None,
        tls: bool | tuple[str, str] = False,
    ) -> Endpoint:
        """Serve this cloud over HTTP; closing the cloud closes it too.

        `host` is a loopback address, or with `auth` any. `console`: "write", "read", or None for none; by
        default it can be written to on loopback alone; a cluster has none. `unix`: at the socket of this
        path, for this user, in the place of host and port. `tls`: HTTPS alone, by files of a certificate and
        its key, or True: by a certificate of its own, kept in its directory (Endpoint.certificate; extra
        cloudcore[encryption]). Raises ValueError, OSError.
        """
        if self.node is not None:
            _refuse_on_cluster(console=bool(console))
            console = None
        # Streams of an earlier run go on delivering, asynchronous events and provisioned functions go on too.
        for place in self.kept():
            for service in ("firehose", "lambda_", "dynamodb"):
                if os.path.isdir(place._home(service.rstrip("_")) or ""):
                    getattr(place, service)
        with self._lock:
            endpoint = self._listen(host, port, self._guard(), console, unix=unix, tls=tls)
            self._endpoints.append(endpoint)
        if self.node is not None:
            self.node.url = endpoint.url
        return endpoint

    def metrics(self) -> dict[str, Any]:
        """Counters of everything that is open: `operations` (of the listeners, by operation), `tables`,
        `functions`, `streams` and `stores` (a dict each, with account, region and name), `memory_bytes`."""
        from cloudcore.counters import counters

        services = [(place.account, place.region, place._services) for place in self.places()]
        return counters(self._open_endpoints(), services)

    def bill(self, prices: str | None = None) -> list[Line]:
        """What all of this would have cost on AWS since `ledger.since`, by table, function and stream.

        `prices` is a file of prices (billing/prices.toml shows its form), CLOUDCORE_PRICES, or the one that
        comes with cloudcore. Storage is priced for a month at its present size. Raises ValueError, OSError.
        """
        from cloudcore.billing import Prices
        from cloudcore.billing.prices import lines_of

        return lines_of(Prices(prices), self.used())

    def used(self) -> dict[str, dict[str, Any]]:
        """What bill() is made of: "kind/account/region/name" -> counters and what their price depends on."""
        found: dict[str, dict[str, Any]] = {}
        for key, counts in self.ledger.totals().items():
            kind, account, region, name = key.split("/", 3)
            found[key] = {**counts, **self._place(account, region)._priced(kind, name)}
        return found

    @property
    def ledger(self) -> Ledger:
        """What was used, over all runs of this cloud."""
        with self._lock:
            if self._ledger is None:
                from cloudcore.billing import Ledger

                path = None if self.in_memory else os.path.join(self.path, "usage.json")
                self._ledger = Ledger(path, self._usage)
            return self._ledger

    def _usage(self) -> dict[str, dict[str, float]]:
        found = {}
        for place in self.places():
            for service, kind in (("dynamodb", "table"), ("lambda", "function"), ("firehose", "stream")):
                if service in place._services:
                    for name, counts in place._services[service].billed().items():
                        found[f"{kind}/{place.account}/{place.region}/{name}"] = counts
        return found

    def recent_calls(self) -> list[Call]:
        """The last calls over HTTP, newest first, since somebody first asked; they are kept for two minutes
        after the last time that somebody did."""
        found = [call for endpoint in self._open_endpoints() for call in endpoint.calls()]
        return sorted(found, key=lambda call: -call.at)

    def _open_endpoints(self) -> list[Endpoint]:
        with self._lock:
            return [*self._endpoints, *([self._inner] if self._inner else [])]

    def _guard(self) -> Guard | None:
        """Who may ask the listeners of serve()."""
        if self._auth is None:
            return None
        from cloudcore.wire.auth import Guard, Keys

        return Guard(
            Keys(self._auth, self.account), self.clock, self._partition_key, self.region, self._policy_of
        )

    def _functions_guard(self) -> Guard | None:
        """Who may ask the functions' own listener: functions, by the secret that they alone were given."""
        if self._auth is None:
            return None
        from cloudcore.wire.auth import Guard, Keys

        return Guard(Keys.of_functions(self._secret), self.clock)

    def _partition_key(self, table: str) -> str | None:
        """The partition key of the table of an ARN, if it is open."""
        place, _, resource = self._place_of(table)
        return None if place is None else place.dynamodb.partition_key(resource.split("/")[1])

    def _policy_of(self, arn: str) -> str | None:
        """The policy that the table or the function of an ARN has, if it is open and has one."""
        place, service, resource = self._place_of(arn)
        if place is None or service not in ("dynamodb", "lambda"):
            return None
        return (place.dynamodb if service == "dynamodb" else place.lambda_).policy_of(resource)

    def _place_of(self, arn: str) -> tuple[Place | None, str, str]:
        """(its account and region if they are open, the service, what is named there) of an ARN."""
        parts = arn.split(":", 5)
        if len(parts) != 6:
            return None, "", ""
        return self._places.get((parts[4], parts[3])), parts[2], parts[5]

    def close(self, grace_s: float = 5.0) -> None:
        """Close every service that was used. Idempotent.

        Streams are closed while the functions they call still work, functions while tables still answer.
        Calls of functions that are under way have `grace_s` seconds; what takes longer is ended, and its
        caller gets ClosedError, or over HTTP ServiceException.
        """
        with self._lock:
            if self._closed:
                return
            self._closed = True
            endpoints, inner = self._endpoints, self._inner
            places = list(self._places.values())
            ledger = self._ledger
        if ledger is not None:
            ledger.close()
        functions = [place._services["lambda"] for place in places if "lambda" in place._services]
        limit = threading.Timer(grace_s, lambda: [service.interrupt() for service in functions])
        limit.daemon = True
        limit.start()
        with contextlib.ExitStack() as stack:  # runs from the last line to the first
            stack.callback(limit.cancel)
            if self._scratch is not None:
                import shutil

                stack.callback(shutil.rmtree, self._scratch, ignore_errors=True)
            if self.node is not None:
                stack.callback(self.node.close)
            for name in ("dynamodb", "inner", "lambda", "firehose"):
                for closed in [inner] if name == "inner" else [place._services.get(name) for place in places]:
                    if closed is not None:
                        end: Callable[..., None] = closed.close
                        stack.callback(functools.partial(end, grace_s) if name == "lambda" else end)
            for endpoint in endpoints:
                stack.callback(endpoint.close, grace_s + _ANSWER_S)

    def __enter__(self) -> Cloud:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def places(self) -> list[Place]:
        """The accounts and regions in use so far, this one first."""
        with self._lock:
            return list(self._places.values())

    def _place(self, account: str, region: str) -> Place:
        with self._lock:
            found = self._places.get((account, region))
            if found is None:
                found = Place(self, account, region)  # checks both names
                if self.shared:
                    return self
                self._places[account, region] = found
            return found

    def kept(self) -> list[Place]:
        """The places of which the directory holds something, and those in use."""
        if not self.in_memory and not self.shared:
            import glob

            for home in glob.iglob(os.path.join(glob.escape(self.path), "*", "*", "")):
                account, region = home.split(os.sep)[-3:-1]
                if _ACCOUNT.fullmatch(account) and _REGION.fullmatch(region):
                    self._place(account, region)
        return self.places()

    def _budget(self) -> Budget:
        """What the delivery streams of all accounts and regions share."""
        from cloudcore.firehose.budget import Budget, waiting_max_of

        with self._lock:
            if self._streams_budget is None:
                bound = self._streams_bound or waiting_max_of(None if self.in_memory else self.path)
                self._streams_budget = Budget(bound)
            return self._streams_budget

    def _objects_of(self, account: str) -> Any:
        """The object store of an account: the one that was given to all, or files below its directory."""
        with self._lock:
            if self._objects is None:
                if account not in self._stores:
                    self._check_open()
                    from cloudcore.objects import LocalObjects

                    directory = os.path.join(self.path, account, "objects")
                    store = LocalObjects(directory, durable=not self.in_memory)
                    store.notifications = self._notifications(store, account)
                    self._stores[account] = store
                return self._stores[account]
            if self._objects == "s3":
                from cloudcore.objects.s3 import S3Objects

                self._objects = S3Objects()
            return self._objects

    def _notifications(self, store: Any, account: str) -> Any:
        """What tells functions of an account's objects: those of the region that their ARNs name."""
        from cloudcore.objects.notifications import Notifications

        def functions(arn: str) -> Lambda:
            parts = arn.split(":")
            return self._place(account, parts[3] if len(parts) > 6 else self.region).lambda_

        return Notifications(
            store.private,
            account,
            self.region,
            lambda arn, event: functions(arn).accept(arn, event),
            lambda arn: functions(arn).has(arn),
        )

    def _check_open(self) -> None:
        if self._closed:
            from cloudcore.errors import ClosedError

            raise ClosedError("this cloud is closed", "closed")

    def _listen(
        self,
        host: str,
        port: int,
        guard: Guard | None,
        console: str | None,
        unix: str | os.PathLike[str] | None = None,
        tls: bool | tuple[str, str] = False,
    ) -> Endpoint:
        from cloudcore.wire import Endpoint

        self.dynamodb  # noqa: B018 - a directory that another process owns is refused here
        path = None if unix is None else os.fspath(unix)
        endpoint = Endpoint(self, host, port, guard=guard, console=console, unix=path, tls=tls)
        for place in self.places():
            if "dynamodb" in place._services and self.node is None:
                endpoint.answer_items_of(place)
        return endpoint

    def _tables_opened(self, place: Place) -> None:
        """The listeners answer a place's item verbs themselves from now on."""
        for endpoint in self._open_endpoints():
            endpoint.answer_items_of(place)

    def _listener_url(self) -> str:
        """Where clients reach this cloud: the first listener of serve(), else the functions' own."""
        with self._lock:
            urls = (endpoint.url for endpoint in self._endpoints if endpoint.url.startswith("http"))
            return next(urls, None) or self._functions_url()

    def _functions_url(self) -> str:
        """Where functions reach the other services: a listener that opens with the first function."""
        with self._lock:
            if self._inner is None:
                self._inner = self._listen("127.0.0.1", 0, self._functions_guard(), None)
            return self._inner.url


def _scratch() -> str:
    import tempfile

    return tempfile.mkdtemp(prefix="cloudcore-")
