"""Place: what one account has in one region, its services and the doors to them.

Each service is made when it is first used. None of them imports another: what one needs of another is handed
over here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

if TYPE_CHECKING:
    import boto3
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodbstreams import DynamoDBStreamsClient
    from mypy_boto3_firehose import FirehoseClient
    from mypy_boto3_lambda import LambdaClient

    from cloudcore.client import Client
    from cloudcore.cloud import Cloud
    from cloudcore.dynamodb import DynamoDB, Streams, Table, Transaction
    from cloudcore.dynamodb.kinesis import Sink
    from cloudcore.firehose import Firehose, Stream
    from cloudcore.lambda_ import Function, Lambda
    from cloudcore.remote import Remote

T = TypeVar("T")
ACCOUNT = re.compile(r"[0-9]{12}")
REGION = re.compile(r"(?!objects$)[A-Za-z0-9_-]{1,31}")  # it becomes a directory beside objects/


class Place:
    """The services of one account in one region of `root`, each made when it is first used.

    Objects are the account's, whatever the region. Made by Cloud.at.
    """

    def __init__(self, root: Cloud, account: str, region: str):
        if not ACCOUNT.fullmatch(account):
            raise ValueError(f"an account is 12 digits, not {account!r}")
        if not REGION.fullmatch(region):
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
                    reach=self._root.reach,
                    quotas=self._root.quotas,
                    remote=lambda arn: self.remote.client(arn),
                )
            from cloudcore.firehose import Firehose

            service = Firehose(
                self._home("firehose"),
                self.account,
                self.region,
                objects=self.objects,
                invoke=lambda function, payload: self.lambda_.invoke(function, payload, checked=True),
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

        Raises ApiError ResourceInUseException for one that is there with other keys.
        floats: float values are stored too, and come back in the place of Decimal.
        """
        if self._root.node is not None:
            return self._root.node.table(self.dynamodb, name, pk, sk, floats)
        from cloudcore.dynamodb import Table

        if pk is not None:
            return Table.create(self.dynamodb, name, pk, sk, floats)
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
        return self.dynamodb.streams.following(arn)

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
