"""Cloud: opens the services over one directory and connects them. The composition root.

    DIR/<account>/<region>/dynamodb/       tables
    DIR/<account>/<region>/lambda/         functions
    DIR/<account>/<region>/firehose/       delivery streams
    DIR/<account>/objects/<bucket>/<key>   objects, plain files

Services are made when first used; none of them imports another: what one needs of another is handed
over here.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from cloudcore.clock import Clock

if TYPE_CHECKING:
    from cloudcore.client import Client
    from cloudcore.dynamodb import DynamoDB, Table
    from cloudcore.firehose import Firehose, Stream
    from cloudcore.lambda_ import Function, Lambda
    from cloudcore.wire import Endpoint

T = TypeVar("T")
DEFAULT_ACCOUNT = "000000000000"
DEFAULT_REGION = "us-east-1"


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


class Cloud:
    """All services of one account and region, over the directory `path` or ":memory:".

    durability: "process" (default: what was acknowledged survives kill -9), "interval", "commit", "memory";
    of the tables. objects: where streams deliver to; None: files below `path`; "s3": the endpoint and
    credentials that boto3 would use (extra cloudcore[s3]); or a store of your own. Use it as a context
    manager or call close(). One process owns a directory: a second one gets BusyError when it first
    touches the same service.
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
    ):
        if len(account) != 12 or not account.isdigit():
            raise ValueError(f"an account is 12 digits, not {account!r}")
        self.account, self.region, self.durability = account, region, durability
        self.clock = clock or Clock()
        self._objects = objects
        self.in_memory = os.fspath(path) == ":memory:"
        self._scratch = tempfile.mkdtemp(prefix="cloudcore-") if self.in_memory else None
        self.path = self._scratch or os.path.abspath(os.fspath(path))
        self._services: dict[str, Any] = {}
        self._endpoints: list[Endpoint] = []
        self._inner: Endpoint | None = None
        self._lock = threading.RLock()
        self._closed = False

    @property
    def dynamodb(self) -> DynamoDB:
        """The DynamoDB-compatible service."""

        def make() -> DynamoDB:
            from cloudcore.dynamodb import DynamoDB

            return DynamoDB(self._home("dynamodb"), self.account, self.region, self.durability, self.clock)

        return self._service("dynamodb", make)

    @property
    def lambda_(self) -> Lambda:
        """The Lambda-compatible service."""

        def make() -> Lambda:
            from cloudcore.lambda_ import Lambda

            return Lambda(
                self._home("lambda") or os.path.join(self.path, "lambda"),
                self.account,
                self.region,
                endpoint_url=self._functions_url,
                listener=self._listener_url,
                read_object=lambda bucket, key: self.objects.get(bucket, key),
                hidden=(self.path,),
                put_object=lambda bucket, key, data: self.objects.put(bucket, key, data),
                put_record=lambda stream, data: self.firehose.get(stream).put(data),
                clock=self.clock,
            )

        return self._service("lambda", make)

    @property
    def objects(self) -> Any:
        """The object store that streams deliver to."""

        def make() -> Any:
            from cloudcore.objects import LocalObjects

            if self._objects == "s3":
                from cloudcore.objects.s3 import S3Objects

                return S3Objects()
            if self._objects is not None:
                return self._objects

            directory = os.path.join(self.path, self.account, "objects")
            return LocalObjects(directory, durable=not self.in_memory)

        return self._service("objects", make)

    @property
    def firehose(self) -> Firehose:
        """The Firehose-compatible service."""

        def make() -> Firehose:
            from cloudcore.firehose import Firehose

            service = Firehose(
                self._home("firehose"),
                self.account,
                self.region,
                objects=self.objects,
                invoke=lambda function, payload: self.lambda_.invoke(function, payload),
                clock=self.clock,
            )
            service.resume()  # what waited when the last process ended is delivered
            return service

        return self._service("firehose", make)

    def table(self, name: str, pk: str | None = None, sk: str | None = None) -> Table:
        """A table with native Python types. With `pk` ("customer:S", types S N B) it is made if absent."""
        from cloudcore.dynamodb import Table
        from cloudcore.errors import ApiError

        if pk is not None:
            try:
                return Table.create(self.dynamodb, name, pk, sk)
            except ApiError as error:
                if error.code != "ResourceInUseException":
                    raise
        return Table(self.dynamodb, name)

    def function(self, name: str, code: Any = None, **settings: Any) -> Function:
        """The function `name`; with `code` (see Function.deploy), or as a decorator, it is deployed first.

        Settings: handler ("module.function"), timeout (seconds, 1 to 900), memory (MB, 128 to 10240),
        environment (dict), description.
        """
        from cloudcore.lambda_ import Function

        function = Function(self.lambda_, name, **settings)
        return function if code is None else function.deploy(code)

    def stream(self, name: str, **configuration: Any) -> Stream:
        """A delivery stream, made if absent; `configuration` as Firehose.stream takes it."""
        return self.firehose.stream(name, **configuration)

    def client(self, service: str) -> Client:
        """A client in the shape of boto3's, without HTTP: "dynamodb", "lambda" or "firehose".

        Raises ValueError for another service.
        """
        from cloudcore.client import Client

        return Client(self, service)

    def boto3_session(self) -> Any:
        """A real boto3.Session whose clients and resources reach this cloud without a socket. Needs boto3.

        dynamodb, lambda, firehose, s3 (on the object store) and sts are there; other services raise
        CloudcoreError.
        """
        from cloudcore.wire.boto import session

        return session(self)

    def serve(self, port: int = 0, host: str = "127.0.0.1") -> Endpoint:
        """Serve this cloud over HTTP on a loopback address; closing the cloud closes it too."""
        from cloudcore.wire import Endpoint

        # Streams of an earlier run go on delivering, asynchronous events and provisioned functions go on too.
        for service in ("firehose", "lambda_"):
            if os.path.isdir(self._home(service.rstrip("_")) or ""):
                getattr(self, service)
        with self._lock:
            endpoint = Endpoint(self, host, port)
            self._endpoints.append(endpoint)
        return endpoint

    def close(self) -> None:
        """Close every service that was used. Idempotent.

        Streams are closed while the functions they call still work, functions while tables still answer.
        """
        with self._lock:
            if self._closed:
                return
            self._closed = True
            endpoints, inner = self._endpoints, self._inner
        with contextlib.ExitStack() as stack:  # runs from the last line to the first
            if self._scratch is not None:
                stack.callback(shutil.rmtree, self._scratch, ignore_errors=True)
            for closed in (
                self._services.get("dynamodb"),
                inner,
                *map(self._services.get, ("lambda", "firehose")),
            ):
                if closed is not None:
                    stack.callback(closed.close)
            for endpoint in endpoints:
                stack.callback(endpoint.close)

    def __enter__(self) -> Cloud:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _home(self, service: str) -> str | None:
        if self.in_memory:
            return None
        return os.path.join(self.path, self.account, self.region, service)

    def _service(self, name: str, make: Callable[[], T]) -> T:
        with self._lock:
            if name not in self._services:
                if self._closed:
                    from cloudcore.errors import ClosedError

                    raise ClosedError("this cloud is closed", "closed")
                self._services[name] = make()
            service: T = self._services[name]
            return service

    def _listener_url(self) -> str:
        """Where clients reach this cloud: the first listener of serve(), else the functions' own."""
        with self._lock:
            return self._endpoints[0].url if self._endpoints else self._functions_url()

    def _functions_url(self) -> str:
        """Where functions reach the other services: a listener that opens with the first function."""
        from cloudcore.wire import Endpoint

        with self._lock:
            if self._inner is None:
                self._inner = Endpoint(self)
            return self._inner.url
