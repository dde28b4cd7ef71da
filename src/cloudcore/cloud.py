"""Cloud: opens the services over one directory and connects them. The composition root.

    DIR/<account>/<region>/dynamodb/       tables
    DIR/<account>/<region>/lambda/         functions
    DIR/<account>/<region>/firehose/       delivery streams
    DIR/<account>/objects/<bucket>/<key>   objects, plain files

A Place (place.py) is what one account has in one region; the Cloud is the one it was opened for, and makes
the others when they are first used.
"""

from __future__ import annotations

import contextlib
import functools
import os
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from cloudcore.clock import Clock
from cloudcore.place import ACCOUNT, REGION, Place
from cloudcore.sizes import memory_budget

if TYPE_CHECKING:
    from cloudcore.billing import Ledger, Line
    from cloudcore.cluster import Node
    from cloudcore.firehose import Firehose
    from cloudcore.firehose.budget import Budget
    from cloudcore.lambda_ import Lambda
    from cloudcore.wire import Endpoint
    from cloudcore.wire.auth import Guard
    from cloudcore.wire.observed import Call

DEFAULT_ACCOUNT = "000000000000"
DEFAULT_REGION = "us-east-1"
_ANSWER_S = 2.0
"""For callers over HTTP to be told, behind the grace, that their call was ended."""
CLUSTERED = ("nats://", "tls://")
"""How the address of a cluster begins."""


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
                self.node = Node(address, self._objects_of, self.clock, reach=self.reach, meter=meter)
                self.node.opens = lambda account, region: self._place(account, region).lambda_
                self.node.stores = lambda account, region, ours: (
                    self._place(account, region).firehose.store_of(ours)
                )
                self.node.keys = lambda account, region: self._place(account, region).firehose.keys
                self.node.sinks = lambda account, region, arn: self._place(account, region)._sink(arn)
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
        default it can be written to on loopback alone. `unix`: at the socket of this
        path, for this user, in the place of host and port. `tls`: HTTPS alone, by files of a certificate and
        its key, or True: by a certificate of its own, kept in its directory (Endpoint.certificate; extra
        cloudcore[encryption]). Raises ValueError, OSError.
        """
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
                if ACCOUNT.fullmatch(account) and REGION.fullmatch(region):
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
    """A directory of this process alone; tempfile would import random and hashlib, which no start needs."""
    base = os.environ.get("TMPDIR", "")
    path = os.path.join(base if os.path.isdir(base) else "/tmp", f"cloudcore-{os.urandom(8).hex()}")
    os.mkdir(path, 0o700)
    return path
